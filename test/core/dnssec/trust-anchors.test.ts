import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { PlainMemory } from '../../../core/dnssec/lookup.ts';
import { TrustAnchors } from '../../../core/dnssec/anchors.ts';
import { startOfTimeMs } from '../../support/signed-internet.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { lieAbout, rootAnchor, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { falseTlsa, forged, saying } from './lies.ts';
import { evilKey, internet } from './trust-zones.ts';

const dayMs = 86_400_000;

describe('the chain of trust, from one anchor or another', () => {
  function judge(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    const { status, reason } = run.verdict;
    return { ...run, result: `${status} ${reason}` };
  }

  describe('from other anchors', () => {
    const islandAnchor = {
      zone: Name.parse('island.plain.example'),
      ds: internet.ds('island.plain.example'),
      dnskeys: [],
    };
    const both = new TrustAnchors([rootAnchor(internet), islandAnchor]);

    it('finds an island of trust below an insecure zone secure', () => {
      const { result, verdict } = judge('TLSA _xfr.island.plain.example', { anchors: both });
      expect(result).to.equal('secure signed');
      expect(verdict.steps.map(({ kind }) => kind)).to.deep.equal(['anchor', 'answer']);
    });

    it('lets no zone above the closest anchor speak for a name, neither to sign nor to be insecure', () => {
      const question = 'TLSA _xfr.island.plain.example';
      const said = (answers: ReturnType<typeof forged>) =>
        judge(question, {
          anchors: both,
          lie: lieAbout(question, (truth) => saying(truth, { answers })),
        }).result;
      const text = `_xfr.island.plain.example. TLSA ${falseTlsa}`;
      expect(said(parseRecords(text))).to.equal('bogus no-signature');
      expect(said(forged(text, evilKey, 'plain.example'))).to.equal('bogus wrong-signer');
      expect(said(parseRecords('plain.example. DNAME evil.example.'))).to.equal('bogus denial-missing');
      const cname = '_xfr.island.plain.example. CNAME _xfr.island.evil.example.';
      expect(said(parseRecords(`plain.example. DNAME evil.example.\n${cname}`))).to.equal(
        'bogus no-signature',
      );
    });

    it('is not led astray by what it remembers of a zone above the closest anchor', () => {
      const memory = new PlainMemory();
      expect(judge('TLSA _xfr.plain.example', { anchors: both, memory }).result).to.equal('insecure no-ds');
      const question = 'TLSA _xfr.island.plain.example';
      const answers = parseRecords(`_xfr.island.plain.example. TLSA ${falseTlsa}`);
      const lie = lieAbout(question, (truth) => saying(truth, { answers }));
      expect(judge(question, { anchors: both, memory, lie }).result).to.equal('bogus no-signature');
    });

    it('judges the DS records of an anchor by the zone above it', () => {
      expect(judge('DS island.plain.example', { anchors: both }).result).to.equal('insecure no-ds');
      const only = new TrustAnchors([islandAnchor]);
      expect(judge('DS island.plain.example', { anchors: only }).result).to.equal('indeterminate no-anchor');
    });

    it('calls what no anchor is above indeterminate, and gives it out so [RFC4033-5]', () => {
      const { result, verdict, asked } = judge('TLSA _xfr.ns2.example', {
        anchors: new TrustAnchors([islandAnchor]),
      });
      expect(result).to.equal('indeterminate no-anchor');
      expect(verdict.records).to.have.length(1);
      expect(asked).to.deep.equal(['TLSA _xfr.ns2.example']);
    });

    it('takes DNSKEY records for anchors, and knows a wrong one', () => {
      const withKey = (key: SigningKey) =>
        new TrustAnchors([{ zone: Name.root, ds: [], dnskeys: [key.dnskey] }]);
      expect(judge('SOA .', { anchors: withKey(internet.keys.get('.')![0]!) }).result).to.equal(
        'secure signed',
      );
      const { result, verdict } = judge('SOA .', { anchors: withKey(new SigningKey(13)) });
      expect(result).to.equal('bogus ds-mismatch');
      expect(verdict.steps.at(-1)).to.include({ kind: 'anchor', status: 'bogus', detail: verdict.detail });
      // Nobody stands above an anchor who could publish anything.
      expect(verdict.detail).to.contain('bring the trust anchor up to date').and.not.contain('zone above');
    });

    it('calls a zone insecure whose anchor has only algorithms that are not supported', () => {
      const old = { zone: Name.root, ds: [new SigningKey(7).ds(Name.root)], dnskeys: [] };
      expect(judge('SOA .', { anchors: new TrustAnchors([old]) }).result).to.equal(
        'insecure unsupported-algorithm',
      );
    });
  });

  describe('with a negative trust anchor', () => {
    const untilMs = startOfTimeMs + dayMs / 48;
    const off = (name: string, until = untilMs): TrustAnchors =>
      new TrustAnchors([rootAnchor(internet)], [{ name: Name.parse(name), untilMs: until }]);

    it('validates nothing at its name and below, and says until when [RFC7646-2]', () => {
      const { result, verdict, asked } = judge('TLSA _xfr.ns2.example', { anchors: off('ns2.example') });
      expect(result).to.equal('insecure negative-anchor');
      expect(asked).to.deep.equal(['TLSA _xfr.ns2.example']);
      expect(verdict.records).to.have.length(1);
      expect(verdict.detail).to.contain('2026-11-20T00:30:00');
      expect(verdict.expiresMs).to.equal(untilMs);
    });

    it('validates above its name and beside it [RFC7646-2]', () => {
      const anchors = off('ns2.example');
      expect(judge('DS ns2.example', { anchors }).result).to.equal('secure signed');
      expect(judge('TLSA x.w.example', { anchors }).result).to.equal('secure signed');
    });

    it('ends by itself [RFC7646-2]', () => {
      expect(judge('TLSA _xfr.ns2.example', { anchors: off('ns2.example', startOfTimeMs) }).result).to.equal(
        'secure signed',
      );
    });

    it('gives way to a trust anchor below it [RFC7646-2]', () => {
      const ns2 = { zone: Name.parse('ns2.example'), ds: internet.ds('ns2.example'), dnskeys: [] };
      const negative = [{ name: Name.parse('example'), untilMs }];
      const anchors = new TrustAnchors([rootAnchor(internet), ns2], negative);
      expect(judge('TLSA _xfr.ns2.example', { anchors }).result).to.equal('secure signed');
      expect(judge('TLSA x.w.example', { anchors }).result).to.equal('insecure negative-anchor');
    });
  });
});
