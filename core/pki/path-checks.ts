/**
 * What RFC 5280 section 6.1 asks of each certificate of a path, apart from its signature, which path.ts sees to.
 *
 * Each check gives the fault in words that follow "the certificate at depth N", or undefined.
 *
 * Limitations: no revocation and no policies; a certificate that demands a policy (policyConstraints is critical) is
 * refused. anyExtendedKeyUsage alone is not enough, which RFC 5280 section 4.2.1.12 allows and OpenSSL does.
 */
import type { Certificate } from './certificate.ts';
import { KeyPurpose, KeyUsage } from './extensions.ts';
import { constraintFault } from './name-constraints.ts';
import type { PathBudget } from './path-limits.ts';

/** What the end entity is in TLS: which extended key usage its path must allow. */
export type Purpose = keyof typeof KeyPurpose;

/** What is wrong with an end entity, its dates included. */
export function endEntityFault(
  certificate: Certificate,
  purpose: Purpose,
  nowMs: number,
): string | undefined {
  // RFC 8446 section 4.4.2.2: the key signs the handshake.
  if (certificate.keyUsage?.has(KeyUsage.digitalSignature) === false) {
    return 'may not be used for signatures (keyUsage)';
  }
  return commonFault(certificate, purpose) ?? dateFault(certificate, nowMs);
}

/**
 * What is wrong with an issuer besides its dates.
 *
 * @param below the path from the end entity up to the certificate that this one issued
 */
export function issuerFault(
  certificate: Certificate,
  below: readonly Certificate[],
  purpose: Purpose,
): string | undefined {
  const { basicConstraints, keyUsage } = certificate;
  // RFC 5280 section 6.1.4 (k): basicConstraints with cA; before version 3 there was none, and path.ts takes such a
  // certificate only as the anchor.
  if (certificate.version === 3 && basicConstraints?.isCa !== true) return 'is not one of a CA';
  // RFC 5280 section 6.1.4 (n).
  if (keyUsage?.has(KeyUsage.keyCertSign) === false) return 'may not sign certificates (keyUsage)';
  // RFC 5280 section 6.1.4 (l) and (m): self-issued certificates do not count, nor does the end entity.
  const between = below.slice(1).filter((issued) => !isSelfIssued(issued)).length;
  const pathLength = basicConstraints?.pathLength ?? Infinity;
  if (between > pathLength) {
    return `allows ${String(pathLength)} CAs below it, and there are ${String(between)} (pathLenConstraint)`;
  }
  return commonFault(certificate, purpose);
}

/** What is wrong with the dates. RFC 5280 section 4.1.2.5: both seconds belong to the time of validity. */
export function dateFault({ notBeforeMs, notAfterMs }: Certificate, nowMs: number): string | undefined {
  if (nowMs < notBeforeMs) return `is not valid before ${new Date(notBeforeMs).toISOString()}`;
  return nowMs >= notAfterMs + 1000 ? `expired at ${new Date(notAfterMs).toISOString()}` : undefined;
}

/** Whether subject and issuer are the same name (RFC 5280 section 3.2). */
export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return subject === issuer;
}

/** Where and how a path, end entity first, breaks a name constraint of one of its issuers, in a whole sentence. */
export function nameConstraintsFault(path: readonly Certificate[], budget: PathBudget): string | undefined {
  for (const [depth, issuer] of path.entries()) {
    const constraints = issuer.nameConstraints;
    if (constraints === undefined) continue;
    const subtrees = constraints.permitted.length + constraints.excluded.length;
    for (const [below, issued] of path.slice(0, depth).entries()) {
      // RFC 5280 section 6.1.3 (b): not for self-issued certificates, unless they are the last.
      if (below > 0 && isSelfIssued(issued)) continue;
      const names = issued.constrainedNames;
      if (!budget.take('name-comparisons', names.length * subtrees)) return 'too many name constraints';
      for (const name of names) {
        const fault = constraintFault(name, constraints);
        if (fault !== undefined) {
          return `the certificate at depth ${String(depth)} ${fault} of the one at depth ${String(below)} (nameConstraints)`;
        }
      }
    }
  }
  return undefined;
}

function commonFault(certificate: Certificate, purpose: Purpose): string | undefined {
  // RFC 5280 section 4.2: a critical extension that is not processed.
  if (certificate.hasUnknownCritical) return 'has a critical extension that is not supported';
  // RFC 5280 section 4.2.1.12. That a CA's list confines what it issues is the practice of all browsers, and OpenSSL's.
  if (certificate.extendedKeyUsage?.has(KeyPurpose[purpose]) === false) {
    return `is not for TLS ${purpose}s (extendedKeyUsage)`;
  }
  return undefined;
}
