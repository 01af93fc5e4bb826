/**
 * What validated lookups remember for one another: zones, with the keys that were proved theirs, and hops, each the
 * validated answer to one question.
 *
 * Only what is secure or insecure is remembered; failures are the resolver's to remember (RFC 9520). A lookup uses an
 * entry while `expiresMs` and `signedUntilMs` are in the future; a memory whose policy lets TTLs run out hands out
 * entries with a later `expiresMs`.
 *
 * Limitations: one memory belongs to one set of trust anchors. PlainMemory never forgets.
 */
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import type { ZoneKey } from './signature.ts';
import type { SecurityStatus, ValidationReason } from './status.ts';

/** How far a zone can be trusted. */
export interface ZoneTrust {
  /** Apex; where no zone was found because of a failure, the name at which it happened. */
  readonly zone: Name;
  readonly status: SecurityStatus;
  readonly reason: ValidationReason;
  readonly detail: string;
  /** Its keys if it is secure, none otherwise. */
  readonly keys: readonly ZoneKey[];
  /** Whether a trust anchor vouches for it, not a zone above. */
  readonly isAnchor: boolean;
  /** The zone that vouches for this one, or denies that it is signed; not there if the failure came before it. */
  readonly parent?: ZoneTrust;
  readonly server?: string;
  readonly expiresMs: number;
  /** The first end of a signature from the trust anchor down to here. */
  readonly signedUntilMs: number;
}

/** The answer to one question, without following an alias further than one step. */
export interface Hop {
  readonly name: Name;
  readonly type: number;
  readonly status: SecurityStatus;
  readonly reason: ValidationReason;
  readonly detail: string;
  readonly rcode: number;
  /** Records of the type, TTLs capped (RFC 4035 section 5.3.3); none for an alias, a denial and what is bogus. */
  readonly records: readonly ResourceRecord[];
  /** Where a CNAME or DNAME leads. */
  readonly alias?: Name;
  /** The zone that the answer is from, as far as it is known. */
  readonly trust?: ZoneTrust;
  readonly server?: string;
  readonly expiresMs: number;
  /** The first end of a signature from the trust anchor down to the answer. */
  readonly signedUntilMs: number;
}

/** The memory of a resolver, as a lookup uses it; all calls are synchronous. */
export interface LookupMemory {
  zone(name: Name): ZoneTrust | undefined;
  rememberZone(trust: ZoneTrust): void;
  hop(name: Name, type: number): Hop | undefined;
  rememberHop(hop: Hop): void;
}

/** A memory for a few lookups that are done together. */
export class PlainMemory implements LookupMemory {
  readonly #zones = new Map<string, ZoneTrust>();
  readonly #hops = new Map<string, Hop>();

  zone(name: Name): ZoneTrust | undefined {
    return this.#zones.get(name.key);
  }

  rememberZone(trust: ZoneTrust): void {
    this.#zones.set(trust.zone.key, trust);
  }

  hop(name: Name, type: number): Hop | undefined {
    return this.#hops.get(`${String(type)} ${name.key}`);
  }

  rememberHop(hop: Hop): void {
    this.#hops.set(`${String(hop.type)} ${hop.name.key}`, hop);
  }
}

/** Whether an entry may still be used. */
export function isFresh(
  entry: { readonly expiresMs: number; readonly signedUntilMs: number },
  nowMs: number,
): boolean {
  return entry.expiresMs > nowMs && entry.signedUntilMs > nowMs;
}
