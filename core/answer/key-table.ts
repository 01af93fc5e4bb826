/**
 * A table by octets: keys are found by their hash and compared octet by octet, so no string is made of a name that is only
 * looked up.
 */

/** What stands in the table. */
export interface Keyed {
  /** A number of at most 30 bits. */
  readonly hash: number;
  readonly key: Buffer;
}

/** What is looked for: the first `keyLength` octets of `key`. */
export interface KeySought extends Keyed {
  readonly keyLength: number;
}

/**
 * Values that may share one hash. Names can be chosen so that they do, by somebody who knows the seed; a longer row would be
 * work that strangers can order, so the oldest of the row makes room.
 */
const longestRow = 8;

export class KeyTable<V extends Keyed> {
  readonly #rows = new Map<number, V | V[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(sought: KeySought): V | undefined {
    const row = this.#rows.get(sought.hash);
    if (row === undefined) return undefined;
    if (!Array.isArray(row)) return isKeyOf(row.key, sought) ? row : undefined;
    return row.find(({ key }) => isKeyOf(key, sought));
  }

  /** Adds a value whose key is not in the table; gives the one that had to make room. */
  add(value: V): V | undefined {
    const row = this.#rows.get(value.hash);
    this.#size += 1;
    if (row === undefined) this.#rows.set(value.hash, value);
    else if (!Array.isArray(row)) this.#rows.set(value.hash, [row, value]);
    else {
      row.push(value);
      if (row.length <= longestRow) return undefined;
      this.#size -= 1;
      return row.shift();
    }
    return undefined;
  }

  /** Takes a value out; one that is not in it is no fault. */
  remove(value: V): void {
    const row = this.#rows.get(value.hash);
    if (row === value) {
      this.#rows.delete(value.hash);
      this.#size -= 1;
    } else if (Array.isArray(row)) {
      const at = row.indexOf(value);
      if (at === -1) return;
      row.splice(at, 1);
      this.#size -= 1;
      if (row.length === 0) this.#rows.delete(value.hash);
    }
  }

  clear(): void {
    this.#rows.clear();
    this.#size = 0;
  }
}

function isKeyOf(key: Buffer, { key: sought, keyLength }: KeySought): boolean {
  if (key.length !== keyLength) return false;
  for (let at = 0; at < keyLength; at += 1) if (key[at] !== sought[at]) return false;
  return true;
}
