/**
 * The words of the proof: what goes in, what comes out, and the closed list of reasons for "no".
 *
 * DANE TLS client authentication (draft-ietf-dance-client-auth): the client shows a certificate, the DNS says under
 * the client's name which key that name uses (TLSA, RFC 6698), and DNSSEC says that the DNS speaks the truth.
 *
 * Pure types; anything may import this file.
 */
import type { Name } from '../dns/name.ts';
import type { SecurityStatus } from '../dnssec/status.ts';

/** How the records that a proof rests on were found, as plain data, so that any resolver can provide it. */
export interface TlsaAnswer {
  readonly status: SecurityStatus;
  /** RDATA of each TLSA record at the end of the (validated) CNAME chain; empty for a denial. */
  readonly records: readonly Buffer[];
  /** Seconds for which the answer may be used: the smallest TTL in it. */
  readonly ttlSeconds: number;
  /** Why the status is what it is, in words for the operator's log. */
  readonly detail: string;
}

/** What the peer showed in the TLS handshake; taken once (core/tls/peer-snapshot.ts), never read again. */
export interface PeerCredentials {
  /** DER of the end-entity certificate; absent when the peer showed a raw public key (RFC 7250). */
  readonly certificate?: Buffer;
  /** DER SubjectPublicKeyInfo of that certificate, the octets as the certificate has them; or the raw public key. */
  readonly subjectPublicKeyInfo: Buffer;
  /** dNSNames of its subjectAltName that are domain names, in order. */
  readonly dnsNames: readonly Name[];
  /** DER of each further certificate that the peer sent, in its order: a stranger's octets, not looked into yet. */
  readonly chain: readonly Buffer[];
}

/**
 * Every reason for which a peer is not identified. One list feeds logs, metrics and docs/errors.md.
 * The peer itself learns none of them.
 */
export const noIdentityReasons = {
  'no-certificate': 'the client showed neither a certificate nor a raw public key',
  'bad-certificate': 'the client showed a certificate, or a raw public key, that cannot be read',
  'no-claim': 'the client claims no name, by none of the ways that the listener takes one',
  'bad-name':
    'the name in the extension dane_clientid is not a domain name as the draft has it; nobody was asked about it',
  'not-admitted': 'no name that the client claims is in the access list; no DNS query was sent',
  'access-unavailable':
    'the store of the access list cannot be asked, and of this name nothing is known, or what is older than `stale-max`; no DNS query was sent',
  'too-many-failures':
    'too many connections claimed this name of late and did not prove it, none of them from an address of its owner; no DNS query was sent',
  'too-many-lookups':
    'too many lookups that identified nobody were made of late, for connections from this address or for this entry of the access list; no DNS query was sent',
  'too-many-proofs':
    'as many connections as may wait for the DNS do so already, in all or for the domain of this name; no DNS query was sent',
  'no-tlsa': 'the DNS says, signed, that the name has no TLSA record',
  insecure: 'the TLSA record is not protected by DNSSEC',
  bogus: 'DNSSEC validation of the TLSA record failed',
  'lookup-failed': 'the TLSA record could not be looked up',
  'no-usable-record': 'no TLSA record of the name is of a kind that can be used here',
  'weak-key': 'the key of the client is so short that others may have it too',
  'key-mismatch': 'the key of the client is not the one that the TLSA record publishes',
  'name-mismatch':
    'the certificate is not for the claimed name, as records of the usages PKIX-TA, PKIX-EE and DANE-TA demand',
  'path-invalid':
    'a TLSA record demands a certification path from the certificate to an anchor, and there is no valid one',
  'work-limit': 'the search for a path through the certificates took more work than a proof is given',
} as const;
export type NoIdentityReason = keyof typeof noIdentityReasons;
