/**
 * A connection lives as long as its proof does (draft-ietf-dance-client-auth leaves it open; we prove again at the end of the
 * TTL): it ends when the record is gone, and a key roll by the book of RFC 7671 section 8.1 ends none that need not end.
 *
 * In real time, through the real gate, with TTLs of one and two seconds, where a proof is good for ten seconds, the least; and
 * for longer ones in a time of its own, without sockets.
 */
import { mock } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { prove, type ProofMeans } from '../../core/server/identify.ts';
import { keepProved } from '../../core/server/keep-proved.ts';
import { TestClient } from '../support/gate-bed.ts';
import { makeIdentity, TestGate, tlsaRdata, until } from '../support/gate.ts';
import { namedClientContext, type NamedClient } from '../support/named-client.ts';
import { everybodyAdmitted } from '../support/access.ts';

const zone = 'example.com';
const removed = '_xfr.ns2.example';
const rolled = '_xfr.ns3.example';
const kept = '_xfr.stranger.example';
/** By the outcome that is asked for: TTL + 10 s. */
const graceMs = 10_000;

/** Ways to be known under a name. */
const ways: Readonly<Record<string, (name: string) => Omit<NamedClient, 'credentials'>>> = {
  'a certificate and its name': () => ({}),
  'a certificate and a name in the extension': (name) => ({ name }),
  'a raw public key': (name) => ({ name, rawPublicKey: true }),
};

/** A connection that stays. */
interface Stay {
  readonly way: string;
  readonly client: TestClient;
  /** Milliseconds of performance.now() when it was closed. */
  readonly closedMs: () => number | undefined;
}

describe('a connection that stays', function () {
  this.timeout(60_000);
  let gate: TestGate;
  let port: number;
  let queryId = 0;

  before(async () => {
    gate = await TestGate.start({
      lab: {
        zones: ['ns2.example', 'ns3.example', 'stranger.example'],
        transferZone: { name: zone, records: 20 },
      },
      clients: Object.fromEntries([removed, rolled, kept].map((name) => [name, [zone]])),
    });
    ({ port } = gate.endpoint);
  });

  after(() => gate.close());

  async function open(name: string, way: string, credentials: IssuedIdentity): Promise<Stay> {
    const secureContext = namedClientContext({ credentials, ...ways[way]!(name) });
    const client = new TestClient(port, { secureContext });
    let closedMs: number | undefined;
    void client.closed.then(() => (closedMs = performance.now()));
    await client.connected;
    await expectServed({ way, client, closedMs: () => closedMs });
    return { way, client, closedMs: () => closedMs };
  }

  function openEachWay(name: string, credentials: IssuedIdentity): Promise<Stay[]> {
    return Promise.all(Object.keys(ways).map((way) => open(name, way, credentials)));
  }

  async function expectServed({ way, client }: Stay): Promise<void> {
    const count = client.messages.length + 1;
    const query = { id: ++queryId, name: Name.parse(zone), type: RrType.SOA, class: RrClass.IN };
    client.send(encodeMessage(makeQuery(query)));
    const messages = await client.received(count);
    expect(parseMessage(messages[count - 1]!).header, way).to.include({ id: query.id, rcode: Rcode.NOERROR });
  }

  async function expectAllServed(stays: readonly Stay[]): Promise<void> {
    for (const stay of stays) await expectServed(stay);
  }

  /** Waits for the end of all of them; the longest time that one took, from a moment on. */
  async function allClosedAfter(stays: readonly Stay[], sinceMs: number, timeoutMs: number): Promise<number> {
    await until('all are closed', () => stays.every(({ closedMs }) => closedMs() !== undefined), timeoutMs);
    return Math.max(...stays.map(({ closedMs }) => closedMs()!)) - sinceMs;
  }

  function lookups(name: string): number {
    const { key } = Name.parse(name);
    return gate.lab.resolver.queries.filter((query) => query.type === RrType.TLSA && query.name.key === key)
      .length;
  }

  function endsOf(name: string): unknown[] {
    return gate.log.of('connection').flatMap(({ fields }) => (fields['client'] === name ? [fields] : []));
  }

  it('ends within TTL + 10 s of its TLSA record being taken away, and others stay', async () => {
    const ttlSeconds = 2;
    const [client, other] = [await makeIdentity(removed), await makeIdentity(kept, 'ed25519')];
    gate.lab.publishTlsa(removed, [tlsaRdata(client)], ttlSeconds);
    gate.lab.publishTlsa(kept, [tlsaRdata(other)], ttlSeconds);
    const stays = await openEachWay(removed, client);
    const others = await openEachWay(kept, other);
    const asked = lookups(kept);
    gate.lab.withdrawTlsa(removed);
    const sinceMs = performance.now();
    const limitMs = ttlSeconds * 1000 + graceMs;
    expect(await allClosedAfter(stays, sinceMs, limitMs + 2_000)).to.be.below(limitMs);
    await until('the log says so', () => endsOf(removed).length === stays.length);
    for (const line of endsOf(removed)) expect(line).to.include({ ended: 'proof-gone' });
    await until('the others are proved again', () => lookups(kept) > asked, graceMs);
    await expectAllServed(others);
    expect(endsOf(kept)).to.deep.equal([]);
    for (const { client: open } of others) open.socket.destroy();
  });

  it('is not lost in a key roll; those of the old key end when its record does [RFC7671-8.1]', async () => {
    const ttlSeconds = 1;
    const [old, next] = [await makeIdentity(rolled), await makeIdentity(rolled, 'ed25519')];
    gate.lab.publishTlsa(rolled, [tlsaRdata(old)], ttlSeconds);
    const before = await openEachWay(rolled, old);

    gate.lab.publishTlsa(rolled, [tlsaRdata(old), tlsaRdata(next)], ttlSeconds);
    await sleep(ttlSeconds * 1000 + 200);
    const after = [...(await openEachWay(rolled, next)), ...(await openEachWay(rolled, next))];
    // One that is late to change over.
    const late = await openEachWay(rolled, old);
    const asked = lookups(rolled);
    // Each is proved again at least once, by both records.
    await sleep(graceMs - 1_000);
    expect(lookups(rolled)).to.be.above(asked);
    await expectAllServed([...before, ...after, ...late]);

    gate.log.forget();
    gate.lab.publishTlsa(rolled, [tlsaRdata(next)], ttlSeconds);
    const sinceMs = performance.now();
    const limitMs = ttlSeconds * 1000 + graceMs;
    expect(await allClosedAfter([...before, ...late], sinceMs, limitMs + 2_000)).to.be.below(limitMs);
    await until('the log says so', () => endsOf(rolled).length === before.length + late.length);
    for (const line of endsOf(rolled)) expect(line).to.include({ ended: 'proof-gone' });
    await expectAllServed(after);
    // And by then these have been proved by the new record alone.
    await sleep(Math.max(0, sinceMs + limitMs - performance.now()));
    await expectAllServed(after);
    for (const { client } of after) client.socket.destroy();
  });
});

