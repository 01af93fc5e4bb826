/** The access list in memory: from a client's name to its entry in at most one Map lookup a label. */
import { Name } from '../dns/name.ts';
import type { AccessEntry, AccessRights, RoleTable, RuleSet } from './model.ts';
import { closestAbove } from './name-key.ts';
import type { ClientPattern } from './patterns.ts';

export class AccessList {
  /** What clients without identity may do, where a listener serves them; undefined: nothing. */
  anonymous: AccessRights | undefined;
  readonly #roles = new Map<string, RuleSet>();
  readonly #exact = new Map<string, AccessEntry>();
  readonly #below = new Map<string, AccessEntry>();

  /** Number of entries. */
  get size(): number {
    return this.#exact.size + this.#below.size;
  }

  get roles(): RoleTable {
    return this.#roles;
  }

  defineRole(role: string, rules: RuleSet): void {
    this.#roles.set(role, rules);
  }

  /** In the order of the list, names first. */
  *entries(): Generator<AccessEntry, void, undefined> {
    yield* this.#exact.values();
    yield* this.#below.values();
  }

  /** The entry with exactly this pattern. */
  entryOf({ name, below }: ClientPattern): AccessEntry | undefined {
    return (below ? this.#below : this.#exact).get(name.key);
  }

  /** Adds an entry and gives undefined; or changes nothing and gives the entry that has the same pattern. */
  add(pattern: ClientPattern, entry: AccessEntry): AccessEntry | undefined {
    const map = pattern.below ? this.#below : this.#exact;
    const existing = map.get(pattern.name.key);
    if (existing === undefined) map.set(pattern.name.key, entry);
    return existing;
  }

  /** The names that have an entry of their own, in the order of the list. */
  *exactNames(): Generator<Name, void, undefined> {
    // Read from the pattern when asked for: a million names kept besides would cost more than they are worth.
    for (const { pattern } of this.#exact.values()) yield Name.parse(pattern);
  }

  /** The most specific entry: the name's own, else that of the longest `*.suffix` it is below. */
  entryFor(name: Name): AccessEntry | undefined {
    const { key } = name;
    return this.#exact.get(key) ?? (isServersName(name) ? undefined : closestAbove(this.#below, key));
  }
}

const underscore = 0x5f;

/**
 * Whether the TLSA records at this name are a server's (`_25._tcp.mail.example`, RFC 6698 section 3). Who gives rights to
 * everything below a name means its devices, not whoever has the key of its mail server.
 */
export function isServersName(name: Name): boolean {
  // Most names are none, and each connection asks.
  if (name.wire[1] !== underscore) return false;
  const [port = '', transport = ''] = name
    .labels()
    .slice(0, 2)
    .map((label) => label.toString('latin1'));
  return /^_\d+$/.test(port) && /^_(?:tcp|udp|sctp)$/i.test(transport);
}
