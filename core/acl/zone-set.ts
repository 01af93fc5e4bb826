/** A set of zones given by patterns: `example.com`, `*.example.com` (every zone below it), `*` (every zone). */
import type { Name } from '../dns/name.ts';
import { closestAbove } from './name-key.ts';
import { presentZonePattern, readZonePattern } from './patterns.ts';

export type ZonePattern =
  | { readonly kind: 'every' }
  | { readonly kind: 'exact'; readonly name: Name }
  | { readonly kind: 'below'; readonly name: Name };

/** Keeps no names but their texts and keys: of these sets there can be as many as clients. */
export class ZoneSet {
  /** The patterns as they are written. */
  readonly texts: readonly string[];
  readonly #every: boolean;
  readonly #exact: ReadonlySet<string> | undefined;
  readonly #below: ReadonlyMap<string, true> | undefined;

  constructor(patterns: readonly ZonePattern[]) {
    this.texts = patterns.map(presentZonePattern);
    this.#every = patterns.some((pattern) => pattern.kind === 'every');
    const exact = keysOf(patterns, 'exact');
    const below = keysOf(patterns, 'below');
    if (exact.length > 0) this.#exact = new Set(exact);
    if (below.length > 0) this.#below = new Map(below.map((key) => [key, true]));
  }

  get patterns(): readonly ZonePattern[] {
    return this.texts.map(readZonePattern);
  }

  has(zone: Name): boolean {
    const { key } = zone;
    if (this.#every || this.#exact?.has(key) === true) return true;
    return this.#below !== undefined && closestAbove(this.#below, key) === true;
  }
}

function keysOf(patterns: readonly ZonePattern[], kind: 'exact' | 'below'): string[] {
  return patterns.flatMap((pattern) => (pattern.kind === kind ? [pattern.name.key] : []));
}
