import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { forwardLimits, type ForwardLimits } from '../../../core/forward/limits.ts';
import { OneServer } from '../../../core/forward/one-server.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import type { HeardQuery } from '../../support/dns-server.ts';
import { DotServer, type DotQuery } from '../../support/dot-server.ts';
import { answerTo, ForwardBed, numberIn, plainEdns, queryOf, reply } from '../../support/forward-bed.ts';
import { OctetRelay, recordTypes } from '../../support/octet-relay.ts';
import { limitsOf } from '../../support/limits.ts';

type Outcome = number | string;

describe('OneServer', () => {
  let bed: ForwardBed;
  let answersByTls: number;

  beforeEach(() => {
    bed = new ForwardBed();
    answersByTls = 0;
  });

  afterEach(() => bed.close());

  function serverAt(
    ports: { clear?: number; encrypted?: number },
    limits: Partial<ForwardLimits> = {},
  ): OneServer {
    const server = new OneServer({
      address: '127.0.0.1',
      ports: { clear: 9, encrypted: 9, ...ports },
      limits: limitsOf(forwardLimits, { 'upstream-retry': 3_000, ...limits }),
      watch: () => ({ opened: () => undefined, ended: () => undefined }),
      onEncryptedAnswer: () => (answersByTls += 1),
    });
    bed.keep({ close: () => server.close('the test is over') });
    return server;
  }

  /** The number in the answer, or why there is none. Rejects if it ends twice, or at once. */
  function ask(server: OneServer, how: 'askInClear' | 'askEncrypted', query: Buffer): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      let ends = 0;
      server[how](query, (outcome) => {
        ends += 1;
        if (ends > 1) reject(new Error('it ended twice'));
        if (!Buffer.isBuffer(outcome)) resolve(outcome.failure);
        else if (outcome.readUInt16BE(0) !== query.readUInt16BE(0)) reject(new Error('the ID is another'));
        else resolve(numberIn(parseMessage(outcome)));
      });
      if (ends > 0) reject(new Error('it ended at once'));
    });
  }

  const question = (n: number): Buffer => queryOf(`${String(n)}.example`, 1000 + n, plainEdns);
  const tlsServer = async (answer: (query: DotQuery) => void): Promise<DotServer> =>
    bed.keep(await DotServer.start(answer));
  const clearServer = (answer?: (query: HeardQuery) => void): ReturnType<ForwardBed['serve']> =>
    bed.serve(answer);

  it('asks in clear by UDP', async () => {
    const { port, heard } = await clearServer();
    const server = serverAt({ clear: port });
    const outcomes = await Promise.all([1, 2, 3].map((n) => ask(server, 'askInClear', question(n))));
    expect(outcomes).to.deep.equal([1, 2, 3]);
    expect(heard.map(({ over }) => over)).to.deep.equal(['udp', 'udp', 'udp']);
  });

  it('asks again by UDP, then by TCP, where there is silence', async () => {
    const { port, heard } = await clearServer((query) => {
      if (query.over === 'tcp') reply(query);
    });
    const server = serverAt({ clear: port }, { 'upstream-retry': 30 });
    expect(await ask(server, 'askInClear', question(1))).to.equal(1);
    expect(heard.map(({ over }) => over)).to.deep.equal(['udp', 'udp', 'tcp']);
  });

  it('asks by TCP what was cut short, and what is too long for a datagram [RFC7766-5]', async () => {
    const { port, heard } = await clearServer((query) => {
      reply(query, query.over === 'udp' ? { tc: true, answers: [] } : {});
    });
    const server = serverAt({ clear: port });
    expect(await ask(server, 'askInClear', question(1))).to.equal(1);
    const option = { code: 65_001, data: Buffer.alloc(1300) };
    expect(
      await ask(server, 'askInClear', queryOf('2.example', 7, { ...plainEdns, options: [option] })),
    ).to.equal(2);
    expect(heard.map(({ over }) => over)).to.deep.equal(['udp', 'tcp', 'tcp']);
  });

  it('says that an answer by TCP was cut short', async () => {
    const { port } = await clearServer((query) => reply(query, { tc: true, answers: [] }));
    expect(await ask(serverAt({ clear: port }), 'askInClear', question(1))).to.include(
      'cut its answer short',
    );
  });

  it('asks by TLS, and by nothing else', async () => {
    const clear = await clearServer();
    const { port, heard } = await tlsServer(({ message, reply: send }) => send(answerTo(message)));
    const server = serverAt({ clear: clear.port, encrypted: port });
    const outcomes = await Promise.all([1, 2, 3].map((n) => ask(server, 'askEncrypted', question(n))));
    expect(outcomes).to.deep.equal([1, 2, 3]);
    expect(heard).to.have.length(3);
    expect(clear.heard).to.deep.equal([]);
    expect(answersByTls).to.equal(3);
  });

  it('gives each query by TLS a record of its own, which NSD 4.6 needs', async () => {
    const { port } = await tlsServer(({ message, reply: send }) => send(answerTo(message)));
    const relay = bed.keep(await OctetRelay.start(() => port));
    const server = serverAt({ encrypted: relay.port });
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    // Before the connection is there, and when it is.
    for (const round of [0, 1]) {
      const asked = numbers.map((n) => ask(server, 'askEncrypted', question(n + 100 * round)));
      expect(await Promise.all(asked)).to.deep.equal(numbers.map((n) => n + 100 * round));
    }
    // One more is the end of our handshake.
    expect(recordTypes(relay.take()).filter((type) => type === 23)).to.have.length(2 * 40 + 1);
  });

  it('forgets queries that are given up before they are sent', async () => {
    const tls = await tlsServer(({ message, reply: send }) => send(answerTo(message)));
    const server = serverAt({ encrypted: tls.port });
    const giveUps = [1, 2, 3].map((n) =>
      server.askEncrypted(question(n), () => expect.fail('it was given up')),
    );
    const last = ask(server, 'askEncrypted', question(4));
    for (const giveUp of giveUps) giveUp();
    expect(await last).to.equal(4);
    expect(tls.heard).to.have.length(1);
  });

  it('says why TLS does not do, and falls back to nothing', async () => {
    const clear = await clearServer();
    const { port, close } = await DotServer.start(() => undefined).then(async (one) => {
      await one.close();
      return { port: one.port, close: () => undefined };
    });
    close();
    const outcome = await ask(serverAt({ clear: clear.port, encrypted: port }), 'askEncrypted', question(1));
    expect(outcome).to.include('cannot be reached by TLS');
    expect(clear.heard).to.deep.equal([]);
  });

  it('fails what is under way by TLS when that is dropped, and connects anew for the next', async () => {
    let isMute = true;
    const tls = await tlsServer(({ message, reply: send }) => {
      if (!isMute) send(answerTo(message));
    });
    const server = serverAt({ encrypted: tls.port });
    const lost = ask(server, 'askEncrypted', question(1));
    while (tls.heard.length === 0) await pause(5);
    server.dropEncrypted('it is silent');
    expect(await lost).to.equal('it is silent');
    isMute = false;
    expect(await ask(server, 'askEncrypted', question(2))).to.equal(2);
    expect(tls.connections).to.equal(2);
  });

  it('tells of an answer by TLS that nobody waits for any more', async () => {
    const held: (() => void)[] = [];
    const tls = await tlsServer(({ message, reply: send }) => held.push(() => send(answerTo(message))));
    const server = serverAt({ encrypted: tls.port });
    const giveUp = server.askEncrypted(question(1), () => expect.fail('it was given up'));
    while (held.length === 0) await pause(5);
    giveUp();
    held[0]?.();
    while (answersByTls === 0) await pause(5);
  });

  it('calls nobody who has given up', async () => {
    const { port, heard } = await clearServer(() => undefined);
    const server = serverAt({ clear: port }, { 'upstream-retry': 30 });
    const giveUp = server.askInClear(question(1), () => expect.fail('it was given up'));
    while (heard.length === 0) await pause(5);
    giveUp();
    await pause(100);
    expect(heard.length).to.be.at.most(2);
  });

  it('sends nothing after it was closed', async () => {
    const clear = await clearServer();
    const tls = await tlsServer(({ message, reply: send }) => send(answerTo(message)));
    const server = serverAt({ clear: clear.port, encrypted: tls.port });
    server.close('the end');
    expect(await ask(server, 'askInClear', question(1))).to.include('not asked any more');
    expect(await ask(server, 'askEncrypted', question(1))).to.include('not asked any more');
    await pause(30);
    expect(clear.heard).to.deep.equal([]);
    expect(tls.connections).to.equal(0);
  });

  it('takes no query that is none', () => {
    const server = serverAt({});
    const what = Buffer.from('danced');
    expect(() => server.askInClear(what, () => undefined)).to.throw(RangeError);
    expect(() => server.askEncrypted(what, () => undefined)).to.throw(RangeError);
  });
});
