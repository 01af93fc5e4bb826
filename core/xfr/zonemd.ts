/**
 * The digest of a whole zone: ZONEMD (RFC 8976), scheme SIMPLE with SHA-384 and SHA-512.
 *
 * Limitations: whether the ZONEMD record is signed, or its absence proved, is not asked here (zone-signatures.ts); without that
 * the digest guards against accidents alone (section 6.1).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { RrType } from '../dns/constants.ts';
import { CanonicalZone } from './canonical-zone.ts';
import type { Pause, ZoneVersion } from './zone-version.ts';

/** What is bounded in checks of whole zones. */
export interface CheckLimits {
  /** Octets of a zone in canonical form. */
  readonly 'check-octets': number;
}

export type ZonemdVerdict = 'ok' | 'absent' | 'unsupported' | 'wrong' | 'too-large';

export interface ZonemdResult {
  readonly verdict: ZonemdVerdict;
  /** For the operator. */
  readonly words: string;
}

/** RFC 8976 section 2.2. */
export interface Zonemd {
  readonly serial: number;
  readonly scheme: number;
  readonly hashAlgorithm: number;
  readonly digest: Buffer;
}

interface HashMethod {
  readonly name: string;
  readonly octets: number;
}

/** RFC 8976 section 5.2. */
const simpleScheme = 1;
/** RFC 8976 sections 2.2.3 and 5.3. */
const hashMethods: ReadonlyMap<number, HashMethod> = new Map([
  [1, { name: 'sha384', octets: 48 }],
  [2, { name: 'sha512', octets: 64 }],
]);
const fixedOctets = 6;
/** RFC 8976 section 2.2.4. */
const minimumDigestOctets = 12;
/** ZONEMD records that are looked at: there is one of each scheme and hash (section 2.5). */
const maximumRecords = 16;
/** Octets that are hashed between two pauses: 1 to 2 ms. */
const sliceOctets = 1 << 19;
/** Stretches of records that do not follow each other in memory, likewise. */
const sliceStretches = 1024;

/** Verifies the digest of a version (RFC 8976 section 4, steps 4 and 5). Rejects as `CanonicalZone.build` does. */
export async function verifyZonemd(
  version: ZoneVersion,
  pause: Pause,
  limits: CheckLimits,
): Promise<ZonemdResult> {
  const zone = await CanonicalZone.build(version, limits['check-octets'], pause);
  return zone === undefined ? tooLarge(version, limits) : verifyDigest(zone, version.serial, pause);
}

/** The verdict on a zone that is not put in order because of its size. */
export function tooLarge({ zone }: ZoneVersion, limits: CheckLimits): ZonemdResult {
  const words = `${zone.toString()} has more than ${limits['check-octets']} octets, the limit \`check-octets\` for zones that are checked as a whole: raise it, or do without the check`;
  return { verdict: 'too-large', words };
}

/** The same for a zone that was put in order already. */
export async function verifyDigest(zone: CanonicalZone, serial: number, pause: Pause): Promise<ZonemdResult> {
  const records = apexZonemd(zone);
  const name = zone.zone.toString();
  if (records.length === 0) return { verdict: 'absent', words: `${name} has no ZONEMD record` };
  const faults: string[] = [];
  let isOnlyUnsupported = true;
  for (const record of records) {
    const judged = judge(record, records, serial);
    if (typeof judged === 'string') {
      faults.push(judged);
      isOnlyUnsupported &&= !isSupported(record);
      continue;
    }
    isOnlyUnsupported = false;
    const digest = await computeDigest(zone, judged.name, pause);
    if (timingSafeEqual(digest, record.digest)) {
      return { verdict: 'ok', words: `the ${judged.name} digest of ${name} is right` };
    }
    faults.push(`the ${judged.name} digest of its ZONEMD record is not that of its records`);
  }
  const words = `${name}: ${faults.join('; ')}`;
  return { verdict: isOnlyUnsupported ? 'unsupported' : 'wrong', words };
}

