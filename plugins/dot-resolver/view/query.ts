/** What a view is asked, and what it says. */
import type { FailureKind, ForwardedClient, Name } from '../../../core/index.ts';

/** One question of a member; class IN, opcode QUERY, RD set. */
export interface ViewQuery {
  /** The message to forward: one question, its name uncompressed, and perhaps an OPT record with DO if that is wanted. */
  readonly octets: Buffer;
  /** Made when it is asked for: most questions are forwarded as they are. */
  name(): Name;
  readonly type: number;
  readonly class: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** For the PROXY protocol. */
  readonly client?: ForwardedClient | undefined;
}

/** A whole response message; its ID is any, and it has an OPT record only where one came from upstream. */
export interface ViewAnswer {
  readonly octets: Buffer;
  /** An Extended DNS Error of the view's own (RFC 8914), and its words. */
  readonly infoCode?: number;
  readonly text?: string;
}

/** No answer could be had. */
export interface ViewFailure {
  /** Words for the operator. */
  readonly failure: string;
  readonly isTimeout: boolean;
  readonly kind: FailureKind;
}

/** A bare message comes from upstream as it is. */
export type ViewOutcome = Buffer | ViewAnswer | ViewFailure;
