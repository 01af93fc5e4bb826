/**
 * What was validated, for later lookups: hops (RRsets, aliases and proved denials) and zones with their keys, in one
 * cache with one bound in octets.
 *
 * An entry is used until its TTL ends, which is never after its signatures (RFC 4035 section 5.3.3), and not longer than
 * `max-ttl`, or `max-negative-ttl` for a denial (RFC 2308 section 5) and for what is insecure. It is kept beyond that
 * only if policy allows its use then (`staleMaxMs`, RFC 8767), and never beyond the end of its signatures.
 *
 * Limitations: no aggressive use of denials for other names (RFC 8198).
 */
import { Name } from '../dns/name.ts';
import type { Hop, LookupMemory, ZoneTrust } from '../dnssec/lookup.ts';
import { OctetCache, type Sized } from './cache.ts';
import type { ResolverLimits } from './limits.ts';
import {
  packHop,
  packZone,
  secondsLeft,
  unpackHop,
  unpackKeys,
  unpackRecords,
  unpackZone,
  type PackedHop,
  type PackedZone,
} from './packed.ts';
import type { LookupResult } from './resolver.ts';

export interface ValidatedCacheOptions {
  readonly limits: Pick<ResolverLimits, 'cache-octets' | 'max-ttl' | 'max-negative-ttl'>;
  /** Milliseconds after its TTL for which an entry may be used at need. */
  readonly staleMaxMs: number;
  readonly nowMs: () => number;
}

/** Aliases that `cachedUntilMs` follows. */
const maxAliases = 8;
/** RFC 8767 section 4: what is stale is given a TTL of 30 seconds. */
const staleTtlMs = 30_000;
/** Memory for keys that are ready for use, beside that of the entries; and what one of them takes. */
const readyKeysOctets = 1024 * 1024;
const readyKeyOctets = 4 * 1024;

/** The keys of a zone, ready for use. */
interface ReadyKeys extends Sized {
  readonly of: PackedZone;
  readonly keys: ZoneTrust['keys'];
}

export class ValidatedCache implements LookupMemory {
  readonly #options: ValidatedCacheOptions;
  readonly #entries: OctetCache<PackedHop | PackedZone>;
  readonly #readyKeys = new OctetCache<ReadyKeys>(readyKeysOctets);

  constructor(options: ValidatedCacheOptions) {
    this.#options = options;
    this.#entries = new OctetCache(options.limits['cache-octets']);
  }

