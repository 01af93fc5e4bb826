/**
 * Counted places, in all and for each client address.
 *
 * Nobody waits for a place: who finds none is sent away, so the memory that strangers can hold is bounded.
 */
import { isIPv6 } from 'node:net';

/** Takes and gives back places under two bounds. */
export class Places {
  readonly #byKey = new Map<string, number>();
  #taken = 0;

  get taken(): number {
    return this.#taken;
  }

  /** Takes a place for `key` if one is free under both bounds. Give it back with `free`, once. */
  take(key: string, total: number, perKey: number): boolean {
    const held = this.#byKey.get(key) ?? 0;
    if (this.#taken >= total || held >= perKey) return false;
    this.#taken++;
    this.#byKey.set(key, held + 1);
    return true;
  }

  free(key: string): void {
    const held = this.#byKey.get(key);
    if (held === undefined) throw new RangeError(`no place is taken for ${key}`);
    this.#taken--;
    if (held === 1) this.#byKey.delete(key);
    else this.#byKey.set(key, held - 1);
  }
}

/**
 * What counts as one client address: an IPv4 address, or the /64 of an IPv6 address, since a host has a whole /64 to
 * choose from (RFC 4291 section 2.5.4).
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  const all = [...groups, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...after];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
