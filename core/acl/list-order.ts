/**
 * The order in which a list is written out: names in the canonical order of the DNS (RFC 4034 section 6.1), so that what
 * is below a name follows it, and `*.name` after `name`.
 *
 * Each pattern becomes one short text that sorts right as it is: a million of them are sorted without making names.
 */
import { configBounds } from '../config/limits-table.ts';
import { Name } from '../dns/name.ts';
import { ListError, makeEntry, unreadable, type FoundEntry, type ListStore } from './list-store.ts';
import type { AccessEntry } from './model.ts';
import type { ClientPattern } from './patterns.ts';

/** The end of a label is below every octet, and the mark of `*.name` below that. */
const belowMark = '\u0000';
const labelEnd = '\u0001';
const shift = 2;

/** Compares with `<` as the patterns do. */
export function orderKey({ name, below }: ClientPattern): string {
  let key = '';
  for (let labels = name.key, at = 0; at < labels.length - 1;) {
    const end = at + 1 + labels.charCodeAt(at);
    key = shifted(labels.slice(at + 1, end), shift) + labelEnd + key;
    at = end;
  }
  return below ? key + belowMark : key;
}

/** The pattern that `orderKey` made the text of; its name in lower case. */
export function patternOfOrderKey(key: string): ClientPattern {
  const below = key.endsWith(belowMark);
  const labels = (below ? key.slice(0, -1) : key).split(labelEnd).slice(0, -1).reverse();
  return {
    name: Name.fromLabels(labels.map((label) => Buffer.from(shifted(label, -shift), 'latin1'))),
    below,
  };
}

function shifted(label: string, by: number): string {
  let text = '';
  for (let at = 0; at < label.length; at += 1) text += String.fromCharCode(label.charCodeAt(at) + by);
  return text;
}

/** What is asked of a list at once. */
const findAtOnce = 500;

/** The order keys of all entries, sorted, each once. Rejects with ListError when there are more than a file may have. */
export async function sortedKeys(list: ListStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const pattern of list.patterns()) {
    keys.push(orderKey(pattern));
    // While the list changes a pattern may come twice.
    if (keys.length > configBounds.clients * 2) break;
  }
  const sorted = keys.sort().filter((key, at) => key !== keys[at - 1]);
  if (sorted.length <= configBounds.clients) return sorted;
  throw new ListError(
    `${list.describe()} has more than ${String(configBounds.clients)} entries, which is more than a file may have`,
  );
}

/** The entries of these keys, in their order and their normal form; those that are gone meanwhile or cannot be read are left out. */
export async function* entriesInOrder(
  list: ListStore,
  keys: readonly string[],
): AsyncGenerator<AccessEntry, void> {
  for await (const { pattern, found } of foundInOrder([list], keys)) {
    const [entry] = found;
    if (entry !== undefined && entry !== unreadable) yield makeEntry(pattern, entry.rights);
  }
}

/** What each of the lists has for these keys, in their order. */
export async function* foundInOrder(
  lists: readonly ListStore[],
  keys: readonly string[],
): AsyncGenerator<{ readonly pattern: ClientPattern; readonly found: readonly FoundEntry[] }, void> {
  for (let at = 0; at < keys.length; at += findAtOnce) {
    const patterns = keys.slice(at, at + findAtOnce).map((key) => patternOfOrderKey(key));
    const found = await Promise.all(lists.map((list) => list.find(patterns)));
    for (const [index, pattern] of patterns.entries())
      yield { pattern, found: found.map((some) => some[index]) };
  }
}
