/**
 * The names of the keys in Redis, version 1: what is documented for other tools, so that they can write them. Pure.
 *
 *     PREFIX:v1:client:<name>         JSON of the entry of a name
 *     PREFIX:v1:below:<name>          JSON of the entry of *.name
 *     PREFIX:v1:roles                 hash: word of a role -> JSON
 *     PREFIX:v1:anonymous             JSON
 *     PREFIX:v1:revision              integer, counted up with every change
 *     PREFIX:v1:changes               channel
 *     PREFIX:v1:budget:<kind>:<key>   shared buckets
 *
 * A name is written in lower case without the trailing dot; every octet of a label outside a-z, 0-9, "-" and "_" is
 * \DDD (RFC 1035 section 5.1), so that nothing that a client sends has a meaning in a key, and no two names share one.
 */
import { DnsFormatError } from '../../dns/errors.ts';
import { Name } from '../../dns/name.ts';

/** What a key is for; `below` is the entry of every name below `name`. */
export type ParsedKey =
  | { readonly kind: 'client' | 'below'; readonly name: Name }
  | { readonly kind: 'roles' | 'anonymous' | 'revision' };

/** Longest prefix, in characters. */
export const maxPrefixLength = 64;

// No braces (where they stand decides on the slot), and nothing that a pattern of SCAN gives a meaning to.
const prefixShape = /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/;

/** What is wrong with a prefix, as words that follow the quoted text; undefined if nothing is. */
export function prefixFault(prefix: string): string | undefined {
  if (prefix.length > maxPrefixLength) return `is longer than ${maxPrefixLength} characters`;
  return prefixShape.test(prefix)
    ? undefined
    : 'must be of letters, digits, "_", ".", ":" and "-", a letter or digit first';
}

export class RedisKeys {
  readonly roles: string;
  readonly anonymous: string;
  readonly revision: string;
  /** A channel. */
  readonly changes: string;
  /** Patterns for SCAN that cover every entry of the list. */
  readonly entryPatterns: readonly string[];
  readonly #client: string;
  readonly #below: string;
  readonly #budget: string;

  /**
   * In a cluster the prefix stands in braces: Redis then keeps all keys in one slot, where a script and a transaction
   * can reach them together. Throws RangeError for a prefix that `prefixFault` finds fault with.
   */
  constructor(options: { readonly prefix: string; readonly inCluster: boolean }) {
    const { prefix, inCluster } = options;
    const fault = prefixFault(prefix);
    if (fault !== undefined) throw new RangeError(`the prefix "${prefix}" ${fault}`);
    const root = `${inCluster ? `{${prefix}}` : prefix}:v1:`;
    this.roles = `${root}roles`;
    this.anonymous = `${root}anonymous`;
    this.revision = `${root}revision`;
    this.changes = `${root}changes`;
    this.#client = `${root}client:`;
    this.#below = `${root}below:`;
    this.#budget = `${root}budget:`;
    this.entryPatterns = [`${this.#client}*`, `${this.#below}*`];
  }

  /** The key of the entry of the name itself. */
  client(name: Name): string {
    return this.#client + escapeName(name);
  }

  /** The key of the entry of every name below `name`. */
  below(name: Name): string {
    return this.#below + escapeName(name);
  }

  /** The key of a bucket; `kind` is a word of ours, `key` any text. */
  budget(kind: string, key: string): string {
    return `${this.#budget}${kind}:${escapeText(key)}`;
  }

  /**
   * What a key of the list says; undefined for every other key, and for one that is not written as above: two ways to
   * write one name would be two entries for it.
   */
  parse(key: string): ParsedKey | undefined {
    if (key === this.roles) return { kind: 'roles' };
    if (key === this.anonymous) return { kind: 'anonymous' };
    if (key === this.revision) return { kind: 'revision' };
    for (const [kind, start] of [['client', this.#client] as const, ['below', this.#below] as const]) {
      if (!key.startsWith(start)) continue;
      const name = unescapeName(key.slice(start.length));
      return name && { kind, name };
    }
    return undefined;
  }
}

/** The name in a key. The root is the empty text, which no entry has. */
function escapeName(name: Name): string {
  let text = '';
  // In lower case, and each label after its length.
  const { key } = name;
  for (let at = 0; at < key.length - 1;) {
    const end = at + 1 + key.charCodeAt(at);
    if (at > 0) text += '.';
    text += escapeLabel(key.slice(at + 1, end));
    at = end;
  }
  return text;
}

const plainLabel = /^[a-z0-9_-]*$/;

/** A label's octets are given as latin1. */
function escapeLabel(label: string): string {
  return plainLabel.test(label) ? label : label.replace(/[^a-z0-9_-]/g, escapeCharacter);
}

function escapeText(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/[^A-Za-z0-9_.:-]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return '\\' + String(character.charCodeAt(0)).padStart(3, '0');
}

function unescapeName(text: string): Name | undefined {
  if (text === '') return undefined;
  try {
    const name = Name.parse(text);
    return escapeName(name) === text ? name : undefined;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}
