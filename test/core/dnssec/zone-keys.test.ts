import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeDs, parseDs } from '../../../core/dns/rdata.ts';
import type { Ds } from '../../../core/dns/rdata.ts';
import type { TrustAnchor } from '../../../core/dnssec/anchors.ts';
import type { SignedRrset } from '../../../core/dnssec/rrset.ts';
import { keysByAnchor, keysByDs, usableDs } from '../../../core/dnssec/zone-keys.ts';
import type { KeysResult } from '../../../core/dnssec/zone-keys.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { context, example, nowSeconds, signedKeys } from './signed.ts';

const ksk = new SigningKey(13);
const zsk = new SigningKey(13, { flags: 256 });
const stranger = new SigningKey(13);

/** A DS RDATA of the zone for a key, with fields changed. */
function ds(key: SigningKey, fields: Partial<Ds> = {}, digestType = 2): Buffer {
  return encodeDs({ ...parseDs(key.ds(example, digestType)), ...fields });
}

/** The way of a delegation: choose the DS records, then go to the keys. */
function enter(
  records: readonly Buffer[],
  dnskeys: SignedRrset,
  work = context(),
): KeysResult | ReturnType<typeof usableDs> {
  const choice = usableDs(records);
  return choice.kind === 'insecure' ? choice : keysByDs(example, choice.usable, dnskeys, work);
}

const usual = signedKeys(example, [ksk.dnskey, zsk.dnskey], [ksk]);

describe('usableDs', () => {
  it('takes SHA-256 and SHA-384 [RFC4509-3] [RFC6605-2]', () => {
    for (const digestType of [2, 4]) {
      expect(usableDs([ds(ksk, {}, digestType)])).to.have.property('kind', 'usable');
    }
  });

  const unusable: [what: string, fields: Partial<Ds>[], reason: string][] = [
    ['SHA-1 only', [{ digestType: 1 }], 'unsupported-digest'],
    ['GOST and unknown digests', [{ digestType: 3 }, { digestType: 99 }], 'unsupported-digest'],
    ['unknown algorithms', [{ algorithm: 99 }, { algorithm: 253 }], 'unsupported-algorithm'],
    ['RSA/SHA-1', [{ algorithm: 5 }, { algorithm: 7 }], 'unsupported-algorithm'],
    ['DSA and RSA/MD5', [{ algorithm: 3 }, { algorithm: 1 }], 'unsupported-algorithm'],
    [
      'a known algorithm with an unknown digest, and the reverse',
      [{ digestType: 1 }, { algorithm: 5 }],
      'unsupported-digest',
    ],
  ];
  for (const [what, fields, reason] of unusable) {
    it(`calls a zone insecure, not bogus, that has ${what} [RFC4035-5.2] [RFC6840-5.2]`, () => {
      expect(usableDs(fields.map((each) => ds(ksk, each)))).to.include({ kind: 'insecure', reason });
    });
  }

  it('takes one usable record among unusable ones, whatever their order [RFC4035-5.2]', () => {
    const records = [ds(ksk, { digestType: 1 }), ds(ksk), ds(ksk, { algorithm: 99 })];
    for (const each of [records, records.toReversed()]) {
      const choice = usableDs(each);
      expect(choice).to.have.property('kind', 'usable');
      expect(choice.kind === 'usable' ? choice.usable : []).to.deep.equal([parseDs(ds(ksk))]);
    }
  });

  it('takes RSA/SHA-1 if it is asked to', () => {
    expect(usableDs([ds(ksk, { algorithm: 5 })], [5])).to.have.property('kind', 'usable');
  });
});

