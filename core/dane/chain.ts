/**
 * The usages that need a certification path: PKIX-TA, PKIX-EE and DANE-TA (RFC 6698 section 2.1.1, RFC 7671 section 5).
 *
 * One search serves all three. What ends a path is: a certificate that a DANE-TA record is about, a key that such a record
 * has in full, or a root, if a PKIX record is about the end entity (PKIX-EE) or a CA of the path (PKIX-TA).
 *
 * Limitations: an end entity that a DANE-TA record is about is not its own anchor, as with OpenSSL; "3 x x" says that.
 */
import type { Tlsa } from '../dns/rdata.ts';
import { parseCertificate, type Certificate } from '../pki/certificate.ts';
import { isNameMatched } from '../pki/dns-name.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { defaultPathLimits, PathBudget } from '../pki/path-limits.ts';
import { findPath, type Anchor, type PathCertificate } from '../pki/path.ts';
import { readPublicKey, type PublicKey } from '../pki/public-key.ts';
import type { MatchContext, MatchFault, MatchResult } from './match.ts';
import { associationData, describeTlsa } from './tlsa.ts';
import type { PeerCredentials } from './types.ts';
import { fullMatching, Selector, Usage } from './usable.ts';

/** Where a record was found to hold. */
interface Place {
  readonly record: Tlsa;
  /** undefined: the key above the path. */
  readonly depth: number | undefined;
}

/** The match of one of these usable records of usages 0 to 2; undefined if none is about anything that was shown. */
export function matchChain(
  records: readonly Tlsa[],
  peer: PeerCredentials,
  context: MatchContext,
): MatchResult | undefined {
  const endEntity = peer.certificate === undefined ? undefined : tryParse(peer.certificate);
  if (endEntity === undefined) return undefined;
  if (!('der' in endEntity)) {
    return refusal('path-invalid', `the certificate cannot be judged: ${endEntity.fault}`);
  }
  const chain = new ChainMatch(records, endEntity, offeredCertificates(peer.chain, records), context);
  return chain.run();
}

class ChainMatch {
  readonly #records: readonly Tlsa[];
  readonly #endEntity: Certificate;
  readonly #offered: readonly Certificate[];
  readonly #context: MatchContext;
  readonly #associations = new Map<Certificate, Map<string, Buffer>>();

  constructor(
    records: readonly Tlsa[],
    endEntity: Certificate,
    offered: readonly Certificate[],
    context: MatchContext,
  ) {
    this.#records = records;
    this.#endEntity = endEntity;
    this.#offered = offered;
    this.#context = context;
  }

  run(): MatchResult | undefined {
    const { name, nowMs, purpose, roots } = this.#context;
    const endEntityRecord = this.#find(Usage.pkixEe, this.#endEntity);
    const isPkixTa = this.#records.some(({ usage }) => usage === Usage.pkixTa);
    const isAnyoneNamed =
      endEntityRecord !== undefined ||
      this.#offered.some((certificate) => this.#find(Usage.daneTa, certificate) !== undefined);
    const keys = bareKeys(this.#records, this.#offered);
    // Nothing that a path could end at: no signature is worth computing.
    if (!isAnyoneNamed && !isPkixTa && keys.length === 0) return undefined;
    // RFC 7671 section 10.2, RFC 6698 section 2.1.1: the certificate must be for the claimed name; and for a client
    // draft-ietf-dance-client-auth-13 section 5: the name itself must be there. A wildcard is for servers.
    const isFor = this.#endEntity.dnsPatterns.some(
      (pattern) => isNameMatched(pattern, name) && !(purpose === 'client' && pattern.isWildcard),
    );
    if (!isFor) {
      return refusal('name-mismatch', `the certificate is not for ${name.toString()}`);
    }
    const budget = new PathBudget();
    const result = findPath<Place>({
      endEntity: this.#endEntity,
      offered: this.#offered,
      roots: isPkixTa || endEntityRecord !== undefined ? roots : [],
      purpose,
      nowMs,
      anchor: (path) => this.#anchorOf(path, endEntityRecord),
      keys,
      budget,
    });
    if (result.found !== undefined) {
      const { record, depth = result.path.length } = result.found;
      return { matched: true, record, proof: describeTlsa(record), depth, endsMs: result.endsMs };
    }
    if (budget.exhausted !== undefined)
      return refusal('work-limit', `more than the limit of ${budget.exhausted}`);
    // A path there was, and all that it lacks is a record about one of its CAs.
    const isStranger = !isAnyoneNamed && (result.reachedRoot || !isPkixTa);
    return isStranger ? undefined : refusal('path-invalid', result.fault);
  }

