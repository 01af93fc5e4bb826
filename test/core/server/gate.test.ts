import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { GateReply } from '../../../core/plugin/contract.ts';
import { ListenError } from '../../../core/server/gate.ts';
import { clientName, GateBed, keyOf, type GateBedOptions } from '../../support/gate-bed.ts';
import { testLimits } from '../../support/limits.ts';

const message = Buffer.alloc(12, 7);

describe('GateServer', () => {
  let bed: GateBed;
  const raw: net.Socket[] = [];

  async function start(options: GateBedOptions = {}): Promise<void> {
    bed = await GateBed.start(options);
  }

  afterEach(async () => {
    for (const socket of raw.splice(0)) socket.destroy();
    await bed.close();
  });

  /** A TCP connection that says nothing. */
  async function connectRaw(): Promise<net.Socket> {
    const socket = net.connect({ host: '127.0.0.1', port: bed.port });
    raw.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** Resolves when the gate has closed a connection that was made for this. */
  function turnedAway(): Promise<void> {
    const socket = net.connect({ host: '127.0.0.1', port: bed.port });
    // The reset may come before the connection is seen to be there.
    socket.on('error', () => undefined);
    return new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
  }

  /** Waits until the gate has these connections and, of them, handshakes. */
  async function untilOpen(connections: number, handshakes: number): Promise<void> {
    for (;;) {
      const open = await bed.metric('danced_connections{gate="test"}');
      const shaking = await bed.metric('danced_handshakes{gate="test"}');
      if (open === connections && shaking === handshakes) return;
      await nextTurn();
    }
  }

  it('serves a client that is identified', async () => {
    await start();
    const client = await bed.connect();
    client.send(message);
    expect(await client.received(1)).to.deep.equal([message]);
  });

  it('counts what it serves', async () => {
    await start();
    const client = await bed.connect();
    client.send(message);
    await client.received(1);
    client.socket.end();
    await untilOpen(0, 0);
    expect(await bed.metric('danced_connections_total{gate="test",outcome="served"}')).to.equal(1);
    expect(await bed.metric('danced_octets_total{gate="test",direction="in"}')).to.equal(14);
    expect(await bed.metric('danced_octets_total{gate="test",direction="out"}')).to.equal(14);
  });

  it('counts whom it refuses, and why', async () => {
    await start();
    await (
      await bed.connect({})
    ).closed;
    await untilOpen(0, 0);
    expect(await bed.metric('danced_connections_total{gate="test",outcome="no-certificate"}')).to.equal(1);
  });

  for (const limit of [
    'handshakes',
    'handshakes-per-address',
    'connections',
    'connections-per-address',
  ] as const) {
    it(`turns away who comes when the limit ${limit} is reached, and takes who comes later`, async () => {
      await start({ limits: { [limit]: 2 } });
      const first = [await connectRaw(), await connectRaw()];
      await untilOpen(2, 2);
      await turnedAway();
      const kind = limit.startsWith('handshakes') ? 'handshakes' : 'connections';
      expect(await bed.metric(`danced_turned_away_total{gate="test",limit="${kind}"}`)).to.equal(1);
      first[0]?.destroy();
      await untilOpen(1, 1);
      const client = await bed.connect();
      client.send(message);
      expect(await client.received(1)).to.have.length(1);
    });
  }

  it('takes who has been here within the last hour also beyond the limit handshakes', async () => {
    await start({ limits: { handshakes: 2 } });
    const first = await bed.connect();
    first.send(message);
    await first.received(1);
    const strangers = [await connectRaw(), await connectRaw()];
    await untilOpen(3, 2);
    const again = await bed.connect();
    again.send(message);
    expect(await again.received(1)).to.deep.equal([message]);
    bed.nowMs += 3_600_000;
    await turnedAway();
    for (const socket of strangers) socket.destroy();
  });

  it('turns strangers away beyond handshakes-per-second, and nobody who has been here', async () => {
    await start({ limits: { 'handshakes-per-second': 2 } });
    const first = await bed.connect();
    first.send(message);
    await first.received(1);
    for (let count = 0; count < 3; count++) {
      const again = await bed.connect();
      again.send(message);
      await again.received(1);
    }
    bed.nowMs += 3_600_000;
    // The clock stands still: one second's worth.
    await connectRaw();
    await connectRaw();
    await turnedAway();
    const series = 'danced_turned_away_total{gate="test",limit="handshakes-per-second"}';
    expect(await bed.metric(series)).to.equal(1);
  });

  it('turns strangers away beyond what its plugin says, and nobody who has been here', async () => {
    let fewer = Infinity;
    await start({ strangersPerSecond: () => fewer });
    const first = await bed.connect();
    first.send(message);
    await first.received(1);
    fewer = 1;
    const again = await bed.connect();
    again.send(message);
    await again.received(1);
    bed.nowMs += 3_600_000;
    await connectRaw();
    await turnedAway();
    fewer = Infinity;
    bed.nowMs += 1000;
    const open = await bed.metric('danced_connections{gate="test"}');
    await connectRaw();
    await connectRaw();
    await untilOpen(open + 2, 3);
  });

  it('lets nobody use up handshakes-per-second with connections that other limits turn away', async () => {
    await start({ limits: { 'handshakes-per-second': 3, 'handshakes-per-address': 2 } });
    await connectRaw();
    await connectRaw();
    await untilOpen(2, 2);
    // The clock stands still: these would be more than one second's worth.
    for (let count = 0; count < 3; count++) await turnedAway();
    const elsewhere = { ...keyOf(bed.client), localAddress: '127.0.0.2' };
    const other = await bed.connect(elsewhere);
    other.send(message);
    expect(await other.received(1)).to.deep.equal([message]);
  });

  it('warns of an outage as often as somebody can read, and no more', async () => {
    await start({ limits: { 'lookups-per-address': 1000 } });
    bed.resolver.publish(clientName, [], { status: 'indeterminate' });
    for (let count = 0; count < 63; count++) await (await bed.connect()).closed;
    await untilOpen(0, 0);
    const levels = bed.log.of('connection refused').map(({ level }) => level);
    expect(levels).to.deep.equal([...Array<string>(60).fill('warn'), ...Array<string>(3).fill('debug')]);
    bed.nowMs += 2000;
    await (
      await bed.connect()
    ).closed;
    await untilOpen(0, 0);
    expect(bed.log.of('connection refused').at(-1)?.level).to.equal('warn');
  });

  it('gives the place of a handshake back when the client is identified', async () => {
    await start({ limits: { handshakes: 1 } });
    for (let count = 1; count <= 3; count++) {
      const client = await bed.connect();
      client.send(message);
      await client.received(1);
      await untilOpen(count, 0);
    }
  });

  it('keeps the place of a connection until it ends', async () => {
    await start({ limits: { connections: 1 } });
    const client = await bed.connect();
    client.send(message);
    await client.received(1);
    await turnedAway();
    client.socket.destroy();
    await untilOpen(0, 0);
    await bed.connect();
  });

  it('obeys new limits at once', async () => {
    await start();
    bed.gate.setLimits(testLimits({ connections: 1 }));
    await connectRaw();
    await untilOpen(1, 1);
    await turnedAway();
  });

  it('says in words why it cannot listen', async () => {
    await start();
    const error: unknown = await GateBed.start({ port: bed.port }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ListenError).and.include({ code: 'SERVER_LISTEN', blame: 'config' });
    expect(String(error)).to.include(`127.0.0.1:${bed.port}`).and.include('another program listens there');
  });

  describe('when it closes', () => {
    it('takes no new connection', async () => {
      await start();
      await bed.gate.close(1_000);
      const [error] = (await once(net.connect({ host: '127.0.0.1', port: bed.port }), 'error')) as [Error];
      expect(error).to.include({ code: 'ECONNREFUSED' });
    });

    it('ends a handshake under way at once', async () => {
      await start();
      const socket = await connectRaw();
      await untilOpen(1, 1);
      const closed = once(socket, 'close');
      await bed.gate.close(60_000);
      await closed;
      expect(bed.log.of('connection refused')[0]?.fields).to.include({ reason: 'gate-closing' });
    });

    it('ends a proof under way at once', async () => {
      await start();
      const release = bed.resolver.hold();
      const client = await bed.connect();
      while (bed.resolver.asked.length === 0) await nextTurn();
      const closed = bed.gate.close(60_000);
      await client.closed;
      release();
      await closed;
      expect(bed.log.of('connection refused')[0]?.fields).to.include({ reason: 'gate-closing' });
    });

    it('ends an idle connection at once', async () => {
      await start();
      const client = await bed.connect();
      client.send(message);
      await client.received(1);
      await bed.gate.close(60_000);
      await client.closed;
      expect(bed.log.of('connection')[0]?.fields).to.include({ ended: 'gate-closing' });
    });

    it('lets a reply under way finish', async () => {
      const { promise: reply, resolve } = Promise.withResolvers<GateReply>();
      await start({ handler: () => reply });
      const client = await bed.connect();
      client.send(message);
      await untilOpen(1, 0);
      const closed = bed.gate.close(60_000);
      resolve(message);
      await closed;
      expect(await client.received(1)).to.deep.equal([message]);
    });

    it('cuts what is not finished at the deadline', async () => {
      await start({ handler: ({ signal }) => untilAborted(signal) });
      const client = await bed.connect();
      client.send(message);
      await untilOpen(1, 0);
      await bed.gate.close(20);
      await client.closed;
      expect(client.messages).to.have.length(0);
      expect(bed.log.of('connection')[0]?.fields).to.include({ ended: 'gate-closing' });
    });
  });
});

/** A reply that never comes. */
async function untilAborted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await once(signal, 'abort');
  return undefined;
}
