/** In a time that is not real: a server is lost when it must be, however slow the resolver, and nothing is said after that. */
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { graceMs, keepServerProved } from '../../../core/client/keep-server-proved.ts';
import { clientLimits, defaultClientLimits } from '../../../core/client/limits.ts';
import { Name } from '../../../core/dns/name.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import type { Resolver } from '../../../core/resolver/resolver.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

const startMs = Date.UTC(2026, 10, 23);

describe('keeping a server proved', () => {
  let server: IssuedIdentity;
  let resolver: ScriptedResolver;
  /** What was said, with the time of it. */
  let said: string[];
  let stop: () => void;

  before(async () => {
    server = await issueTestIdentity('ns1.example');
  });
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: startMs });
    resolver = new ScriptedResolver();
    said = [];
    stop = () => undefined;
  });
  afterEach(() => {
    stop();
    mock.timers.reset();
  });

  function publish(ttlSeconds: number, fields: object = {}): void {
    resolver.publish('_853._tcp.ns1.example', [tlsaOf(server)], { ttlSeconds, ...fields });
  }

  function keep(ttlSeconds: number, asked: Resolver = resolver): void {
    publish(ttlSeconds);
    stop = keepServerProved({
      policy: { name: Name.parse('ns1.example'), dane: 'required' },
      port: 853,
      shown: { ...server, dnsNames: [], chain: [] },
      endsMs: Date.now() + ttlSeconds * 1000,
      resolver: asked,
      limits: defaultClientLimits,
      nowMs: Date.now,
      onLost: ({ reason, detail }) => {
        said.push(`${String((Date.now() - startMs) / 1000)} s: ${reason}: ${detail}`);
      },
    });
  }

  async function pass(seconds: number): Promise<void> {
    for (let count = 0; count < seconds; count += 1) {
      mock.timers.tick(1000);
      await setImmediate();
    }
  }

  for (const ttlSeconds of [0, 1, 5, 60, 300]) {
    it(`ends soon after the proof while the resolver says nothing: TTL ${String(ttlSeconds)} s`, async () => {
      keep(ttlSeconds);
      void resolver.hold();
      const lastS = Math.max(ttlSeconds, clientLimits['proof-min'].default / 1000) + graceMs / 1000;
      expect(lastS).to.be.at.most(ttlSeconds + 10);
      await pass(lastS - 1);
      expect(said).to.deep.equal([]);
      await pass(1);
      const why = 'timeout: no new proof 5 s after the end of the old one';
      expect(said).to.deep.equal([`${String(lastS)} s: server-lookup-failed: ${why}`]);
      await pass(100);
      expect(said).to.have.length(1);
    });
  }

  it('goes on when the answer comes late, but in time; and the next bound is that of the new proof', async () => {
    keep(60);
    const release = resolver.hold();
    await pass(64);
    release();
    await setImmediate();
    void resolver.hold();
    await pass(64);
    expect(said).to.deep.equal([]);
    await pass(1);
    expect(said).to.have.length(1);
  });

  it('hears nothing of an answer that comes too late', async () => {
    keep(60);
    const release = resolver.hold();
    await pass(65);
    expect(said).to.have.length(1);
    resolver.publish('_853._tcp.ns1.example', []);
    release();
    await pass(100);
    expect(said).to.have.length(1);
  });

  it('tries again while the proof lasts, and no longer', async () => {
    keep(60);
    publish(0, { status: 'indeterminate', detail: 'SERVFAIL' });
    await pass(100);
    expect(said).to.deep.equal(['60 s: server-lookup-failed: SERVFAIL']);
  });

  it('ends at once for any other no', async () => {
    keep(60);
    resolver.publish('_853._tcp.ns1.example', []);
    await pass(100);
    expect(said).to.deep.equal(['48 s: server-no-tlsa: as the test says']);
  });

  it('asks no more after it was stopped, also where the answer comes then', async () => {
    keep(60);
    const release = resolver.hold();
    await pass(50);
    stop();
    release();
    await pass(200);
    expect([resolver.asked.length, said]).to.deep.equal([1, []]);
  });

  it('says nothing after it was stopped, whatever was under way', async () => {
    const outcomes: [title: string, settle: (reject: (error: Error) => void) => void][] = [
      ['nothing', () => undefined],
      ['a defect', (reject) => reject(new Error('too late'))],
    ];
    for (const [title, settle] of outcomes) {
      const { promise, reject } = Promise.withResolvers<never>();
      keep(60, { lookup: () => promise });
      await pass(50);
      stop();
      settle(reject);
      await pass(100);
      expect(said, title).to.deep.equal([]);
    }
  });
});
