/**
 * Keys that sign zones in tests, of every algorithm that a validator meets, and the signatures they make.
 *
 * It shares nothing with core/dnssec, which it is a witness against: what is signed comes from lab/canonical.ts.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import type { ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeDnskey, encodeDs, encodeRrsig, keyTag, parseDnskey } from '../../core/dns/rdata.ts';
import type { Rrsig } from '../../core/dns/rdata.ts';
import { signedOctets } from '../../lab/canonical.ts';
import type { RrSet } from '../../lab/zone.ts';

/** Numbers of IANA's "DNS Security Algorithm Numbers" that can be signed with. */
export type SigningAlgorithm = 5 | 7 | 8 | 10 | 13 | 14 | 15 | 16;

interface Method {
  readonly digest: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null;
  readonly make: (bits: number) => { privateKey: KeyObject; publicKey: KeyObject };
  /** What stands in the DNSKEY. */
  readonly encode: (jwk: webcrypto.JsonWebKey) => Buffer;
}

const decode = (value = ''): Buffer => Buffer.from(value, 'base64url');
const rsa = (digest: Method['digest']): Method => ({
  digest,
  make: (bits) => generateKeyPairSync('rsa', { modulusLength: bits }),
  // RFC 3110 section 2: the length of the exponent, the exponent, the modulus.
  encode: ({ e, n }) => Buffer.concat([Buffer.from([decode(e).length]), decode(e), decode(n)]),
});
const methods: Readonly<Record<SigningAlgorithm, Method>> = {
  5: rsa('sha1'),
  7: rsa('sha1'),
  8: rsa('sha256'),
  10: rsa('sha512'),
  13: {
    digest: 'sha256',
    make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    encode: ({ x, y }) => Buffer.concat([decode(x), decode(y)]),
  },
  14: {
    digest: 'sha384',
    make: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    encode: ({ x, y }) => Buffer.concat([decode(x), decode(y)]),
  },
  15: { digest: null, make: () => generateKeyPairSync('ed25519'), encode: ({ x }) => decode(x) },
  16: { digest: null, make: () => generateKeyPairSync('ed448'), encode: ({ x }) => decode(x) },
};

const digestNames: Readonly<Record<number, string>> = { 1: 'sha1', 2: 'sha256', 4: 'sha384' };

/** A key made at run time; 257 is a zone key that is also the secure entry point. */
export class SigningKey {
  readonly algorithm: SigningAlgorithm;
  /** RDATA of the DNSKEY record. */
  readonly dnskey: Buffer;
  readonly tag: number;
  readonly #privateKey: KeyObject;

  constructor(algorithm: SigningAlgorithm, { flags = 257, bits = 1024, protocol = 3 } = {}) {
    const method = methods[algorithm];
    const { privateKey, publicKey } = method.make(bits);
    this.algorithm = algorithm;
    this.#privateKey = privateKey;
    this.dnskey = encodeDnskey({
      flags,
      protocol,
      algorithm,
      publicKey: method.encode(publicKey.export({ format: 'jwk' })),
    });
    this.tag = keyTag(this.dnskey);
  }

  /** RDATA of a DS record for the key at an apex; digest type 1, 2 or 4. */
  ds(apex: Name, digestType = 2): Buffer {
    return dsOf(apex, this.dnskey, digestType);
  }

  signature(octets: Buffer): Buffer {
    return sign(methods[this.algorithm].digest, octets, {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    });
  }
}

/** RDATA of a DS record for a DNSKEY RDATA at an apex (RFC 4034 section 5.1.4). */
export function dsOf(apex: Name, dnskey: Buffer, digestType = 2): Buffer {
  const digest = createHash(digestNames[digestType] ?? '')
    .update(apex.canonicalWire())
    .update(dnskey)
    .digest();
  return encodeDs({ keyTag: keyTag(dnskey), algorithm: parseDnskey(dnskey).algorithm, digestType, digest });
}

/** Seconds since the epoch. */
export interface SigningPeriod {
  readonly inception: number;
  readonly expiration: number;
}

/** Who signs and for how long; the other fields of the RRSIG are what they should be, unless they are given. */
export interface SignatureOptions extends SigningPeriod, Partial<Omit<Rrsig, keyof SigningPeriod>> {
  readonly signer: Name;
}

/**
 * The RRSIG record over an RRset. With `labels` less than the owner has, it is the signature that a wildcard's RRset
 * comes with when it is expanded to the owner (RFC 4035 section 5.3.2).
 */
export function signRrset(rrset: RrSet, key: SigningKey, options: SignatureOptions): ResourceRecord {
  const { name, type, ttl } = rrset;
  const fields: Omit<Rrsig, 'signature'> = {
    typeCovered: type,
    algorithm: key.algorithm,
    labels: ownLabels(name),
    originalTtl: ttl,
    keyTag: key.tag,
    ...options,
  };
  const owner = fields.labels < ownLabels(name) ? wildcardAt(name, fields.labels) : name;
  const octets = signedOctets(fields, { ...rrset, name: owner });
  const signature = options.signature ?? key.signature(octets);
  return { name, type: RrType.RRSIG, class: RrClass.IN, ttl, rdata: encodeRrsig({ ...fields, signature }) };
}

/** RFC 4034 section 3.1.3: the root and a leading asterisk are not counted. */
function ownLabels(name: Name): number {
  return name.labels()[0]?.equals(Buffer.from('*')) === true ? name.labelCount - 1 : name.labelCount;
}

function wildcardAt(name: Name, labels: number): Name {
  return Name.fromLabels([Buffer.from('*'), ...(labels === 0 ? [] : name.labels().slice(-labels))]);
}
