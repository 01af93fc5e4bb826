/**
 * A week of a community: keys are rolled by the book, records are withdrawn, signatures run out, rules begin and end, people join
 * and leave. No member is locked out, and nobody who is none any more is let in.
 *
 * The gate's clock, and that of the signed DNS, goes in steps of hours; each member asks on a connection of his own at each step.
 * What happens between them on connections that stay is in a time that is not real, without sockets.
 */
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { prove, type ProofMeans } from '../../core/server/identify.ts';
import { keepProved } from '../../core/server/keep-proved.ts';
import { query } from '../core/answer/wire.ts';
import { HeldUpstream } from '../support/held-upstream.ts';
import { everybodyAdmitted } from '../support/access.ts';
import { DotDaemon } from '../support/dot-daemon.ts';
import type { TestClient } from '../support/gate-bed.ts';
import { makeIdentity, tlsaRdata } from '../support/gate.ts';

const hourMs = 3_600_000;
const stepHours = 4;
const weekHours = 7 * 24;
const zone = 'members.example';
const days =
  (from: number, to = Infinity) =>
  (hour: number) =>
    hour >= 24 * from && hour < 24 * to;

/** When each of them is a member; hours since the week began. */
const memberships: Readonly<Record<string, (hour: number) => boolean>> = {
  [`steady.${zone}`]: days(0),
  [`rolling.${zone}`]: days(0),
  [`leaves.${zone}`]: days(0, 4),
  [`joins.${zone}`]: days(3),
  [`timed.${zone}`]: days(2, 5),
  [`unpublished.${zone}`]: (hour) => days(0, 3)(hour) || days(5)(hour),
  'laptop.unsigned-for-a-day.example': (hour) => !days(6, 7)(hour),
};

describe('a week of dot-resolver', function () {
  this.timeout(120_000);
  let upstream: HeldUpstream;
  let gate: DotDaemon;
  const keys = new Map<string, IssuedIdentity>();
  /** Those whose record is gone, which nobody may use any more; and those that are published, old and new. */
  const gone: [name: string, key: IssuedIdentity][] = [];
  const alsoGood: [name: string, key: IssuedIdentity][] = [];
  /** Connections that were opened when the week began. */
  const stays = new Map<string, TestClient>();
  let lastId = 0;

  before(async () => {
    upstream = await HeldUpstream.start('answer');
    gate = await DotDaemon.start({
      lab: {
        zones: [zone, 'unsigned-for-a-day.example'],
        unsignedZones: [],
        signaturesForSeconds: 30 * 86_400,
      },
      gate: `views: { default: { upstreams: ["${upstream.at}"], transport: tcp } }`,
      // None of them is to end but by what happens in the week.
      limits: { 'idle-time': '10m' },
      access: '\nclients: {}\n',
    });
    writeAccess(0);
    for (const name of Object.keys(memberships)) keys.set(name, await gate.member(name));
  });

  after(async () => {
    await gate.close();
    await upstream.close();
  });

  function writeAccess(hour: number): void {
    const startMs = gate.nowMs - hour * hourMs;
    const at = (day: number): string => new Date(startMs + day * 24 * hourMs).toISOString();
    const plain = Object.keys(memberships).filter((name) => !name.startsWith('timed.'));
    // The access list has no times for those who join and leave: it is written anew.
    const listed = plain.filter((name) => !/^(leaves|joins)\./.test(name) || memberships[name]!(hour));
    const entries = listed.map((name) => `  ${name}: { allow: [{ action: resolve }] }\n`);
    const timed = `{ action: resolve, not-before: "${at(2)}", not-after: "${at(5)}" }`;
    gate.writeAccess(`clients:\n${entries.join('')}  timed.${zone}: { allow: [${timed}] }\n`);
  }

  /** Whether a question on this connection is answered. */
  async function isAnswered(client: TestClient): Promise<boolean> {
    lastId = (lastId + 1) & 0xffff;
    const count = client.messages.length + 1;
    client.send(query(`n${String(lastId % 50)}.example`, { id: lastId, type: RrType.TXT, options: [] }));
    const messages = await client.received(count).catch(() => undefined);
    if (messages === undefined) return false;
    const { header, answers } = parseMessage(messages[count - 1]!);
    expect(header.id).to.equal(lastId);
    // Whoever is not let in is told nothing.
    if (header.rcode === Rcode.REFUSED) expect(answers).to.deep.equal([]);
    else expect(header.rcode).to.equal(Rcode.NOERROR);
    return header.rcode === Rcode.NOERROR;
  }

  async function isLetIn(key: IssuedIdentity): Promise<boolean> {
    const client = await gate.connect(key).catch(() => undefined);
    if (client === undefined) return false;
    try {
      return await isAnswered(client);
    } finally {
      client.socket.destroy();
    }
  }

  /** What the administrators do at this hour. */
  async function administer(hour: number): Promise<void> {
    await rollKey(hour);
    const day = hour / 24;
    if (day === 3 || day === 4) writeAccess(hour);
    const name = `unpublished.${zone}`;
    if (day === 3) gate.lab.withdrawTlsa(name);
    if (day === 5) gate.lab.publishTlsa(name, [tlsaRdata(keys.get(name)!)]);
    if (day === 6) gate.lab.setZoneState('unsigned-for-a-day.example', 'expired');
  }

  /** RFC 7671 section 8.1: the record of the new key stands beside the old one before the key is used. */
  async function rollKey(hour: number): Promise<void> {
    const name = `rolling.${zone}`;
    const old = keys.get(name)!;
    if (hour % 24 === 0) {
      const next = await makeIdentity(name, hour % 48 === 0 ? 'p256' : 'ed25519');
      gate.lab.publishTlsa(name, [tlsaRdata(old), tlsaRdata(next)]);
      alsoGood.splice(0, alsoGood.length, [name, next]);
    } else if (hour % 24 === 8) {
      const [, next] = alsoGood.pop()!;
      keys.set(name, next);
      alsoGood.push([name, old]);
    } else if (hour % 24 === 16) {
      gate.lab.publishTlsa(name, [tlsaRdata(old)]);
      gone.push(alsoGood.pop()!);
    }
  }

  it('locks no member out and lets nobody in who is none, whatever happens to keys and rules [RFC7671-8.1]', async () => {
    for (const [name, isMember] of Object.entries(memberships)) {
      if (isMember(0)) stays.set(name, await gate.connect(keys.get(name)));
    }
    for (let hour = 0; hour < weekHours; hour += stepHours) {
      await administer(hour);
      // What was looked up before the change may be known for its TTL.
      gate.passTime(310_000);
      const when = `day ${String(Math.floor(hour / 24))}, ${String(hour % 24)} h`;
      for (const [name, isMember] of Object.entries(memberships))
        expect(await isLetIn(keys.get(name)!), `${name}, ${when}`).to.equal(isMember(hour));
      for (const [name, key] of alsoGood)
        expect(await isLetIn(key), `${name}, other key, ${when}`).to.equal(true);
      const last = gone.at(-1);
      if (last !== undefined) expect(await isLetIn(last[1]), `${last[0]}, old key, ${when}`).to.equal(false);
      await expectStays(hour, when);
      gate.passTime(stepHours * hourMs - 310_000);
    }
    for (const [name, key] of gone)
      expect(await isLetIn(key), `${name}, one of its old keys`).to.equal(false);
    expect(gone).to.have.length(7);
    expect(gate.log.of('defect')).to.deep.equal([]);
  });

  /** Connections whose members come and go by the access list; those of lost keys end by timers, which are not driven here. */
  async function expectStays(hour: number, when: string): Promise<void> {
    for (const name of [`steady.${zone}`, `leaves.${zone}`]) {
      const answered = await isAnswered(stays.get(name)!);
      expect(answered, `${name}, the connection that stays, ${when}`).to.equal(memberships[name]!(hour));
    }
  }
});

