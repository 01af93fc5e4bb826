/**
 * The data of one zone, and what a name server finds in it for a question (RFC 1034 section 4.3.2).
 *
 * Names are kept with their empty non-terminals, so that a name which only has names below it exists (RFC 8020) and
 * is answered "no data", not "no such name".
 *
 * Limitations: no wildcards, no DNAME, class IN only. A zone knows nothing of signatures; see signed-zone.ts.
 */
import { RrClass, RrType } from '../core/dns/constants.ts';
import type { ResourceRecord } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';
import { encodeSoa, parseSoa } from '../core/dns/rdata.ts';
import type { Soa } from '../core/dns/rdata.ts';

/** All records of one name and type. */
export interface RrSet {
  readonly name: Name;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdatas: readonly Buffer[];
}

/** What a zone has for a question. */
export type Lookup =
  | { readonly kind: 'answer'; readonly rrset: RrSet }
  | { readonly kind: 'alias'; readonly rrset: RrSet }
  | { readonly kind: 'referral'; readonly delegation: RrSet }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'no-name'; readonly closestEncloser: Name };

/** One name of a zone; an empty non-terminal has no RRsets. */
interface Node {
  readonly name: Name;
  readonly rrsets: Map<number, MutableRrSet>;
  /** How many names lie directly below. */
  children: number;
}

interface MutableRrSet extends RrSet {
  rdatas: Buffer[];
}

/** What every zone needs to begin with. */
export interface ZoneStart {
  readonly apex: Name;
  readonly nameServer: Name;
  readonly serial?: number;
  /** TTL of the SOA and NS records and of denials, in seconds. */
  readonly ttlSeconds?: number;
}

/** A zone's records. Every change raises `revision`, so that what is derived from the data knows when it is stale. */
export class Zone {
  readonly apex: Name;
  revision = 0;
  readonly #nodes = new Map<string, Node>();

  constructor({ apex, nameServer, serial = 1, ttlSeconds = 300 }: ZoneStart) {
    this.apex = apex;
    const soa: Soa = {
      mname: nameServer,
      rname: nameServer.prepend('hostmaster'),
      serial,
      refresh: 3600,
      retry: 600,
      expire: 604_800,
      minimum: ttlSeconds,
    };
    this.replace({ name: apex, type: RrType.SOA, ttl: ttlSeconds, rdatas: [encodeSoa(soa)] });
    this.replace({ name: apex, type: RrType.NS, ttl: ttlSeconds, rdatas: [nameServer.wire] });
  }

  get soa(): RrSet {
    const rrset = this.rrset(this.apex, RrType.SOA);
    if (rrset === undefined) throw new Error(`zone ${this.apex.toString()} has lost its SOA record`);
    return rrset;
  }

  get serial(): number {
    return this.#soaData().serial;
  }

