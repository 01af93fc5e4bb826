/**
 * A zone that a view answers itself, out of a zone file, and what it has for a question (RFC 1034 section 4.3.2): with
 * wildcards (RFC 4592), DNAME (RFC 6672), and names that exist only because of names below them (RFC 8020).
 *
 * Limitations: class IN; not signed: RRSIG, NSEC and NSEC3 records of a file are left out, because what a view says out of a
 * file is not proved by them. What the standards leave undefined is refused when the file is read: delegations and DNAME at a
 * wildcard, names below a DNAME.
 */
import {
  DnsFormatError,
  Name,
  parseSoa,
  readZoneFile,
  RrType,
  rrTypeName,
  type ResourceRecord,
} from '../../../core/index.ts';
import { fileProblem, problemOfText } from './file-problem.ts';

/** All records of one name and type. */
export interface ZoneRrset {
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdatas: readonly Buffer[];
}

/** What a zone has for a question. */
export type Found =
  | { readonly kind: 'answer'; readonly rrset: ZoneRrset }
  /** A CNAME record: the question goes on with its target. */
  | { readonly kind: 'alias'; readonly rrset: ZoneRrset }
  /** The question's name is below this DNAME record, whose owner begins at `ownerAt` of the question's name. */
  | { readonly kind: 'below-dname'; readonly rrset: ZoneRrset; readonly ownerAt: number }
  /** The name is in a zone that this one delegates; the resolver behind the view knows more. */
  | { readonly kind: 'delegated' }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'no-name' };

interface MutableRrset extends ZoneRrset {
  ttl: number;
  readonly rdatas: Buffer[];
  /** Of the file, where it begins. */
  readonly line: number;
}

/** Empty for a name that only has names below it. */
type Node = Map<number, MutableRrset>;

/**
 * Octets of the records of one RRset in a message, each with a pointer for its owner. The rest of the 64 KiB is for the question
 * and for the aliases that led there: with 8 of them, each of two names of 255 octets, 4.5 KiB.
 */
const maxRrsetOctets = 56 * 1024;
/** Pointer, type, class, TTL, RDLENGTH. */
const recordHeadOctets = 12;

export class LocalZone {
  readonly apex: Name;
  /** The SOA record as it stands in denials: with the TTL of RFC 2308 section 3, the smaller of its own and its minimum. */
  readonly denial: ResourceRecord;
  readonly #nodes: ReadonlyMap<string, Node>;

  private constructor(apex: Name, denial: ResourceRecord, nodes: ReadonlyMap<string, Node>) {
    this.apex = apex;
    this.denial = denial;
    this.#nodes = nodes;
  }

  /** Reads a zone file; `file` is for messages. Throws ConfigError with file and line. */
  static read(apex: Name, text: string, file: string, maxRecords: number): LocalZone {
    const nodes = new Map<string, Node>();
    let soa: ResourceRecord | undefined;
    try {
      for (const { record, line } of readZoneFile(text, { origin: apex, maxRecords })) {
        if (unserved.has(record.type)) continue;
        const wrong = wrongWith(record, apex, soa);
        if (wrong !== undefined) throw fileProblem(file, line, ...wrong);
        if (record.type === RrType.SOA) soa = record;
        addRecord(nodes, record, apex, line);
      }
    } catch (error) {
      throw problemOfText(file, error);
    }
    if (soa === undefined) {
      const right = `give the zone one, as: @ 3600 IN SOA ns hostmaster 1 3600 600 86400 300`;
      throw fileProblem(file, 1, `no SOA record of ${apex.toString()}`, right);
    }
    checkNodes(nodes, apex, file);
    const ttl = Math.min(soa.ttl, parseSoa(soa.rdata).minimum);
    return new LocalZone(apex, { ...soa, ttl }, nodes);
  }