  #anchorOf(path: readonly PathCertificate[], endEntityRecord: Tlsa | undefined): Anchor<Place> | undefined {
    const top = path.at(-1);
    if (top === undefined) return undefined;
    const depth = path.length - 1;
    if (depth > 0 && top.isOffered) {
      const record = this.#find(Usage.daneTa, top.certificate);
      if (record !== undefined) return { found: { record, depth }, isPublished: true };
    }
    if (!top.isRoot) return undefined;
    // RFC 7671 section 5.3: the record about the end entity does not make up for a path.
    if (endEntityRecord !== undefined) {
      return { found: { record: endEntityRecord, depth: 0 }, isPublished: false };
    }
    // RFC 7671 section 5.4: while no CA below or at this root matches, the path goes on to the next root.
    for (const [at, { certificate }] of path.entries()) {
      const record = at === 0 ? undefined : this.#find(Usage.pkixTa, certificate);
      if (record !== undefined) return { found: { record, depth: at }, isPublished: false };
    }
    return undefined;
  }

  /** A record of the usage that is about this certificate. */
  #find(usage: number, certificate: Certificate): Tlsa | undefined {
    return this.#records.find(
      (record) => record.usage === usage && this.#association(certificate, record).equals(record.data),
    );
  }

  /** associationData, computed once for each certificate, selector and matching type. */
  #association(certificate: Certificate, { selector, matchingType }: Tlsa): Buffer {
    let known = this.#associations.get(certificate);
    if (known === undefined) this.#associations.set(certificate, (known = new Map<string, Buffer>()));
    const kind = `${String(selector)} ${String(matchingType)}`;
    let data = known.get(kind);
    if (data === undefined) {
      const { der, subjectPublicKeyInfo } = certificate;
      data = associationData({ certificate: der, subjectPublicKeyInfo }, selector, matchingType);
      known.set(kind, data);
    }
    return data;
  }
}

/** What the peer sent and the DNS has in full: certificates that can be read, within bounds, each once. */
function offeredCertificates(chain: readonly Buffer[], records: readonly Tlsa[]): Certificate[] {
  const limits = defaultPathLimits;
  const offered = new Map<string, Certificate>();
  let octets = 0;
  const sent = chain.slice(0, limits['chain-certificates']);
  // RFC 7671 section 5.2.2: a "2 0 0" record stands in for the anchor that was not sent.
  const published = records
    .filter(({ usage, selector, matchingType }) => {
      const isCa = usage === Usage.daneTa || usage === Usage.pkixTa;
      return isCa && selector === Selector.cert && matchingType === fullMatching;
    })
    .map(({ data }) => data);
  for (const der of [...published, ...sent]) {
    octets += der.length;
    if (octets > limits['chain-octets']) break;
    const certificate = tryParse(der);
    // What cannot be read is no issuer; a path without it may be sound.
    if ('der' in certificate) offered.set(der.toString('latin1'), certificate);
  }
  return [...offered.values()];
}

/**
 * RFC 7671 section 5.2.3: the keys that "2 1 0" records have in full, except those of which a certificate was sent, with the
 * constraints that its maker gave it, and those by which no signature can be checked.
 */
function bareKeys(
  records: readonly Tlsa[],
  offered: readonly Certificate[],
): { readonly key: PublicKey; readonly found: Place }[] {
  return records.flatMap((record) => {
    const { usage, selector, matchingType, data } = record;
    const isKey = usage === Usage.daneTa && selector === Selector.spki && matchingType === fullMatching;
    if (!isKey || offered.some(({ subjectPublicKeyInfo }) => subjectPublicKeyInfo.equals(data))) return [];
    const key = readPublicKey(data);
    return key === undefined ? [] : [{ key, found: { record, depth: undefined } }];
  });
}

function tryParse(der: Buffer): Certificate | { readonly fault: string } {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof CertificateFormatError) return { fault: error.message };
    throw error;
  }
}

function refusal(reason: MatchFault, detail: string): MatchResult {
  return { matched: false, reason, detail };
}