describe('the proof of a connection that stays, in a time that is not real', () => {
  const stepMs = 100;
  const startMs = Date.UTC(2026, 10, 23);
  const tlsa = { name: Name.parse(removed), type: RrType.TLSA, class: RrClass.IN };

  afterEach(() => {
    mock.timers.reset();
  });

  /** A resolver with a cache: after the TTL it looks again, and what it finds is there until `goneMs`. */
  function caching(ttlMs: number, goneMs: () => number, rdata: Buffer): Pick<ProofMeans, 'resolver'> {
    let fetchedMs = -Infinity;
    let isThere = false;
    return {
      resolver: {
        lookup: () => {
          if (Date.now() >= fetchedMs + ttlMs) [fetchedMs, isThere] = [Date.now(), Date.now() < goneMs()];
          const ttlSeconds = (fetchedMs + ttlMs - Date.now()) / 1000;
          const records = isThere ? [{ ...tlsa, ttl: ttlSeconds, rdata }] : [];
          return Promise.resolve({ status: 'secure', rcode: Rcode.NOERROR, detail: '', records, ttlSeconds });
        },
      },
    };
  }

  for (const ttlSeconds of [0, 1, 5, 9, 10, 11, 13, 40, 49, 60, 300]) {
    it(`is given up within TTL + 10 s of the record being taken away: TTL ${String(ttlSeconds)} s`, async () => {
      const identity = await makeIdentity(removed);
      const ttlMs = ttlSeconds * 1000;
      // Right after a lookup, and at other points of the TTL.
      for (const phase of [0, 0.3, 0.75, 0.95]) {
        mock.timers.enable({ apis: ['setTimeout', 'Date'], now: startMs });
        const goneMs = startMs + 2 * ttlMs + phase * ttlMs + stepMs;
        const means: ProofMeans = {
          ...caching(ttlMs, () => goneMs, tlsaRdata(identity)),
          access: { admit: () => Promise.resolve(everybodyAdmitted) },
          nowMs: Date.now,
        };
        const peer = { ...identity, dnsNames: [], chain: [] };
        const verdict = await prove(Name.parse(removed), peer, means, 3_600_000);
        if (!verdict.identity) throw new Error(verdict.detail);
        let lost: string | undefined;
        const stop = keepProved({
          identity: verdict.identity,
          peer,
          means,
          longestProofMs: () => 3_600_000,
          onRenewed: () => undefined,
          onLost: (why) => (lost = why),
          onDefect: (error) => {
            throw error;
          },
        });
        while (lost === undefined && Date.now() <= goneMs + ttlMs + graceMs + stepMs) {
          mock.timers.tick(stepMs);
          await setImmediate();
        }
        stop();
        expect(lost).to.include('no-tlsa');
        expect(Date.now()).to.be.within(goneMs, goneMs + ttlMs + graceMs);
        mock.timers.reset();
      }
    });
  }
});
