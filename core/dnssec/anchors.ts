/**
 * Where trust begins: trust anchors (RFC 4033 section 2), the root's keys built in, and where an operator lets it
 * end: negative trust anchors (RFC 7646).
 *
 * Pure; the text of a file of anchors is passed in, and so is the time.
 *
 * Limitations: no automated rollover (RFC 5011). The root's next key is built in before it signs.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { Name } from '../dns/name.ts';
import { encodeDs } from '../dns/rdata.ts';
import { parseRecordLines } from '../dns/record-text.ts';

/** Keys that are trusted because the operator, or this program, says so. */
export interface TrustAnchor {
  readonly zone: Name;
  /** RDATAs. */
  readonly ds: readonly Buffer[];
  /** RDATAs. */
  readonly dnskeys: readonly Buffer[];
}

/** A name at and below which nothing is validated, up to an instant (RFC 7646 section 2). */
export interface NegativeAnchor {
  readonly name: Name;
  readonly untilMs: number;
}

/** The root's keys of 2017 and 2024 (IANA, root-anchors.xml). */
export const builtinAnchors: readonly TrustAnchor[] = [
  {
    zone: Name.root,
    ds: [
      rootDs(20326, 'E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D'),
      rootDs(38696, '683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16'),
    ],
    dnskeys: [],
  },
];

/** The anchors that a validator works with; those of one zone are put together. */
export class TrustAnchors {
  readonly #positive = new Map<string, TrustAnchor>();
  readonly #negative = new Map<string, NegativeAnchor>();

  constructor(anchors: readonly TrustAnchor[], negative: readonly NegativeAnchor[] = []) {
    for (const anchor of anchors) {
      const known = this.#positive.get(anchor.zone.key);
      this.#positive.set(anchor.zone.key, known === undefined ? anchor : join(known, anchor));
    }
    for (const anchor of negative) {
      const known = this.#negative.get(anchor.name.key);
      if (known === undefined || known.untilMs < anchor.untilMs) this.#negative.set(anchor.name.key, anchor);
    }
  }

  /** The anchor whose zone is the name or the nearest above it. */
  closest(name: Name): TrustAnchor | undefined {
    return closestIn(name, (key) => this.#positive.get(key));
  }

  /** The negative anchor that switches validation of the name off now. */
  negativeFor(name: Name, nowMs: number): NegativeAnchor | undefined {
    if (this.#negative.size === 0) return undefined;
    // RFC 7646 section 2: it ends by itself.
    const negative = closestIn(name, (key) => {
      const anchor = this.#negative.get(key);
      return anchor !== undefined && nowMs < anchor.untilMs ? anchor : undefined;
    });
    if (negative === undefined) return undefined;
    // RFC 7646 section 2: it wins over a trust anchor of the same name, and one below it resumes validation.
    const positive = this.closest(name);
    return positive?.zone.isBelow(negative.name) === true ? undefined : negative;
  }
}

/**
 * Reads trust anchors from DS and DNSKEY records in the form of a zone file, of one or several zones, all names
 * absolute. Throws DnsFormatError whose message names the line.
 */
export function parseAnchors(text: string): TrustAnchor[] {
  const zones = new Map<string, TrustAnchor>();
  for (const { record, line } of parseRecordLines(text)) {
    const { name, type, rdata } = record;
    if (record.class !== RrClass.IN || (type !== RrType.DS && type !== RrType.DNSKEY)) {
      throw new DnsFormatError(`line ${line}: a trust anchor is a DS or DNSKEY record of class IN`);
    }
    const anchor: TrustAnchor = {
      zone: name,
      ds: type === RrType.DS ? [rdata] : [],
      dnskeys: type === RrType.DNSKEY ? [rdata] : [],
    };
    const known = zones.get(name.key);
    zones.set(name.key, known === undefined ? anchor : join(known, anchor));
  }
  return [...zones.values()];
}

function join(a: TrustAnchor, b: TrustAnchor): TrustAnchor {
  return { zone: a.zone, ds: [...a.ds, ...b.ds], dnskeys: [...a.dnskeys, ...b.dnskeys] };
}

function closestIn<T>(name: Name, find: (key: string) => T | undefined): T | undefined {
  for (let at = name; ; at = at.parent()) {
    const found = find(at.key);
    if (found !== undefined || at.labelCount === 0) return found;
  }
}

function rootDs(keyTag: number, digest: string): Buffer {
  return encodeDs({ keyTag, algorithm: 8, digestType: 2, digest: Buffer.from(digest, 'hex') });
}
