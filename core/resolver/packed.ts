/**
 * Hops and zones in the form in which the cache keeps them: a hop's octets as latin1 strings, which take a tenth of the
 * memory of Buffers, and zones by their keys, so that an entry holds no other entry in memory.
 */
import { RrClass } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import { keyTag, parseDnskey } from '../dns/rdata.ts';
import type { Hop, ZoneTrust } from '../dnssec/lookup.ts';
import type { Sized } from './cache.ts';

/** Octets of an entry without its texts and RDATAs: the objects, the key's header, its place in map and list. */
const entryOctets = 400;
/** The same for one RDATA. */
const rdataOctets = 32;

/** A hop without its name, which is in its key. */
export interface PackedHop
  extends Omit<Hop, 'name' | 'type' | 'records' | 'alias' | 'trust' | 'server'>, Sized {
  readonly rdatas: readonly string[];
  readonly alias: string | undefined;
  /** Key of the zone in the cache. */
  readonly zone: string | undefined;
  readonly server: string | undefined;
}

/** A zone without the zone above it, its keys as RDATAs: a key made ready for OpenSSL takes 3 KiB. */
export interface PackedZone extends Omit<ZoneTrust, 'zone' | 'keys' | 'parent' | 'server'>, Sized {
  readonly keys: readonly string[];
  /** Key of the zone above in the cache. */
  readonly parent: string | undefined;
  readonly server: string | undefined;
}

/** `key` counts, it is kept with the entry. */
export function packHop(hop: Hop, key: string, expiresMs: number): PackedHop {
  const rdatas = hop.records.map(({ rdata }) => rdata.toString('latin1'));
  const alias = hop.alias?.wire.toString('latin1');
  const texts = [key, hop.detail, alias ?? '', ...rdatas];
  return {
    status: hop.status,
    reason: hop.reason,
    detail: hop.detail,
    rcode: hop.rcode,
    rdatas,
    alias,
    zone: hop.trust?.zone.key,
    server: hop.server,
    expiresMs,
    signedUntilMs: hop.signedUntilMs,
    octets: octetsOf(texts, rdatas.length),
  };
}

/** The records as they were, with the time that is left to them. */
export function unpackRecords(
  packed: PackedHop,
  name: Name,
  type: number,
  nowMs: number,
): readonly ResourceRecord[] {
  const ttl = secondsLeft(packed, nowMs);
  return packed.rdatas.map((rdata) => ({
    name,
    type,
    class: RrClass.IN,
    ttl,
    rdata: Buffer.from(rdata, 'latin1'),
  }));
}

/** The hop again. `trust` is what the cache has of its zone by now. */
export function unpackHop(
  packed: PackedHop,
  { name, type }: { readonly name: Name; readonly type: number },
  trust: ZoneTrust | undefined,
  nowMs: number,
): Hop {
  const { status, reason, detail, rcode, alias, server, expiresMs, signedUntilMs } = packed;
  return {
    name,
    type,
    status,
    reason,
    detail,
    rcode,
    records: unpackRecords(packed, name, type, nowMs),
    ...(alias === undefined ? {} : { alias: Name.fromWire(Buffer.from(alias, 'latin1')) }),
    ...(trust && { trust }),
    ...(server === undefined ? {} : { server }),
    expiresMs,
    signedUntilMs,
  };
}

/** `key` counts, it is kept with the entry. */
export function packZone(trust: ZoneTrust, key: string, expiresMs: number): PackedZone {
  const keys = trust.keys.map(({ rdata }) => rdata.toString('latin1'));
  const { status, reason, detail, isAnchor, signedUntilMs, server } = trust;
  const texts = [key, detail, ...keys];
  return {
    status,
    reason,
    detail,
    keys,
    isAnchor,
    parent: trust.parent?.zone.key,
    server,
    expiresMs,
    signedUntilMs,
    octets: octetsOf(texts, keys.length),
  };
}

/** The zone again. `parent` is what the cache has of the zone above by now; `keysOf` is called when keys are wanted. */
export function unpackZone(
  packed: PackedZone,
  zone: Name,
  parent: ZoneTrust | undefined,
  keysOf: () => ZoneTrust['keys'],
): ZoneTrust {
  const { status, reason, detail, isAnchor, server, expiresMs, signedUntilMs } = packed;
  return {
    zone,
    status,
    reason,
    detail,
    // Most are wanted for their words only.
    get keys() {
      return keysOf();
    },
    isAnchor,
    ...(parent && { parent }),
    ...(server === undefined ? {} : { server }),
    expiresMs,
    signedUntilMs,
  };
}

/** The zone's keys again; their making ready (core/dnssec/algorithms.ts) takes longer than some verifications. */
export function unpackKeys({ keys }: PackedZone): ZoneTrust['keys'] {
  return keys.map((text) => {
    const rdata = Buffer.from(text, 'latin1');
    return { dnskey: parseDnskey(rdata), tag: keyTag(rdata), rdata };
  });
}

function octetsOf(texts: readonly string[], rdatas: number): number {
  return texts.reduce((sum, text) => sum + text.length, entryOctets + rdatas * rdataOctets);
}

/** Whole seconds for which the entry may still be used. */
export function secondsLeft(
  entry: { readonly expiresMs: number; readonly signedUntilMs: number },
  nowMs: number,
): number {
  return Math.max(0, Math.floor((Math.min(entry.expiresMs, entry.signedUntilMs) - nowMs) / 1000));
}