describe('keysByDs', () => {
  it('gives all keys of the zone, once one that a DS record names has signed them [RFC4035-5.2]', () => {
    const result = enter([ds(ksk)], usual);
    expect(result).to.include({ kind: 'secure', ttlSeconds: 3600 });
    expect(result.kind === 'secure' ? result.keys.map(({ tag }) => tag) : []).to.deep.equal([
      ksk.tag,
      zsk.tag,
    ]);
    expect(result).to.have.property('detail').that.includes(`${ksk.tag} (ECDSAP256SHA256)`);
  });

  it('needs neither the SEP bit nor a second key [RFC4034-2.1.1]', () => {
    expect(enter([ds(zsk)], signedKeys(example, [zsk.dnskey], [zsk]))).to.include({ kind: 'secure' });
  });

  for (const algorithm of [8, 10, 13, 14, 15, 16] as const) {
    it(`works with algorithm ${algorithm} and both digests`, () => {
      const key = new SigningKey(algorithm);
      for (const digestType of [2, 4]) {
        const result = enter([key.ds(example, digestType)], signedKeys(example, [key.dnskey], [key]));
        expect(result).to.include({ kind: 'secure' });
      }
    });
  }

  it('compares the owner without regard to case', () => {
    const upper = Name.parse('EXAMPLE');
    expect(keysByDs(upper, [parseDs(ds(ksk))], usual, context())).to.include({ kind: 'secure' });
  });

  const mismatches: [what: string, records: Buffer[], dnskeys: SignedRrset][] = [
    ['DS records of a key that is not there', [ds(stranger)], usual],
    ['a digest with an octet changed', [ds(ksk, { digest: flipped(parseDs(ds(ksk)).digest) })], usual],
    ['a digest cut short', [ds(ksk, { digest: parseDs(ds(ksk)).digest.subarray(0, 31) })], usual],
    [
      'a digest with octets after it',
      [ds(ksk, { digest: Buffer.concat([parseDs(ds(ksk)).digest, Buffer.alloc(16)]) })],
      usual,
    ],
    ['a SHA-256 digest called SHA-384', [ds(ksk, { digestType: 4 })], usual],
    ['another key tag', [ds(ksk, { keyTag: ksk.tag ^ 1 })], usual],
    ['another algorithm', [ds(ksk, { algorithm: 8 })], usual],
    ['the right digest for another zone', [ksk.ds(Name.parse('other'))], usual],
  ];
  for (const [what, records, dnskeys] of mismatches) {
    it(`refuses ${what} as bogus [RFC4035-5.2]`, () => {
      expect(enter(records, dnskeys)).to.include({ kind: 'bogus', reason: 'ds-mismatch' });
    });
  }

  it('takes one DS record that fits among others that do not [RFC4035-5.2]', () => {
    expect(enter([ds(stranger), ds(ksk, { digestType: 1 }), ds(ksk)], usual)).to.include({
      kind: 'secure',
    });
  });

  it('is bogus if the usable DS record does not fit, though an unusable one would [RFC4509-3]', () => {
    const sha1 = ksk.ds(example, 1);
    expect(enter([sha1], usual)).to.include({ kind: 'insecure' });
    expect(enter([sha1, ds(stranger)], usual)).to.include({ kind: 'bogus', reason: 'ds-mismatch' });
  });

  it('does not want a key of every algorithm among the DS records [RFC6840-5.11]', () => {
    const second = new SigningKey(15);
    const dnskeys = signedKeys(example, [ksk.dnskey, second.dnskey], [second]);
    expect(enter([ds(ksk), second.ds(example)], dnskeys)).to.include({ kind: 'secure' });
  });

  const unusableKeys: [what: string, key: SigningKey][] = [
    ['without the ZONE bit [RFC4034-2.1.1]', new SigningKey(13, { flags: 1 })],
    ['of another protocol than 3 [RFC4034-2.1.2]', new SigningKey(13, { protocol: 2 })],
    ['that is revoked [RFC5011-2.1]', new SigningKey(13, { flags: 257 | 0x80 })],
  ];
  for (const [what, key] of unusableKeys) {
    it(`does not use a key ${what}`, () => {
      const dnskeys = signedKeys(example, [key.dnskey], [key]);
      expect(enter([ds(key)], dnskeys)).to.include({ kind: 'bogus', reason: 'ds-mismatch' });
    });

    it(`does not give out a key ${what}`, () => {
      const dnskeys = signedKeys(example, [ksk.dnskey, key.dnskey], [ksk]);
      const result = enter([ds(ksk)], dnskeys);
      expect(result.kind === 'secure' ? result.keys.map(({ tag }) => tag) : []).to.deep.equal([ksk.tag]);
    });
  }

  it('does not give out keys of unsupported algorithms, and is not put off by them [RFC6840-5.11]', () => {
    const old = new SigningKey(5);
    const result = enter([ds(ksk)], signedKeys(example, [old.dnskey, ksk.dnskey], [ksk]));
    expect(result.kind === 'secure' ? result.keys.map(({ tag }) => tag) : []).to.deep.equal([ksk.tag]);
  });

  const unsigned: [what: string, dnskeys: SignedRrset, reason: string][] = [
    ['nobody signed', signedKeys(example, [ksk.dnskey], []), 'no-signature'],
    ['only another key signed', signedKeys(example, [ksk.dnskey, zsk.dnskey], [zsk]), 'no-signature'],
    ['a key signed that is not in it', signedKeys(example, [ksk.dnskey], [stranger]), 'no-signature'],
    [
      'the key signed in the name of the zone above',
      signedKeys(example, [ksk.dnskey], [ksk], { signer: Name.root }),
      'wrong-signer',
    ],
    [
      'the key signed until a second ago',
      signedKeys(example, [ksk.dnskey], [ksk], { expiration: nowSeconds - 1 }),
      'signature-expired',
    ],
    [
      'the key signs from the next second on',
      signedKeys(example, [ksk.dnskey], [ksk], { inception: nowSeconds + 1 }),
      'signature-not-yet-valid',
    ],
    [
      'the key signed wrongly',
      signedKeys(example, [ksk.dnskey], [ksk], { signature: Buffer.alloc(64, 1) }),
      'bad-signature',
    ],
    [
      'the key signed without this record',
      { ...signedKeys(example, [ksk.dnskey], [ksk]), rdatas: [ksk.dnskey, stranger.dnskey] },
      'bad-signature',
    ],
  ];
  for (const [what, dnskeys, reason] of unsigned) {
    it(`refuses a DNSKEY RRset that ${what} [RFC4035-5.2]`, () => {
      expect(enter([ds(ksk)], dnskeys)).to.include({ kind: 'bogus', reason });
    });
  }

  it('refuses DNSKEY records that were expanded from a wildcard', () => {
    const zone = Name.parse('a.example');
    const dnskeys = signedKeys(zone, [ksk.dnskey], [ksk], { labels: 1 });
    const result = keysByDs(zone, [parseDs(ksk.ds(zone))], dnskeys, context());
    expect(result).to.include({ kind: 'bogus', reason: 'bad-signature' });
  });

  it('refuses records of another name or type', () => {
    for (const wrong of [
      { ...usual, name: Name.parse('a.example') },
      { ...usual, type: RrType.CDNSKEY },
    ]) {
      expect(enter([ds(ksk)], wrong)).to.include({ kind: 'bogus', reason: 'no-dnskey' });
    }
  });

  describe('within its budget', () => {
    it('compares no more DS records than the limit says [RFC4035-5.4]', () => {
      const records = [...Array.from({ length: 3 }, (_, index) => ds(stranger, { keyTag: index })), ds(ksk)];
      const work = context({ 'ds-records': 3 });
      expect(enter(records, usual, work)).to.include({ kind: 'bogus', reason: 'work-limit' });
      expect(work.budget.exhausted).to.equal('ds-records');
      expect(enter(records, usual, context({ 'ds-records': 4 }))).to.include({ kind: 'secure' });
    });

    it('reads no more DNSKEY records than the limit says [RFC4035-5.4]', () => {
      const rdatas = [...Array.from({ length: 4 }, () => new SigningKey(13).dnskey), ksk.dnskey];
      const dnskeys = signedKeys(example, rdatas, [ksk]);
      const work = context({ 'dnskeys-per-zone': 4 });
      expect(enter([ds(ksk)], dnskeys, work)).to.include({ kind: 'bogus', reason: 'work-limit' });
      expect(work.budget.exhausted).to.equal('dnskeys-per-zone');
      expect(enter([ds(ksk)], dnskeys, context())).to.include({ kind: 'secure' });
    });

    it('computes no more digests for one tag than the limit says (KeyTrap) [RFC4035-5.4]', () => {
      const colliding = collisions(ksk, 20);
      const dnskeys = signedKeys(example, [...colliding, ksk.dnskey], [ksk]);
      const work = context({ 'keys-per-tag': 2 });
      expect(enter([ds(ksk)], dnskeys, work)).to.include({ kind: 'bogus', reason: 'work-limit' });
      expect(work.budget.exhausted).to.equal('keys-per-tag');
      const few = signedKeys(example, [...colliding.slice(0, 1), ksk.dnskey], [ksk]);
      expect(enter([ds(ksk)], few, context({ 'keys-per-tag': 2 }))).to.include({ kind: 'secure' });
    });
  });
});

