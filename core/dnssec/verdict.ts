/**
 * What a validated lookup asks, hears and says. Types, and the order of the four results of RFC 4035 section 4.3.
 */
import type { Message, ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import type { SecurityStatus, ValidationReason } from './status.ts';

/** A question of class IN, to be asked with DO and CD set (RFC 4035 sections 4.9.1 and 4.9.2). */
export interface Inquiry {
  readonly name: Name;
  readonly type: number;
}

/** What came of an inquiry; `from` names who answered, `failure` says in words why nobody did. */
export type Reply = { readonly message: Message; readonly from: string } | { readonly failure: string };

/** One step of the way from the trust anchor to the answer, in words for an operator. */
export interface Step {
  readonly kind: 'anchor' | 'zone' | 'alias' | 'answer' | 'denial';
  readonly name: Name;
  readonly status: SecurityStatus;
  readonly detail: string;
  /** Who answered. */
  readonly server?: string;
}

/** The result of a lookup. */
export interface Verdict {
  /** As asked. */
  readonly name: Name;
  readonly type: number;
  /** Of the weakest hop: an alias in an insecure zone makes the whole insecure. */
  readonly status: SecurityStatus;
  readonly reason: ValidationReason;
  readonly detail: string;
  /** What is proved, where that differs from what was said: NXDOMAIN without a proof of it is not repeated. */
  readonly rcode: number;
  /** The RRset at the end of the aliases; none for a denial and for what is bogus. */
  readonly records: readonly ResourceRecord[];
  /** The names that aliases led to, in order; the last one owns the records. */
  readonly aliases: readonly Name[];
  /** From the anchor down; where something failed, the failing step is the last. */
  readonly steps: readonly Step[];
  /** The least of the hops: when a TTL, a signature or a negative trust anchor ends. */
  readonly expiresMs: number;
  /** The least of the hops: from then on a signature is no longer valid, whatever a policy says about TTLs. */
  readonly signedUntilMs: number;
}

const byWeakness: readonly SecurityStatus[] = ['bogus', 'indeterminate', 'insecure', 'secure'];

/** The element with the weakest status; the first of equals. Undefined for none. */
export function weakest<T extends { readonly status: SecurityStatus }>(all: readonly T[]): T | undefined {
  const weaknessOf = ({ status }: T): number => byWeakness.indexOf(status);
  return all.reduce<T | undefined>(
    (least, each) => (least === undefined || weaknessOf(each) < weaknessOf(least) ? each : least),
    undefined,
  );
}
