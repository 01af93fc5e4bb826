/**
 * The search for a certification path (RFC 5280 section 6.1, RFC 4158): from an end entity up to whatever the caller takes
 * for a trust anchor, through certificates in any order, cross-signed, doubled, and meant to waste our time.
 *
 * Depth first, the likeliest issuer first, everything cheap before the signature. An issuer is found by its name; key
 * identifiers only say whom to try first. No name with the same key comes twice in a path (RFC 4158 section 2.4.2). What the
 * search may cost is in path-limits.ts.
 *
 * Limitations: no certificates are fetched (authorityInfoAccess is not read).
 */
import type { Certificate } from './certificate.ts';
import {
  dateFault,
  endEntityFault,
  isSelfIssued,
  issuerFault,
  nameConstraintsFault,
  type Purpose,
} from './path-checks.ts';
import type { PathBudget } from './path-limits.ts';
import { readPublicKey, type PublicKey } from './public-key.ts';
import { isSignedBy, schemeFor } from './signature.ts';

/** A certificate of a path, and where it comes from. */
export interface PathCertificate {
  readonly certificate: Certificate;
  /** One of the roots of the question, octet by octet. */
  readonly isRoot: boolean;
  /** The end entity, or one of the offered certificates. */
  readonly isOffered: boolean;
}

/** What makes the topmost certificate of a path its trust anchor. */
export interface Anchor<T> {
  readonly found: T;
  /** Whether the certificate itself has been named as the anchor of this path, and not as one root for everybody. */
  readonly isPublished: boolean;
}

export interface PathQuestion<T> {
  readonly endEntity: Certificate;
  /** Certificates that may be issuers, trusted for nothing. */
  readonly offered: readonly Certificate[];
  /** Certificates that may be issuers too; what they are trusted for is up to `anchor`. */
  readonly roots: readonly Certificate[];
  readonly purpose: Purpose;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Called for every path with its topmost certificate last; undefined: it is no anchor, go on above it. */
  readonly anchor: (path: readonly PathCertificate[]) => Anchor<T> | undefined;
  /** Keys that are anchors without a certificate (RFC 5280 section 6.1.1 (d)). */
  readonly keys: readonly { readonly key: PublicKey; readonly found: T }[];
  readonly budget: PathBudget;
}

export type PathResult<T> =
  | {
      readonly found: T;
      /** End entity first; without the anchor if that is a bare key. */
      readonly path: readonly Certificate[];
      /** The first moment, in milliseconds since the epoch, at which one of the certificates has expired. */
      readonly endsMs: number;
    }
  | {
      readonly found?: undefined;
      /** The fault of the path that came furthest, in words. */
      readonly fault: string;
      /** Whether there was a valid path to a root, though not to an anchor. */
      readonly reachedRoot: boolean;
    };

/** Looks for a path. Never throws, whatever the certificates. */
export function findPath<T>(question: PathQuestion<T>): PathResult<T> {
  return new PathSearch(question).run();
}

type Found<T> = Extract<PathResult<T>, { path: unknown }>;

class PathSearch<T> {
  readonly #question: PathQuestion<T>;
  readonly #offered: readonly PathCertificate[];
  readonly #verified = new Map<string, boolean>();
  readonly #keys = new Map<Certificate, PublicKey | undefined>();
  readonly #numbers = new Map<object, number>();
  #fault = 'it has no issuer';
  #faultDepth = -1;
  #reachedRoot = false;

