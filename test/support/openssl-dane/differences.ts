/**
 * Where danced and OpenSSL differ by design: who is right, by which clause, and which cases of the matrix it covers.
 *
 * Limitations: found with OpenSSL 3.0, the one of Debian 12; another release may differ elsewhere, which the test then says.
 */
import type { MatchResult } from '../../../core/dane/match.ts';
import type { DaneCase } from './matrix.ts';
import type { OpensslAnswer } from './openssl-dane.ts';
import type { RecordSpec } from './records.ts';

/** One case on which the two differ. */
export interface Disagreement {
  readonly one: DaneCase;
  readonly openssl: OpensslAnswer;
  readonly danced: MatchResult;
  /**
   * Whether OpenSSL finds the same as danced when it is given less: without records that say nothing about the one that danced
   * matched, without some of the certificates, without some of the roots.
   */
  readonly isFoundWithLess: () => boolean;
}

export interface Difference {
  readonly title: string;
  /** What decides. */
  readonly clause: string;
  readonly reason: string;
  readonly covers: (disagreement: Disagreement) => boolean;
}

/** In the order in which they are tried: the first that covers a case is its reason. */
export const differences: readonly Difference[] = [
  {
    title: 'a bare key is counted as the place above the topmost certificate',
    clause: 'RFC 7671 section 5.2.3',
    reason:
      'The key is an anchor that no certificate stands for; OpenSSL gives the depth of the certificate it signed.',
    covers: ({ openssl, danced }) =>
      openssl.kind === 'match' &&
      danced.matched &&
      isBareKey(danced) &&
      kindOf(danced.record) === kindOf(openssl) &&
      danced.depth === openssl.depth + 1,
  },
  {
    title: 'weak signatures and keys are refused below a bare key too',
    clause: 'RFC 6698 section 4.1',
    reason:
      'OpenSSL holds every certificate to its security level but the one that a bare key signed, and the key itself.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      openssl.kind === 'match' &&
      kindOf(openssl) === '2 1 0' &&
      /(md5|sha1|rsa1024)$/.test(one.parts.variation),
  },
  {
    title: 'a key of which the certificate was sent is no bare key',
    clause: 'RFC 7671 section 5.2.3',
    reason:
      'The certificate is the anchor then, and must bear the issuer’s name; OpenSSL looks at the path it built only.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      openssl.kind === 'match' &&
      kindOf(openssl) === '2 1 0' &&
      one.parts.variation === 'leaf names another issuer',
  },
  {
    title: 'the end entity’s key must be good for signatures',
    clause: 'RFC 8446 section 4.4.2.2',
    reason: 'TLS 1.3 and client authentication sign; OpenSSL also takes keys for TLS 1.2 without signatures.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) !== 'name-mismatch' &&
      /^leaf keyUsage (keyAgreement|keyEncipherment)$/.test(one.parts.variation),
  },
  {
    title: 'a certificate of version 3 without basicConstraints issues nothing',
    clause: 'RFC 5280 section 4.2.1.9',
    reason:
      'Its key MUST NOT be used to verify signatures on certificates; OpenSSL lets it be the topmost one.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) && one.parts.variation.endsWith(' no basicConstraints'),
  },
  {
    title: 'extensions in a certificate of version 1 make it unreadable',
    clause: 'RFC 5280 section 4.1.2.9',
    reason: 'The field MUST NOT be there; OpenSSL reads it.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) && one.parts.variation.startsWith('leaf version 1'),
  },
  {
    title: 'a wildcard may stand for a name that a CA is excluded from',
    clause: 'RFC 5280 section 4.2.1.10',
    reason: 'OpenSSL compares the text of the wildcard only, which lets a CA pass round its constraint.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) !== 'name-mismatch' &&
      (one.parts.variation === 'leaf has a wildcard below an excluded domain' ||
        (one.parts.variation.endsWith('nameConstraints excluded name itself') &&
          one.parts.names.includes('"*.'))),
  },
  {
    title: 'a dNSName that is no name keeps no constraint on domains',
    clause: 'RFC 5280 section 4.2.1.6',
    reason: 'It has no place among the names that a CA may or may not certify; OpenSSL compares its octets.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) !== 'name-mismatch' &&
      (one.parts.variation === 'leaf has an empty dNSName under a constraint' ||
        (one.parts.variation.includes('nameConstraints') && /"", |" bad name"/.test(one.parts.names))),
  },
  {
    title: 'the second at which a certificate expires is still of its time',
    clause: 'RFC 5280 section 4.1.2.5',
    reason: 'The period is from notBefore through notAfter, inclusive; OpenSSL ends it a second earlier.',
    covers: ({ one, openssl, danced }) =>
      isDancedOnly(openssl, danced) && one.parts.variation.endsWith(' expires with this second'),
  },
  {
    title: 'the common name is never the name of a peer',
    clause: 'RFC 9525 section 2',
    reason: 'Only a dNSName says for which domain name a certificate is; OpenSSL falls back on the subject.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) === 'name-mismatch' &&
      one.parts.names.includes('as common name'),
  },
  {
    title: 'a wildcard names no client',
    clause: 'draft-ietf-dance-client-auth-13 section 5',
    reason:
      'The name that the client says must be a dNSName of its certificate; OpenSSL takes a wildcard for it.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) === 'name-mismatch' &&
      one.question.purpose === 'client' &&
      one.parts.names.includes('"*.'),
  },
  {
    title: 'a wildcard is a whole label',
    clause: 'RFC 9525 section 6.3',
    reason: 'OpenSSL by default takes a wildcard within the first label.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) === 'name-mismatch' &&
      /"[^*."]*\*[^*."]*\.example\.net"/.test(one.parts.names) &&
      !one.parts.names.includes('"*.'),
  },
  {
    title: 'a record that cannot be used gives no certificates to build with',
    clause: 'RFC 6698 section 4.1',
    reason:
      'Without roots PKIX-TA is unusable, also as a place to find an intermediate CA; OpenSSL takes it from there.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      one.parts.roots === 'none' &&
      one.parts.records.some((record) => record.usage === 0 && isWholeCertificate(record)),
  },
  {
    title: 'a wildcard may lie below a label with an underscore',
    clause: 'draft-ietf-dance-client-auth-13 section 2.2',
    reason:
      'Devices are named below _device; OpenSSL takes letters, digits and hyphens in what follows a wildcard.',
    covers: ({ one, openssl, danced }) =>
      isDancedOnly(openssl, danced) && one.parts.names.includes('"*._device.'),
  },
  {
    title: 'a label does not begin with a hyphen',
    clause: 'RFC 5890 section 2.3.1',
    reason: 'A dNSName in the preferred name syntax has no such label; OpenSSL compares octets.',
    covers: ({ one, openssl, danced }) =>
      isOpensslOnly(openssl, danced) &&
      reasonOf(danced) === 'name-mismatch' &&
      one.parts.names.startsWith('-'),
  },
  {
    title: 'key identifiers choose between issuers and refuse none',
    clause: 'RFC 5280 section 4.2.1.1',
    reason:
      'They are there to make the search quick, and a signature that fits is proof enough; OpenSSL demands them.',
    covers: ({ one, openssl, danced }) =>
      isDancedOnly(openssl, danced) &&
      /(authority|subject)KeyIdentifier of another/.test(one.parts.variation),
  },
  {
    title: 'a root need not be self-signed',
    clause: 'RFC 5280 section 6.1.1',
    reason:
      'An anchor is a name and a key that somebody trusts; OpenSSL asks for X509_V_FLAG_PARTIAL_CHAIN first.',
    covers: ({ one, openssl, danced }) =>
      isDancedOnly(openssl, danced) &&
      danced.matched &&
      danced.record.usage <= 1 &&
      ['intermediate', 'leaf'].includes(one.parts.roots),
  },
  {
    title: 'PKIX-TA reaches above the first root on the way',
    clause: 'RFC 7671 section 5.4',
    reason:
      'The path is to be extended until a CA matches; OpenSSL ends at the first certificate that it trusts.',
    covers: ({ one, openssl, danced, isFoundWithLess }) =>
      isDancedOnly(openssl, danced) &&
      danced.matched &&
      danced.record.usage === 0 &&
      one.parts.roots === 'both' &&
      /cross-signed root|circle of roots/.test(one.parts.shape) &&
      isFoundWithLess(),
  },
  {
    title: 'a record of PKIX-TA or PKIX-EE does not hide an anchor of DANE-TA',
    clause: 'RFC 6698 section 4.1',
    reason:
      'One record that matches is enough; OpenSSL looks for DANE-TA only below the first of its own roots then.',
    covers: ({ one, openssl, danced, isFoundWithLess }) =>
      isDancedOnly(openssl, danced) &&
      danced.matched &&
      danced.record.usage === 2 &&
      one.parts.roots !== 'none' &&
      one.parts.records.some(({ usage }) => usage <= 1) &&
      isFoundWithLess(),
  },
  {
    title: 'every path is tried, not one',
    clause: 'RFC 5280 section 6',
    reason:
      'Of cross-signed CAs one way may lead to an anchor and the other not; OpenSSL goes one way and never back.',
    covers: ({ one, openssl, danced, isFoundWithLess }) =>
      isDancedOnly(openssl, danced) &&
      (/both intermediates|cross-signed|circle/.test(one.parts.shape) ||
        one.parts.records.some((record) => record.damage === 'wrong' && isWholeCertificate(record))) &&
      isFoundWithLess(),
  },
];

function isOpensslOnly(openssl: OpensslAnswer, danced: MatchResult): boolean {
  return openssl.kind === 'match' && !danced.matched;
}

function isDancedOnly(openssl: OpensslAnswer, danced: MatchResult): boolean {
  return openssl.kind !== 'match' && danced.matched;
}

function reasonOf(danced: MatchResult): string | undefined {
  return danced.matched ? undefined : danced.reason;
}

/** Of a CA: OpenSSL builds its path with it. */
function isWholeCertificate({ usage, selector, matchingType }: RecordSpec): boolean {
  return usage % 2 === 0 && selector === 0 && matchingType === 0;
}

function isBareKey(danced: MatchResult): boolean {
  return danced.matched && kindOf(danced.record) === '2 1 0';
}

function kindOf(record: {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
}): string {
  return `${String(record.usage)} ${String(record.selector)} ${String(record.matchingType)}`;
}