describe('the proofs of connections that stay for a week, in a time that is not real', () => {
  const startMs = Date.UTC(2026, 10, 23);
  const name = Name.parse(`rolling.${zone}`);
  const ttlMs = 300_000;
  const stepMs = 30_000;

  afterEach(() => {
    mock.timers.reset();
  });

  /** The records of the name as a resolver with a cache sees them. */
  function resolverOf(records: (nowMs: number) => readonly Buffer[]): ProofMeans['resolver'] {
    let fetchedMs = -Infinity;
    let known: readonly Buffer[] = [];
    return {
      lookup: () => {
        const now = Date.now();
        const isStale = now >= fetchedMs + ttlMs;
        if (isStale) [fetchedMs, known] = [now, records(now)];
        const ttlSeconds = (fetchedMs + ttlMs - now) / 1000;
        const fields = { name, type: RrType.TLSA, class: RrClass.IN, ttl: ttlSeconds };
        const answer = { status: 'secure', rcode: Rcode.NOERROR, detail: '', ttlSeconds } as const;
        return Promise.resolve({ ...answer, records: known.map((rdata) => ({ ...fields, rdata })) });
      },
    };
  }

  it('are made again all week for a key that is published, and end with the record of one that is not', async () => {
    const [kept, rolled] = [await makeIdentity(name.toString()), await makeIdentity(name.toString())];
    const withdrawnMs = startMs + 3.5 * 24 * hourMs;
    const published = (nowMs: number): Buffer[] =>
      nowMs < withdrawnMs ? [tlsaRdata(rolled), tlsaRdata(kept)] : [tlsaRdata(kept)];
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: startMs });
    const access: ProofMeans['access'] = { admit: () => Promise.resolve(everybodyAdmitted) };
    const means: ProofMeans = { resolver: resolverOf(published), access, nowMs: Date.now };
    const lostMs = new Map<IssuedIdentity, number>();
    const renewals = new Map<IssuedIdentity, number>();
    const stops: (() => void)[] = [];
    for (const key of [kept, rolled]) {
      const peer = { ...key, dnsNames: [], chain: [] };
      const { identity } = await prove(name, peer, means, hourMs);
      const watch = {
        onRenewed: () => renewals.set(key, (renewals.get(key) ?? 0) + 1),
        onLost: () => lostMs.set(key, Date.now()),
        onDefect: (error: unknown) => {
          throw error;
        },
      };
      stops.push(keepProved({ identity: identity!, peer, means, longestProofMs: () => hourMs, ...watch }));
    }
    while (Date.now() < startMs + weekHours * hourMs) {
      mock.timers.tick(stepMs);
      await nextTurn();
    }
    for (const stop of stops) stop();
    expect(lostMs.has(kept)).to.equal(false);
    expect(renewals.get(kept)).to.be.above(2_000);
    expect(lostMs.get(rolled)).to.be.within(withdrawnMs, withdrawnMs + ttlMs + 10_000 + stepMs);
  });
});
