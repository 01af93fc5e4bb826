import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Rcode } from '../../../../../core/dns/constants.ts';
import { GatesError } from '../../../../../core/gates/race.ts';
import { DotServer } from '../../../../support/dot-server.ts';
import { answerTo, numberIn, queryOf, reply } from '../../../../support/forward-bed.ts';
import { Bed, loopback, nameOf, replyByTls } from './bed.ts';

const day = 86_400_000;

describe('an opportunistic zone', () => {
  let bed: Bed;

  beforeEach(() => {
    bed = new Bed();
  });

  afterEach(() => bed.close());

  /** Names that were asked for in clear. */
  const clearNames = (): string[] => bed.clear.heard.map(({ message }) => nameOf(message));
  const tlsNames = (): string[] => bed.encrypted.heard.map(({ message }) => nameOf(message));

  it('asks the first question in clear at once, and TLS beside it [RFC9539-4.6.3]', async () => {
    await bed.serveClear();
    // One that takes connections and says nothing.
    const mute = bed.keep(createServer(() => undefined).listen(0, loopback));
    await new Promise((resolve) => mute.once('listening', resolve));
    await bed.begin({ ports: { clear: bed.clear.port, encrypted: (mute.address() as AddressInfo).port } });
    const startMs = performance.now();
    for (const n of [1, 2, 3]) expect(numberIn(await bed.ask(`${String(n)}.example`))).to.equal(n);
    // The handshake is given four seconds, and nobody has waited for it.
    expect(performance.now() - startMs).to.be.below(2_000);
    expect(bed.clear.heard).to.have.length(3);
  });

  it('asks nothing in clear when TLS has answered [RFC9539-4.6.1] [RFC9539-4.6.8]', async () => {
    await bed.serve();
    await bed.warm();
    const before = bed.clear.heard.length;
    const numbers = Array.from({ length: 50 }, (_, n) => n + 3);
    const answers = await Promise.all(numbers.map((n) => bed.ask(`${String(n)}.example`)));
    expect(answers.map(numberIn)).to.deep.equal(numbers);
    expect(answers.every(({ header }) => header.id === 4711)).to.be.true;
    expect(bed.clear.heard).to.have.length(before);
    expect(bed.encrypted.connections).to.equal(1);
    expect(bed.log.of('authoritative server speaks TLS')).to.have.length(1);
    expect(await bed.counted('danced_agent_probe_servers{status="success"}')).to.equal(1);
    expect(await bed.counted('danced_agent_opportunistic_connections')).to.equal(1);
  });

  it('takes answers in any order, on one connection [RFC9539-4.4]', async () => {
    const held: (() => void)[] = [];
    await bed.serve((query) => {
      if (nameOf(query.message) === '10.example') held.push(() => replyByTls(query));
      else replyByTls(query);
    });
    await bed.warm();
    const first = bed.ask('10.example');
    await bed.until(() => held.length > 0);
    expect(numberIn(await bed.ask('11.example'))).to.equal(11);
    held[0]?.();
    expect(numberIn(await first)).to.equal(10);
    expect(bed.encrypted.connections).to.equal(1);
  });

  it('pads each query to 128 octets by TLS, its own sign of life too [RFC9539-4.6.8] [RFC8467-4.1]', async () => {
    await bed.serve((query) => {
      if (nameOf(query.message) !== '9.example') replyByTls(query);
    });
    await bed.opportunism.close();
    await bed.begin({ limits: { 'probe-answer': 60 } });
    await bed.warm();
    await bed.ask('9.example', 300).catch(() => undefined);
    expect(tlsNames()).to.include('.');
    expect(bed.encrypted.heard.every(({ octets }) => octets.length === 128)).to.be.true;
  });

  it('still asks nothing in clear when the connection was closed, and makes a new one [RFC9539-4.6.7]', async () => {
    await bed.serve();
    await bed.warm();
    const before = bed.clear.heard.length;
    for (let round = 3; round <= 5; round++) {
      for (const socket of bed.encrypted.sockets) socket.end();
      await bed.until(() => bed.encrypted.sockets.size === 0);
      // Within the persistence, however long ago the connection was closed.
      bed.nowMs += 3 * day - 1;
      expect(numberIn(await bed.ask(`${String(round)}.example`))).to.equal(round);
    }
    expect(bed.clear.heard).to.have.length(before);
    expect(bed.encrypted.connections).to.equal(4);
  });

  it('asks again over a new connection what one that was closed has left [RFC9539-4.6.7]', async () => {
    await bed.serve(({ message, reply: send, socket, connection }) => {
      if (nameOf(message) === '3.example' && connection === 1) socket.end();
      else send(answerTo(message));
    });
    await bed.warm();
    const before = bed.clear.heard.length;
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(bed.clear.heard).to.have.length(before);
    expect(bed.encrypted.connections).to.equal(2);
  });

  it('asks in clear again when persistence is over, and TLS beside it', async () => {
    await bed.serve();
    await bed.warm();
    for (const socket of bed.encrypted.sockets) socket.end();
    await bed.until(() => bed.encrypted.sockets.size === 0);
    await pause(20);
    const before = bed.clear.heard.length;
    bed.nowMs += 3 * day;
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(bed.clear.heard).to.have.length(before + 1);
    await bed.until(() => tlsNames().includes('3.example'));
  });

  it('goes back to clear quickly when TLS is dead, and tries it a day later [RFC9539-4.6.5]', async () => {
    await bed.serve();
    await bed.warm();
    const { port } = bed.encrypted;
    await bed.encrypted.close();
    const before = bed.clear.heard.length;
    const startMs = performance.now();
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(performance.now() - startMs).to.be.below(2_000);
    expect(bed.clear.heard).to.have.length(before + 1);
    expect(bed.log.of('authoritative server is asked in clear')).to.have.length(1);
    // Damping: whoever listens there again is not tried.
    let tries = 0;
    const again = bed.keep(createServer(() => (tries += 1)).listen(port, loopback));
    await new Promise((resolve) => again.once('listening', resolve));
    bed.nowMs += day;
    await bed.ask('4.example');
    await pause(50);
    expect(tries).to.equal(0);
    bed.nowMs += 1;
    await bed.ask('5.example');
    await bed.until(() => tries === 1);
    expect(clearNames().slice(-3)).to.deep.equal(['3.example', '4.example', '5.example']);
  });

  it('asks nothing in clear while a handshake with a known server is under way [RFC9539-4.6.1]', async () => {
    await bed.serve();
    await bed.opportunism.close();
    await bed.begin({ limits: { 'probe-time': 400 } });
    await bed.warm();
    const { port } = bed.encrypted;
    await bed.encrypted.close();
    const mute = bed.keep(
      createServer((socket) => socket.on('error', () => undefined)).listen(port, loopback),
    );
    await new Promise((resolve) => mute.once('listening', resolve));
    const before = bed.clear.heard.length;
    const answer = bed.ask('3.example', 10_000);
    await pause(200);
    expect(bed.clear.heard).to.have.length(before);
    // When the time for the handshake is over, in clear.
    expect(numberIn(await answer)).to.equal(3);
    expect(bed.log.of('authoritative server is asked in clear')[0]?.fields).to.include({ status: 'timeout' });
  });

  it('gives a connection up that is silent, after a sign of life was asked for', async () => {
    let isMute = false;
    await bed.serve((query) => {
      if (!isMute) replyByTls(query);
    });
    await bed.opportunism.close();
    await bed.begin({ limits: { 'probe-answer': 60 } });
    await bed.warm();
    isMute = true;
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(tlsNames().slice(-2)).to.deep.equal(['3.example', '.']);
    expect(bed.log.of('authoritative server is asked in clear')[0]?.fields).to.include({ status: 'timeout' });
  });

  it('keeps a connection on which a single name has no answer, and asks for it nowhere in clear', async () => {
    await bed.serve((query) => {
      if (nameOf(query.message) !== '3.example') replyByTls(query);
    });
    await bed.opportunism.close();
    await bed.begin({ limits: { 'probe-answer': 60 } });
    await bed.warm();
    const failure = await bed.ask('3.example', 600).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(GatesError).with.property('isTimeout', true);
    expect(clearNames()).not.to.include('3.example');
    expect(numberIn(await bed.ask('4.example'))).to.equal(4);
    expect(bed.encrypted.connections).to.equal(2 - 1);
  });

  it('goes back to clear when the server closes each connection without an answer', async () => {
    let isCross = false;
    await bed.serve((query) => {
      if (isCross) query.socket.end();
      else replyByTls(query);
    });
    await bed.warm();
    isCross = true;
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(clearNames()).to.include('3.example');
    const { connections } = bed.encrypted;
    expect(connections).to.be.at.most(3);
    // Nor is it connected for the next question.
    expect(numberIn(await bed.ask('4.example'))).to.equal(4);
    expect(clearNames()).to.include('4.example');
    expect(bed.encrypted.connections).to.equal(connections);
    expect(bed.log.of('authoritative server is asked in clear')).to.have.length(1);
  });

  it('goes back to clear when what comes by TLS is not DNS [RFC9539-4.6.6]', async () => {
    let isCross = false;
    await bed.serve((query) => {
      if (isCross) query.socket.write(Buffer.alloc(2000));
      else replyByTls(query);
    });
    await bed.warm();
    isCross = true;
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(clearNames()).to.include('3.example');
  });

  it('does not take TLS whose other end serves something else for the server', async () => {
    await bed.serve(({ message, reply: send }) => {
      send(answerTo(message, { answers: [], rcode: Rcode.REFUSED }));
    });
    expect(numberIn(await bed.ask('1.example'))).to.equal(1);
    await bed.until(() => bed.log.lines.some(({ fields }) => fields['status'] === 'fail'));
    for (const n of [2, 3, 4]) expect(numberIn(await bed.ask(`${String(n)}.example`))).to.equal(n);
    expect(tlsNames()).to.deep.equal(['1.example']);
  });

  it('believes a server that says the same by both, if it is only no', async () => {
    const refused = { answers: [], rcode: Rcode.REFUSED };
    await bed.serveClear((query) => reply(query, nameOf(query.message) === '1.example' ? refused : {}));
    await bed.serveTls(({ message, reply: send }) => send(answerTo(message, refused)));
    await bed.begin();
    expect((await bed.ask('1.example')).header.rcode).to.equal(Rcode.REFUSED);
    await bed.until(() => bed.encrypted.heard.length > 0);
    await pause(50);
    // Nothing in clear any more, not even for a name that would be answered there.
    expect((await bed.ask('2.example')).header.rcode).to.equal(Rcode.REFUSED);
    expect(clearNames()).to.deep.equal(['1.example']);
  });

  it('asks by TCP what does not fit into a datagram [RFC7766-5]', async () => {
    await bed.serveClear((query) => reply(query, query.over === 'udp' ? { tc: true, answers: [] } : {}));
    const nobody = await DotServer.start(() => undefined);
    await nobody.close();
    await bed.begin({ ports: { clear: bed.clear.port, encrypted: nobody.port } });
    expect(numberIn(await bed.ask('7.example'))).to.equal(7);
    expect(bed.clear.heard.map(({ over }) => over)).to.deep.equal(['udp', 'tcp']);
  });

  it('remembers over a restart who speaks TLS [RFC9539-4.5]', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'danced-way-'));
    bed.keep({ close: () => rm(folder, { recursive: true, force: true }) });
    const file = join(folder, 'probing.json');
    await bed.serveClear();
    await bed.serveTls();
    await bed.begin({ file });
    await bed.warm();
    await bed.opportunism.close();
    const before = bed.clear.heard.length;
    bed.nowMs += 3 * day - 1;
    await bed.begin({ file });
    expect(numberIn(await bed.ask('3.example'))).to.equal(3);
    expect(bed.clear.heard).to.have.length(before);
  });

  it('makes connections anew after a reset, loses no question by it, and holds it against nobody', async () => {
    const held: (() => void)[] = [];
    let isHolding = false;
    await bed.serve((query) => {
      if (isHolding) held.push(() => replyByTls(query));
      else replyByTls(query);
    });
    await bed.warm();
    const before = bed.clear.heard.length;
    isHolding = true;
    const answer = bed.ask('3.example');
    await bed.until(() => held.length > 0);
    isHolding = false;
    bed.opportunism.reset('another network');
    expect(numberIn(await answer)).to.equal(3);
    expect(bed.encrypted.connections).to.equal(2);
    expect(bed.clear.heard).to.have.length(before);
  });

  it('resumes nothing of before a reset: whoever listens in another network must not know us again', async () => {
    await bed.serve();
    await bed.warm();
    for (const socket of bed.encrypted.sockets) socket.destroy();
    await bed.until(() => bed.encrypted.sockets.size === 0);
    await bed.ask('3.example');
    bed.opportunism.reset('another network');
    await bed.ask('4.example');
    const resumed = bed.log.lines.flatMap(({ fields }) => ('resumed' in fields ? [fields['resumed']] : []));
    expect(resumed).to.deep.equal([false, true, false]);
  });

  it('does not take a handshake that a reset has ended for one that failed', async () => {
    await bed.serveClear();
    let tries = 0;
    const mute = bed.keep(createServer(() => (tries += 1)).listen(0, loopback));
    await new Promise((resolve) => mute.once('listening', resolve));
    await bed.begin({ ports: { clear: bed.clear.port, encrypted: (mute.address() as AddressInfo).port } });
    await bed.ask('1.example');
    await bed.until(() => tries === 1);
    bed.opportunism.reset('another network');
    await pause(50);
    expect(await bed.counted('danced_agent_probes_total{outcome="timeout"}')).to.equal(0);
    expect(await bed.counted('danced_agent_probe_servers{status="unknown"}')).to.equal(1);
    // When the time of that handshake would be over, not a day later.
    bed.nowMs += 4_001;
    await bed.ask('2.example');
    await bed.until(() => tries === 2);
  });

  it('goes to the next server when one is dead, and asks that one last from then on', async () => {
    await bed.serveClear();
    await bed.serveTls();
    // Nobody listens at the other address.
    await bed.begin({ find: () => Promise.resolve(['127.9.9.9', loopback]) });
    const startMs = performance.now();
    for (let n = 1; n <= 20; n++) expect(numberIn(await bed.ask(`${String(n)}.example`))).to.equal(n);
    expect(performance.now() - startMs).to.be.below(3_000);
    // Otherwise it would have been asked first about ten times.
    expect(
      await bed.counted('danced_agent_opportunistic_questions_total{transport="clear",outcome="failed"}'),
    ).to.be.within(0, 4);
  });

  it('goes to the next server when one is silent', async () => {
    await bed.serveClear();
    await bed.serveTls();
    const { createSocket } = await import('node:dgram');
    const mute = createSocket('udp4').bind(bed.clear.port, '127.9.9.8');
    bed.keep(mute);
    await new Promise((resolve) => mute.once('listening', resolve));
    const limits = { 'next-server-after': 80 };
    await bed.begin({ limits, find: () => Promise.resolve(['127.9.9.8', loopback]) });
    for (let n = 1; n <= 10; n++) expect(numberIn(await bed.ask(`${String(n)}.example`))).to.equal(n);
  });

  it('gives what is no use if nobody has better, and says why when there is nothing', async () => {
    await bed.serveClear((query) => reply(query, { answers: [], rcode: Rcode.SERVFAIL }));
    await bed.serveTls(() => undefined);
    await bed.begin();
    expect((await bed.ask('1.example')).header.rcode).to.equal(Rcode.SERVFAIL);
    const none = bed.opportunism.way({ find: () => Promise.resolve([]) });
    const lost = bed.opportunism.way({ find: () => Promise.reject(new Error('bogus')) });
    const dead = bed.opportunism.way({ find: () => Promise.resolve(['127.9.9.9', 'ns1.example']) });
    const never = bed.opportunism.way({ find: () => new Promise(() => undefined) });
    const words: string[] = [];
    for (const way of [none, lost, dead, never]) {
      const error: unknown = await way.ask(queryOf('1.example'), 400).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(GatesError);
      words.push((error as Error).message);
    }
    expect(words[0]).to.equal('no address of its name servers is known');
    expect(words[1]).to.equal('its name servers cannot be found: bogus');
    expect(words[2]).to.include('127.9.9.9');
    expect(words[3]).to.include('not found in time');
    const bad: unknown = await bed.way.ask(Buffer.from('danced'), 400).catch((reason: unknown) => reason);
    expect(bad).to.be.instanceOf(GatesError);
  });

  it('opens sockets to no more servers than the limit, those asked longest ago go first [RFC9539-4.6.10]', async () => {
    await bed.serveClear();
    await bed.serveTls();
    let address = loopback;
    await bed.begin({ limits: { 'open-servers': 1 }, find: () => Promise.resolve([address]) });
    await bed.warm();
    await bed.until(() => bed.encrypted.sockets.size === 1);
    address = '127.9.9.9';
    await bed.ask('3.example', 300).catch(() => undefined);
    await bed.until(() => bed.encrypted.sockets.size === 0);
  });

  it('ends all of it when it is closed', async () => {
    await bed.serve((query) => {
      if (nameOf(query.message) !== '3.example') replyByTls(query);
    });
    await bed.warm();
    const before = bed.clear.heard.length;
    const answer = bed.ask('3.example').catch((error: unknown) => error);
    await bed.until(() => tlsNames().includes('3.example'));
    await bed.opportunism.close();
    expect(await answer).to.be.instanceOf(GatesError);
    await bed.until(() => bed.encrypted.sockets.size === 0);
    expect(bed.clear.heard).to.have.length(before);
    expect(await bed.ask('4.example').catch((error: unknown) => error)).to.be.instanceOf(GatesError);
    expect(bed.log.of('authoritative server is asked in clear')).to.deep.equal([]);
  });
});
