/**
 * The steps that lead to the current version of a zone, for those who have an older one (RFC 1995). Bounded: what is too much goes,
 * the oldest first, and who has a version of before that gets the whole zone.
 *
 * Limitations: not kept over a restart.
 */
import { differencesOctets, parseSoa, type Differences, type ZoneVersion } from '../../../core/index.ts';

/** Differences of fewer octets fit into one message, and are given for the smallest zone. */
const oneMessageOctets = 16_000;

/** Differences that are longer than this are of no use: the zone itself is shorter (RFC 1995 section 5). */
export function worthOctets(version: ZoneVersion): number {
  return Math.max(version.octets, oneMessageOctets);
}

interface Kept {
  readonly step: Differences;
  readonly fromSerial: number;
  readonly octets: number;
}

export class History {
  #kept: Kept[] = [];
  #octets = 0;

  /** Adds steps that follow those that are there; `maxOctets`: of all together, estimated. */
  add(steps: readonly Differences[], maxOctets: number): void {
    for (const step of steps) {
      const octets = differencesOctets([step]);
      this.#kept.push({ step, fromSerial: parseSoa(step.from.rdata).serial, octets });
      this.#octets += octets;
    }
    let gone = 0;
    while (this.#octets > maxOctets && gone < this.#kept.length) {
      this.#octets -= this.#kept[gone]?.octets ?? 0;
      gone++;
    }
    if (gone > 0) this.#kept = this.#kept.slice(gone);
  }

  /** The steps from a serial on, oldest first; undefined if that version is not known. */
  from(serial: number): readonly Differences[] | undefined {
    const index = this.#kept.findLastIndex(({ fromSerial }) => fromSerial === serial);
    return index < 0 ? undefined : this.#kept.slice(index).map(({ step }) => step);
  }

  clear(): void {
    this.#kept = [];
    this.#octets = 0;
  }
}