  /** What the zone has for a question about a name at or below its apex. */
  find(name: Name, type: number): Found {
    const { key } = name;
    const path = placesUpTo(key, key.length - this.apex.key.length);
    for (let index = path.length - 1; index >= 0; index -= 1) {
      const at = path[index] ?? 0;
      const node = this.#nodes.get(key.slice(at));
      if (node === undefined) {
        // RFC 4592 section 3.3.1: only the wildcard of the closest encloser, which is one label up.
        const source = this.#nodes.get(wildcardLabel + key.slice(path[index + 1]));
        return source === undefined ? { kind: 'no-name' } : findAt(source, type);
      }
      const isApex = index === path.length - 1;
      // RFC 4035 section 3.1.4.1: of a cut, the DS record is this zone's, and all else is the zone's below.
      if (!isApex && node.has(RrType.NS) && !(at === 0 && type === RrType.DS)) return { kind: 'delegated' };
      const dname = at > 0 ? node.get(RrType.DNAME) : undefined;
      if (dname !== undefined) return { kind: 'below-dname', rrset: dname, ownerAt: at };
      if (at === 0) return findAt(node, type);
    }
    return { kind: 'no-name' };
  }
}

const wildcardLabel = '\x01*';

const unserved: ReadonlySet<number> = new Set([RrType.RRSIG, RrType.NSEC, RrType.NSEC3]);

function findAt(node: Node, type: number): Found {
  // RFC 8482 section 4.1: of all RRsets, one.
  const rrset = type === RrType.ANY ? node.values().next().value : node.get(type);
  if (rrset !== undefined) return { kind: 'answer', rrset };
  const alias = node.get(RrType.CNAME);
  return alias === undefined ? { kind: 'no-data' } : { kind: 'alias', rrset: alias };
}

/** Where the labels begin in a key, from 0 to `last`, which is one of them. */
function placesUpTo(key: string, last: number): number[] {
  const places: number[] = [];
  for (let at = 0; at <= last; at += key.charCodeAt(at) + 1) places.push(at);
  return places;
}

function addRecord(nodes: Map<string, Node>, record: ResourceRecord, apex: Name, line: number): void {
  const { type, ttl, rdata } = record;
  const node = nodeFor(nodes, record.name.key, apex.key.length);
  const rrset = node.get(type);
  if (rrset === undefined) {
    node.set(type, { type, ttl, rdatas: [rdata], line });
    return;
  }
  // RFC 2181 section 5.2: there is one TTL for all; the smallest keeps every record from living too long.
  rrset.ttl = Math.min(rrset.ttl, ttl);
  rrset.rdatas.push(rdata);
}

/** Makes the names between it and the apex too. */
function nodeFor(nodes: Map<string, Node>, key: string, apexLength: number): Node {
  const known = nodes.get(key);
  if (known !== undefined) return known;
  const node: Node = new Map();
  nodes.set(key, node);
  if (key.length > apexLength) nodeFor(nodes, key.slice(key.charCodeAt(0) + 1), apexLength);
  return node;
}

type Wrong = readonly [wrong: string, right: string];

/** What is wrong with one record by itself. */
function wrongWith(
  { name, type }: ResourceRecord,
  apex: Name,
  soa: ResourceRecord | undefined,
): Wrong | undefined {
  const zone = apex.toString();
  if (!name.isAtOrBelow(apex)) {
    return [`${name.toString()} is not in the zone ${zone}`, 'take the record out, or correct $ORIGIN'];
  }
  // RFC 6895 section 3.1: types that are questions, or parts of a message.
  if (type === 0 || type === RrType.OPT || (type >= 128 && type <= 255)) {
    return [`${rrTypeName(type)} is no type of records`, 'take the record out'];
  }
  if (type === RrType.SOA && !name.equals(apex)) {
    return [`a SOA record of ${name.toString()}`, `the zone is ${zone}; take the record out`];
  }
  if (type === RrType.SOA && soa !== undefined) return ['a second SOA record', 'keep one'];
  const isWildcard = name.key.startsWith(wildcardLabel);
  if (isWildcard && (type === RrType.NS || type === RrType.DNAME)) {
    // RFC 4592 sections 4.2 and 4.4 leave both undefined.
    return [`a ${rrTypeName(type)} record at a wildcard`, 'write the names out'];
  }
  return undefined;
}