describe('keysByAnchor', () => {
  const anchor = (fields: Partial<TrustAnchor>): TrustAnchor => ({
    zone: example,
    ds: [],
    dnskeys: [],
    ...fields,
  });

  it('begins at DS records and at keys [RFC4035-5]', () => {
    for (const each of [
      anchor({ ds: [ds(ksk)] }),
      anchor({ dnskeys: [ksk.dnskey] }),
      anchor({ ds: [ds(stranger)], dnskeys: [ksk.dnskey] }),
      anchor({ ds: [ds(ksk)], dnskeys: [stranger.dnskey] }),
      anchor({ ds: [ds(ksk, { digestType: 1 })], dnskeys: [ksk.dnskey] }),
    ]) {
      const result = keysByAnchor(each, usual, context());
      expect(result).to.include({ kind: 'secure' });
      expect(result.detail).to.include('trust anchor');
    }
  });

  it('refuses keys that it does not name', () => {
    for (const each of [anchor({ ds: [ds(stranger)] }), anchor({ dnskeys: [stranger.dnskey] })]) {
      expect(keysByAnchor(each, usual, context())).to.include({ kind: 'bogus', reason: 'ds-mismatch' });
    }
  });

  it('refuses its own key once that is revoked [RFC5011-2.1]', () => {
    const revoked = new SigningKey(13, { flags: 257 | 0x80 });
    const dnskeys = signedKeys(example, [revoked.dnskey], [revoked]);
    for (const each of [anchor({ ds: [ds(revoked)] }), anchor({ dnskeys: [revoked.dnskey] })]) {
      expect(keysByAnchor(each, dnskeys, context())).to.include({ kind: 'bogus', reason: 'ds-mismatch' });
    }
  });

  it('is insecure if it has unsupported algorithms or digests only [RFC4035-5.2]', () => {
    const old = new SigningKey(5);
    const cases: [TrustAnchor, string][] = [
      [anchor({ ds: [ds(ksk, { digestType: 1 })] }), 'unsupported-digest'],
      [anchor({ ds: [ds(ksk, { algorithm: 5 })] }), 'unsupported-algorithm'],
      [anchor({ dnskeys: [old.dnskey] }), 'unsupported-algorithm'],
    ];
    for (const [each, reason] of cases) {
      expect(keysByAnchor(each, usual, context())).to.include({ kind: 'insecure', reason });
    }
  });
});

/** DNSKEY RDATAs of other keys with the key tag of this one. */
function collisions(key: SigningKey, count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const rdata = Buffer.from(key.dnskey);
    // The tag is a sum of 16-bit words (RFC 4034 appendix B), which may change places.
    const [one, two] = [4, 6 + 2 * index];
    rdata.writeUInt16BE(key.dnskey.readUInt16BE(two), one);
    rdata.writeUInt16BE(key.dnskey.readUInt16BE(one), two);
    return rdata;
  });
}

function flipped(octets: Buffer): Buffer {
  const changed = Buffer.from(octets);
  changed[7]! ^= 1;
  return changed;
}
