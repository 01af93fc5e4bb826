/**
 * Which zone of the configuration a question belongs to: the nearest one at or above its name; of DS records, above it, since
 * they are the parent's (RFC 4035 section 3.1.4.1).
 */
import { RrType, type Name, type QueryReader } from '../../../core/index.ts';
import type { ZoneWay } from './zone-way.ts';

/** A zone, and how its questions go. */
export interface ServedZone {
  readonly zone: Name;
  /** As it is called in logs and metrics. */
  readonly text: string;
  readonly mode: 'strict' | 'opportunistic';
  readonly way: ZoneWay;
  /** Whether an answer takes no lookup of servers first, as far as is known. */
  readonly isUp: () => boolean;
}

/** Where the name stands in the key of a reader: after scope and flags; after it type and class. */
const nameInKey = 5;
const typeAndClassOctets = 4;
const rootLabelOctets = 1;

/** The name of the question, as Name.key has it. */
export function keyOfName({ key, keyLength }: Pick<QueryReader, 'key' | 'keyLength'>): string {
  return key.toString('latin1', nameInKey, keyLength - typeAndClassOctets);
}

export class ZoneTable {
  readonly zones: readonly ServedZone[];
  readonly #byKey: ReadonlyMap<string, ServedZone>;

  constructor(zones: readonly ServedZone[]) {
    this.zones = zones;
    this.#byKey = new Map(zones.map((served) => [served.zone.key, served]));
  }

  /** The zone that is asked; undefined if there is none. `key` is that of the name (Name.key). */
  find(key: string, type: number): ServedZone | undefined {
    // The root has no parent that could have its DS records.
    let at = type === RrType.DS && key.length > rootLabelOctets ? labelOctets(key, 0) : 0;
    for (;;) {
      const served = this.#byKey.get(at === 0 ? key : key.slice(at));
      if (served !== undefined) return served;
      if (at >= key.length - rootLabelOctets) return undefined;
      at += labelOctets(key, at);
    }
  }

  /** Whether it is a zone of the configuration. */
  hasApex(key: string): boolean {
    return this.#byKey.has(key);
  }
}

/** With its length. */
function labelOctets(key: string, at: number): number {
  return key.charCodeAt(at) + 1;
}
