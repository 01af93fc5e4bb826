/**
 * Catalog zones (RFC 9432, version 2): which zones a catalog lists, and the records of a catalog that lists these.
 *
 * A broken catalog gives an error and no list, so that nobody acts on half of it (section 5.1). Limitations: custom properties
 * (section 4.4) are passed over, as is everything that the RFC gives no meaning.
 */
import { createHash } from 'node:crypto';
import { encodeBase32Hex } from '../dns/base32hex.ts';
import { RrClass, RrType } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import { encodeName, encodeSoa, encodeTxt, parseName, parseTxt } from '../dns/rdata.ts';
import { MessageWalker } from '../dns/walker.ts';
import { openMessage, type Pause, type ZoneVersion } from './zone-version.ts';

/** One zone of a catalog. */
export interface CatalogMember {
  /** The label of its node (RFC 9432 section 4.1), octets as latin1 in lower case; another label is another state of the zone. */
  readonly unique: string;
  readonly zone: Name;
  /** The catalog that may take the zone over (section 4.3.1). */
  readonly coo?: Name | undefined;
  /** Values of the `group` property (section 4.3.2); the strings of one value with a space between them. */
  readonly groups: readonly string[];
}

/** The catalog is broken (RFC 9432 section 5.1): nothing of it may be processed. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
  readonly code = 'CATALOG_BROKEN';
  readonly blame = 'upstream';
}

/** What is written into a catalog. */
export interface CatalogContent {
  readonly name: Name;
  readonly serial: number;
  readonly members: readonly Pick<CatalogMember, 'zone' | 'groups'>[];
}

/** RFC 9432 section 4.2.1: the TXT record "2". */
const versionRdata = encodeTxt([Buffer.from('2')]);
const zonesLabel = 'zones';
/** A hash of the name, cut to what is still no accident. */
const labelHashOctets = 20;
/** Records between two pauses: 1 to 2 ms. */
const slice = 2048;

/** Seconds. The expiry is that of RFC 9432 appendix A: who has lost us keeps what it has. */
const soaTimes = { refresh: 3600, retry: 600, expire: 2_147_483_646, minimum: 0 } as const;

/**
 * The members of a version of a catalog, in the order of the transfer. Rejects with CatalogError for a broken catalog, and for one
 * of more than `maximumMembers`; with DnsFormatError for malformed messages.
 */
export async function readCatalogVersion(
  version: ZoneVersion,
  maximumMembers: number,
  pause: Pause,
): Promise<readonly CatalogMember[]> {
  const reader = new CatalogReader(version.zone, maximumMembers);
  let budget = slice;
  for (const stored of version.messages) {
    const opened = openMessage(stored);
    const message = Buffer.isBuffer(opened) ? opened : await opened;
    const walker = new MessageWalker(message);
    while (walker.next()) {
      const { type, ttl } = walker;
      if (walker.section !== 'answer' || !meaningful.has(type)) continue;
      reader.record({ name: walker.name(), type, class: walker.class, ttl, rdata: walker.rdata() });
    }
    budget -= message.readUInt16BE(6);
    if (budget <= 0) {
      await pause();
      budget = slice;
    }
  }
  return reader.end();
}

/** The same from records; the SOA record makes no difference. Throws CatalogError. */
export function readCatalog(
  zone: Name,
  records: Iterable<ResourceRecord>,
  maximumMembers = Infinity,
): readonly CatalogMember[] {
  const reader = new CatalogReader(zone, maximumMembers);
  for (const record of records) reader.record(record);
  return reader.end();
}

/** The records of a catalog, its SOA record first. The label of a member is always the same. */
export function writeCatalog({ name, serial, members }: CatalogContent): ResourceRecord[] {
  const invalid = Name.parse('invalid');
  const record = (owner: Name, type: number, rdata: Buffer): ResourceRecord => ({
    ...{ name: owner, type, class: RrClass.IN, ttl: 0, rdata },
  });
  const zones = name.prepend(zonesLabel);
  return [
    record(name, RrType.SOA, encodeSoa({ mname: invalid, rname: invalid, serial, ...soaTimes })),
    // RFC 9432 section 4: there must be one, and this one leads nowhere.
    record(name, RrType.NS, encodeName(invalid)),
    record(name.prepend('version'), RrType.TXT, versionRdata),
    ...members.flatMap(({ zone, groups }) => {
      const node = zones.prepend(memberLabel(zone));
      return [
        record(node, RrType.PTR, encodeName(zone)),
        ...groups.map((group) => record(node.prepend('group'), RrType.TXT, encodeTxt([Buffer.from(group)]))),
      ];
    }),
  ];
}

