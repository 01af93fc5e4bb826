/** A set of zones given by patterns: `example.com`, `*.example.com` (every zone below it), `*` (every zone). */
import type { Name } from '../dns/name.ts';
import { closestAbove } from './name-key.ts';

export type ZonePattern =
  | { readonly kind: 'every' }
  | { readonly kind: 'exact'; readonly name: Name }
  | { readonly kind: 'below'; readonly name: Name };

export class ZoneSet {
  /** As given. */
  readonly patterns: readonly ZonePattern[];
  readonly #every: boolean;
  readonly #exact = new Set<string>();
  readonly #below = new Map<string, true>();

  constructor(patterns: readonly ZonePattern[]) {
    this.patterns = patterns;
    this.#every = patterns.some((pattern) => pattern.kind === 'every');
    for (const pattern of patterns) {
      if (pattern.kind === 'exact') this.#exact.add(pattern.name.key);
      else if (pattern.kind === 'below') this.#below.set(pattern.name.key, true);
    }
  }

  has(zone: Name): boolean {
    const { key } = zone;
    return this.#every || this.#exact.has(key) || closestAbove(this.#below, key) === true;
  }
}
