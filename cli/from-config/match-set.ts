/**
 * Who fits an address match list, as a set that can be calculated with: a union of terms, each of which is "from this
 * prefix and signed with this key, but not …".
 *
 * A request has one source address and at most one TSIG key (RFC 8945 section 5.1); on that the rules rest.
 *
 * Limitations: of what no file says (which networks this machine is in, where an address is on the globe) the set knows
 * only the words, and takes it to overlap with everything.
 */
import { includesPrefix, smallerPrefix, type Prefix } from './prefix.ts';
import type { SourcePlace } from './old-config.ts';

/** One condition that all must hold; without any it is everybody. */
interface Conditions {
  readonly within?: Prefix;
  /** Name of a key in lower case. */
  readonly key?: string;
  /** What else must hold, in words that nobody here can calculate with: 'localnets', 'geoip country US'. */
  readonly also?: readonly string[];
}

/** Those who meet the conditions, without those who meet one of the exceptions. */
export interface Term extends Conditions {
  readonly except: readonly Conditions[];
  /** Name of the list that it is from. */
  readonly label?: string;
  readonly at: SourcePlace;
}

export type MatchSet = readonly Term[];

/** More terms than that are not calculated with. */
export const maxTerms = 4096;

/** Those of the one and of the other, each once. Keeps the first of two that say the same. */
export function union(sets: readonly MatchSet[]): MatchSet {
  const all = sets.flat();
  if (all.length > 256) return all;
  return all.filter(
    (term, index) =>
      !all.some((other, place) => {
        if (place === index || !isWithin(term, other)) return false;
        return place < index || !isWithin(other, term);
      }),
  );
}

/** Those who are in both; labels and places are those of `a`. Undefined if that is too much to calculate. */
export function intersect(a: MatchSet, b: MatchSet): MatchSet | undefined {
  if (a.length * b.length > maxTerms * 16) return undefined;
  const both = a.flatMap((term) => b.flatMap((other) => both2(term, other)));
  return both.length > maxTerms ? undefined : union([both]);
}

/** Those of `a` who are not in `b`. Undefined if that is too much to calculate. */
export function subtract(a: MatchSet, b: MatchSet): MatchSet | undefined {
  let left: MatchSet = a;
  for (const other of b) {
    left = left.flatMap((term) => without(term, other));
    if (left.length > maxTerms) return undefined;
  }
  return left;
}

/** Whether somebody with this address and no key is in the set, as far as can be told. */
export function hasAddress(set: MatchSet, address: Prefix): boolean {
  const somebody: Conditions = { within: address };
  return set.some(
    (term) =>
      term.key === undefined &&
      (term.also ?? []).length === 0 &&
      meets(somebody, term) &&
      !term.except.some(
        (exception) => exception.key === undefined && overlap(somebody, exception) !== undefined,
      ),
  );
}

function both2(term: Term, other: Term): Term[] {
  const conditions = overlap(term, other);
  return conditions === undefined ? [] : withExceptions(term, conditions, [...term.except, ...other.except]);
}

/** term \ (conditions \ e1 \ e2 …) = (term \ conditions) ∪ (term ∩ e1) ∪ (term ∩ e2) … */
function without(term: Term, other: Term): Term[] {
  const shared = overlap(term, other);
  if (shared === undefined) return [term];
  const outside = meets(term, other) ? [] : withExceptions(term, term, [...term.except, conditionsOf(other)]);
  const spared = other.except.flatMap((exception) => {
    const conditions = overlap(shared, exception);
    return conditions === undefined ? [] : withExceptions(term, conditions, term.except);
  });
  return [...outside, ...spared];
}

/** The term with other conditions, and of the exceptions those that make a difference. */
function withExceptions(term: Term, conditions: Conditions, except: readonly Conditions[]): Term[] {
  if (except.some((exception) => meets(conditions, exception))) return [];
  const { label, at } = term;
  const left = except.filter((exception) => overlap(conditions, exception) !== undefined);
  return [{ ...conditionsOf(conditions), except: left, at, ...(label === undefined ? {} : { label }) }];
}

function conditionsOf({ within, key, also }: Conditions): Conditions {
  return {
    ...(within === undefined ? {} : { within }),
    ...(key === undefined ? {} : { key }),
    ...(also === undefined || also.length === 0 ? {} : { also }),
  };
}

/** What both ask for together; undefined if nobody can meet it. */
function overlap(a: Conditions, b: Conditions): Conditions | undefined {
  if (a.key !== undefined && b.key !== undefined && a.key !== b.key) return undefined;
  const within = a.within && b.within ? smallerPrefix(a.within, b.within) : (a.within ?? b.within);
  if (a.within && b.within && within === undefined) return undefined;
  const key = a.key ?? b.key;
  const also = [...new Set([...(a.also ?? []), ...(b.also ?? [])])];
  return conditionsOf({ also, ...(within && { within }), ...(key === undefined ? {} : { key }) });
}

/** Whether everybody who meets `a` meets `b`, as far as can be told. */
function meets(a: Conditions, b: Conditions): boolean {
  if (b.key !== undefined && a.key !== b.key) return false;
  if (b.within && !(a.within && includesPrefix(b.within, a.within))) return false;
  return (b.also ?? []).every((words) => a.also?.includes(words) === true);
}

function isWithin(term: Term, other: Term): boolean {
  return (
    meets(term, other) &&
    other.except.every(
      (exception) =>
        overlap(term, exception) === undefined || term.except.some((own) => meets(exception, own)),
    )
  );
}