/** The label under which a zone stands in a catalog that we write. */
export function memberLabel(zone: Name): string {
  const digest = createHash('sha256').update(zone.canonicalWire()).digest();
  return encodeBase32Hex(digest.subarray(0, labelHashOctets));
}

const meaningful: ReadonlySet<number> = new Set([RrType.NS, RrType.PTR, RrType.TXT]);

/** What the records of one node say. */
interface MemberNode {
  zone: Name | undefined;
  coo: Name | undefined;
  readonly groups: Set<string>;
}

/** Takes the records of a catalog in any order. */
class CatalogReader {
  readonly #catalog: Name;
  readonly #zones: Name;
  readonly #version: Name;
  readonly #maximumMembers: number;
  readonly #nodes = new Map<string, MemberNode>();
  #isVersionSeen = false;
  #hasNs = false;

  constructor(catalog: Name, maximumMembers: number) {
    this.#catalog = catalog;
    this.#zones = catalog.prepend(zonesLabel);
    this.#version = catalog.prepend('version');
    this.#maximumMembers = maximumMembers;
  }

  record(record: ResourceRecord): void {
    const { name, type } = record;
    if (record.class !== RrClass.IN) throw this.#broken(`${name.toString()} is not of class IN`);
    if (type === RrType.NS && name.equals(this.#catalog)) this.#hasNs = true;
    else if (type === RrType.TXT && name.equals(this.#version)) this.#readVersion(record);
    else if (name.isBelow(this.#zones)) this.#readProperty(record);
  }

  end(): readonly CatalogMember[] {
    if (!this.#isVersionSeen) {
      throw this.#broken(`it has no TXT record ${this.#version.toString()}, so it is no catalog`);
    }
    if (!this.#hasNs) throw this.#broken('it has no NS record');
    const members: CatalogMember[] = [];
    const labels = new Map<string, string>();
    for (const [unique, { zone, coo, groups }] of this.#nodes) {
      // Properties without a member say nothing.
      if (zone === undefined) continue;
      const other = labels.get(zone.key);
      // RFC 9432 section 4.1.
      if (other !== undefined) {
        throw this.#broken(`it lists ${zone.toString()} twice, as ${present(other)} and ${present(unique)}`);
      }
      labels.set(zone.key, unique);
      members.push({ unique, zone, coo, groups: [...groups] });
    }
    if (members.length > this.#maximumMembers) throw this.#tooMany();
    return members;
  }

  /** RFC 9432 section 4.2.1. */
  #readVersion({ rdata }: ResourceRecord): void {
    if (!rdata.equals(versionRdata)) {
      const text = parseTxt(rdata).map(String).join('" "');
      throw this.#broken(`its version is "${text.slice(0, 40)}", only "2" is understood`);
    }
    this.#isVersionSeen = true;
  }

  /** RFC 9432 sections 4.1 and 4.3. */
  #readProperty({ name, type, rdata }: ResourceRecord): void {
    const depth = name.labelCount - this.#zones.labelCount;
    const [first, second] = name.labels();
    if (depth === 1 && type === RrType.PTR && first !== undefined) {
      const node = this.#node(first);
      node.zone = this.#only(node.zone, parseName(rdata), name);
    } else if (depth === 2 && first !== undefined && second !== undefined) {
      const property = first.toString('latin1').toLowerCase();
      if (property === 'coo' && type === RrType.PTR) {
        const node = this.#node(second);
        node.coo = this.#only(node.coo, parseName(rdata), name);
      } else if (property === 'group' && type === RrType.TXT) {
        this.#node(second).groups.add(parseTxt(rdata).map(String).join(' '));
      }
    }
  }

  /** One record, which may have come twice. */
  #only(before: Name | undefined, now: Name, owner: Name): Name {
    if (before !== undefined && !before.equals(now)) {
      throw this.#broken(`${owner.toString()} has more than one PTR record`);
    }
    return now;
  }

  #node(label: Buffer): MemberNode {
    const unique = label.toString('latin1').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    let node = this.#nodes.get(unique);
    if (node === undefined) {
      // Nodes without a member count as well, since they take room as well.
      if (this.#nodes.size > this.#maximumMembers) throw this.#tooMany();
      node = { zone: undefined, coo: undefined, groups: new Set() };
      this.#nodes.set(unique, node);
    }
    return node;
  }

  #tooMany(): CatalogError {
    return this.#broken(`it has more than ${this.#maximumMembers} members, the limit \`catalog-members\``);
  }

  #broken(words: string): CatalogError {
    return new CatalogError(`the catalog ${this.#catalog.toString()} is broken: ${words}`);
  }
}

function present(label: string): string {
  return Name.fromLabels([Buffer.from(label, 'latin1')]).toString();
}
