/**
 * Name patterns of the access list: a domain name, or `*.name` for every name below `name`.
 *
 * The star stands for one or more labels, unlike a DNS wildcard (RFC 4592), and only as the whole first label.
 */
import { readName } from '../config/schema.ts';
import { Name } from '../dns/name.ts';
import type { ZonePattern } from './zone-set.ts';

export interface ClientPattern {
  readonly name: Name;
  /** Every name below `name`, and not `name` itself. */
  readonly below: boolean;
}

/** Reads the key of an access list. Throws RangeError whose message follows the quoted text. */
export function readClientPattern(text: string): ClientPattern {
  const below = text.startsWith('*.');
  const name = below ? readSuffix(text) : readStarless(text);
  // Whoever may be looked up costs DNS queries, so the list must bound who that is.
  if (name.labelCount === 0) throw new RangeError('would be every name there is');
  return { name, below };
}

/** The normal form of a pattern, as logs show it. */
export function presentClientPattern({ name, below }: ClientPattern): string {
  return below ? `*.${name.toString()}` : name.toString();
}

/** Reads one of `zones`. Throws RangeError whose message follows the quoted text. */
export function readZonePattern(text: string): ZonePattern {
  if (text === '*') return { kind: 'every' };
  if (text.startsWith('*.')) return { kind: 'below', name: readSuffix(text) };
  return { kind: 'exact', name: readStarless(text) };
}

/** One of `zones`, in the case in which it was written. */
export function presentZonePattern(pattern: ZonePattern): string {
  if (pattern.kind === 'every') return '*';
  if (pattern.kind === 'exact') return pattern.name.toString();
  return pattern.name.labelCount === 0 ? '*.' : `*.${pattern.name.toString()}`;
}

/** The name after `*.`; `*.` alone is below the root. */
function readSuffix(text: string): Name {
  return text === '*.' ? Name.root : readStarless(text.slice(2));
}

function readStarless(text: string): Name {
  const name = readName(text);
  // The key has the lengths of labels in it, and one of them can be 42 as well.
  if (name.key.includes('*') && name.labels().some((label) => label.includes(0x2a)))
    throw new RangeError('has a * that is not the whole first label');
  return name;
}
