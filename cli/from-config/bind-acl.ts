/**
 * BIND's address match lists as sets: the first element that fits decides, `!` turns it into a no, and a no inside of a
 * nested list is only "does not fit" (BIND 9 Administrator Reference Manual, Address Match Lists).
 */
import { isBlock, wordOf, type Block, type Part, type Statement } from './bind-tree.ts';
import { intersect, subtract, union, type MatchSet, type Term } from './match-set.ts';
import { oldConfigLimits, type SourcePlace } from './old-config.ts';
import { includesPrefix, parsePrefix, type Prefix } from './prefix.ts';
import { normalName } from './zone-names.ts';

/** The acls of a configuration, by their names in lower case: BIND does not care for case there. */
export class BindAcls {
  readonly #blocks = new Map<string, Block>();
  readonly #sets = new Map<string, MatchSet>();
  readonly #underWay = new Set<string>();

  define(name: string, block: Block): void {
    this.#blocks.set(name.toLowerCase(), block);
  }

  /** Who fits a list. `label` is the name of the acl that it is, if it is one. */
  setOf({ statements }: Block, label?: string): MatchSet {
    const allowed: Term[] = [];
    const denied: Term[] = [];
    for (const element of statements) {
      const { at } = element;
      const { isNo, set } = this.#element(element, label);
      const rest = subtract(set, isNo ? allowed : denied) ?? tooMuch(at);
      for (const term of rest) (isNo ? denied : allowed).push(term);
      // Lists of lists multiply.
      if (denied.length + allowed.length > oldConfigLimits.peersOfZone) return [...allowed, ...tooMuch(at)];
    }
    return union([allowed]);
  }

  #element({ parts, at }: Statement, label: string | undefined): { isNo: boolean; set: MatchSet } {
    const signs = parts.findIndex((part) => wordOf(part) !== '!');
    const isTurned = signs % 2 === 1;
    const first = parts[signs];
    // `none` is BIND's own way to write `!any`.
    if (wordOf(first)?.toLowerCase() === 'none') return { isNo: !isTurned, set: [everybody(at)] };
    return { isNo: isTurned, set: this.#positive(first, parts.slice(signs), at, label) };
  }

  #positive(
    first: Part | undefined,
    parts: readonly Part[],
    at: SourcePlace,
    label: string | undefined,
  ): MatchSet {
    if (isBlock(first)) return this.setOf(first, label);
    const word = wordOf(first) ?? '';
    const about = { at, except: [], ...(label === undefined ? {} : { label }) };
    const key = wordOf(parts[1]);
    if (word.toLowerCase() === 'key' && parts.length === 2 && key !== undefined) {
      return [{ ...about, key: normalName(key) }];
    }
    if (parts.length > 1) return [{ ...about, also: [parts.map(wordOf).join(' ')] }];
    const within = parsePrefix(word);
    if (within !== undefined) return [{ ...about, within }];
    return this.#named(word, at) ?? [{ ...about, also: [`${word}, which is no acl of these files`] }];
  }

  /** A list by its name; undefined if there is none. */
  #named(name: string, at: SourcePlace): MatchSet | undefined {
    const word = name.toLowerCase();
    const block = this.#blocks.get(word);
    if (block === undefined) return builtIn(word, at);
    const known = this.#sets.get(word);
    if (known !== undefined) return known;
    if (this.#underWay.has(word) || this.#underWay.size === oldConfigLimits.nesting) {
      return [{ at, except: [], label: name, also: [`${name}, an acl that stands in itself`] }];
    }
    this.#underWay.add(word);
    const set = this.setOf(block, name);
    this.#underWay.delete(word);
    this.#sets.set(word, set);
    return set;
  }
}

/** Both lists must fit. */
export function fitsBoth(a: MatchSet, b: MatchSet, at: SourcePlace): MatchSet {
  return intersect(a, b) ?? tooMuch(at);
}

export function everybody(at: SourcePlace): MatchSet[number] {
  return { at, except: [] };
}

/** What the gate of the same machine asks from, and what a list must have for it. */
export const loopback4 = prefix('127.0.0.1');
const loopbacks = [prefix('127.0.0.0/8'), prefix('::1')];

/** Whether every address of the prefix is this machine. */
export function isOwnAddress(address: Prefix): boolean {
  return loopbacks.some((own) => includesPrefix(own, address));
}

/** `localhost` and `localnets` have the loopback addresses, and others that only the machine knows. */
function builtIn(word: string, at: SourcePlace): MatchSet | undefined {
  if (word === 'any') return [everybody(at)];
  if (word !== 'localhost' && word !== 'localnets') return undefined;
  return [...loopbacks.map((within) => ({ at, within, except: [] })), { at, also: [word], except: [] }];
}

function tooMuch(at: SourcePlace): MatchSet {
  return [{ at, except: [], also: ['a list of more parts than can be calculated with'] }];
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new RangeError(`${text} is no prefix`);
  return parsed;
}
