/**
 * Why a server is not used, or a request to it has no answer: one closed list that feeds logs, metrics and documents.
 * Those that begin with `server-` say why it is not proved, so that nothing was sent to it.
 */
import type { FailureKind } from '../dns/failure.ts';

export const noAnswerReasons = {
  'server-no-tlsa':
    'the DNS says, signed, that the server has no TLSA record, and nothing else is set by which it could be proved',
  'server-insecure':
    'the TLSA record of the server is not protected by DNSSEC, and nothing else is set by which it could be proved',
  'server-bogus': 'DNSSEC validation of the TLSA record of the server failed',
  'server-lookup-failed': 'the TLSA record of the server could not be looked up',
  'server-no-usable-record': 'no TLSA record of the server is of a kind that can be used here',
  'server-bad-certificate': 'the server showed a certificate or key that cannot be read',
  'server-weak-key': 'the key of the server is so short that others may have it too',
  'server-key-mismatch': 'the key of the server is not the one that its TLSA record publishes',
  'server-pin-mismatch': 'the key of the server is none of those that are pinned',
  'server-name-mismatch': 'the certificate of the server is not for its name',
  'server-expired': 'a certificate of the server has expired, or is not valid yet',
  'server-path-invalid':
    'there is no valid certification path from the certificate of the server to an anchor',
  'server-work-limit': 'the search for a path through the certificates took more work than a server is given',
  'connect-failed': 'the server cannot be reached by TCP',
  timeout: 'the connection was not made in time',
  'tls-failed': 'the TLS handshake failed',
  'no-alpn': 'the server takes none of the application protocols that we offer (RFC 7301)',
  'refused-by-server': 'the server ended the connection with an alert: it does not take us as a client',
  'connection-lost': 'the connection ended before the answer',
  'no-answer': 'the server did not answer in time',
  'not-dns': 'the server sent what is not DNS',
  'too-many-requests': 'too many requests to the server are under way',
  'given-up': 'who asked does not wait any more',
  closed: 'we closed the connection',
} as const;

export type NoAnswerReason = keyof typeof noAnswerReasons;

/** Those that say more than that there is no proved server to ask. */
const kinds: Readonly<Partial<Record<NoAnswerReason, FailureKind>>> = {
  'connection-lost': 'broken',
  'no-answer': 'broken',
  closed: 'broken',
  'not-dns': 'unusable',
  'too-many-requests': 'other',
  'given-up': 'other',
};

/** Why a server is not proved. */
export type NoServerReason = Extract<NoAnswerReason, `server-${string}`>;

/** A request without an answer, or a server that cannot be used. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  readonly code = 'CLIENT_NO_ANSWER';
  readonly blame = 'upstream';
  readonly reason: NoAnswerReason;
  /** What is special about this case, for the operator; may be empty. */
  readonly detail: string;
  /** What whoever we asked for is told. */
  readonly kind: FailureKind;

  /** `who` is the server, as its address. */
  constructor(who: string, reason: NoAnswerReason, detail: string) {
    super(`${who}: ${noAnswerReasons[reason]}${detail && ` (${detail})`}`);
    this.reason = reason;
    this.detail = detail;
    this.kind = kinds[reason] ?? 'unreachable';
  }
}