/** What is wrong with names as a whole; and takes out records that are there twice. Throws ConfigError. */
function checkNodes(nodes: Map<string, Node>, apex: Name, file: string): void {
  let hasDname = false;
  for (const [key, node] of nodes) {
    hasDname ||= node.has(RrType.DNAME);
    for (const rrset of node.values()) {
      if (rrset.rdatas.length > 1) removeDuplicates(rrset.rdatas);
      const wrong = wrongAt(node, rrset, key === apex.key);
      if (wrong !== undefined) throw fileProblem(file, rrset.line, ...wrong);
    }
  }
  if (!hasDname) return;
  for (const [key, node] of nodes) {
    const line = node.values().next().value?.line;
    if (line === undefined) continue;
    for (const at of placesUpTo(key, key.length - apex.key.length).slice(1)) {
      if (nodes.get(key.slice(at))?.has(RrType.DNAME) !== true) continue;
      // RFC 6672 section 2.4.
      throw fileProblem(file, line, 'a record below a DNAME record', 'take out one of the two');
    }
  }
}

function wrongAt(node: Node, { type, rdatas }: MutableRrset, isApex: boolean): Wrong | undefined {
  const isOneOnly = type === RrType.CNAME || type === RrType.DNAME;
  if (isOneOnly && rdatas.length > 1) return [`two ${rrTypeName(type)} records of one name`, 'keep one'];
  if (type === RrType.CNAME && node.size > 1) {
    // RFC 1034 section 3.6.2.
    return ['a CNAME record beside others of the same name', 'an alias has no records of its own; move them'];
  }
  if (type === RrType.DNAME && !isApex && node.has(RrType.NS)) {
    return ['a DNAME record at a delegation', 'keep either'];
  }
  const octets = rdatas.reduce((sum, rdata) => sum + recordHeadOctets + rdata.length, 0);
  if (octets > maxRrsetOctets) {
    const wrong = `${String(rdatas.length)} ${rrTypeName(type)} records of one name, ${String(octets)} octets`;
    return [wrong, `no message has room for more than ${String(maxRrsetOctets)}`];
  }
  return undefined;
}

function removeDuplicates(rdatas: Buffer[]): void {
  const seen = new Set<string>();
  const unique = rdatas.filter((rdata) => {
    const text = rdata.toString('latin1');
    return !seen.has(text) && seen.add(text);
  });
  rdatas.splice(0, rdatas.length, ...unique);
}

/** The zones of a view. */
export class LocalZones {
  readonly #zones: ReadonlyMap<string, LocalZone>;

  constructor(zones: readonly LocalZone[]) {
    this.#zones = new Map(zones.map((zone) => [zone.apex.key, zone]));
  }

  get isEmpty(): boolean {
    return this.#zones.size === 0;
  }

  /** The most specific zone for a question, and whether it is asked for a DS record at its apex, which is not its own. */
  zoneFor(name: Name, type: number): { readonly zone: LocalZone; readonly isAboveApex: boolean } | undefined {
    const { key } = name;
    let atApex: LocalZone | undefined;
    for (let at = 0; at < key.length; at += key.charCodeAt(at) + 1) {
      const zone = this.#zones.get(key.slice(at));
      if (zone === undefined) continue;
      if (at > 0 || type !== RrType.DS) return { zone, isAboveApex: false };
      atApex = zone;
    }
    return atApex && { zone: atApex, isAboveApex: true };
  }
}

/** RFC 6672 section 2.2: the name with the part from `ownerAt` put in place by the DNAME's target; undefined if it is too long. */
export function substitute(name: Name, ownerAt: number, target: Name): Name | undefined {
  try {
    return Name.fromWire(Buffer.concat([name.wire.subarray(0, ownerAt), target.wire]));
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}
