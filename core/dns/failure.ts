/**
 * How it can go wrong with a server that is asked on somebody's behalf, and the Extended DNS Error that tells who asked (RFC 8914):
 * said once, for all agents and gates.
 *
 * Limitations: what a server says that has answered, and be it SERVFAIL, is no failure here.
 */
import { EdeCode } from './constants.ts';

/**
 * `unreachable`: there was nothing to ask it over, since there is no connection, or none to a server that has proved itself; or it
 * was asked by UDP, and nothing came, so that nobody knows whether it is there; or it said no where another may say more.
 * `broken`: a connection to it was there, and ended, or gave no answer.
 * `unusable`: what it sent is no answer: malformed, cut short, to another question, or not signed as agreed.
 * `other`: it is not the fault of the server, or not its alone: we have too much to do, or are being stopped.
 */
export type FailureKind = 'unreachable' | 'broken' | 'unusable' | 'other';

/** The Extended DNS Error (INFO-CODE) of one that answers for a zone, from whose server nothing could be had. */
export const failureCodes: Readonly<Record<FailureKind, number>> = {
  // RFC 8914 section 4.23: it "could not reach any of the authoritative name servers (or they potentially refused to reply)".
  unreachable: EdeCode.NO_REACHABLE_AUTHORITY,
  // RFC 8914 section 4.24: "an unrecoverable error occurred while communicating with another server".
  broken: EdeCode.NETWORK_ERROR,
  // RFC 8914 section 4.25: it "cannot answer with data for a zone it is otherwise configured to support".
  unusable: EdeCode.INVALID_DATA,
  // RFC 8914 section 4.1.
  other: EdeCode.OTHER,
};

/** That of a resolver, which is configured to support no zone: what it cannot use is an error of communication. */
export const resolverFailureCodes: Readonly<Record<FailureKind, number>> = {
  ...failureCodes,
  unusable: EdeCode.NETWORK_ERROR,
};

/** The most telling first: that none could be reached is said only if it is so of all. */
const order: readonly FailureKind[] = ['broken', 'unusable', 'other'];

/** What is to be said when several servers were tried, or one several times; for none, that none could be reached. */
export function failureOfAll(kinds: Iterable<FailureKind>): FailureKind {
  const all = new Set(kinds);
  return order.find((kind) => all.has(kind)) ?? 'unreachable';
}
