import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import type { ValidationLimitName } from '../../../core/dnssec/budget.ts';
import type { SignedRrset } from '../../../core/dnssec/rrset.ts';
import { verifyRrset } from '../../../core/dnssec/signature.ts';
import type { SignatureFault, Verified, WorkContext, ZoneKey } from '../../../core/dnssec/signature.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { context, example, nowSeconds, period, signed, zoneKey } from './signed.ts';

const key = new SigningKey(13);
const other = new SigningKey(13);
const address = 'a.example. 3600 IN A 192.0.2.1';

interface Circumstances {
  readonly keys?: readonly ZoneKey[];
  readonly work?: WorkContext;
  readonly nowMs?: number;
}

function verify(
  rrset: SignedRrset,
  { keys = [zoneKey(key)], work = context(), nowMs }: Circumstances = {},
): Verified | SignatureFault {
  return verifyRrset(rrset, example, keys, { ...work, nowMs: nowMs ?? work.nowMs });
}

/** Keys that all have the tag of the first, as KeyTrap wants them; only the first is real. */
function sameTag(real: ZoneKey, count: number): ZoneKey[] {
  const fakes = Array.from({ length: count - 1 }, () => zoneKey(new SigningKey(13)));
  return [...fakes.map((fake) => ({ ...fake, tag: real.tag })), real];
}

