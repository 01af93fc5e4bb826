/**
 * What a zone of the validation lab is: its records, who signs it and how, what is broken in it afterwards, what its
 * parent says of it, and the questions that are asked of it with the statuses that they must have.
 *
 * Names in questions, and record lines, are relative to the apex of the zone unless they end with a dot.
 */
import type { SecurityStatus } from '../../../core/dnssec/status.ts';
import type { LabKey } from './keys.ts';
import type { ZoneLine } from './zone-lines.ts';

/** The moment at which everybody in the lab validates, in seconds: 2026-06-01 12:00:00 UTC. */
export const labSeconds = Date.UTC(2026, 5, 1, 12) / 1000;

const daySeconds = 86_400;

export type Signer = 'ldns' | 'bind' | 'knot';
export const signers: readonly Signer[] = ['ldns', 'bind', 'knot'];

/** The servers that serve the zones, each some of them. */
export type Authority = 'nsd' | 'knot';

export type Denial =
  | { readonly kind: 'nsec' }
  | { readonly kind: 'nsec3'; readonly iterations: number; readonly optOut: boolean };

export const nsec: Denial = { kind: 'nsec' };
export const nsec3: Denial = { kind: 'nsec3', iterations: 0, optOut: false };
export const optOut: Denial = { kind: 'nsec3', iterations: 0, optOut: true };
export const denials = { nsec, nsec3, 'opt-out': optOut } as const;

/** When signatures hold, both ends included, in seconds of the epoch. */
export interface Window {
  readonly inception: number;
  readonly expiration: number;
}
export const soundWindow: Window = {
  inception: labSeconds - daySeconds,
  expiration: labSeconds + daySeconds,
};

export interface Signing {
  readonly signer: Signer;
  readonly algorithm: number;
  readonly denial: Denial;
  readonly window: Window;
  /** Signs with a key that nobody else knows. */
  readonly withStrangeKey?: boolean;
}

export type Question = readonly [name: string, type: string, expected: SecurityStatus];

/** What the parent publishes, and what the zone serves in the end, may rest on the keys. */
export interface ZoneKeys {
  readonly own: LabKey;
  /** A key of the same algorithm that the zone does not publish. */
  readonly strange: LabKey;
}

export interface LabZone {
  /** Absolute, with the dot at its end. */
  readonly apex: string;
  /** Absent: not signed. */
  readonly signing?: Signing;
  readonly records: readonly string[];
  /** Who serves it; NSD if not said. */
  readonly authority?: Authority;
  /** RDATA of DS records in the parent; by default the SHA-256 digest of the own key if the zone is signed. */
  readonly ds?: (keys: ZoneKeys) => readonly string[];
  /** The parent does not know of it when it is signed; the delegation is put in afterwards. */
  readonly isInjected?: boolean;
  /** Signings of the same records besides, for `spoil` to take signatures from. */
  readonly also?: readonly Partial<Signing>[];
  /** Changes the signed zone before it is served. */
  readonly spoil?: (
    lines: readonly ZoneLine[],
    also: readonly (readonly ZoneLine[])[],
    keys: ZoneKeys,
  ) => readonly ZoneLine[];
  readonly questions: readonly Question[];
}

const signingByDefault: Signing = { signer: 'bind', algorithm: 13, denial: nsec, window: soundWindow };

/** A signing with what is usual where nothing else is said. */
export function signing(options: Partial<Signing> = {}): Signing {
  return { ...signingByDefault, ...options };
}

/** A TLSA record's type and RDATA, the same for everybody: the lab is about who vouches for it. */
export const tlsa = `TLSA 3 1 1 ${'ab'.repeat(32)}`;

/** The absolute name that a question or a record line means. */
export function absolute(name: string, apex: string): string {
  if (name.endsWith('.') && !name.endsWith('\\.')) return name;
  return name === '@' ? apex : `${name}.${apex}`;
}

/** An unsigned zone that only has an address and a TLSA record, for the cut in a zone above. */
export function plainZone(apex: string, questions: readonly Question[]): LabZone {
  return { apex, records: ['www A 192.0.2.1', `_443._tcp.www ${tlsa}`], questions };
}
