import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { defaultClientLimits, type ClientLimits } from '../../../core/client/limits.ts';
import { NoAnswerError } from '../../../core/client/reasons.ts';
import { ServerLink, type ServerLinkOptions } from '../../../core/client/server-link.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import { Opcode, RrType } from '../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { defaultExtensionType } from '../../../core/tls/client-id.ts';
import { sharedKey } from '../../support/certificate-factory.ts';
import { dotAuthority, DotServer, type DotQuery, type DotServerOptions } from '../../support/dot-server.ts';
import { OctetRelay } from '../../support/octet-relay.ts';
import { freePort } from '../../support/peers/test-bed.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';

const name = Name.parse('resolver.example');
const roots = [parseCertificate(dotAuthority.der)];

function query(about: string, type: number = RrType.A): Buffer {
  return encodeMessage(makeQuery({ id: 7, name: Name.parse(about), type }));
}

function answerAll({ message, reply }: DotQuery): void {
  reply(makeResponse(message, {}));
}

function recordOf(label: string): Buffer {
  const subject = { subjectPublicKeyInfo: sharedKey(label).spki };
  return encodeTlsa(tlsaFor(subject, { usage: 3, selector: 1, matchingType: 1 }));
}

async function failure(promise: Promise<unknown>): Promise<NoAnswerError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NoAnswerError)) throw new Error(`no NoAnswerError: ${String(error)}`);
  return error;
}

