/**
 * A server proved by a certification path to one of our roots (RFC 8310 section 8.1, RFC 5280 section 6). Pure.
 *
 * Limitations: no revocation.
 */
import type { PeerCredentials } from '../dane/types.ts';
import type { Name } from '../dns/name.ts';
import { parseCertificate, type Certificate } from '../pki/certificate.ts';
import { isNameMatched } from '../pki/dns-name.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { PathBudget } from '../pki/path-limits.ts';
import { findPath } from '../pki/path.ts';

export type PkixVerdict =
  | { readonly isProved: true; readonly endsMs: number }
  | {
      readonly isProved: false;
      readonly reason: 'name-mismatch' | 'path-invalid' | 'work-limit';
      readonly detail: string;
    };

/** Judges the certificate of a server; a raw public key has no path. */
export function provePkix(
  { certificate, chain }: PeerCredentials,
  {
    name,
    roots,
    nowMs,
  }: { readonly name: Name; readonly roots: readonly Certificate[]; readonly nowMs: number },
): PkixVerdict {
  if (certificate === undefined) {
    return { isProved: false, reason: 'path-invalid', detail: 'a raw public key has no path to a root' };
  }
  const endEntity = parsed(certificate);
  if (endEntity === undefined) {
    return { isProved: false, reason: 'path-invalid', detail: 'the certificate cannot be judged' };
  }
  // RFC 8310 section 8.1: only the subjectAltNames count; the subject's common name never does.
  if (!endEntity.dnsPatterns.some((pattern) => isNameMatched(pattern, name))) {
    const detail = `the certificate is not for ${name.toString()}`;
    return { isProved: false, reason: 'name-mismatch', detail };
  }
  const budget = new PathBudget();
  const path = findPath({
    endEntity,
    offered: chain.map(parsed).filter((each) => each !== undefined),
    roots,
    purpose: 'server',
    nowMs,
    anchor: (upTo) => (upTo.at(-1)?.isRoot === true ? { found: true, isPublished: false } : undefined),
    keys: [],
    budget,
  });
  if (path.found !== undefined) return { isProved: true, endsMs: path.endsMs };
  if (budget.exhausted !== undefined) {
    return { isProved: false, reason: 'work-limit', detail: `more than the limit of ${budget.exhausted}` };
  }
  return { isProved: false, reason: 'path-invalid', detail: path.fault };
}

/** What cannot be read is no issuer; a path without it may be sound. */
function parsed(der: Buffer): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof CertificateFormatError) return undefined;
    throw error;
  }
}