/** RDATA of the ZONEMD record that a zone should have (RFC 8976 section 3). `hashAlgorithm` is 1 or 2. */
export async function makeZonemd(
  zone: CanonicalZone,
  serial: number,
  hashAlgorithm: number,
  pause: Pause,
): Promise<Buffer> {
  const method = hashMethods.get(hashAlgorithm);
  if (method === undefined) throw new RangeError(`hash algorithm ${hashAlgorithm} is not supported`);
  const fixed = Buffer.alloc(fixedOctets);
  fixed.writeUInt32BE(serial, 0);
  fixed.writeUInt8(simpleScheme, 4);
  fixed.writeUInt8(hashAlgorithm, 5);
  return Buffer.concat([fixed, await computeDigest(zone, method.name, pause)]);
}

/** RFC 8976 section 2.2. One that is cut short counts as SHA-384 without a digest, which is right for no zone. */
export function readZonemd(rdata: Buffer): Zonemd {
  if (rdata.length < fixedOctets) {
    return { serial: 0, scheme: simpleScheme, hashAlgorithm: 1, digest: Buffer.alloc(0) };
  }
  return {
    serial: rdata.readUInt32BE(0),
    scheme: rdata.readUInt8(4),
    hashAlgorithm: rdata.readUInt8(5),
    digest: rdata.subarray(fixedOctets),
  };
}

/** Those of the apex; elsewhere they mean nothing (RFC 8976 section 2.1). The apex comes first in the order. */
function apexZonemd(zone: CanonicalZone): Zonemd[] {
  const found: Zonemd[] = [];
  const end = apexEnd(zone);
  for (let record = 0; record < end && found.length < maximumRecords; record += 1) {
    if (zone.type(record) === RrType.ZONEMD) found.push(readZonemd(zone.rdata(record)));
  }
  return found;
}

/** How the digest of a record is computed, or why it cannot succeed. */
function judge(record: Zonemd, all: readonly Zonemd[], serial: number): HashMethod | string {
  const method = hashMethods.get(record.hashAlgorithm);
  const what = `ZONEMD record of scheme ${record.scheme} and hash algorithm ${record.hashAlgorithm}`;
  const twins = all.filter(
    (other) => other.scheme === record.scheme && other.hashAlgorithm === record.hashAlgorithm,
  );
  // RFC 8976 section 4, steps 4 and 5a to 5d.
  if (twins.length > 1) return `more than one ${what}`;
  if (record.serial !== serial)
    return `its ${what} is for serial ${record.serial}, the SOA record has ${serial}`;
  if (record.scheme !== simpleScheme || method === undefined)
    return `its ${what} is of a kind not supported here`;
  if (record.digest.length < minimumDigestOctets || record.digest.length !== method.octets) {
    return `its ${what} has a digest of ${record.digest.length} octets, not ${method.octets}`;
  }
  return method;
}

function isSupported({ scheme, hashAlgorithm }: Zonemd): boolean {
  return scheme === simpleScheme && hashMethods.has(hashAlgorithm);
}

/** RFC 8976 section 3.3.1.2. */
async function computeDigest(zone: CanonicalZone, method: string, pause: Pause): Promise<Buffer> {
  const hash = createHash(method);
  const end = apexEnd(zone);
  let octetsLeft = sliceOctets;
  let stretchesLeft = sliceStretches;
  for (let record = 0; record < zone.recordCount;) {
    if (record < end && isExcluded(zone, record)) {
      record += 1;
      continue;
    }
    // At the apex one by one, since what is left out may be anywhere.
    const { records, octets } = zone.stretch(
      record,
      record < end ? record + 1 : zone.recordCount,
      sliceOctets,
    );
    hash.update(octets);
    record += records;
    octetsLeft -= octets.length;
    stretchesLeft -= 1;
    if (octetsLeft <= 0 || stretchesLeft <= 0) {
      await pause();
      octetsLeft = sliceOctets;
      stretchesLeft = sliceStretches;
    }
  }
  return hash.digest();
}

/** RFC 8976 section 3.3.1.1: of the apex, the ZONEMD records and the signatures over them. */
function isExcluded(zone: CanonicalZone, record: number): boolean {
  const type = zone.type(record);
  if (type === RrType.ZONEMD) return true;
  return type === RrType.RRSIG && zone.rdata(record).readUInt16BE(0) === RrType.ZONEMD;
}

/** Where the records of the apex end; it is the first name, since there is the SOA record. */
function apexEnd(zone: CanonicalZone): number {
  return zone.firstRecord(1);
}
