/**
 * Which updates a rule of knot.conf's section acl is about: `update-type`, `update-owner`, `update-owner-match` and
 * `update-owner-name` (knot.conf(5), Knot DNS 3.2; updates/acl.c: update_match).
 *
 * Limitations: patterns of names, which came with Knot DNS 3.4, cannot be said in an access list.
 */
import { rrTypeFromName } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import type { KnotBlock } from './knot-blocks.ts';
import type { SourcePlace, UpdateRecords } from './old-config.ts';
import { normalName, readOldName } from './zone-names.ts';

export interface KnotUpdates {
  /** Of the first statement about it. */
  readonly place: SourcePlace;
  readonly types: readonly string[];
  /** Undefined: names do not matter. */
  readonly owner: 'key' | 'zone' | 'name' | undefined;
  readonly match: 'sub-or-equal' | 'equal' | 'sub';
  /** Relative to the zone where they have no dot at their end. */
  readonly names: readonly string[];
  /** Whether an access list has words for it. */
  readonly canBeSaid: boolean;
}

/** Undefined for a rule about every update. */
export function readUpdates(block: KnotBlock): KnotUpdates | undefined {
  const written = [...block.all('update-type'), ...block.all('update-owner')];
  const place = written[0]?.place;
  if (place === undefined) return undefined;
  const types = block.all('update-type').map(({ text }) => text.toUpperCase());
  const ownerText = block.one('update-owner')?.text;
  const matchText = block.one('update-owner-match')?.text ?? 'sub-or-equal';
  const names = block.all('update-owner-name').map(({ text }) => text);
  const owner = (['key', 'zone', 'name'] as const).find((word) => word === ownerText);
  const match = (['sub-or-equal', 'equal', 'sub'] as const).find((word) => word === matchText);
  const canBeSaid =
    types.every((type) => rrTypeFromName(type) !== undefined && type !== 'ANY') &&
    (ownerText === undefined || owner !== undefined) &&
    match !== undefined &&
    names.every((name) => !name.includes('*') && readOldName(name) !== undefined) &&
    (owner !== 'name' || names.length > 0);
  return { place, types, owner, match: match ?? 'equal', names, canBeSaid };
}

/** The records of a zone that a rule is about, for a client with this key. Undefined for those that nobody has. */
export function recordsIn(
  { types, owner, match, names }: KnotUpdates,
  zone: string,
  keyName: string | undefined,
): UpdateRecords | undefined {
  const owners =
    owner === 'name'
      ? names.map((name) => absolute(name, zone))
      : owner === 'zone'
        ? [zone]
        : owner === 'key'
          ? [keyName]
          : undefined;
  // Who has no key has no name that goes by it.
  if (owners?.includes(undefined) === true) return undefined;
  return {
    ...(owners && { names: owners.flatMap((name) => patternsOf(name ?? '', match)) }),
    ...(types.length > 0 && { types }),
  };
}

function absolute(name: string, zone: string): string | undefined {
  if (name.endsWith('.')) return normalName(name);
  const [own, apex] = [readOldName(name), readOldName(zone)];
  if (own === undefined || apex === undefined) return undefined;
  return normalName(Name.fromLabels([...own.labels(), ...apex.labels()]).toString());
}

function patternsOf(name: string, match: KnotUpdates['match']): string[] {
  if (match === 'equal') return [name];
  return match === 'sub' ? [`*.${name}`] : [name, `*.${name}`];
}
