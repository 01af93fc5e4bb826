import { expect } from 'chai';
import { EdeCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { findOption, parseExtendedError, extendedError } from '../../../../core/dns/edns.ts';
import { unusedPort } from '../../../support/dns-server.ts';
import { ednsOf } from '../../../core/answer/wire.ts';
import { codesOf, textsOf, type Visitor } from '../../../support/answer-gate-bed.ts';
import { GateBed } from './gate-bed.ts';
import { HeldUpstream } from '../../../support/held-upstream.ts';

const txt = { type: RrType.TXT };
const hourMs = 3_600_000;

describe('the gate of dot-resolver, when its upstreams fail', () => {
  let upstream: HeldUpstream;
  let bed: GateBed;
  let member: Visitor;

  beforeEach(async () => {
    upstream = await HeldUpstream.start('here');
  });

  afterEach(async () => {
    await bed.close();
    await upstream.close();
  });

  function open(limits: Readonly<Record<string, unknown>>, at = upstream.at): void {
    bed = new GateBed({
      config: {
        views: { default: { upstreams: [at], transport: 'tcp' } },
        limits: { 'upstream-time': '1s', ...limits },
      },
      access: 'clients:\n  a.example: { allow: [{ action: resolve }] }\n',
    });
    member = bed.connect('a.example');
  }

  /** Asks until it is answered: a machine that does much else may be too slow for the upstream's time. */
  async function learn(name: string): Promise<void> {
    while (codesOf(await member.ask(name, txt)) !== '0') bed.nowMs += 60_000;
  }

  it('says SERVFAIL and why to who speaks EDNS [RFC8914-4.23]', async () => {
    open({}, `127.0.0.1:${String(await unusedPort())}`);
    const answer = await member.ask('www.example', txt);
    expect(codesOf(answer)).to.equal(`${String(Rcode.SERVFAIL)} ${String(EdeCode.NO_REACHABLE_AUTHORITY)}`);
    // Which resolver it is, is not the client's business.
    const { text } = parseExtendedError(findOption(answer.edns, 15)!);
    expect(text).to.not.match(/\d/);
  });

  it('says so when one was connected to, and has not answered in time [RFC8914-4.24]', async () => {
    open({});
    upstream.isHeld = true;
    const answer = await member.ask('www.example', txt);
    expect(codesOf(answer)).to.equal(`${String(Rcode.SERVFAIL)} ${String(EdeCode.NETWORK_ERROR)}`);
    expect(await bed.metric('resolve_questions')).to.equal(0);
  });

  it('gives the old answer with a TTL of 30 s and says that it is old [RFC8767-4] [RFC8914-4.4]', async () => {
    open({});
    await learn('www.example');
    bed.nowMs += hourMs;
    upstream.isHeld = true;
    const answer = await member.ask('www.example', txt);
    expect(textsOf(answer)).to.deep.equal(['here']);
    expect(codesOf(answer)).to.equal(`0 ${String(EdeCode.STALE_ANSWER)}`);
    expect(answer.answers[0]!.ttl).to.equal(30);
    expect(await bed.metric('resolve_replies_total{view="default",from="stale",rcode="NOERROR"}')).to.equal(
      1,
    );
  });

  it('asks nobody for a while after that, and then again [RFC8767-5]', async () => {
    open({});
    await learn('www.example');
    bed.nowMs += hourMs;
    upstream.isHeld = true;
    await member.ask('www.example', txt);
    const { length } = upstream.heard;
    bed.nowMs += 10_000;
    expect(codesOf(await member.ask('www.example', txt))).to.equal(`0 ${String(EdeCode.STALE_ANSWER)}`);
    expect(upstream.heard).to.have.length(length);
    upstream.isHeld = false;
    upstream.mark = 'new';
    bed.nowMs += 30_000;
    const answer = await member.ask('www.example', txt);
    expect([codesOf(answer), ...textsOf(answer)]).to.deep.equal(['0', 'new']);
  });

  it('gives an old answer to who has waited long enough, though the upstream may still answer [RFC8767-5]', async () => {
    open({ 'upstream-time': '30s', 'stale-after': '100ms' });
    await learn('www.example');
    bed.nowMs += hourMs;
    upstream.isHeld = true;
    const answer = await member.ask('www.example', txt);
    expect([codesOf(answer), ...textsOf(answer)]).to.deep.equal([
      `0 ${String(EdeCode.STALE_ANSWER)}`,
      'here',
    ]);
    upstream.release();
  });

  it('gives no answer that is older than the operator lets it be, nor any with stale-answers: 0', async () => {
    const servfail = `${String(Rcode.SERVFAIL)} ${String(EdeCode.NETWORK_ERROR)}`;
    for (const [limits, laterMs] of [
      [{ 'stale-answers': '1h' }, 2 * hourMs],
      [{ 'stale-answers': '0s' }, 301_000],
    ] as const) {
      upstream.isHeld = false;
      open(limits);
      await learn('www.example');
      bed.nowMs += laterMs;
      upstream.isHeld = true;
      expect(codesOf(await member.ask('www.example', txt))).to.equal(servfail);
      if (laterMs > hourMs) await bed.close();
    }
  });

  it('keeps a good answer when the upstream says SERVFAIL, and hands on what it says of it [RFC9520-3.2]', async () => {
    open({});
    const options = [extendedError(EdeCode.DNSSEC_BOGUS, 'signature expired')];
    upstream.fields = { rcode: Rcode.SERVFAIL, answers: [], edns: ednsOf({ options }) };
    const answer = await member.ask('bad.example', txt);
    expect(codesOf(answer)).to.equal(`${String(Rcode.SERVFAIL)} ${String(EdeCode.DNSSEC_BOGUS)}`);
    const { length } = upstream.heard;
    await member.ask('bad.example', txt);
    expect(upstream.heard, 'kept for a second').to.have.length(length);
    bed.nowMs += 1_500;
    upstream.fields = {};
    expect(textsOf(await member.ask('bad.example', txt))).to.deep.equal(['here']);
  });

  it('gives no answer that it cannot read', async () => {
    open({});
    // An answer section that says it has a record, and has none.
    upstream.fields = { answers: [], tc: true };
    expect(codesOf(await member.ask('www.example', txt))).to.equal(
      `${String(Rcode.SERVFAIL)} ${String(EdeCode.NETWORK_ERROR)}`,
    );
  });
});