  /** Octets of all entries. */
  get octets(): number {
    return this.#entries.octets;
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The result of a lookup that is one fresh hop: nothing is validated, awaited or built but the records. Undefined also
   * for an alias.
   */
  result(key: string, name: Name, type: number, nowMs: number): LookupResult | undefined {
    const packed = this.#fresh(key, nowMs);
    if (!packed || isZone(packed) || packed.alias !== undefined) return undefined;
    const { status, rcode, detail } = packed;
    const records = unpackRecords(packed, name, type, nowMs);
    const ttlSeconds = records.length > 0 ? secondsLeft(packed, nowMs) : 0;
    return { status, rcode, records, ttlSeconds, detail };
  }

  /** Whether the answer to this question is an alias. */
  isAlias(key: string, nowMs: number): boolean {
    const packed = this.#fresh(key, nowMs);
    return packed !== undefined && !isZone(packed) && packed.alias !== undefined;
  }

  zone(name: Name): ZoneTrust | undefined {
    const key = zoneKey(name.key);
    const packed = this.#fresh(key, this.#options.nowMs());
    if (!packed || !isZone(packed)) return undefined;
    return unpackZone(packed, name, this.#zoneByKey(packed.parent), () => this.#keysOf(packed, key));
  }

  rememberZone(trust: ZoneTrust): void {
    const { limits, nowMs } = this.#options;
    // A zone is insecure by a proof that there is no DS record: who signs it waits no longer than for any other record.
    const longestMs = limits[trust.status === 'secure' ? 'max-ttl' : 'max-negative-ttl'];
    const key = zoneKey(trust.zone.key);
    this.#keep(key, packZone(trust, key, Math.min(trust.expiresMs, nowMs() + longestMs)));
  }

  hop(name: Name, type: number): Hop | undefined {
    const nowMs = this.#options.nowMs();
    const packed = this.#fresh(hopKey(name, type), nowMs);
    if (!packed || isZone(packed)) return undefined;
    return unpackHop(packed, { name, type }, this.#zoneByKey(packed.zone), nowMs);
  }

  rememberHop(hop: Hop): void {
    const { limits, nowMs } = this.#options;
    const isDenial = hop.records.length === 0 && hop.alias === undefined;
    // The TTL of what is insecure is anybody's word, and what it refuses is refused for want of a DS record.
    const longestMs = limits[isDenial || hop.status !== 'secure' ? 'max-negative-ttl' : 'max-ttl'];
    const key = hopKey(hop.name, hop.type);
    this.#keep(key, packHop(hop, key, Math.min(hop.expiresMs, nowMs() + longestMs)));
  }

  /** The hop without the zone that it is from, for those who want no words about that. */
  hopAlone(name: Name, type: number): Hop | undefined {
    const nowMs = this.#options.nowMs();
    const packed = this.#fresh(hopKey(name, type), nowMs);
    return packed && !isZone(packed) ? unpackHop(packed, { name, type }, undefined, nowMs) : undefined;
  }

  /** Like `hopAlone`, but a secure one may be past its TTL as far as policy allows; it is given a short new one. */
  hopAtNeed(name: Name, type: number): Hop | undefined {
    const nowMs = this.#options.nowMs();
    const packed = this.#entries.peek(hopKey(name, type));
    if (!packed || isZone(packed) || packed.status !== 'secure') return undefined;
    const endsMs = this.#lastUseMs(packed);
    if (nowMs >= endsMs) return undefined;
    const expiresMs = Math.max(packed.expiresMs, Math.min(nowMs + staleTtlMs, endsMs));
    return unpackHop({ ...packed, expiresMs }, { name, type }, undefined, nowMs);
  }

  /** When the first hop of an answer runs out, milliseconds since the epoch; undefined if it is not here or has. */
  cachedUntilMs(name: Name, type: number, nowMs: number): number | undefined {
    let untilMs = Infinity;
    let owner: Name = name;
    for (let aliases = 0; aliases <= maxAliases; aliases++) {
      const packed = this.#entries.peek(hopKey(owner, type));
      if (!packed || isZone(packed)) return undefined;
      untilMs = Math.min(untilMs, packed.expiresMs, packed.signedUntilMs);
      if (untilMs <= nowMs) return undefined;
      if (packed.alias === undefined) return untilMs;
      owner = Name.fromWire(Buffer.from(packed.alias, 'latin1'));
    }
    return undefined;
  }

  #zoneByKey(key: string | undefined): ZoneTrust | undefined {
    return key === undefined ? undefined : this.zone(Name.fromWire(Buffer.from(key, 'latin1')));
  }

  /** Zones that are asked about much have their keys made ready once. */
  #keysOf(zone: PackedZone, key: string): ZoneTrust['keys'] {
    const ready = this.#readyKeys.get(key);
    if (ready?.of === zone) return ready.keys;
    const keys = unpackKeys(zone);
    this.#readyKeys.set(key, { of: zone, keys, octets: Math.max(1, keys.length) * readyKeyOctets });
    return keys;
  }

  #fresh(key: string, nowMs: number): PackedHop | PackedZone | undefined {
    const entry = this.#entries.get(key);
    if (!entry || (entry.expiresMs > nowMs && entry.signedUntilMs > nowMs)) return entry;
    if (isZone(entry) || nowMs >= this.#lastUseMs(entry)) this.#entries.delete(key);
    return undefined;
  }

  #lastUseMs({ expiresMs, signedUntilMs }: PackedHop): number {
    return Math.min(expiresMs + this.#options.staleMaxMs, signedUntilMs);
  }

  #keep(key: string, entry: PackedHop | PackedZone): void {
    const nowMs = this.#options.nowMs();
    // What has no time left would only push out what has; a TTL of 0 has some where policy lets it be stale.
    const mayBeStale = !isZone(entry) && entry.status === 'secure';
    const endsMs = mayBeStale ? this.#lastUseMs(entry) : Math.min(entry.expiresMs, entry.signedUntilMs);
    if (endsMs > nowMs) this.#entries.set(key, entry);
    else this.#entries.delete(key);
  }
}

/** The key of a question. */
export function hopKey(name: Name, type: number): string {
  return `${type} ${name.key}`;
}

/** No question has such a key: those begin with a number. */
function zoneKey(nameKey: string): string {
  return `z ${nameKey}`;
}

function isZone(entry: PackedHop | PackedZone): entry is PackedZone {
  return 'keys' in entry;
}

/** A memory that remembers nothing of others, and in which others find what was validated with it. */
export function withoutThePast(cache: ValidatedCache, own: LookupMemory): LookupMemory {
  return {
    zone: (name) => own.zone(name),
    hop: (name, type) => own.hop(name, type),
    rememberZone(trust) {
      own.rememberZone(trust);
      cache.rememberZone(trust);
    },
    rememberHop(hop) {
      own.rememberHop(hop);
      cache.rememberHop(hop);
    },
  };
}

/** A memory that knows zones but no answers, so that these are asked for again. */
export function withoutAnswers(cache: ValidatedCache): LookupMemory {
  return {
    zone: (name) => cache.zone(name),
    hop: () => undefined,
    rememberZone: (trust) => cache.rememberZone(trust),
    rememberHop: (hop) => cache.rememberHop(hop),
  };
}

/** What is there, to see whether it is enough for a result; nothing is remembered of what comes from it. */
export function asItStands(cache: ValidatedCache): LookupMemory {
  return {
    zone: () => undefined,
    hop: (name, type) => cache.hopAlone(name, type),
    rememberZone: () => undefined,
    rememberHop: () => undefined,
  };
}

/** The same with answers that are past their TTL. */
export function withStaleAnswers(cache: ValidatedCache): LookupMemory {
  const memory = asItStands(cache);
  return { ...memory, hop: (name, type) => memory.hop(name, type) ?? cache.hopAtNeed(name, type) };
}
