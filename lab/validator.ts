/**
 * DNSSEC validation of single RRsets: is this RRset signed by a key of its zone, and is this key the one that the
 * parent vouches for (RFC 4035 sections 5.2 and 5.3)?
 *
 * Written apart from core, as a witness: what the gate believes of the lab's resolver rests on nothing of the gate's.
 *
 * Limitations: algorithm 13 with DS digest type 2 only; a zone that has others alone is insecure, as RFC 4035
 * section 5.2 wants it. No wildcard answers: a signature with fewer labels than its owner is bogus here.
 */
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { EdeCode, RrType, rrTypeName } from '../core/dns/constants.ts';
import type { ResourceRecord } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';
import { keyTag, parseDnskey, parseDs, parseRrsig } from '../core/dns/rdata.ts';
import type { Rrsig } from '../core/dns/rdata.ts';
import { serialCompare } from '../core/dns/serial.ts';
import { signedOctets } from './canonical.ts';
import { digestSha256, dsDigest, ecdsaP256Sha256 } from './signer.ts';
import type { RrSet } from './zone.ts';

/** Records that DNSSEC says are not what their zone published; `ede` is the info-code for it (RFC 8914 section 4). */
export class BogusError extends Error {
  override readonly name = 'BogusError';
  readonly code = 'LAB_BOGUS';
  readonly ede: number;

  constructor(message: string, ede: number = EdeCode.DNSSEC_BOGUS) {
    super(message);
    this.ede = ede;
  }
}

/** The keys of a zone that validation reached. */
export interface ZoneKeys {
  readonly zone: Name;
  readonly keys: readonly ValidatingKey[];
}

interface ValidatingKey {
  readonly tag: number;
  readonly publicKey: KeyObject;
}

/** RFC 4034 section 2.1.1: bit 7, without which a key must not be used. */
const zoneKeyBit = 0x100;

/** Puts the records of a section together to RRsets, and the signatures beside those that they cover. */
export function signedRrsets(records: readonly ResourceRecord[]): { rrset: RrSet; signatures: Rrsig[] }[] {
  const signatures = records.filter(({ type }) => type === RrType.RRSIG);
  const data = records.filter(({ type }) => type !== RrType.RRSIG);
  const groups = Map.groupBy(data, ({ name, type }) => `${String(type)} ${name.key}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { name, type, ttl } = first;
    const covering = signatures
      .filter((record) => record.name.equals(name))
      .map(({ rdata }) => parseRrsig(rdata));
    return [
      {
        rrset: { name, type, ttl, rdatas: group.map(({ rdata }) => rdata) },
        signatures: covering.filter(({ typeCovered }) => typeCovered === type),
      },
    ];
  });
}

/** Returns if one signature holds (RFC 6840 section 5.4). Throws BogusError with the reason if none does. */
export function verifyRrset(
  rrset: RrSet,
  signatures: readonly Rrsig[],
  by: ZoneKeys,
  nowSeconds: number,
): void {
  const what = `${rrset.name.toString()} ${rrTypeName(rrset.type)}`;
  const usable = signatures.filter(
    ({ algorithm, signer, labels }) =>
      algorithm === ecdsaP256Sha256 && signer.equals(by.zone) && labels === rrset.name.labelCount,
  );
  if (usable.length === 0)
    throw new BogusError(`${what} has no signature of its zone`, EdeCode.RRSIGS_MISSING);
  const reasons = usable.map((signature) => flaw(rrset, signature, by.keys, nowSeconds));
  if (reasons.includes(undefined)) return;
  const expired = reasons.find((reason) => reason?.ede === EdeCode.SIGNATURE_EXPIRED);
  const { text, ede } = expired ?? reasons[0] ?? { text: 'is not signed', ede: EdeCode.RRSIGS_MISSING };
  throw new BogusError(`the signature of ${what} ${text}`, ede);
}

/**
 * The keys of a zone, from its DNSKEY RRset and the DS records that its parent has for it (RFC 4035 section 5.2);
 * undefined when none of these can be used here, so that the zone is insecure. Throws BogusError.
 */
export function verifyZoneKeys(
  zone: Name,
  ds: readonly Buffer[],
  dnskeys: { rrset: RrSet; signatures: readonly Rrsig[] } | undefined,
  nowSeconds: number,
): ZoneKeys | undefined {
  const anchors = ds
    .map((rdata) => parseDs(rdata))
    .filter(({ algorithm, digestType }) => algorithm === ecdsaP256Sha256 && digestType === digestSha256);
  if (anchors.length === 0) return undefined;
  if (dnskeys === undefined) throw new BogusError(`${zone.toString()} has no DNSKEY`, EdeCode.DNSKEY_MISSING);
  const { rrset, signatures } = dnskeys;
  const vouched = rrset.rdatas.filter((dnskey) =>
    anchors.some(
      (anchor) => anchor.keyTag === keyTag(dnskey) && anchor.digest.equals(dsDigest(zone, dnskey)),
    ),
  );
  if (vouched.length === 0) {
    throw new BogusError(`no DNSKEY of ${zone.toString()} is one that its DS names`, EdeCode.DNSKEY_MISSING);
  }
  verifyRrset(rrset, signatures, { zone, keys: vouched.flatMap(validatingKey) }, nowSeconds);
  return { zone, keys: rrset.rdatas.flatMap(validatingKey) };
}

/** What is wrong with one signature; undefined if it holds. */
function flaw(
  rrset: RrSet,
  signature: Rrsig,
  keys: readonly ValidatingKey[],
  nowSeconds: number,
): { text: string; ede: number } | undefined {
  // RFC 4034 section 3.1.5: the times are serial numbers.
  if (!(serialCompare(nowSeconds >>> 0, signature.expiration) <= 0)) {
    return { text: 'has expired', ede: EdeCode.SIGNATURE_EXPIRED };
  }
  if (!(serialCompare(nowSeconds >>> 0, signature.inception) >= 0)) {
    return { text: 'is not yet valid', ede: EdeCode.SIGNATURE_NOT_YET_VALID };
  }
  const octets = signedOctets(signature, rrset);
  const isGood = keys
    .filter(({ tag }) => tag === signature.keyTag)
    .some(({ publicKey }) =>
      verify('sha256', octets, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature.signature),
    );
  return isGood ? undefined : { text: 'does not fit its data', ede: EdeCode.DNSSEC_BOGUS };
}

function validatingKey(rdata: Buffer): ValidatingKey[] {
  const { flags, protocol, algorithm, publicKey } = parseDnskey(rdata);
  const isUsable = (flags & zoneKeyBit) !== 0 && protocol === 3 && algorithm === ecdsaP256Sha256;
  if (!isUsable || publicKey.length !== 64) return [];
  const x = publicKey.toString('base64url', 0, 32);
  const y = publicKey.toString('base64url', 32);
  const key = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } });
  return [{ tag: keyTag(rdata), publicKey: key }];
}