  constructor(question: PathQuestion<T>) {
    this.#question = question;
    this.#offered = question.offered.map((certificate) => ({
      certificate,
      isRoot: this.#isRoot(certificate),
      isOffered: true,
    }));
  }

  run(): PathResult<T> {
    const { endEntity, purpose, nowMs, anchor } = this.#question;
    const fault = endEntityFault(endEntity, purpose, nowMs);
    if (fault === undefined) {
      // RFC 5280 section 6.1: the issuer of the first certificate is the anchor, which only a self-issued one is itself.
      const isRoot = isSelfIssued(endEntity) && this.#isRoot(endEntity);
      const start = { certificate: endEntity, isRoot, isOffered: true };
      const own = anchor([start]);
      if (isRoot) this.#reachedRoot = true;
      const found = own === undefined ? this.#extend([start]) : this.#result(own.found, [start], false);
      if (found !== undefined) return found;
    } else {
      this.#note(0, fault);
    }
    return { fault: this.#fault, reachedRoot: this.#reachedRoot };
  }

  /** Goes on above the path in every way that is left. */
  #extend(path: readonly PathCertificate[]): Found<T> | undefined {
    const top = path.at(-1);
    if (top === undefined) return undefined;
    const issuers = this.#issuersOf(top.certificate, path);
    if (issuers.length === 0) this.#note(path.length - 1, 'has no issuer among the certificates at hand');
    for (const issuer of issuers) {
      if (path.length >= this.#question.budget.limits['path-certificates']) {
        this.#note(path.length, 'would make the path too long');
        break;
      }
      const found = this.#climb(path, top, issuer);
      if (found !== undefined || this.#question.budget.exhausted !== undefined) return found;
    }
    return this.#endAtKey(path, top);
  }

  /** One step up, to this issuer. */
  #climb(
    path: readonly PathCertificate[],
    top: PathCertificate,
    issuer: PathCertificate,
  ): Found<T> | undefined {
    const { purpose, nowMs, anchor, budget } = this.#question;
    if (!budget.take('steps')) return undefined;
    const { certificate } = issuer;
    const longer = [...path, issuer];
    const end = anchor(longer);
    // RFC 5280 section 6.1.1 (d): an anchor is a name and a key, and its dates are no part of it. Those of a root and of a
    // self-issued certificate are checked nevertheless: whoever made it meant them, and OpenSSL does the same.
    const areDatesFree = end?.isPublished === true && !isSelfIssued(certificate);
    const dates = dateFault(certificate, nowMs);
    const isIntermediateOnly = certificate.version < 3 && (end === undefined || !isSelfIssued(certificate));
    const fault =
      issuerFault(
        certificate,
        path.map((below) => below.certificate),
        purpose,
      ) ??
      (areDatesFree ? undefined : dates) ??
      (isIntermediateOnly ? 'is of a version that cannot say that it is one of a CA' : undefined) ??
      (this.#isSigned(top.certificate, this.#keyOf(certificate), certificate)
        ? undefined
        : `did not sign the one at depth ${String(path.length - 1)}`);
    if (fault !== undefined) {
      this.#note(path.length, fault);
      return undefined;
    }
    if (issuer.isRoot) this.#reachedRoot = true;
    // Name constraints that spoil the path at its anchor would spoil it further up, too.
    return end === undefined ? this.#extend(longer) : this.#result(end.found, longer, areDatesFree);
  }

  /** The end of the path at a key that the topmost certificate is signed by. */
  #endAtKey(path: readonly PathCertificate[], top: PathCertificate): Found<T> | undefined {
    for (const anchor of this.#question.keys) {
      // A CA that signed itself with the key has it, and is not below it.
      if (path.length > 1 && this.#keyOf(top.certificate)?.key.equals(anchor.key.key) === true) continue;
      if (this.#isSigned(top.certificate, anchor.key, anchor)) return this.#result(anchor.found, path, false);
    }
    return undefined;
  }

  /** The result, if the names in the path keep the constraints in it. */
  #result(found: T, path: readonly PathCertificate[], isAnchorUndated: boolean): Found<T> | undefined {
    const certificates = path.map(({ certificate }) => certificate);
    const fault = nameConstraintsFault(certificates, this.#question.budget);
    if (fault !== undefined) {
      this.#fault = fault;
      this.#faultDepth = Infinity;
      return undefined;
    }
    const dated = isAnchorUndated ? certificates.slice(0, -1) : certificates;
    return {
      found,
      path: certificates,
      endsMs: Math.min(...dated.map(({ notAfterMs }) => notAfterMs + 1000)),
    };
  }

  /** Certificates with the issuer's name that are not in the path yet, the likeliest first. */
  #issuersOf(issued: Certificate, path: readonly PathCertificate[]): PathCertificate[] {
    const offered = this.#offered.filter(({ certificate }) => certificate.subject === issued.issuer);
    const roots = this.#question.roots
      .filter(
        (root) =>
          root.subject === issued.issuer &&
          !offered.some(({ certificate }) => certificate.der.equals(root.der)),
      )
      .map((certificate) => ({ certificate, isRoot: true, isOffered: false }));
    return [...offered, ...roots]
      .filter(({ certificate }) => !path.some((below) => isSameEntity(below.certificate, certificate)))
      .map((issuer) => ({ issuer, rank: rank(issued, issuer) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ issuer }) => issuer);
  }

  /** Whether the key made the signature; each pair is computed once. `owner` stands for the key. */
  #isSigned(issued: Certificate, key: PublicKey | undefined, owner: object): boolean {
    const scheme = key && schemeFor(issued, key);
    if (key === undefined || scheme === undefined) return false;
    const pair = `${String(this.#numberOf(issued))} ${String(this.#numberOf(owner))}`;
    const known = this.#verified.get(pair);
    if (known !== undefined) return known;
    if (!this.#question.budget.take('signature-work', key.work)) return false;
    const isSigned = isSignedBy(issued, scheme, key);
    this.#verified.set(pair, isSigned);
    return isSigned;
  }

  #keyOf(certificate: Certificate): PublicKey | undefined {
    if (!this.#keys.has(certificate)) {
      this.#keys.set(certificate, readPublicKey(certificate.subjectPublicKeyInfo));
    }
    return this.#keys.get(certificate);
  }

  #numberOf(thing: object): number {
    const number = this.#numbers.get(thing) ?? this.#numbers.size;
    this.#numbers.set(thing, number);
    return number;
  }

  #isRoot(certificate: Certificate): boolean {
    const { subject, der } = certificate;
    return this.#question.roots.some((root) => root.subject === subject && root.der.equals(der));
  }

  #note(depth: number, fault: string): void {
    if (depth <= this.#faultDepth) return;
    this.#faultDepth = depth;
    this.#fault = `the certificate at depth ${String(depth)} ${fault}`;
  }
}

/** RFC 4158 section 2.4.2: a path through the same name with the same key twice is a circle. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return a.subject === b.subject && a.subjectPublicKeyInfo.equals(b.subjectPublicKeyInfo);
}

/** Lower is tried earlier: by key identifiers (RFC 4158 section 3.5.12), then roots before others, for a short path. */
function rank(issued: Certificate, { certificate, isRoot }: PathCertificate): number {
  const wanted = issued.authorityKeyIdentifier;
  const own = certificate.subjectKeyIdentifier;
  const byIdentifier = wanted === undefined || own === undefined ? 1 : wanted === own ? 0 : 2;
  return byIdentifier * 2 + (isRoot ? 0 : 1);
}