describe('the link to a server', () => {
  let server: DotServer;
  let link: ServerLink;
  let nowMs: number;
  const resolver = new ScriptedResolver();
  const log = memoryLog();

  beforeEach(() => {
    nowMs = Date.now();
    log.forget();
    resolver.asked.length = 0;
  });
  afterEach(async () => {
    link.close();
    await server.close();
  });

  async function open(
    answer: (query: DotQuery) => void,
    more: Partial<Omit<ServerLinkOptions, 'limits'>> & { readonly limits?: Partial<ClientLimits> } = {},
    options: DotServerOptions = {},
  ): Promise<void> {
    server = await DotServer.start(answer, options);
    link = new ServerLink({
      endpoint: { address: server.address, port: server.port },
      policy: { name, dane: 'off', roots },
      tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
      alpnProtocols: ['dot'],
      needsAlpn: true,
      nowMs: () => nowMs,
      random: () => 0,
      resolver,
      log,
      ...more,
      limits: { ...defaultClientLimits, 'answer-time': 3000, ...more.limits },
    });
  }

  it('opens one connection for many requests, and keeps it [RFC7766-6.2.1]', async () => {
    await open(answerAll);
    expect(link.state).to.deep.equal({ kind: 'idle' });
    const asked = ['a', 'b', 'c'].map((about) => link.ask(query(about)));
    expect(link.state).to.deep.equal({ kind: 'opening' });
    const replies = await Promise.all(asked);
    expect(replies.map((reply) => parseMessage(reply).questions[0]!.name.toString())).to.deep.equal([
      'a',
      'b',
      'c',
    ]);
    await link.ask(query('d'));
    expect(server.connections).to.equal(1);
    expect(link.state).to.deep.equal({ kind: 'up', proof: 'PKIX', connections: 1 });
    expect(log.of('server connected')[0]?.fields).to.include({ proof: 'PKIX', asksForCertificate: false });
  });

  it('sends requests of one turn in one TLS record [RFC7766-8]', async () => {
    await open(answerAll);
    await link.ask(query('first'));
    let chunks = 0;
    [...server.sockets][0]!.on('data', () => (chunks += 1));
    await Promise.all(['a', 'b', 'c'].map((about) => link.ask(query(about))));
    expect(chunks).to.equal(1);
  });

  it('gives a transfer a connection of its own [RFC7766-6.2.2]', async () => {
    const connections = new Map<string, number>();
    await open((heard) => {
      connections.set(heard.message.questions[0]!.name.toString(), heard.connection);
      if (heard.message.questions[0]!.type !== RrType.AXFR) answerAll(heard);
    });
    await link.ask(query('a'));
    const transfer = await link.askStream(query('zone', RrType.AXFR));
    while (!connections.has('zone')) await sleep(5);
    await link.ask(query('b'));
    const another = await link.askStream(query('zone2', RrType.AXFR));
    await link.ask(query('c'));
    expect(Object.fromEntries(connections)).to.deep.equal({ a: 1, zone: 1, b: 2, zone2: 2, c: 1 });
    transfer.finish();
    another.finish();
  });

  it('asks nobody who is not proved, and not again for a while [RFC8310-5]', async () => {
    await open(answerAll, { policy: { name: Name.parse('other.example'), dane: 'off', roots } });
    const first = await failure(link.ask(query('a')));
    expect(first.reason).to.equal('server-name-mismatch');
    expect(first.message).to.match(
      /^server 127\.0\.0\.1:\d+#other\.example: the certificate of the server is not/,
    );
    const second = await failure(link.ask(query('b')));
    expect(second.detail).to.match(/; next try in 1 s$/);
    expect([server.connections, server.heard.length]).to.deep.equal([1, 0]);
    expect(link.state).to.include({ kind: 'down', reason: 'server-name-mismatch', nextMs: nowMs + 500 });
    nowMs += 500;
    await failure(link.ask(query('c')));
    expect(server.connections).to.equal(2);
    expect(link.state).to.include({ kind: 'down', nextMs: nowMs + 1000 });
    expect(log.of('server not usable')).to.have.length(2);
  });

  it('comes back as soon as the server is there again', async () => {
    let to = await freePort();
    const relay = await OctetRelay.start(() => to);
    await open(answerAll, { endpoint: { address: '127.0.0.1', port: relay.port } });
    expect((await failure(link.ask(query('a')))).reason).to.equal('tls-failed');
    expect(link.state).to.include({ kind: 'down' });
    to = server.port;
    nowMs += 1000;
    await link.ask(query('b'));
    expect(link.state).to.include({ kind: 'up' });
    await relay.close();
  });

  it('takes a server that refuses it for one that is down, though the handshake was good [RFC8446-6.2]', async () => {
    // It wants a certificate and gets none, and says so when our end of the handshake is over.
    await open(answerAll, {}, { requestCert: true, rejectUnauthorized: true });
    expect(await failure(link.ask(query('a')))).to.include({
      reason: 'refused-by-server',
      detail: 'certificate_required',
    });
    expect(link.state).to.include({ kind: 'down', nextMs: nowMs + 500 });
    nowMs += 500;
    await failure(link.ask(query('b')));
    expect(link.state, 'a second failure in a row').to.include({ kind: 'down', nextMs: nowMs + 1000 });
  });

  it('asks once more where the server closed a connection just then [RFC7766-6.2.4]', async () => {
    let isClosing = false;
    await open((heard) => {
      if (isClosing && heard.connection === 1) heard.socket.destroy();
      else answerAll(heard);
    });
    await link.ask(query('a'));
    isClosing = true;
    await link.ask(query('b'));
    expect(server.connections).to.equal(2);
    expect(link.state).to.include({ kind: 'up', connections: 1 });
  });

  it('never says an update twice', async () => {
    let isClosing = false;
    await open((heard) => {
      if (isClosing) heard.socket.destroy();
      else answerAll(heard);
    });
    await link.ask(query('a'));
    isClosing = true;
    const update = query('zone', RrType.SOA);
    update.writeUInt8(Opcode.UPDATE << 3, 2);
    expect((await failure(link.ask(update))).reason).to.equal('connection-lost');
    expect(server.connections).to.equal(1);
  });

  it('opens no more connections than it may, nor lets more wait', async () => {
    await open(() => undefined, { limits: { connections: 1, 'requests-at-once': 1, 'waiting-requests': 1 } });
    const first = failure(link.ask(query('a')));
    expect((await failure(link.ask(query('b')))).reason).to.equal('too-many-requests');
    while (server.heard.length === 0) await sleep(5);
    expect((await failure(link.ask(query('c')))).reason).to.equal('too-many-requests');
    expect(server.connections).to.equal(1);
    link.close();
    expect((await first).reason).to.equal('closed');
    expect((await failure(link.ask(query('d')))).reason).to.equal('closed');
  });

  it('begins anew after a reset: connections are dropped, and what failed may be tried at once', async () => {
    await open(answerAll);
    await link.ask(query('a'));
    link.reset('the machine has slept');
    expect(link.state).to.deep.equal({ kind: 'idle' });
    await link.ask(query('b'));
    expect(server.connections).to.equal(2);
  });

  it('fails what is under way at a reset, so that it can be asked again', async () => {
    await open((heard) => {
      if (heard.message.questions[0]?.name.toString() !== 'a') answerAll(heard);
    });
    const lost = failure(link.ask(query('a')));
    while (server.heard.length === 0) await sleep(5);
    link.reset('elsewhere');
    expect(await lost).to.include({ reason: 'closed', detail: 'elsewhere' });
    await link.ask(query('b'));
  });

  it('forgets at a reset that a server failed', async () => {
    await open(answerAll, { policy: { name: Name.parse('other.example'), dane: 'off', roots } });
    await failure(link.ask(query('a')));
    expect((await failure(link.ask(query('b')))).detail).to.match(/next try/);
    link.reset('elsewhere');
    expect(link.state).to.deep.equal({ kind: 'idle' });
    expect((await failure(link.ask(query('c')))).detail).to.not.match(/next try/);
    expect(server.connections).to.equal(2);
  });

  it('gives up at a reset a connection that is being opened, also while the DNS is asked', async () => {
    const go = resolver.hold();
    await open(answerAll, { policy: { name, dane: 'if-published', roots } });
    const waiting = failure(link.ask(query('a')));
    await sleep(5);
    link.reset('elsewhere');
    expect((await waiting).reason).to.equal('given-up');
    const again = link.ask(query('b'));
    go();
    await again;
    // The one that was given up came to nothing.
    expect(server.connections).to.equal(1);
    expect(link.state).to.include({ kind: 'up', connections: 1 });
    expect(log.of('server not usable')).to.deep.equal([]);
  });

  it('lets go of who does not wait for the connection any more', async () => {
    await open(answerAll);
    const abort = new AbortController();
    const gone = failure(link.ask(query('a'), abort.signal));
    abort.abort();
    expect((await gone).reason).to.equal('given-up');
    await link.ask(query('b'));
    expect(server.heard.map(({ message }) => message.questions[0]!.name.toString())).to.deep.equal(['b']);
  });

  it('closes an idle connection, and opens another when it is needed [RFC7766-6.2.3]', async () => {
    await open(answerAll, { limits: { 'idle-time': 30 } });
    await link.ask(query('a'));
    const [socket] = server.sockets;
    await once(socket!, 'close');
    expect(link.state).to.deep.equal({ kind: 'idle' });
    await link.ask(query('b'));
    expect(server.connections).to.equal(2);
  });

  describe('that is proved by DANE', () => {
    const limits = { 'proof-min': 50, 'proof-max': 10_000 };
    const dane = { name, dane: 'required' } as const;

    async function openDane(ttlSeconds: number): Promise<string> {
      await open(answerAll, { policy: dane, limits, nowMs: Date.now });
      const owner = `_${String(server.port)}._tcp.resolver.example`;
      resolver.publish(owner, [recordOf('dot server')], { ttlSeconds });
      await link.ask(query('a'));
      expect(link.state).to.include({ kind: 'up', proof: 'DANE-EE SPKI SHA2-256' });
      return owner;
    }

    it('is proved again when the TTL of its record is nearly over, on the same connection [RFC6698-8.2]', async () => {
      const owner = await openDane(0);
      while (resolver.asked.length < 4) await sleep(10);
      expect(new Set(resolver.asked)).to.deep.equal(new Set([owner]));
      await link.ask(query('b'));
      expect(server.connections).to.equal(1);
    });

    it('loses its connection when its record is gone, or is about another key', async () => {
      for (const records of [[], [recordOf('another server')]]) {
        const owner = await openDane(0);
        const [socket] = server.sockets;
        resolver.publish(owner, records, { ttlSeconds: 0 });
        await once(socket!, 'close');
        expect(link.state).to.include({
          kind: 'down',
          reason: records.length === 0 ? 'server-no-tlsa' : 'server-key-mismatch',
        });
        link.close();
        await server.close();
      }
      await open(answerAll);
    });

    it('keeps it while the key is rolled, with both records published [RFC7671-8.1]', async () => {
      const owner = await openDane(0);
      const before = resolver.asked.length;
      resolver.publish(owner, [recordOf('next key'), recordOf('dot server')], { ttlSeconds: 0 });
      while (resolver.asked.length < before + 3) await sleep(10);
      await link.ask(query('b'));
      expect(server.connections).to.equal(1);
    });

    it('is not given up before its proof has run out because a resolver fails', async () => {
      const owner = await openDane(1);
      const startMs = Date.now();
      resolver.publish(owner, [], { status: 'indeterminate', ttlSeconds: 0 });
      const [socket] = server.sockets;
      await once(socket!, 'close');
      expect(Date.now() - startMs).to.be.greaterThan(900);
      expect(link.state).to.include({ kind: 'down', reason: 'server-lookup-failed' });
    });
  });

  it('refuses a policy that proves nothing', async () => {
    await open(answerAll);
    expect(
      () =>
        new ServerLink({
          endpoint: { address: '127.0.0.1', port: 1 },
          policy: { dane: 'off' },
          tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
          alpnProtocols: ['dot'],
          needsAlpn: false,
          nowMs: Date.now,
          random: Math.random,
          resolver,
          limits: defaultClientLimits,
        }),
    ).to.throw(RangeError, /pins only/);
  });
});
