import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import { encodeDs } from '../../../core/dns/rdata.ts';
import { PlainMemory } from '../../../core/dnssec/lookup.ts';
import { ordinaryPeriod, SignedInternet, startOfTimeMs } from '../../support/signed-internet.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { lieAbout, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { stripped, trueTlsa } from './lies.ts';
import { internet } from './trust-zones.ts';

describe('the chain of trust', () => {
  function judge(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    const { status, reason } = run.verdict;
    return { ...run, result: `${status} ${reason}` };
  }

  describe('of the truth', () => {
    const truths: [question: string, result: string][] = [
      ['TLSA _xfr.ns2.example', 'secure signed'],
      ['TLSA a.b.c.ns2.example', 'secure signed'],
      ['TLSA x.w.example', 'secure signed'],
      ['TLSA _xfr.ns2.nsec3', 'secure signed'],
      ['TLSA _xfr.ns2.optout', 'secure signed'],
      ['DNSKEY ns2.example', 'secure signed'],
      ['DNSKEY .', 'secure signed'],
      ['SOA .', 'secure signed'],
      ['DS ns2.example', 'secure signed'],
      ['DS .', 'secure denied'],
      ['DS plain.example', 'secure denied'],
      ['DS _xfr.ns2.example', 'secure denied'],
      ['DS nowhere.ns2.example', 'secure denied'],
      ['DS plain.nsec3', 'secure denied'],
      ['DS plain.optout', 'insecure opt-out'],
      ['TLSA _xfr.plain.example', 'insecure no-ds'],
      ['TLSA _xfr.plain.nsec3', 'insecure no-ds'],
      ['TLSA _xfr.plain.optout', 'insecure opt-out'],
      ['TLSA nowhere.plain.example', 'insecure no-ds'],
      ['NS plain.example', 'insecure no-ds'],
      // Signed, but nobody above says so.
      ['TLSA _xfr.half.example', 'insecure no-ds'],
      ['TLSA _xfr.island.plain.example', 'insecure no-ds'],
      ['DNSKEY half.example', 'insecure no-ds'],
    ];
    for (const [question, result] of truths) {
      it(`finds ${question} ${result}`, () => {
        expect(judge(question).result).to.equal(result);
      });
    }

    it('asks no more than the DS and the DNSKEY records of each zone', () => {
      expect(judge('TLSA _xfr.ns2.example').asked).to.deep.equal([
        'TLSA _xfr.ns2.example',
        'DS ns2.example',
        'DS example',
        'DNSKEY .',
        'DNSKEY example',
        'DNSKEY ns2.example',
      ]);
    });

    it('finds unsigned zones from the top down, and no further than to the cut', () => {
      expect(judge('TLSA _xfr.plain.example').asked).to.deep.equal([
        'TLSA _xfr.plain.example',
        'DNSKEY .',
        'DS example',
        'DNSKEY example',
        'DS plain.example',
      ]);
    });

    it('explains each zone by the key that signs it, from the anchor down', () => {
      const { verdict } = judge('TLSA _xfr.ns2.example');
      const tag = (zone: string): string => String(internet.keys.get(zone)![0]!.tag);
      expect(verdict.steps.map(({ kind, name }) => `${kind} ${name.toString()}`)).to.deep.equal([
        'anchor .',
        'zone example',
        'zone ns2.example',
        'answer _xfr.ns2.example',
      ]);
      expect(verdict.steps.every(({ server }) => server === 'resolver 192.0.2.1')).to.be.true;
      const [root, example, ns2, answer] = verdict.steps.map(({ detail }) => detail);
      expect(root).to.contain('trust anchor').and.contain(tag('.'));
      expect(example).to.contain('DS').and.contain(tag('example'));
      expect(ns2).to.contain('DS').and.contain(tag('ns2.example'));
      expect(answer).to.contain(`signed by key ${tag('ns2.example')} (ECDSAP256SHA256) of ns2.example`);
    });
  });

  describe('with a memory', () => {
    it('asks only what it does not know, and verifies nothing twice', () => {
      const memory = new PlainMemory();
      judge('TLSA _xfr.ns2.example', { memory });
      const again = judge('TLSA _xfr.ns2.example', { memory });
      expect(again.result).to.equal('secure signed');
      expect(again.asked).to.deep.equal([]);
      expect(again.budget.signatures).to.equal(0);
      const neighbour = judge('TLSA a.b.c.ns2.example', { memory });
      expect(neighbour.asked).to.deep.equal(['TLSA a.b.c.ns2.example']);
      expect(neighbour.budget.signatures).to.equal(1);
      expect(neighbour.verdict.steps).to.have.length(4);
    });

    it('knows an unsigned zone again', () => {
      const memory = new PlainMemory();
      judge('TLSA _xfr.plain.example', { memory });
      const again = judge('A www.plain.example', { memory });
      expect(again.result).to.equal('insecure no-ds');
      expect(again.asked).to.deep.equal(['A www.plain.example']);
    });

    it('does not use a zone whose records have run out', () => {
      const memory = new PlainMemory();
      judge('TLSA _xfr.ns2.example', { memory });
      const later = judge('TLSA _xfr.ns2.example', { memory, nowMs: startOfTimeMs + 3600_000 });
      expect(later.result).to.equal('secure signed');
      expect(later.asked).to.have.length(6);
    });

    it('remembers no failure', () => {
      const memory = new PlainMemory();
      const lie = lieAbout('DS ns2.example', stripped);
      expect(judge('TLSA _xfr.ns2.example', { memory, lie }).verdict.status).to.equal('bogus');
      expect(judge('TLSA _xfr.ns2.example', { memory }).result).to.equal('secure signed');
    });

    it('remembers a zone no longer than its DS records', () => {
      const memory = new PlainMemory();
      const lie = lieAbout('DS ns2.example', (truth) => ({
        ...truth,
        answers: truth.answers.map((record) => ({ ...record, ttl: 60 })),
      }));
      judge('TLSA _xfr.ns2.example', { memory, lie });
      expect(memory.zone(Name.parse('ns2.example'))).to.include({ expiresMs: startOfTimeMs + 60_000 });
    });

    it('uses zones no longer than the signatures above them hold [RFC4035-5.3.3]', () => {
      const nearEnd = { inception: ordinaryPeriod.inception, expiration: startOfTimeMs / 1000 + 60 };
      const short = new SignedInternet({
        '.': {},
        example: { period: nearEnd },
        'ns2.example': { records: `_xfr TLSA ${trueTlsa}` },
        'plain.ns2.example': { keys: 'unsigned' },
      });
      for (const question of [
        'A _xfr.ns2.example',
        'TLSA nowhere.ns2.example',
        'DS _xfr.ns2.example',
        'A plain.ns2.example',
      ]) {
        const memory = new PlainMemory();
        const { verdict } = runLookup(short, question, { memory });
        expect(verdict.status, question).to.be.oneOf(['secure', 'insecure']);
        expect(verdict.signedUntilMs, question).to.equal(startOfTimeMs + 60_000);
        for (const zone of ['ns2.example', ...(verdict.status === 'insecure' ? ['plain.ns2.example'] : [])]) {
          const trust = memory.zone(Name.parse(zone));
          expect(trust, zone).to.include({
            expiresMs: startOfTimeMs + 60_000,
            signedUntilMs: startOfTimeMs + 60_000,
          });
        }
      }
      const { verdict } = runLookup(short, 'TLSA _xfr.ns2.example');
      expect(verdict.status).to.equal('secure');
      expect(verdict.expiresMs).to.equal(startOfTimeMs + 60_000);
      expect(verdict.signedUntilMs).to.equal(startOfTimeMs + 60_000);
    });
  });

  describe('by what a zone is signed with', () => {
    const key13 = new SigningKey(13);

    function zoneWith(ds: readonly Buffer[], keys: readonly SigningKey[]) {
      const net = new SignedInternet({ '.': {}, z: { ds, keys, records: `_xfr TLSA ${trueTlsa}` } });
      const { verdict } = runLookup(net, 'TLSA _xfr.z');
      return `${verdict.status} ${verdict.reason}`;
    }

    const apex = Name.parse('z');
    const withField = (field: Partial<Parameters<typeof encodeDs>[0]>): Buffer =>
      encodeDs({ keyTag: key13.tag, algorithm: 13, digestType: 2, digest: Buffer.alloc(32), ...field });

    it('calls a zone insecure whose DS records have only algorithms that are not supported [RFC4035-5.2]', () => {
      expect(zoneWith([withField({ algorithm: 5 }), withField({ algorithm: 253 })], [key13])).to.equal(
        'insecure unsupported-algorithm',
      );
    });

    it('calls a zone insecure whose DS records have only digests that are not supported [RFC6840-5.2]', () => {
      expect(zoneWith([key13.ds(apex, 1), withField({ digestType: 3 })], [key13])).to.equal(
        'insecure unsupported-digest',
      );
    });

    it('wants a usable key where one DS record of several is supported [RFC6840-5.2]', () => {
      expect(zoneWith([withField({ algorithm: 5 }), key13.ds(apex)], [key13])).to.equal('secure signed');
      expect(zoneWith([withField({ algorithm: 5 }), withField({})], [key13])).to.equal('bogus ds-mismatch');
    });

    it('calls a zone bogus that has only unsupported keys where its DS record is supported', () => {
      expect(zoneWith([key13.ds(apex)], [new SigningKey(7)])).to.equal('bogus ds-mismatch');
    });

    it('takes a DS record with a SHA-384 digest', () => {
      expect(zoneWith([key13.ds(apex, 4)], [key13])).to.equal('secure signed');
    });
  });
});