describe('verifyRrset', () => {
  it('accepts an RRset that a key of its zone signed [RFC4035-5.3]', () => {
    const result = verify(signed(address, [key], { signer: example }));
    expect(result).to.deep.include({ ok: true, by: { tag: key.tag, algorithm: 13 } });
    expect(result).to.not.have.property('expansionOf');
  });

  for (const algorithm of [8, 10, 13, 14, 15, 16] as const) {
    it(`accepts a signature of algorithm ${algorithm} over several records in any order and case`, () => {
      const signer = new SigningKey(algorithm);
      const lines = 'A.example. 60 IN MX 10 B.example.\na.EXAMPLE. 60 IN MX 5 c.Example.';
      const rrset = signed(lines, [signer], { signer: example });
      const turned = { ...rrset, rdatas: rrset.rdatas.toReversed(), name: Name.parse('a.eXample') };
      for (const each of [rrset, turned]) {
        expect(verify(each, { keys: [zoneKey(signer)] })).to.include({ ok: true });
      }
    });
  }

  describe('refuses', () => {
    const faults: [what: string, rrset: () => SignedRrset, reason: string][] = [
      ['an RRset without a signature', () => signed(address, [], { signer: example }), 'no-signature'],
      [
        'a signature in the name of another zone',
        () => signed(address, [key], { signer: Name.parse('other') }),
        'wrong-signer',
      ],
      [
        'a signature in the name of the zone above',
        () => signed(address, [key], { signer: Name.root }),
        'wrong-signer',
      ],
      [
        'a signature in the name of a zone below',
        () => signed(address, [key], { signer: Name.parse('a.example') }),
        'wrong-signer',
      ],
      [
        'records of a name that is not in the zone',
        () => signed('a.other. 3600 IN A 192.0.2.1', [key], { signer: example }),
        'wrong-signer',
      ],
      ['a signature by no key of the zone', () => signed(address, [other], { signer: example }), 'no-key'],
      [
        'a signature that says another algorithm than the key has',
        () => signed(address, [key], { signer: example, algorithm: 8 }),
        'no-key',
      ],
      [
        'more labels than the owner has',
        () => signed(address, [key], { signer: example, labels: 3 }),
        'bad-signature',
      ],
      [
        'more labels than a wildcard has without its asterisk',
        () => signed('*.example. 3600 IN A 192.0.2.1', [key], { signer: example, labels: 2 }),
        'bad-signature',
      ],
      [
        'fewer labels than the zone has',
        () => signed(address, [key], { signer: example, labels: 0 }),
        'bad-signature',
      ],
    ];
    for (const [what, rrset, reason] of faults) {
      it(`${what} [RFC4035-5.3.1]`, () => {
        expect(verify(rrset())).to.include({ ok: false, reason });
      });
    }

    it('a signature that covers another type [RFC4035-5.3.1]', () => {
      const rrset = signed(address, [key], { signer: example });
      const signatures = rrset.signatures.map((each) => ({ ...each, typeCovered: RrType.AAAA }));
      const work = context();
      expect(verify({ ...rrset, signatures }, { work })).to.include({ ok: false, reason: 'bad-signature' });
      expect(work.budget.signatures).to.equal(0);
    });

    it('records with one more, one fewer or another record [RFC4035-5.3.3]', () => {
      const rrset = signed(`${address}\na.example. 3600 IN A 192.0.2.2`, [key], { signer: example });
      const [first, second] = rrset.rdatas;
      const wrong = [
        [first!],
        [first!, second!, Buffer.from([192, 0, 2, 3])],
        [first!, Buffer.from([192, 0, 2, 3])],
        [],
      ];
      for (const rdatas of wrong) {
        expect(verify({ ...rrset, rdatas })).to.include({ ok: false, reason: 'bad-signature' });
      }
    });

    it('records that another owner, type or original TTL was signed for', () => {
      const rrset = signed(address, [key], { signer: example });
      const [rrsig] = rrset.signatures;
      const wrong: SignedRrset[] = [
        { ...rrset, name: Name.parse('b.example') },
        { ...rrset, type: 65280, signatures: [{ ...rrsig!, typeCovered: 65280 }] },
        { ...rrset, signatures: [{ ...rrsig!, originalTtl: 7200 }] },
        { ...rrset, signatures: [{ ...rrsig!, expiration: rrsig!.expiration + 1 }] },
      ];
      for (const each of wrong) {
        expect(verify(each)).to.include({ ok: false, reason: 'bad-signature' });
      }
    });

    it('signatures by a key that cannot be used, without counting it as forged', () => {
      const work = context();
      const rrset = signed(address, [key], { signer: example });
      const broken = { ...zoneKey(key), dnskey: { ...zoneKey(key).dnskey, publicKey: Buffer.alloc(64) } };
      expect(verify(rrset, { keys: [broken], work })).to.include({ ok: false, reason: 'no-key' });
    });
  });

  describe('at the ends of a signature', () => {
    const inception = nowSeconds;
    const expiration = nowSeconds + 3600;
    const rrset = signed(address, [key], { signer: example, inception, expiration });
    const cases: [what: string, nowMs: number, reason: string | undefined][] = [
      ['one second before it is valid', (inception - 1) * 1000, 'signature-not-yet-valid'],
      ['a millisecond before it is valid', inception * 1000 - 1, 'signature-not-yet-valid'],
      ['when it becomes valid', inception * 1000, undefined],
      ['when it expires', expiration * 1000, undefined],
      ['a millisecond after it expired', expiration * 1000 + 1, 'signature-expired'],
      ['one second after it expired', (expiration + 1) * 1000, 'signature-expired'],
    ];
    for (const [what, nowMs, reason] of cases) {
      it(`${reason === undefined ? 'accepts' : 'refuses'} it ${what} [RFC4035-5.3.1]`, () => {
        const result = verify(rrset, { nowMs });
        expect(result.ok).to.equal(reason === undefined);
        expect(result.ok ? undefined : result.reason).to.equal(reason);
      });
    }

    it('says when it ended, or begins', () => {
      const late = verify(rrset, { nowMs: (expiration + 1) * 1000 });
      expect(late).to.have.property('detail').that.includes('a.example A expired 2026-06-01T01:00:00Z');
      const early = verify(rrset, { nowMs: (inception - 1) * 1000 });
      expect(early).to.have.property('detail').that.includes('valid only from 2026-06-01T00:00:00Z');
    });

    it('accepts one that begins and ends in the same second, in this second', () => {
      const short = signed(address, [key], { signer: example, inception, expiration: inception });
      expect(verify(short, { nowMs: inception * 1000 })).to.include({ ok: true, ttlSeconds: 0 });
      expect(verify(short, { nowMs: inception * 1000 + 1 })).to.include({ ok: false });
    });
  });

  describe('compares times as serial numbers', () => {
    const wrap = 2 ** 32;
    const serial = (seconds: number): number => seconds % wrap;
    const around2106: [what: string, from: number, until: number, now: number, ok: boolean][] = [
      ['ends after 2106, before it', wrap - 100, wrap + 100, wrap - 1, true],
      ['ends after 2106, after it', wrap - 100, wrap + 100, wrap + 1, true],
      ['ended after 2106', wrap - 100, wrap + 100, wrap + 101, false],
      ['begins after 2106', wrap + 100, wrap + 200, wrap - 100, false],
      ['is whole after 2106', wrap + 100, wrap + 200, wrap + 150, true],
    ];
    for (const [what, from, until, now, ok] of around2106) {
      it(`where it ${what} [RFC4034-3.1.5]`, () => {
        const times = { inception: serial(from), expiration: serial(until) };
        const result = verify(signed(address, [key], { signer: example, ...times }), { nowMs: now * 1000 });
        expect(result.ok).to.equal(ok);
        if (result.ok) expect(result.signedUntilMs).to.equal(until * 1000);
      });
    }

    const far: [what: string, inception: number, expiration: number][] = [
      ['an end 2^31 seconds from now', nowSeconds, serial(nowSeconds + 2 ** 31)],
      ['a beginning 2^31 seconds ago', serial(nowSeconds + 2 ** 31), nowSeconds],
      ['an end before its beginning', nowSeconds + 10, nowSeconds - 10],
      ['ends 2^31 seconds apart', nowSeconds - 2 ** 30, nowSeconds + 2 ** 30],
      ['ends 2^32 - 2 seconds apart', serial(nowSeconds + 2 ** 31 + 1), nowSeconds + 2 ** 31 - 1],
    ];
    for (const [what, inception, expiration] of far) {
      it(`and refuses ${what} [RFC4034-3.1.5]`, () => {
        const rrset = signed(address, [key], { signer: example, inception, expiration });
        expect(verify(rrset)).to.include({ ok: false });
      });
    }
  });

  describe('says how long it may be kept', () => {
    const ttlOf = (ttl: number, originalTtl: number, left: number): number => {
      const expiration = nowSeconds + left;
      const text = `a.example. ${ttl} IN A 192.0.2.1`;
      const result = verify(signed(text, [key], { signer: example, originalTtl, expiration }));
      expect(result.ok).to.be.true;
      return result.ok ? result.ttlSeconds : NaN;
    };

    it('not longer than TTL, original TTL and signature say [RFC4035-5.3.3]', () => {
      expect(ttlOf(100, 3600, 1000)).to.equal(100);
      expect(ttlOf(3600, 200, 1000)).to.equal(200);
      expect(ttlOf(3600, 3600, 30)).to.equal(30);
    });

    it('in whole seconds that are over before the signature is', () => {
      const rrset = signed(address, [key], { signer: example, expiration: nowSeconds + 10 });
      const result = verify(rrset, { nowMs: nowSeconds * 1000 + 1 });
      expect(result).to.include({ ttlSeconds: 9, signedUntilMs: (nowSeconds + 10) * 1000 });
    });
  });

  describe('with wildcards', () => {
    const expanded = (labels: number): SignedRrset =>
      signed('a.b.c.example. 60 IN A 192.0.2.1', [key], { signer: example, labels });

    it('says from which one the RRset was expanded [RFC4035-5.3.2]', () => {
      for (const [labels, source] of [
        [3, '*.b.c.example'],
        [1, '*.example'],
      ] as const) {
        const result = verify(expanded(labels));
        expect(result).to.include({ ok: true });
        expect(result.ok ? String(result.expansionOf) : undefined).to.equal(source);
      }
      expect(verify(expanded(4))).to.not.have.property('expansionOf');
    });

    it('accepts a wildcard asked for by its own name as itself [RFC4034-3.1.3]', () => {
      const result = verify(signed('*.example. 60 IN A 192.0.2.1', [key], { signer: example }));
      expect(result).to.include({ ok: true });
      expect(result).to.not.have.property('expansionOf');
    });

    it('refuses a wildcard signature under other labels than it was made for', () => {
      const rrset = expanded(2);
      for (const labels of [1, 3, 4]) {
        const signatures = rrset.signatures.map((each) => ({ ...each, labels }));
        expect(verify({ ...rrset, signatures })).to.include({ ok: false, reason: 'bad-signature' });
      }
    });
  });

  describe('with several signatures', () => {
    it('needs one that is good, first or last [RFC6840-5.4]', () => {
      const [good] = signed(address, [key], { signer: example }).signatures;
      const rrset = signed(address, [other, key], { signer: example });
      const expired = { ...good!, expiration: nowSeconds - 1 };
      const forged = { ...good!, signature: Buffer.alloc(64, 1) };
      for (const signatures of [[expired, good!], [good!, expired], [forged, good!], rrset.signatures]) {
        expect(verify({ ...rrset, signatures })).to.include({ ok: true });
      }
    });

    it('does not want every algorithm of the zone to have signed [RFC6840-5.11]', () => {
      const second = new SigningKey(15);
      const keys = [zoneKey(key), zoneKey(second)];
      for (const signer of [key, second]) {
        expect(verify(signed(address, [signer], { signer: example }), { keys })).to.include({ ok: true });
      }
    });

    it('gives the reason of the one that came nearest', () => {
      const rrset = signed(address, [key], { signer: example });
      const [good] = rrset.signatures;
      const stranger = { ...good!, signer: Name.parse('other') };
      const unknown = { ...good!, keyTag: good!.keyTag ^ 1 };
      const early = { ...good!, inception: nowSeconds + 1 };
      const late = { ...good!, expiration: nowSeconds - 1 };
      const forged = { ...good!, signature: Buffer.alloc(64, 1) };
      const all = [stranger, unknown, early, late, forged];
      const reasons = [
        'wrong-signer',
        'no-key',
        'signature-not-yet-valid',
        'signature-expired',
        'bad-signature',
      ];
      for (const [index, reason] of reasons.entries()) {
        for (const signatures of [all.slice(0, index + 1), all.slice(0, index + 1).reverse()]) {
          expect(verify({ ...rrset, signatures })).to.include({ ok: false, reason });
        }
      }
    });
  });

  describe('within its budget', () => {
    const forgedSet = (count: number): SignedRrset => {
      const rrset = signed(address, [key], { signer: example });
      const [good] = rrset.signatures;
      const forged = Array.from({ length: count }, (_, index) => ({
        ...good!,
        signature: Buffer.alloc(64, index + 1),
      }));
      return { ...rrset, signatures: [...forged, good!] };
    };

    const limited = (limits: Partial<Record<ValidationLimitName, number>>): { work: WorkContext } => ({
      work: context(limits),
    });

    it('tries no more keys of one tag than the limit says (KeyTrap) [RFC4035-5.4]', () => {
      const rrset = signed(address, [key], { signer: example });
      const few = limited({ 'keys-per-tag': 2 });
      expect(verify(rrset, { ...few, keys: sameTag(zoneKey(key), 2) })).to.include({ ok: true });
      const many = limited({ 'keys-per-tag': 2 });
      const result = verify(rrset, { ...many, keys: sameTag(zoneKey(key), 50) });
      expect(result).to.include({ ok: false, reason: 'work-limit' });
      expect(result).to.have.property('detail').that.includes('keys-per-tag');
      expect(many.work.budget.signatures).to.equal(2);
      expect(many.work.budget.exhausted).to.equal('keys-per-tag');
    });

    it('stops when so many signatures were wrong, also of several RRsets (KeyTrap) [RFC4035-5.4]', () => {
      const enough = limited({ 'failed-signatures': 4 });
      expect(verify(forgedSet(3), enough)).to.include({ ok: true });
      expect(verify(forgedSet(1), enough)).to.include({ ok: false, reason: 'work-limit' });
      expect(enough.work.budget.exhausted).to.equal('failed-signatures');
      expect(enough.work.budget.signatures).to.equal(5);
    });

    it('makes no more public-key operations than the limit says', () => {
      const budget = limited({ signatures: 2 });
      const rrset = signed(address, [key], { signer: example });
      expect(verify(rrset, budget)).to.include({ ok: true });
      expect(verify(rrset, budget)).to.include({ ok: true });
      expect(verify(rrset, budget)).to.include({ ok: false, reason: 'work-limit' });
    });

    it('looks at no more signatures of an RRset than the limit says', () => {
      const result = verify(forgedSet(3), limited({ 'signatures-per-rrset': 3, 'failed-signatures': 100 }));
      expect(result).to.include({ ok: false, reason: 'work-limit' });
      expect(result).to.have.property('detail').that.includes('signatures-per-rrset');
      expect(verify(forgedSet(2), limited({ 'signatures-per-rrset': 3 }))).to.include({ ok: true });
    });

    it('brings no more octets into canonical form than the limit says', () => {
      const lines = Array.from({ length: 250 }, (_, index) => `a.example. 60 IN A 192.0.2.${index}`);
      const rrset = signed(lines.join('\n'), [key], { signer: example });
      const { work } = limited({ 'signed-octets': 10_000 });
      expect(verify(rrset, { work })).to.include({ ok: true });
      expect(verify(rrset, { work })).to.include({ ok: false, reason: 'work-limit' });
      expect(work.budget.exhausted).to.equal('signed-octets');
    });

    it('makes no public-key operation for a signature that fails for another reason', () => {
      const { work } = limited({ signatures: 0 });
      const late = signed(address, [key], { signer: example, ...period, expiration: nowSeconds - 1 });
      expect(verify(late, { work })).to.include({ reason: 'signature-expired' });
      const unknown = signed(address, [other], { signer: example });
      expect(verify(unknown, { work })).to.include({ reason: 'no-key' });
      const tooMany = signed(address, [key], { signer: example, labels: 5 });
      expect(verify(tooMany, { work })).to.include({ reason: 'bad-signature' });
      expect(work.budget.exhausted).to.equal(undefined);
    });
  });
});
