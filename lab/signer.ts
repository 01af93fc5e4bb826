/**
 * Signing the RRsets of a zone (RFC 4034, RFC 4035 section 2) with ECDSA P-256 and SHA-256 (RFC 6605).
 *
 * One key a zone: it is the secure entry point and it signs everything.
 *
 * Limitations: no other algorithm, no key rollover.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { RrType } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import { encodeDnskey, encodeDs, encodeRrsig, keyTag } from '../core/dns/rdata.ts';
import { signedOctets } from './canonical.ts';
import type { RrSet } from './zone.ts';

/** ECDSA Curve P-256 with SHA-256 (RFC 6605 section 4). */
export const ecdsaP256Sha256 = 13;
/** DS digest SHA-256 (RFC 4509). */
export const digestSha256 = 2;
/** Zone key and secure entry point (RFC 4034 section 2.1.1). */
const zoneKeyFlags = 257;

/** When a signature holds, in seconds since the epoch (RFC 4034 section 3.1.5). */
export interface SignaturePeriod {
  readonly inception: number;
  readonly expiration: number;
}

/** The key of one zone. */
export class ZoneKey {
  readonly apex: Name;
  /** RDATA of the DNSKEY record. */
  readonly dnskey: Buffer;
  readonly keyTag: number;
  readonly #privateKey: KeyObject;

  constructor(apex: Name) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    this.apex = apex;
    this.#privateKey = privateKey;
    this.dnskey = encodeDnskey({
      flags: zoneKeyFlags,
      protocol: 3,
      algorithm: ecdsaP256Sha256,
      // RFC 6605 section 4: the two coordinates, without the octet that says "uncompressed".
      publicKey: Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]),
    });
    this.keyTag = keyTag(this.dnskey);
  }

  /** RDATA of the DS record that the parent publishes. */
  get ds(): Buffer {
    return encodeDs({
      keyTag: this.keyTag,
      algorithm: ecdsaP256Sha256,
      digestType: digestSha256,
      digest: dsDigest(this.apex, this.dnskey),
    });
  }

  /** The RRSIG RRset over an RRset of the zone. */
  sign(rrset: RrSet, { inception, expiration }: SignaturePeriod): RrSet {
    const fields = {
      typeCovered: rrset.type,
      algorithm: ecdsaP256Sha256,
      labels: rrset.name.labelCount,
      originalTtl: rrset.ttl,
      expiration,
      inception,
      keyTag: this.keyTag,
      signer: this.apex,
    };
    const octets = signedOctets(fields, rrset);
    const signature = sign('sha256', octets, { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    return { ...rrset, type: RrType.RRSIG, rdatas: [encodeRrsig({ ...fields, signature })] };
  }
}

/** SHA-256 over owner name and DNSKEY RDATA (RFC 4034 section 5.1.4, RFC 4509). */
export function dsDigest(owner: Name, dnskey: Buffer): Buffer {
  return createHash('sha256').update(owner.canonicalWire()).update(dnskey).digest();
}
