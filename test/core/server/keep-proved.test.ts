/** In a time that is not real: an identity ends when it must, whoever is slow, and nothing is said after that. */
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import type { Admission } from '../../../core/acl/model.ts';
import type { ClientIdentity } from '../../../core/dane/identity.ts';
import type { PeerCredentials } from '../../../core/dane/types.ts';
import { Name } from '../../../core/dns/name.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { prove, type ProofMeans } from '../../../core/server/identify.ts';
import { graceMs, keepProved } from '../../../core/server/keep-proved.ts';
import { shortestProofMs } from '../../../core/server/limits.ts';
import { everybodyAdmitted, nobodyAdmitted } from '../../support/access.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

const clientName = '_xfr.ns2.example';
const startMs = Date.UTC(2026, 10, 23);

/** By what is promised: TTL + 10 s. */
const promisedMs = 10_000;

describe('keeping an identity proved', () => {
  let client: IssuedIdentity;
  let peer: PeerCredentials;
  let resolver: ScriptedResolver;
  let admit: () => Promise<Admission>;
  /** What was said, with the time of it. */
  let said: string[];
  let renewed: number;
  let stop: () => void;

  before(async () => {
    client = await issueTestIdentity(clientName);
    peer = { ...client, dnsNames: [], chain: [] };
  });
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: startMs });
    resolver = new ScriptedResolver();
    admit = () => Promise.resolve(everybodyAdmitted);
    said = [];
    renewed = 0;
    stop = () => undefined;
  });
  afterEach(() => {
    stop();
    mock.timers.reset();
  });

  function publish(ttlSeconds: number, fields: object = {}): void {
    resolver.publish(clientName, [tlsaOf(client)], { ttlSeconds, ...fields });
  }

  function say(what: string): void {
    said.push(`${String((Date.now() - startMs) / 1000)} s: ${what}`);
  }

  async function keep(ttlSeconds: number): Promise<ClientIdentity> {
    publish(ttlSeconds);
    const means: ProofMeans = { access: { admit: () => admit() }, resolver, nowMs: Date.now };
    const { identity } = await prove(Name.parse(clientName), peer, means, 3_600_000);
    if (identity === undefined) throw new Error('not proved');
    stop = keepProved({
      ...{ identity, peer, means },
      longestProofMs: () => 3_600_000,
      onRenewed: () => (renewed += 1),
      onLost: say,
      onDefect: (error) => {
        say(String(error));
      },
    });
    return identity;
  }

  async function pass(seconds: number): Promise<void> {
    for (let count = 0; count < seconds; count += 1) {
      mock.timers.tick(1000);
      await setImmediate();
    }
  }

  it('leaves time for a renewal, and ends before the promised time', () => {
    expect(graceMs)
      .to.be.above(shortestProofMs * 0.8)
      .and.below(promisedMs);
  });

  for (const ttlSeconds of [0, 1, 5, 10, 60, 300]) {
    const lastS = ttlSeconds + graceMs / 1000;
    for (const [who, hang] of Object.entries<() => void>({
      'the resolver': () => void resolver.hold(),
      'the access list': () => (admit = () => new Promise(() => undefined)),
    })) {
      it(`ends soon after the proof while ${who} says nothing: TTL ${String(ttlSeconds)} s`, async () => {
        await keep(ttlSeconds);
        hang();
        await pass(lastS - 1);
        expect(said).to.deep.equal([]);
        await pass(1);
        const why = 'timeout: no new proof 9 s after the end of the old one';
        expect(said).to.deep.equal([`${String(lastS)} s: ${why}`]);
        await pass(100);
        expect(said).to.have.length(1);
      });
    }
  }

  it('goes on when the answer comes late, but in time; and the next bound is that of the new proof', async () => {
    await keep(60);
    const release = resolver.hold();
    await pass(68);
    release();
    await setImmediate();
    expect([renewed, said]).to.deep.equal([1, []]);
    void resolver.hold();
    await pass(68);
    expect(said).to.deep.equal([]);
    await pass(1);
    expect(said).to.have.length(1);
  });

  it('hears nothing of an answer that comes too late', async () => {
    await keep(60);
    const release = resolver.hold();
    await pass(69);
    expect(said).to.have.length(1);
    release();
    await pass(100);
    expect([renewed, said.length]).to.deep.equal([0, 1]);
  });

  it('tries again while the proof lasts, and no longer', async () => {
    await keep(60);
    publish(0, { status: 'indeterminate', detail: 'SERVFAIL' });
    await pass(100);
    expect(said).to.deep.equal(['60 s: lookup-failed: SERVFAIL']);
  });

  it('tries again while the proof lasts and the store of the access list is away, and no longer', async () => {
    await keep(60);
    admit = () => Promise.resolve({ admitted: false, reason: 'access-unavailable', detail: 'Redis is away' });
    await pass(100);
    expect(said).to.deep.equal(['60 s: access-unavailable: Redis is away']);
    said = [];
    await keep(60);
    await pass(50);
    admit = () => Promise.resolve(everybodyAdmitted);
    await pass(50);
    expect([renewed > 0, said]).to.deep.equal([true, []]);
  });

  it('ends at once for any other no', async () => {
    await keep(60);
    admit = () => Promise.resolve(nobodyAdmitted);
    await pass(100);
    expect(said).to.deep.equal(['48 s: not-admitted']);
  });

  it('tells a defect, and ends', async () => {
    await keep(60);
    admit = () => Promise.reject(new Error('a mistake'));
    await pass(100);
    expect(said).to.deep.equal(['48 s: Error: a mistake', '48 s: internal error']);
  });

  it('says nothing after it was stopped, whatever was under way', async () => {
    const outcomes: [title: string, settle: (admitted: PromiseWithResolvers<boolean>) => void][] = [
      ['nothing', () => undefined],
      ['no', ({ resolve }) => resolve(false)],
      ['yes', ({ resolve }) => resolve(true)],
      ['a defect', ({ reject }) => reject(new Error('too late'))],
    ];
    for (const [title, settle] of outcomes) {
      await keep(60);
      const admitted = Promise.withResolvers<boolean>();
      admit = async () => ((await admitted.promise) ? everybodyAdmitted : nobodyAdmitted);
      await pass(50);
      stop();
      settle(admitted);
      await pass(100);
      expect([renewed, said], title).to.deep.equal([0, []]);
    }
  });
});
