/**
 * What strangers can do to a gate before it knows who they are: connections that never become anything, slow ones,
 * and octets that are no TLS. They come from other addresses of the loopback network than the good client.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { Name } from '../../core/dns/name.ts';
import { makeIdentity, TestGate, until, type Credentials } from '../support/gate.ts';
import { fuzzSeed, Random } from './random.ts';
import { besiege, eachOf } from './siege.ts';
import { Wire } from './wire.ts';

const zone = 'example.com';
const clientName = '_xfr.ns2.example';
const handshakeTimeMs = 1500;
const connections = 1000;

describe(`a gate and strangers (seed ${fuzzSeed})`, function () {
  this.timeout(60_000);
  let gate: TestGate;
  let good: Credentials;
  let hello: Buffer;
  const sockets: Socket[] = [];
  const wires: Wire[] = [];

  before(async () => {
    hello = await clientHello();
    gate = await TestGate.start({
      lab: { transferZone: { name: zone, records: 50 } },
      clients: { [clientName]: [zone] },
      limits: { 'handshake-time': `${handshakeTimeMs}ms`, handshakes: 1200, 'failures-per-address': 100_000 },
    });
    good = await gate.client(clientName);
    await gate.transfer(good);
    await gate.transfer(undefined);
  });

  after(() => gate.close());

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const wire of wires.splice(0)) wire.close();
  });

  /** A TCP connection of a stranger; `host` makes the address. */
  function knock(host: number): Socket {
    const localAddress = `127.1.${host >> 8}.${host & 255}`;
    const socket = connect({ ...target(), localAddress });
    socket.on('error', () => undefined);
    // What the gate says is read, or its end would not be seen.
    socket.resume();
    sockets.push(socket);
    return socket;
  }

  function target() {
    const { address: host, port } = gate.endpoint;
    return { host, port };
  }

  /** Waits until the gate has ended every connection. */
  async function allClosed(): Promise<void> {
    await until('the gate has ended every connection', () => sockets.every(({ closed }) => closed), 10_000);
  }

  /** Runs the attack and expects that none but the good client came as far as requests. */
  async function repel(attack: () => Promise<void>) {
    const identified = await served();
    const report = await besiege(gate, good, attack);
    expect((await served()) - identified, 'identified connections').to.equal(report.served);
    expect(report.primaryRequests, 'requests at the primary').to.equal(report.served);
    // For the good client: its own record, once a TTL, and the keys of the zones above it.
    const own = Name.parse(clientName);
    const others = report.askedAbout.filter((name) => !own.isAtOrBelow(name));
    expect(others.map(String), 'DNS queries about others').to.deep.equal([]);
    expect(report.askedAbout.length, 'DNS queries').to.be.at.most(Math.max(report.served, 16));
    return report;
  }

  async function served(): Promise<number> {
    return (await gate.metrics()).get('danced_connections_total{gate="xot/gate",outcome="served"}') ?? 0;
  }

  async function turnedAway(limit: string): Promise<number> {
    const series = `danced_turned_away_total{gate="xot/gate",limit="${limit}"}`;
    return (await gate.metrics()).get(series) ?? 0;
  }

  /** Some say nothing, some begin a ClientHello, some send all of it and nothing more. */
  function stay(socket: Socket, index: number): void {
    const octets = [0, 7, hello.length][index % 3] ?? 0;
    if (octets > 0) socket.write(hello.subarray(0, octets));
  }

  it(`takes ${connections} connections that never finish the handshake, and ends them in time`, async () => {
    const report = await repel(async () => {
      for (let index = 0; index < connections; index += 1) stay(knock(index % 250), index);
      await allClosed();
    });
    // How many meet there is the machine's pace; a slow one has the first gone before the last come.
    expect(report.handshakes).to.be.at.least(connections / 8);
  });

  it(`takes no more than its share from one address, of ${connections} connections`, async () => {
    const before = await turnedAway('handshakes');
    const report = await repel(async () => {
      for (let index = 0; index < connections; index += 1) stay(knock(1), index);
      await allClosed();
    });
    // The good client may have one of its own.
    expect(report.handshakes).to.be.at.most(64 + 1);
    expect((await turnedAway('handshakes')) - before).to.be.at.least(connections - 2 * 64);
  });

  it('ends a handshake that comes octet by octet, however steadily', async () => {
    const ages: number[] = [];
    await repel(async () => {
      await eachOf(40, 40, async (index) => {
        const socket = knock(index);
        await once(socket, 'connect');
        const startMs = performance.now();
        for (let at = 0; at < hello.length && !socket.destroyed; at += 1) {
          socket.write(hello.subarray(at, at + 1));
          await sleep(handshakeTimeMs / 10);
        }
        ages.push(performance.now() - startMs);
      });
    });
    expect(Math.max(...ages)).to.be.within(handshakeTimeMs * 0.8, handshakeTimeMs * 4);
  });

  it('survives connections that are reset at every moment of the handshake', async () => {
    await repel(async () => {
      await eachOf(400, 50, async (index) => {
        const socket = knock(index % 250);
        await once(socket, 'connect');
        if (index % 4 > 0) socket.write(hello.subarray(0, index % 4 === 1 ? 100 : hello.length));
        if (index % 4 === 3) await once(socket, 'data');
        socket.resetAndDestroy();
      });
    });
  });

  it('survives random octets instead of a handshake', async () => {
    const random = new Random(fuzzSeed);
    await repel(async () => {
      await eachOf(500, 50, async (index) => {
        const socket = knock(index % 250);
        // Half of them begin like a TLS record, so that the nonsense gets deeper.
        const start =
          index % 2 === 0 ? Buffer.alloc(0) : Buffer.from([0x16, 3, 1, random.below(66), random.below(256)]);
        socket.end(Buffer.concat([start, random.octets(1 + random.below(20_000))]));
        await until('it is closed', () => socket.closed, 10_000);
      });
    });
  });

  it('survives ClientHellos that are not quite right', async () => {
    const random = new Random(fuzzSeed);
    await repel(async () => {
      await eachOf(500, 50, async (index) => {
        const socket = knock(index % 250);
        socket.end(random.mutate(hello));
        await until('it is closed', () => socket.closed, 10_000);
      });
    });
  });

  it('survives whole handshakes of strangers, with octets after them or a reset', async () => {
    const stranger = await makeIdentity('_xfr.stranger.example');
    const wire = await Wire.open(gate.endpoint);
    wires.push(wire);
    await repel(async () => {
      await eachOf(200, 20, async (index) => {
        const credentials = index % 2 === 0 ? stranger : undefined;
        const secondary = await gate.open(credentials, wire.endpoint);
        // They come with the last flight of the handshake, before the gate can know whose they are.
        secondary.socket.write(Buffer.alloc(1000, 1));
        if (index % 3 === 0) wire.reset(secondary.socket);
        await secondary.closed();
      });
    });
  });
});

/** The first octets that a TLS client of the right kind sends. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['dot'], minVersion: 'TLSv1.3' });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
