/**
 * The names that a class may ask for: those at or below some names, without those at or below others. The longest that fits
 * decides. Pure.
 */
import type { Name } from '../../../core/index.ts';

/** Where the name stands in the key of a reader, after scope and flags; type and class follow it. */
const nameInKey = 5;
const typeAndClassOctets = 4;

export class NamesBelow {
  /** By the wire form of the name in lower case. */
  readonly #verdicts: ReadonlyMap<string, boolean>;
  /** How long, in octets, the names among them are: no other part of a name need be looked up. */
  readonly #lengths: ReadonlySet<number>;
  /** Of the root. */
  readonly #otherwise: boolean;

  /** @param zones undefined: every name */
  constructor(zones: readonly Name[] | undefined, except: readonly Name[]) {
    const verdicts = new Map<string, boolean>();
    for (const name of zones ?? []) verdicts.set(name.key, true);
    for (const name of except) verdicts.set(name.key, false);
    const root = '\0';
    this.#otherwise = verdicts.get(root) ?? zones === undefined;
    verdicts.delete(root);
    this.#verdicts = verdicts;
    this.#lengths = new Set([...verdicts.keys()].map(({ length }) => length));
  }

  /** Whether some names are left out. */
  get isPartial(): boolean {
    return this.#verdicts.size > 0 || !this.#otherwise;
  }

  hasName({ key }: Name): boolean {
    for (let at = 0; at < key.length - 1; at += key.charCodeAt(at) + 1) {
      if (!this.#lengths.has(key.length - at)) continue;
      const verdict = this.#verdicts.get(at === 0 ? key : key.slice(at));
      if (verdict !== undefined) return verdict;
    }
    return this.#otherwise;
  }

  /** Of the question that a reader has read (QueryReader.key). */
  hasQuestion(key: Buffer, keyLength: number): boolean {
    if (this.#verdicts.size === 0) return this.#otherwise;
    const end = keyLength - typeAndClassOctets;
    for (let at = nameInKey; at < end - 1; at += (key[at] ?? 0) + 1) {
      if (!this.#lengths.has(end - at)) continue;
      const verdict = this.#verdicts.get(key.toString('latin1', at, end));
      if (verdict !== undefined) return verdict;
    }
    return this.#otherwise;
  }
}
