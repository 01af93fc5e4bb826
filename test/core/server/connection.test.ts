import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { AccessControl } from '../../../core/acl/access-control.ts';
import type { SecurityStatus } from '../../../core/dnssec/status.ts';
import type { GateRequest } from '../../../core/plugin/contract.ts';
import { shortestProofMs } from '../../../core/server/limits.ts';
import { accessTo, nobodyAdmitted } from '../../support/access.ts';
import { clientName, GateBed, keyOf, type GateBedOptions, type TestClient } from '../../support/gate-bed.ts';
import type { MemoryLogLine } from '../../support/memory-log.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

const message = Buffer.alloc(12, 7);

describe('Connection', () => {
  let bed: GateBed;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
  });

  afterEach(async () => {
    await bed.close();
    mock.timers.reset();
  });

  async function start(options: GateBedOptions = {}): Promise<void> {
    bed = await GateBed.start(options);
  }

  /** The first line of the event, as soon as there is one. */
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

  /** A client that is identified and has been served once. */
  async function served(): Promise<TestClient> {
    const client = await bed.connect();
    client.send(message);
    await client.received(1);
    return client;
  }

  describe('refuses', () => {
    const statuses: [SecurityStatus, reason: string][] = [
      ['insecure', 'insecure'],
      ['bogus', 'bogus'],
      ['indeterminate', 'lookup-failed'],
    ];
    for (const [status, reason] of statuses) {
      it(`a client whose TLSA record is ${status} [RFC6698-4.1]`, async () => {
        await start();
        bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status });
        const client = await bed.connect();
        await client.closed;
        expect(await line('connection refused')).to.include({
          reason,
          claims: clientName,
          detail: 'as the test says',
        });
      });
    }

    it('a client with another key', async () => {
      await start();
      await (
        await bed.connect(keyOf(await issueTestIdentity(clientName)))
      ).closed;
      expect(await line('connection refused')).to.include({ reason: 'key-mismatch' });
    });

    it('a client whose TLSA record is gone', async () => {
      await start();
      bed.resolver.publish(clientName, []);
      await (
        await bed.connect()
      ).closed;
      expect(await line('connection refused')).to.include({ reason: 'no-tlsa' });
    });

    it('a client without certificate', async () => {
      await start();
      await (
        await bed.connect({})
      ).closed;
      expect(await line('connection refused')).to.include({ reason: 'no-certificate' });
      expect(bed.resolver.asked).to.deep.equal([]);
    });

    it('a stranger, and asks the DNS nothing about it', async () => {
      await start();
      const stranger = await issueTestIdentity('stranger.example');
      bed.resolver.publish('stranger.example', [tlsaOf(stranger)]);
      await (
        await bed.connect(keyOf(stranger))
      ).closed;
      expect(await line('connection refused')).to.include({
        reason: 'not-admitted',
        claims: 'stranger.example',
      });
      expect(bed.resolver.asked).to.deep.equal([]);
    });

    it('everybody, one by one, when the access list fails', async () => {
      const access: AccessControl = {
        ...accessTo(),
        admit: () => Promise.reject(new Error('the store is away')),
      };
      await start({ access });
      await (
        await bed.connect()
      ).closed;
      expect(await line('connection refused')).to.include({ reason: 'internal-error' });
      expect(String((await line('defect'))['error'])).to.include('the store is away');
    });

    it('without a word: what was sent before is not answered', async () => {
      let handled = 0;
      await start({ handler: () => Promise.resolve((handled++, message)) });
      bed.resolver.publish(clientName, []);
      const client = await bed.connect();
      client.send(message);
      await client.closed;
      expect({ handled, heard: client.messages.length }).to.deep.equal({ handled: 0, heard: 0 });
    });
  });

  it('lets requests wait that come before the proof is done', async () => {
    await start();
    const release = bed.resolver.hold();
    const client = await bed.connect();
    client.send(message);
    await askedTimes(1);
    expect(client.messages).to.have.length(0);
    release();
    expect(await client.received(1)).to.have.length(1);
  });

  it('gives up when handshake and proof together take too long', async () => {
    await start({ limits: { 'handshake-time': 3_000 } });
    const release = bed.resolver.hold();
    const client = await bed.connect();
    await askedTimes(1);
    mock.timers.tick(3_000);
    await client.closed;
    release();
    expect(await line('connection refused')).to.include({ reason: 'timeout' });
  });

  it('notes who leaves before the proof is done', async () => {
    await start();
    const release = bed.resolver.hold();
    const client = await bed.connect();
    await askedTimes(1);
    client.socket.destroy();
    await client.closed;
    // The gate hears of it in the same process, within a few turns; the resolver answers after that.
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    release();
    expect(await line('connection refused')).to.include({ reason: 'gone' });
  });

  it('tells the handler who asks', async () => {
    const requests: GateRequest[] = [];
    await start({
      limits: { 'idle-time': 7_000 },
      handler: (request) => {
        requests.push(request);
        return Promise.resolve(request.octets);
      },
    });
    const client = await served();
    const [request] = requests;
    expect(request?.client?.name.toString()).to.equal(clientName);
    expect(request).to.include({ idleTimeMs: 7_000 });
    expect(request?.connection).to.deep.equal({ id: 1, remote: `127.0.0.1:${client.socket.localPort}` });
  });

  it('says at its end who it was, by which proof, and how much it was', async () => {
    await start();
    const client = await served();
    client.socket.end();
    expect(await line('connection')).to.deep.include({
      client: clientName,
      proof: 'DANE-EE SPKI SHA2-256',
      requests: 1,
      octetsIn: 14,
      octetsOut: 14,
      ended: 'client-closed',
    });
  });

  it('costs nobody else anything when a handler has a defect', async () => {
    let count = 0;
    await start({
      handler: ({ octets }) =>
        count++ === 1 ? Promise.reject(new Error('a defect')) : Promise.resolve(octets),
    });
    const [good, bad] = [await served(), await bed.connect()];
    bad.send(message);
    await bad.closed;
    expect(String((await line('defect'))['error'])).to.include('a defect');
    expect(await line('connection')).to.include({ connection: 2, ended: 'reply-broken' });
    good.send(message);
    expect(await good.received(2)).to.have.length(2);
  });

  describe('proves again before the proof runs out', () => {
    /** Moves the clock and lets what is due happen. */
    function pass(ms: number): void {
      bed.nowMs += ms;
      mock.timers.tick(ms);
    }

    async function startWithTtl(ttlSeconds: number, limits: GateBedOptions['limits'] = {}): Promise<void> {
      await start({ limits: { 'idle-time': 100_000_000, ...limits } });
      bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds });
    }

    it('and serves on when it holds', async () => {
      await startWithTtl(100);
      const client = await served();
      for (let round = 2; round < 6; round++) {
        pass(79_999);
        await nextTurn();
        expect(bed.resolver.asked).to.have.length(round - 1);
        pass(1);
        await askedTimes(round);
        client.send(message);
        await client.received(round);
      }
    });

    it('and closes when the TLSA record is gone [RFC6698-8.2]', async () => {
      await startWithTtl(100);
      const client = await served();
      bed.resolver.publish(clientName, []);
      pass(80_000);
      await client.closed;
      expect(await line('connection')).to.include({ ended: 'proof-gone', detail: 'no-tlsa: no TLSA record' });
    });

    it('and closes when another key is published', async () => {
      await startWithTtl(100);
      const client = await served();
      bed.resolver.publish(clientName, [tlsaOf(await issueTestIdentity(clientName))]);
      pass(80_000);
      await client.closed;
      expect((await line('connection'))['detail']).to.match(/^key-mismatch/);
    });

    it('and outlives a lookup that fails once', async () => {
      await startWithTtl(100);
      const client = await served();
      bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status: 'indeterminate' });
      pass(80_000);
      await askedTimes(2);
      await nextTurn();
      bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds: 100 });
      pass(10_000);
      await askedTimes(3);
      pass(10_000);
      client.send(message);
      expect(await client.received(2)).to.have.length(2);
    });

    it('and closes when the lookup fails until the proof has run out', async () => {
      await startWithTtl(100);
      const client = await served();
      bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status: 'indeterminate' });
      pass(80_000);
      for (let leftMs = 20_000; leftMs > 0; leftMs -= 250) {
        await nextTurn();
        expect(bed.log.of('connection')).to.deep.equal([]);
        pass(250);
      }
      await client.closed;
      expect((await line('connection'))['detail']).to.match(/^lookup-failed/);
    });

    it('and closes when the access list has lost the name, without a query', async () => {
      const known = accessTo(clientName);
      let isKnown = true;
      await start({
        access: {
          ...known,
          admit: (name) => (isKnown ? known.admit(name) : Promise.resolve(nobodyAdmitted)),
        },
        limits: { 'idle-time': 100_000_000 },
      });
      const client = await served();
      isKnown = false;
      pass(300_000);
      await client.closed;
      expect(await line('connection')).to.include({ ended: 'proof-gone', detail: 'not-admitted' });
      expect(bed.resolver.asked).to.have.length(1);
    });

    it('at the latest after the proof time, whatever the TTL', async () => {
      await startWithTtl(86_400, { 'proof-time': 20_000 });
      await served();
      pass(16_000);
      await askedTimes(2);
    });

    it('not in a rush when the TTL is 0', async () => {
      await startWithTtl(0);
      await served();
      pass(0.8 * shortestProofMs - 1);
      await nextTurn();
      expect(bed.resolver.asked).to.have.length(1);
      pass(1);
      await askedTimes(2);
    });

    it('no more when the connection has ended', async () => {
      await startWithTtl(100);
      const client = await served();
      client.socket.destroy();
      await line('connection');
      pass(3_600_000);
      await nextTurn();
      expect(bed.resolver.asked).to.have.length(1);
    });

    it('no more when the connection ended while a proof was under way', async () => {
      await startWithTtl(100);
      const client = await served();
      const release = bed.resolver.hold();
      pass(80_000);
      await askedTimes(2);
      client.socket.destroy();
      await line('connection');
      release();
      await nextTurn();
      pass(3_600_000);
      await nextTurn();
      expect(bed.resolver.asked).to.have.length(2);
    });
  });
});
