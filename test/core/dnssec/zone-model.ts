/**
 * A zone as a plain list of what exists, which says of every question what a truthful answer is; and random such zones
 * for property tests of proofs.
 *
 * It shares nothing with core/dnssec, which it is a witness against.
 */
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import type { RrSet } from '../../../lab/zone.ts';

/**
 * What is true of a name and type: `data`; `alias`: there is a CNAME instead; `no-data`: the name exists without the
 * type; `no-name`; `below`: it is below a cut or a DNAME, or at a cut and not the zone's. For those with `wild`, a
 * wildcard stands in for the name.
 */
export type Truth =
  'data' | 'alias' | 'no-data' | 'wild-data' | 'wild-alias' | 'wild-no-data' | 'no-name' | 'below';

/** What is true of a cut at a name: `unsigned`: there is one without DS records. */
export type CutTruth = 'signed' | 'unsigned' | 'alias' | 'no-cut' | 'no-name' | 'below';

export class ZoneModel {
  readonly apex: Name;
  readonly rrsets: readonly RrSet[];
  readonly #types = new Map<string, Set<number>>();

  /** Every name of a hidden part counts as well: what is below a cut is told by `truth`. */
  constructor(apex: Name, rrsets: readonly RrSet[]) {
    this.apex = apex;
    this.rrsets = rrsets;
    for (const { name, type } of rrsets) {
      for (let each = name; ; each = each.parent()) {
        if (!this.#types.has(each.key)) this.#types.set(each.key, new Set());
        if (each.equals(apex)) break;
      }
      this.#types.get(name.key)?.add(type);
    }
  }

  exists(name: Name): boolean {
    return this.#types.has(name.key);
  }

  /** The longest ancestor that exists; the name itself does not. */
  closestEncloser(name: Name): Name {
    let ancestor = name.parent();
    while (!this.exists(ancestor)) ancestor = ancestor.parent();
    return ancestor;
  }

  /** The name below the closest encloser. */
  nextCloser(name: Name): Name {
    let each = name;
    while (!this.exists(each.parent())) each = each.parent();
    return each;
  }

  truth(name: Name, type: number): Truth {
    if (this.#isBelow(name) || (this.#isCut(name) && type !== RrType.DS)) return 'below';
    if (this.exists(name)) return this.#truthAt(name, type);
    const wildcard = this.closestEncloser(name).prepend('*');
    return this.exists(wildcard) ? `wild-${this.#truthAt(wildcard, type)}` : 'no-name';
  }

  cutTruth(name: Name): CutTruth {
    const truth = this.truth(name, RrType.DS);
    if (truth === 'below' || truth === 'no-name') return truth;
    if (truth.endsWith('data') && truth.startsWith('wild')) return 'no-cut';
    if (truth.endsWith('alias')) return 'alias';
    if (!this.#isCut(name)) return 'no-cut';
    return truth === 'data' ? 'signed' : 'unsigned';
  }

  /** The zone as opt-out records show it: without unsigned delegations (RFC 5155 section 7.1). */
  withoutUnsignedCuts(): ZoneModel {
    const isLeftOut = ({ name }: RrSet): boolean => {
      const types = this.#types.get(name.key);
      return this.#isBelow(name) || (this.#isCut(name) && types?.has(RrType.DS) === false);
    };
    return new ZoneModel(
      this.apex,
      this.rrsets.filter((rrset) => !isLeftOut(rrset)),
    );
  }

  #truthAt(name: Name, type: number): 'data' | 'alias' | 'no-data' {
    const types = this.#types.get(name.key) ?? new Set();
    if (type === RrType.ANY ? types.size > 0 : types.has(type)) return 'data';
    return types.has(RrType.CNAME) ? 'alias' : 'no-data';
  }

  #isCut(name: Name): boolean {
    return !name.equals(this.apex) && this.#types.get(name.key)?.has(RrType.NS) === true;
  }

  #isBelow(name: Name): boolean {
    if (name.equals(this.apex)) return false;
    const above = name.parent();
    return (
      this.#isCut(above) || this.#types.get(above.key)?.has(RrType.DNAME) === true || this.#isBelow(above)
    );
  }
}

/** Labels that are easily mistaken for each other: prefixes, cases, octets below and above the letters, wildcards. */
const label = fc.constantFrom(
  ...['a', 'b', 'B', 'aa', 'a-', '*', 'z', '_'].map((text) => Buffer.from(text)),
  Buffer.from([0]),
  Buffer.from([0x61, 0]),
  Buffer.from([0xe1]),
  Buffer.from('a.b'),
);

const labels = fc.array(label, { maxLength: 3 });

const { A, TXT, TLSA, CNAME, NS, DS, DNAME } = RrType;

/** What a name may have: a CNAME is alone, DS comes with NS. Wildcards have plain data only (RFC 4592 section 4). */
const plainContent = fc.constantFrom<readonly number[]>([A], [TXT], [A, TXT], [TLSA], [CNAME]);
const content = fc.oneof(
  { weight: 4, arbitrary: plainContent },
  { weight: 1, arbitrary: fc.constantFrom<readonly number[]>([NS], [NS, DS], [DNAME], [DNAME, A], [NS]) },
);

/** A zone at the root, at a name, or below one. */
export const zoneModel: fc.Arbitrary<ZoneModel> = fc
  .tuple(
    fc.constantFrom(Name.root, Name.parse('example'), Name.parse('a.example')),
    fc.array(fc.tuple(labels, content, plainContent), { maxLength: 8 }),
  )
  .map(([apex, entries]) => {
    const byKey = new Map<string, [Name, readonly number[]]>();
    for (const [parts, types, plainTypes] of entries) {
      const name = Name.fromLabels([...parts, ...apex.labels()]);
      const isWildcard = parts[0]?.equals(Buffer.from('*')) === true;
      if (!name.equals(apex)) byKey.set(name.key, [name, isWildcard ? plainTypes : types]);
    }
    byKey.set(apex.key, [apex, [RrType.SOA, NS, RrType.DNSKEY]]);
    const rrsets = [...byKey.values()].flatMap(([name, types]) =>
      types.map((type) => ({ name, type, ttl: 3600, rdatas: [Buffer.alloc(0)] })),
    );
    return new ZoneModel(apex, rrsets);
  });

/** Names to ask for: made of the same labels, so that they hit, miss narrowly, and lie below what exists. */
export const askedLabels: fc.Arbitrary<Buffer[]> = fc.array(label, { maxLength: 4 });

export const askedType: fc.Arbitrary<number> = fc.constantFrom<number>(A, TXT, TLSA, CNAME, DS, RrType.ANY);
