/**
 * What the messages of the channel say: which keys have changed, and by which revision.
 *
 *     17                                optional: the revision that the change made
 *     danced:v1:client:ns2.example      the changed keys, one a line
 *
 * Whatever is not understood counts as a change of everything.
 */
import type { AccessChange } from '../access-control.ts';
import { closestAbove } from '../name-key.ts';
import type { Name } from '../../dns/name.ts';
import type { RedisKeys } from './keys.ts';
import { redisBounds } from './limits.ts';

/** One message. */
export interface Message {
  /** Undefined: the tool that wrote it did not say. */
  readonly revision: number | undefined;
  readonly keys: readonly string[];
}

export function readMessage(text: string): Message {
  if (text.length > redisBounds.messageOctets) return { revision: undefined, keys: [''] };
  const lines = text.split(/\r?\n/);
  const numbered = /^\d{1,15}$/.test(lines[0] ?? '') ? Number(lines.shift()) : undefined;
  return { revision: numbered, keys: lines.filter((line) => line !== '') };
}

/** Changed keys, added up. */
export class Changes implements AccessChange {
  readonly #keys: RedisKeys;
  readonly #exact = new Set<string>();
  readonly #below = new Map<string, true>();
  #isEverything = false;
  #isHead = false;

  constructor(keys: RedisKeys) {
    this.#keys = keys;
  }

  /** Whether any name may be concerned. */
  get isEverything(): boolean {
    return this.#isEverything;
  }

  /** Whether roles or anonymous changed. */
  get isHead(): boolean {
    return this.#isHead;
  }

  /** Whether no entry changed. */
  get isEmpty(): boolean {
    return !this.#isEverything && this.#exact.size === 0 && this.#below.size === 0;
  }

  /** Keys of `Name` of the clients that have changed themselves. */
  get exact(): ReadonlySet<string> {
    return this.#exact;
  }

  /** The same of every `*.name`. */
  get below(): ReadonlyMap<string, true> {
    return this.#below;
  }

  add(key: string): void {
    const parsed = this.#keys.parse(key);
    if (parsed === undefined) this.everything();
    else if (parsed.kind === 'client') this.#exact.add(parsed.name.key);
    else if (parsed.kind === 'below') this.#below.set(parsed.name.key, true);
    else if (parsed.kind !== 'revision') this.#isHead = true;
    if (this.#exact.size > redisBounds.gatheredKeys || this.#below.size > redisBounds.suffixes) {
      this.everything();
    }
  }

  everything(): void {
    this.#isEverything = true;
    this.#isHead = true;
    this.#exact.clear();
    this.#below.clear();
  }

  concerns(name: Name): boolean {
    return this.concernsKey(name.key);
  }

  /** The same by the key of a `Name`. */
  concernsKey(key: string): boolean {
    return this.#isEverything || this.#exact.has(key) || closestAbove(this.#below, key) === true;
  }
}
