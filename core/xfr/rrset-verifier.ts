/**
 * Signatures of RRsets at rest in their zone (RFC 4035 sections 2.2 and 5.3.1), many of them: the public-key operations are made on
 * the threads of Node's pool, and the event loop goes on meanwhile.
 *
 * It is stricter than the validation of an answer (core/dnssec/signature.ts): the TTL must be the signed one, and nothing is
 * expanded from a wildcard. Limitations: that the TTL of an RRSIG record is that of its RRset (section 2.2) is not asked.
 */
import { verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { DnssecAlgorithm, dnssecAlgorithmName, rrTypeName } from '../dns/constants.ts';
import { Name } from '../dns/name.ts';
import { parseOrNothing, parseRrsig } from '../dns/rdata.ts';
import type { Rrsig } from '../dns/rdata.ts';
import { serialCompare } from '../dns/serial.ts';
import { isSupportedAlgorithm, prepareKey } from '../dnssec/algorithms.ts';
import { isWildcard } from '../dnssec/canonical.ts';
import type { ZoneKey } from '../dnssec/signature.ts';
import type { CanonicalZone } from './canonical-zone.ts';

/** What becomes wrong with a version, in words for the operator; undefined if nothing. */
export type Fault = string | undefined;

/** An RRset and its signatures, as indexes of records of a canonical zone. */
export interface PlacedRrset {
  readonly first: number;
  readonly end: number;
  readonly signatures: readonly number[];
}

/** Operations at once: the pool has four threads unless told otherwise, and files need one. */
const operationsAtOnce = 3;
/** RRSIG records of one RRset that are looked at; in a key rollover there are two to four. */
const signaturesPerRrset = 8;
/** Keys of one tag and algorithm that are tried for one signature (KeyTrap, CVE-2023-50387). */
const keysPerTag = 2;
/** Signatures that may prove wrong in one zone, beside good ones over the same records. */
const maximumWrong = 1000;
/** More do not fit in any answer. */
const maximumSignedOctets = 1 << 21;
/** Of an RRSIG, what comes before the signer. */
const fixedOctets = 18;

const { RSASHA256, RSASHA512, ECDSAP256SHA256, ECDSAP384SHA384, ED25519, ED448 } = DnssecAlgorithm;
/** What verifying takes by algorithm: the hash (null where the algorithm hashes by itself), and octets of a signature. */
const methods: ReadonlyMap<number, { readonly hash: string | null; readonly octets?: number }> = new Map([
  [RSASHA256, { hash: 'sha256' }],
  [RSASHA512, { hash: 'sha512' }],
  [ECDSAP256SHA256, { hash: 'sha256', octets: 64 }],
  [ECDSAP384SHA384, { hash: 'sha384', octets: 96 }],
  [ED25519, { hash: null, octets: 64 }],
  [ED448, { hash: null, octets: 114 }],
]);

/** Verifies the RRsets of one zone; after the first fault it does nothing more. */
export class RrsetVerifier {
  /** Of the RRset that was found wrong first. */
  fault: Fault;
  readonly #zone: CanonicalZone;
  readonly #signer: Buffer;
  readonly #keys = new Map<number, ZoneKey[]>();
  readonly #nowMs: number;
  #underWay = 0;
  #wrong = 0;
  /** Resolved when an operation ends. */
  #ended = Promise.withResolvers<undefined>();

  constructor(zone: CanonicalZone, keys: readonly ZoneKey[], nowMs: number) {
    this.#zone = zone;
    this.#signer = zone.zone.canonicalWire();
    this.#nowMs = nowMs;
    for (const key of keys) {
      const id = keyId(key.tag, key.dnskey.algorithm);
      const others = this.#keys.get(id);
      if (others === undefined) this.#keys.set(id, [key]);
      else if (others.length < keysPerTag) others.push(key);
    }
  }

  /** Begins with an RRset, once there is room for it among those under way. */
  async check(rrset: PlacedRrset): Promise<void> {
    while (this.#underWay >= operationsAtOnce) await this.#ended.promise;
    if (this.fault !== undefined) return;
    this.#underWay += 1;
    // What cannot be verified counts as wrong, whatever the reason.
    const unable = (error: unknown): Fault => `${this.#describe(rrset)} cannot be verified: ${String(error)}`;
    void this.#verify(rrset)
      .catch(unable)
      .then((fault) => {
        this.fault ??= fault;
        this.#underWay -= 1;
        this.#ended.resolve(undefined);
        this.#ended = Promise.withResolvers();
      });
  }

  /** Resolves when nothing is under way. */
  async finish(): Promise<Fault> {
    while (this.#underWay > 0) await this.#ended.promise;
    return this.fault;
  }

  /** Resolves with the fault; never rejects. */
  async #verify(rrset: PlacedRrset): Promise<Fault> {
    const what = this.#describe(rrset);
    if (rrset.signatures.length === 0) return `${what} has no signature: sign the zone again`;
    let fault: Fault;
    for (const index of rrset.signatures.slice(0, signaturesPerRrset)) {
      const rdata = this.#zone.rdata(index);
      const rrsig = parseOrNothing(rdata, parseRrsig);
      const judged =
        rrsig === undefined ? `${what} has a malformed signature` : this.#judge(rrset, rrsig, what);
      if (typeof judged === 'string') {
        fault ??= judged;
        continue;
      }
      const signed = this.#signedOctets(rrset, rdata);
      if (signed === undefined) return `${what} has more octets than any answer has room for`;
      for (const { dnskey } of judged.keys) {
        const key = prepareKey(dnskey);
        if (key !== undefined && (await verifyAside(judged.rrsig, key, signed))) return undefined;
        this.#wrong += 1;
        if (this.#wrong > maximumWrong)
          return `${this.#zone.zone.toString()} has more than ${maximumWrong} wrong signatures`;
      }
      // It came nearer to a good one than those that were not tried.
      fault = `the signature of ${what} by key ${describeKey(judged.rrsig)} is wrong: records were changed after they were signed`;
    }
    return fault;
  }

  /** What can be asked of a signature without a public-key operation; the keys that may have made it. */
  #judge(
    rrset: PlacedRrset,
    rrsig: Rrsig,
    what: string,
  ): { rrsig: Rrsig; keys: readonly ZoneKey[] } | string {
    const { zone } = this.#zone;
    const owner = this.#owner(rrset);
    if (!rrsig.signer.canonicalWire().equals(this.#signer)) {
      return `${what} is signed by ${rrsig.signer.toString()}, not by ${zone.toString()}`;
    }
    // RFC 4034 section 3.1.3: without the root and a leading `*`.
    if (rrsig.labels !== owner.labelCount - (isWildcard(owner) ? 1 : 0)) {
      return `the signature of ${what} is for a name of ${rrsig.labels} labels`;
    }
    for (let record = rrset.first; record < rrset.end; record += 1) {
      if (this.#zone.ttl(record) !== rrsig.originalTtl) {
        return `${what} has TTL ${this.#zone.ttl(record)}, its signature is for ${rrsig.originalTtl}`;
      }
    }
    const nowSeconds = Math.floor(this.#nowMs / 1000) >>> 0;
    // RFC 4035 section 5.3.1, by the serial arithmetic of RFC 4034 section 3.1.5.
    if (!(serialCompare(nowSeconds, rrsig.expiration) <= 0)) {
      return `the signature of ${what} expired at ${describeTime(rrsig.expiration, nowSeconds)}: sign the zone again`;
    }
    if (!(serialCompare(rrsig.inception, nowSeconds) <= 0)) {
      return `the signature of ${what} is valid only from ${describeTime(rrsig.inception, nowSeconds)} on: is the clock right?`;
    }
    if (!isSupportedAlgorithm(rrsig.algorithm)) {
      return `the signature of ${what} is of algorithm ${dnssecAlgorithmName(rrsig.algorithm)}, which is not supported`;
    }
    const keys = this.#keys.get(keyId(rrsig.keyTag, rrsig.algorithm));
    return keys === undefined
      ? `the zone has no key ${describeKey(rrsig)}, which signed ${what}`
      : { rrsig, keys };
  }

  /** RFC 4034 section 3.1.8.1: records stand in the zone as they are signed, since the TTL was found to be the signed one. */
  #signedOctets({ first, end }: PlacedRrset, rrsig: Buffer): Buffer | undefined {
    const parts = [rrsig.subarray(0, fixedOctets + this.#signer.length)];
    let octets = 0;
    for (let record = first; record < end;) {
      const stretch = this.#zone.stretch(record, end, maximumSignedOctets);
      parts.push(stretch.octets);
      octets += stretch.octets.length;
      if (octets > maximumSignedOctets) return undefined;
      record += stretch.records;
    }
    return Buffer.concat(parts);
  }

  #owner({ first }: PlacedRrset): Name {
    return Name.fromWire(this.#zone.ownerWire(first));
  }

  #describe(rrset: PlacedRrset): string {
    return `${this.#owner(rrset).toString()} ${rrTypeName(this.#zone.type(rrset.first))}`;
  }
}

/** On another thread. */
function verifyAside({ algorithm, signature }: Rrsig, key: KeyObject, octets: Buffer): Promise<boolean> {
  const method = methods.get(algorithm);
  if (method === undefined || (method.octets !== undefined && method.octets !== signature.length)) {
    return Promise.resolve(false);
  }
  return new Promise((resolve) => {
    verify(method.hash, octets, { key, dsaEncoding: 'ieee-p1363' }, signature, (error, isRight) => {
      resolve(error === null && isRight);
    });
  });
}

function keyId(tag: number, algorithm: number): number {
  return tag * 256 + algorithm;
}

function describeKey({ keyTag, algorithm }: Rrsig): string {
  return `${keyTag} (${dnssecAlgorithmName(algorithm)})`;
}

/** The instant that a serial second means, of those 2^32 s apart the one nearest to now. */
function describeTime(seconds: number, nowSeconds: number): string {
  const instant = new Date((nowSeconds + ((seconds - nowSeconds) | 0)) * 1000);
  return instant.toISOString().replace('.000Z', 'Z');
}
