/**
 * The words of DNSSEC validation: the four results of RFC 4035 section 4.3, and the closed list of reasons for them.
 *
 * Pure types and words; they feed logs, metrics, `danced lookup` and the documentation.
 */

/** Result of DNSSEC validation (RFC 4035 section 4.3). */
export type SecurityStatus = 'secure' | 'insecure' | 'bogus' | 'indeterminate';

/** Every reason for a status. The first words of a reason say which status it belongs to. */
export const validationReasons = {
  signed: 'secure: signed, from a trust anchor down',
  denied: 'secure: the absence is proved, signed from a trust anchor down',
  'no-ds': 'insecure: a zone above proves that it vouches for no key here',
  'opt-out': 'insecure: the name is in a span of NSEC3 records that leaves unsigned delegations out',
  'unsupported-algorithm': 'insecure: the zone is signed only with algorithms that are not supported',
  'unsupported-digest': 'insecure: the DS records of the zone have only digests that are not supported',
  'nsec3-iterations': 'insecure: the NSEC3 records have more iterations than are computed (RFC 9276)',
  'negative-anchor': 'insecure: a negative trust anchor of the configuration covers the name',
  'no-signature': 'bogus: a record of a signed zone comes without a signature',
  'bad-signature': 'bogus: no signature fits the records',
  'signature-expired': 'bogus: the signature has expired',
  'signature-not-yet-valid': 'bogus: the signature is not valid yet',
  'wrong-signer': 'bogus: the records are signed in the name of a zone that they are not in',
  'no-key': 'bogus: the zone has no key that made the signature',
  'no-dnskey': 'bogus: a zone that its parent calls signed has no keys',
  'ds-mismatch':
    'bogus: the keys of the zone are not those that the zone above, or the trust anchor, vouches for',
  'denial-missing': 'bogus: the absence of the record is not proved',
  'denial-wrong': 'bogus: what was given as proof of absence proves something else',
  'alias-limit': 'bogus: a chain of aliases that is too long, or goes in a circle',
  'work-limit': 'bogus: validation would take more work than a lookup is given',
  'bad-answer': 'bogus: the answer contradicts itself',
  'dnssec-stripped': 'bogus: the resolver takes the DNSSEC records out of its answers',
  'no-anchor': 'indeterminate: no trust anchor is above the name',
  servfail: 'indeterminate: the resolver says that it failed',
  'no-answer': 'indeterminate: no resolver answered',
} as const;

export type ValidationReason = keyof typeof validationReasons;
