/** What a "no" means at a listener, and what stands behind one, on real connections with a scripted resolver. */
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { AccessControl } from '../../../core/acl/access-control.ts';
import type { ClientIdentity } from '../../../core/dane/identity.ts';
import type { SecurityStatus } from '../../../core/dnssec/status.ts';
import type { GateRequest } from '../../../core/plugin/contract.ts';
import type { ConnectionEnd, ConnectionService } from '../../../core/server/service.ts';
import { accessTo } from '../../support/access.ts';
import { clientName, GateBed, keyOf, type GateBedOptions, type TestClient } from '../../support/gate-bed.ts';
import { handshakeFailure } from '../../support/gate-visit.ts';
import type { MemoryLogLine } from '../../support/memory-log.ts';
import { namedClientContext, type NamedClient } from '../../support/named-client.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

const message = Buffer.alloc(12, 7);
const served = Symbol('served');

describe('an arrival', () => {
  let bed: GateBed;
  let clients: (ClientIdentity | undefined)[];

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    clients = [];
  });

  afterEach(async () => {
    await bed.close();
    mock.timers.reset();
  });

  async function start(options: GateBedOptions = {}): Promise<void> {
    const handler = ({ octets, client }: GateRequest): Promise<Buffer> => {
      clients.push(client);
      return Promise.resolve(octets);
    };
    bed = await GateBed.start({ handler, ...options });
  }

  async function line(event: string): Promise<MemoryLogLine['fields']> {
    for (;;) {
      const [first] = bed.log.of(event);
      if (first) return first.fields;
      await nextTurn();
    }
  }

  async function askedTimes(count: number): Promise<void> {
    while (bed.resolver.asked.length < count) await nextTurn();
  }

  async function untilMetric(series: string, value: number): Promise<void> {
    while ((await bed.metric(series)) !== value) await nextTurn();
  }

  function say(name: string, fields: Partial<NamedClient> = {}): Promise<TestClient> {
    return bed.connect({ secureContext: namedClientContext({ credentials: bed.client, name, ...fields }) });
  }

  /** Sends a message: the code of the error that comes of it, or `served`. */
  async function outcome(client: TestClient): Promise<string | typeof served> {
    let code = '';
    client.socket.on('error', (error) => (code = 'code' in error ? String(error.code) : error.message));
    client.send(message);
    await Promise.race([client.received(1).catch(() => undefined), client.closed]);
    return client.messages.length > 0 ? served : code;
  }

  const failures: [title: string, reason: string, prepare: () => Promise<TestClient>][] = [
    ['no certificate', 'no-certificate', () => bed.connect({})],
    ['a name that the list does not know', 'not-admitted', () => say('stranger.example')],
    ...(['insecure', 'bogus', 'indeterminate'] satisfies SecurityStatus[]).map(
      (status): (typeof failures)[number] => [
        `${status} records`,
        status === 'indeterminate' ? 'lookup-failed' : status,
        () => {
          bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status });
          return say(clientName);
        },
      ],
    ),
    [
      'no record',
      'no-tlsa',
      () => {
        bed.resolver.publish(clientName, []);
        return say(clientName);
      },
    ],
    ['another key', 'key-mismatch', async () => bed.connect(keyOf(await issueTestIdentity(clientName)))],
  ];
  for (const [title, reason, prepare] of failures) {
    it(`with ${title} ends in the alert handshake_failure [DANCE-8.2]`, async () => {
      await start();
      expect(await outcome(await prepare())).to.equal(handshakeFailure);
      expect(await line('connection refused')).to.include({ reason });
      expect(clients).to.deep.equal([]);
    });

    it(`with ${title} is that of an anonymous client where the listener says so [DANCE-8.2]`, async () => {
      await start({ tls: { onFailure: 'anonymous' } });
      expect(await outcome(await prepare())).to.equal(served);
      expect(await line('client is anonymous')).to.include({ reason });
      expect(clients).to.deep.equal([undefined]);
      expect(bed.log.of('connection refused')).to.deep.equal([]);
    });
  }

  for (const onFailure of ['alert', 'anonymous'] as const) {
    it(`with a name that is none ends in an alert: ${onFailure} [DANCE-7]`, async () => {
      await start({ tls: { onFailure } });
      expect(await outcome(await say('ns2..example'))).to.equal(handshakeFailure);
      expect(await line('connection refused')).to.include({
        reason: 'bad-name',
        claims: 'ns2..example',
        detail: 'the name is no domain name: an empty label in a name',
      });
      expect(bed.resolver.asked).to.deep.equal([]);
    });

    it(`with another name than the certificate has ends in an alert where the record demands it: ${onFailure} [DANCE-5]`, async () => {
      const said = 'ns3.example';
      await start({ tls: { onFailure }, access: accessTo(said) });
      bed.resolver.publish(said, [tlsaOf(bed.client, { usage: 2, selector: 0 })]);
      const chained = { ...bed.client, certificatePem: bed.client.certificatePem.repeat(2) };
      expect(await outcome(await say(said, { credentials: chained }))).to.equal(handshakeFailure);
      expect(await line('connection refused')).to.include({ reason: 'name-mismatch', claims: said });
    });
  }

  it('does not come in by its certificate when the name that it says fails [DANCE-8.2]', async () => {
    await start({ access: accessTo(clientName, 'ns3.example') });
    expect(await outcome(await say('ns3.example'))).to.equal(handshakeFailure);
    expect(bed.resolver.asked).to.deep.equal(['ns3.example']);
  });

  it('of a proof that takes too long ends in an alert, and keeps its place until the DNS has answered', async () => {
    await start({ limits: { 'handshake-time': 3_000 } });
    const release = bed.resolver.hold();
    const client = await say(clientName);
    const ending = outcome(client);
    await askedTimes(1);
    mock.timers.tick(3_000);
    expect(await ending).to.equal(handshakeFailure);
    expect(await line('connection refused')).to.include({ reason: 'timeout' });
    await client.closed;
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(await bed.metric('danced_handshakes{gate="test"}')).to.equal(1);
    release();
    await untilMetric('danced_handshakes{gate="test"}', 0);
  });

  it('of a proof that takes too long is served as anonymous, and keeps its place until the DNS has answered', async () => {
    await start({ limits: { 'handshake-time': 3_000 }, tls: { onFailure: 'anonymous' } });
    const release = bed.resolver.hold();
    const client = await say(clientName);
    const ending = outcome(client);
    await askedTimes(1);
    mock.timers.tick(3_000);
    expect(await ending).to.equal(served);
    expect(clients).to.deep.equal([undefined]);
    expect(await line('client is anonymous')).to.include({ reason: 'timeout' });
    expect(await bed.metric('danced_handshakes{gate="test"}')).to.equal(1);
    release();
    await untilMetric('danced_handshakes{gate="test"}', 0);
    client.send(message);
    await client.received(2);
    expect(clients, 'the late proof makes nobody of it').to.deep.equal([undefined, undefined]);
  });

  it('keeps the place of an anonymous client that has left until the DNS has answered', async () => {
    await start({ limits: { 'handshake-time': 3_000 }, tls: { onFailure: 'anonymous' } });
    const release = bed.resolver.hold();
    const client = await say(clientName);
    await askedTimes(1);
    mock.timers.tick(3_000);
    await line('client is anonymous');
    client.socket.destroy();
    await line('connection');
    expect(await bed.metric('danced_handshakes{gate="test"}')).to.equal(1);
    expect(await bed.metric('danced_connections{gate="test"}')).to.equal(1);
    release();
    await untilMetric('danced_connections{gate="test"}', 0);
    expect(await bed.metric('danced_handshakes{gate="test"}')).to.equal(0);
  });

  it('is refused when the access list fails, also where it might be anonymous', async () => {
    const access: AccessControl = {
      ...accessTo(),
      admit: () => Promise.reject(new Error('the store is away')),
    };
    await start({ access, tls: { onFailure: 'anonymous' } });
    const client = await say(clientName);
    await client.closed;
    expect(await line('connection refused')).to.include({ reason: 'internal-error' });
    expect(clients).to.deep.equal([]);
  });

  it('counts anonymous clients apart, and not as failures', async () => {
    await start({ tls: { onFailure: 'anonymous' }, limits: { 'failures-per-address': 1 } });
    for (let count = 1; count <= 3; count++) {
      const client = await bed.connect({});
      expect(await outcome(client)).to.equal(served);
      client.socket.end();
      await untilMetric('danced_connections_total{gate="test",outcome="anonymous"}', count);
    }
  });

  it('says of an identified client where its name and its key are from', async () => {
    await start();
    const client = await say(clientName, { rawPublicKey: true });
    expect(await outcome(client)).to.equal(served);
    client.socket.end();
    expect(await line('connection')).to.include({
      client: clientName,
      claim: 'extension',
      key: 'raw-public-key',
    });
  });

  it('is proved again by the name that was said [DANCE-8.2]', async () => {
    await start({ access: accessTo('ns3.example', clientName), limits: { 'idle-time': 100_000_000 } });
    bed.resolver.publish('ns3.example', [tlsaOf(bed.client)], { ttlSeconds: 100 });
    const client = await say('ns3.example');
    expect(await outcome(client)).to.equal(served);
    bed.resolver.publish('ns3.example', []);
    bed.nowMs += 80_000;
    mock.timers.tick(80_000);
    await client.closed;
    expect(await line('connection')).to.include({ ended: 'proof-gone', detail: 'no-tlsa: no TLSA record' });
    expect(bed.resolver.asked).to.deep.equal(['ns3.example', 'ns3.example']);
  });

  describe('at a listener of another service', () => {
    /** Greets, and keeps what it was told. */
    function greeter(): ConnectionService & { readonly stopped: string[] } {
      const stopped: string[] = [];
      return {
        stopped,
        alpnProtocols: ['greeting'],
        serve: ({ socket, client }) => {
          socket.resume();
          socket.write(`hello ${client()?.name.toString() ?? 'stranger'}`);
          let end: ConnectionEnd = 'client-closed';
          const ended = new Promise<ConnectionEnd>((resolve) => {
            socket.once('close', () => {
              resolve(end);
            });
          });
          const stop = (why: ConnectionEnd): void => {
            end = why;
            stopped.push(why);
            socket.destroy();
          };
          const drain = (): void => {
            socket.end();
          };
          const quiet = (): Promise<void> => Promise.resolve();
          return { ended, stop, drain, quiet, requests: 0, octetsIn: 1, octetsOut: 2, detail: '' };
        },
      };
    }

    async function greeting(client: TestClient): Promise<string> {
      for (;;) {
        const chunk: unknown = client.socket.read();
        if (Buffer.isBuffer(chunk)) return chunk.toString();
        await nextTurn();
      }
    }

    function connect(service: ConnectionService): Promise<TestClient> {
      const client = bed.connect({ ...keyOf(bed.client), ALPNProtocols: [...service.alpnProtocols] });
      return client.then((connected) => {
        connected.socket.removeAllListeners('data').pause();
        return connected;
      });
    }

    it('is told who the client is, and counted and logged as at any', async () => {
      const service = greeter();
      await start({ service });
      const client = await connect(service);
      expect(await greeting(client)).to.equal(`hello ${clientName}`);
      client.socket.end();
      expect(await line('connection')).to.include({ client: clientName, octetsIn: 1, octetsOut: 2 });
      expect(await bed.metric('danced_octets_total{gate="test",direction="out"}')).to.equal(2);
    });

    it('ends when the proof is gone', async () => {
      const service = greeter();
      await start({ service });
      bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds: 100 });
      const client = await connect(service);
      await greeting(client);
      bed.resolver.publish(clientName, []);
      bed.nowMs += 80_000;
      mock.timers.tick(80_000);
      await client.closed;
      expect(service.stopped).to.deep.equal(['proof-gone']);
      expect(await line('connection')).to.include({ ended: 'proof-gone' });
    });

    it('is refused to who does not speak its protocol', async () => {
      await start({ service: greeter() });
      await bed.connect({ ...keyOf(bed.client), ALPNProtocols: ['dot'] }).catch(() => undefined);
      expect(['tls-failed', 'no-alpn']).to.include((await line('connection refused'))['reason']);
    });
  });
});
