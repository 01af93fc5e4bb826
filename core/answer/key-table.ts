/**
 * Questions under way by their keys: found by hash, compared octet by octet, so no string is made of a name that is only looked
 * up.
 *
 * Made of rows that are linked through the values themselves, and not of a Map: a Map is made anew after so many removals, and
 * the old one keeps alive what was in it, until the garbage collector has gone over all memory.
 */

/** A question as it is looked for: the first `keyLength` octets of `key`. */
export interface KeySought {
  /** A number of at most 30 bits. */
  readonly hash: number;
  readonly key: Buffer;
  readonly keyLength: number;
}

/** What stands in the table. */
export interface Keyed<V> {
  readonly hash: number;
  isKeyOf(sought: KeySought): boolean;
  /** The next in its row; the table's. */
  next: V | undefined;
}

const rows = 16_384;
/**
 * Names can be chosen so that they share a row, by somebody who knows the seed; a longer row would be work that strangers can
 * order, so whoever comes then is not found.
 */
const longestRow = 32;

export class KeyTable<V extends Keyed<V>> {
  readonly #rows = new Array<V | undefined>(rows).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(sought: KeySought): V | undefined {
    const { hash } = sought;
    let value = this.#rows[hash & (rows - 1)];
    while (value !== undefined && !(value.hash === hash && value.isKeyOf(sought))) value = value.next;
    return value;
  }

  /** Adds a value whose key is not in the table; false if its row is too long. */
  add(value: V): boolean {
    const row = value.hash & (rows - 1);
    const first = this.#rows[row];
    let length = 0;
    for (let each = first; each !== undefined; each = each.next) length += 1;
    if (length >= longestRow) return false;
    value.next = first;
    this.#rows[row] = value;
    this.#size += 1;
    return true;
  }

  /** Takes a value out; one that is not in it is no fault. */
  remove(value: V): void {
    const row = value.hash & (rows - 1);
    let before: V | undefined;
    for (let each = this.#rows[row]; each !== undefined; before = each, each = each.next) {
      if (each !== value) continue;
      if (before === undefined) this.#rows[row] = value.next;
      else before.next = value.next;
      value.next = undefined;
      this.#size -= 1;
      return;
    }
  }

  /** All values, in no order. */
  *all(): Generator<V, void, undefined> {
    for (const first of this.#rows) {
      let each = first;
      while (each !== undefined) {
        const { next }: { next: V | undefined } = each;
        yield each;
        each = next;
      }
    }
  }
}