  /** Gives the zone another serial (RFC 1982 arithmetic is the caller's matter). */
  set serial(serial: number) {
    this.replace({ ...this.soa, rdatas: [encodeSoa({ ...this.#soaData(), serial })] });
  }

  rrset(name: Name, type: number): RrSet | undefined {
    return this.#nodes.get(name.key)?.rrsets.get(type);
  }

  /** The types that a name has, empty for an empty non-terminal; undefined when the name does not exist. */
  typesAt(name: Name): number[] | undefined {
    const node = this.#nodes.get(name.key);
    return node && [...node.rrsets.keys()];
  }

  /** Adds one record, with the TTL that its RRset has already (RFC 2181 section 5.2); false when the zone has it. */
  add({ name, type, ttl, rdata }: ResourceRecord): boolean {
    if (!name.isAtOrBelow(this.apex))
      throw new RangeError(`${name.toString()} is not in ${this.apex.toString()}`);
    const node = this.#nodeFor(name);
    const rrset = node.rrsets.get(type);
    if (rrset === undefined) node.rrsets.set(type, { name: node.name, type, ttl, rdatas: [rdata] });
    else if (rrset.rdatas.some((each) => each.equals(rdata))) return false;
    else rrset.rdatas.push(rdata);
    this.revision += 1;
    return true;
  }

  /** Removes one record; false when the zone does not have it. */
  remove({ name, type, rdata }: Pick<ResourceRecord, 'name' | 'type' | 'rdata'>): boolean {
    const node = this.#nodes.get(name.key);
    const rrset = node?.rrsets.get(type);
    const index = rrset?.rdatas.findIndex((each) => each.equals(rdata)) ?? -1;
    if (node === undefined || rrset === undefined || index < 0) return false;
    rrset.rdatas.splice(index, 1);
    if (rrset.rdatas.length === 0) node.rrsets.delete(type);
    this.#prune(node);
    this.revision += 1;
    return true;
  }

  /** Puts a whole RRset in the place of what was there; with no RDATA, removes it. */
  replace({ name, type, ttl, rdatas }: RrSet): void {
    if (!name.isAtOrBelow(this.apex))
      throw new RangeError(`${name.toString()} is not in ${this.apex.toString()}`);
    const node = this.#nodeFor(name);
    if (rdatas.length > 0) node.rrsets.set(type, { name: node.name, type, ttl, rdatas: [...rdatas] });
    else node.rrsets.delete(type);
    this.#prune(node);
    this.revision += 1;
  }

  /** What the zone has for a question about a name at or below its apex. */
  find(name: Name, type: number): Lookup {
    let closestEncloser = this.apex;
    for (const step of pathDown(this.apex, name)) {
      const node = this.#nodes.get(step.key);
      if (node === undefined) return { kind: 'no-name', closestEncloser };
      const delegation = step.equals(this.apex) ? undefined : node.rrsets.get(RrType.NS);
      // RFC 4035 section 3.1.4.1: the DS record of a cut is the parent's; all else there is the child's.
      if (delegation && !(type === RrType.DS && step.equals(name))) return { kind: 'referral', delegation };
      closestEncloser = step;
    }
    const rrset = this.rrset(name, type);
    if (rrset !== undefined) return { kind: 'answer', rrset };
    const alias = this.rrset(name, RrType.CNAME);
    return alias ? { kind: 'alias', rrset: alias } : { kind: 'no-data' };
  }

  /** Every name that exists, empty non-terminals among them, in no order. */
  *names(): Iterable<Name> {
    for (const { name } of this.#nodes.values()) yield name;
  }

  /** Every RRset; the SOA record first, as a transfer has it. */
  *rrsets(): Iterable<RrSet> {
    const { soa } = this;
    yield soa;
    for (const node of this.#nodes.values()) {
      for (const rrset of node.rrsets.values()) if (rrset !== soa) yield rrset;
    }
  }

  /** Every record; the SOA record first. */
  *records(): Iterable<ResourceRecord> {
    for (const rrset of this.rrsets()) yield* recordsOf(rrset);
  }

  #soaData(): Soa {
    const [rdata] = this.soa.rdatas;
    if (rdata === undefined) throw new Error(`zone ${this.apex.toString()} has an empty SOA record`);
    return parseSoa(rdata);
  }

  #nodeFor(name: Name): Node {
    const known = this.#nodes.get(name.key);
    if (known !== undefined) return known;
    const node: Node = { name, rrsets: new Map(), children: 0 };
    this.#nodes.set(name.key, node);
    if (!name.equals(this.apex)) this.#nodeFor(name.parent()).children += 1;
    return node;
  }

  /** Removes a name that has neither records nor names below it, and so on upwards. */
  #prune(node: Node): void {
    if (node.rrsets.size > 0 || node.children > 0 || node.name.equals(this.apex)) return;
    this.#nodes.delete(node.name.key);
    const parent = this.#nodes.get(node.name.parent().key);
    if (parent === undefined) return;
    parent.children -= 1;
    this.#prune(parent);
  }
}

/** The records of an RRset. */
export function recordsOf({ name, type, ttl, rdatas }: RrSet): ResourceRecord[] {
  return rdatas.map((rdata) => ({ name, type, class: RrClass.IN, ttl, rdata }));
}

/** The names from `top` down to `bottom`, both included; `bottom` is at or below `top`. */
export function pathDown(top: Name, bottom: Name): Name[] {
  const path = [bottom];
  for (let name = bottom; name.labelCount > top.labelCount;) {
    name = name.parent();
    path.unshift(name);
  }
  return path;
}
