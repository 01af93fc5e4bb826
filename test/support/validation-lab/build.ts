/** The zones of the lab as files that a server can load: keys made, delegations put in, signed, and broken where asked. */
import { Name } from '../../../core/dns/name.ts';
import type { TestBed } from '../peers/test-bed.ts';
import { inParallel } from './in-parallel.ts';
import { dsOf, makeKey } from './keys.ts';
import {
  absolute,
  signing as usualSigning,
  type Authority,
  type LabZone,
  type Signing,
  type ZoneKeys,
} from './lab-zone.ts';
import { sign } from './signers.ts';
import { writeZoneLines, zoneLine, type ZoneLine } from './zone-lines.ts';

/** A zone to be served. */
export interface BuiltZone {
  readonly apex: string;
  readonly file: string;
  readonly authority: Authority;
}

export interface BuiltTree {
  readonly zones: readonly BuiltZone[];
  /** RDATA of the root's DS record: the only trust anchor. */
  readonly anchor: string;
}

interface Prepared {
  readonly zone: LabZone;
  readonly keys: ZoneKeys;
  readonly ds: readonly string[];
}

/** Signers at work at the same time. */
const signersAtOnce = 4;
const nameServer = 'ns.test.';

/** Builds every zone in the folder of the test. */
export async function buildTree(bed: TestBed, zones: readonly LabZone[]): Promise<BuiltTree> {
  const prepared = zones.map(prepare);
  const root = prepared.find(({ zone }) => zone.apex === '.');
  if (root === undefined) throw new Error('the lab has no root zone');
  const built = await inParallel(prepared, signersAtOnce, async (one, index) => {
    const lines = await build(bed, one, childrenOf(one, prepared), `zone-${index}`);
    const { apex, authority = 'nsd' } = one.zone;
    return { apex, authority, file: bed.write(`zone-${index}/served`, lines) };
  });
  return { zones: built, anchor: dsOf(root.keys.own, '.') };
}

function prepare(zone: LabZone): Prepared {
  const algorithm = (zone.signing ?? usualSigning()).algorithm;
  const keys = { own: makeKey(algorithm, 0), strange: makeKey(algorithm, 1) };
  const usualDs = zone.signing === undefined ? [] : [dsOf(keys.own, zone.apex)];
  return { zone, keys, ds: zone.ds?.(keys) ?? usualDs };
}

/** The zones right below. */
function childrenOf({ zone }: Prepared, all: readonly Prepared[]): Prepared[] {
  const apexes = all.map((it) => Name.parse(it.zone.apex));
  const here = Name.parse(zone.apex);
  return all.filter((_, index) => {
    const child = apexes[index]!;
    const above = apexes.filter((apex) => child.isBelow(apex));
    return above.length > 0 && above.reduce((a, b) => (a.labelCount > b.labelCount ? a : b)).equals(here);
  });
}

async function build(
  bed: TestBed,
  { zone, keys }: Prepared,
  children: readonly Prepared[],
  folder: string,
): Promise<string> {
  const text = zoneText(zone, children.filter((child) => child.zone.isInjected !== true).flatMap(delegation));
  if (zone.signing === undefined) return text;
  const signed = async (options: Partial<Signing>, part: string): Promise<ZoneLine[]> => {
    const how = { ...usualSigning(), ...zone.signing, ...options };
    const key = how.withStrangeKey === true ? keys.strange : keys.own;
    return sign(bed, { folder: `${folder}/${part}`, apex: zone.apex, text, key, signing: how });
  };
  const lines = await signed({}, 'own');
  const also: ZoneLine[][] = [];
  for (const [index, options] of (zone.also ?? []).entries())
    also.push(await signed(options, `also-${index}`));
  const injected = children
    .filter((child) => child.zone.isInjected === true)
    .map((child) => zoneLine(child.zone.apex, 'NS', nameServer));
  return writeZoneLines([...(zone.spoil?.(lines, also, keys) ?? lines), ...injected]);
}

/** NS and DS records of a child, as lines of its parent. */
function delegation({ zone, ds }: Prepared): string[] {
  return [`${zone.apex} NS ${nameServer}`, ...ds.map((rdata) => `${zone.apex} DS ${rdata}`)];
}

/** A zone file of one record a line, every owner absolute. */
function zoneText(zone: LabZone, delegations: readonly string[]): string {
  const lines = [
    `@ SOA ${nameServer} hostmaster.test. 1 3600 600 86400 300`,
    `@ NS ${nameServer}`,
    ...zone.records,
    ...delegations,
  ];
  const text = lines.map((line) => {
    const [, owner = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    return `${absolute(owner, zone.apex)} 300 IN ${rest}\n`;
  });
  return `$ORIGIN ${zone.apex}\n${text.join('')}`;
}
