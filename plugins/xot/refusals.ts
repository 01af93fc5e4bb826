/**
 * The noes of the gate: what the client is told of each, and how many of them the log has.
 *
 * A client that is known can ask for what it may not have as often as its connection carries. Every no is counted; the
 * first ones of a client in each minute are for the operator to see, the others are for debugging.
 */
import { EdeCode, Rcode, type DecisionReason } from '../../core/index.ts';
import type { Refusal } from './request.ts';

/** RFC 8914 section 4.19: the client is known, but not for this. */
const prohibited: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'this client may not transfer this zone',
};
/** RFC 8914 section 4.21: the client may have it, but not from here. */
export const notAuthoritative: Refusal = {
  rcode: Rcode.NOTAUTH,
  infoCode: EdeCode.NOT_AUTHORITATIVE,
  text: 'this zone is not served here',
};
/** RFC 9103 section 6.3.3: a limit on transfers is told by SERVFAIL. */
export const tooMany: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.OTHER,
  text: 'too many transfers at once; try again later',
};
const tooFast: Refusal = { ...tooMany, text: 'too many requests; try again later' };
/** RFC 8914 section 4.15. Not REFUSED: a secondary must keep its zone, and come again. */
const notReady: Refusal = {
  rcode: Rcode.SERVFAIL,
  infoCode: EdeCode.NOT_READY,
  text: 'it cannot be decided now what this client may do; try again later',
};

/** What passes by itself, so that the client is to come again. */
const passing: Readonly<Partial<Record<DecisionReason, Refusal>>> = {
  'too-fast': tooFast,
  'too-many-at-once': tooMany,
  'access-unavailable': notReady,
};

/** What a client is told when the access list does not let it. Which rule, and why, is for the log. */
export function accessRefusal(reason: DecisionReason): Refusal {
  return passing[reason] ?? prohibited;
}

export const refusalLineLimits = {
  /** Lines of one client in each `windowMs`. A secondary of some zones, set up wrongly, shows all of them. */
  lines: 10,
  windowMs: 60_000,
  /** Clients that are remembered; beyond it the one whose window began first is forgotten, and may be seen again. */
  clients: 1000,
} as const;

interface Window {
  readonly startedMs: number;
  lines: number;
  unseen: number;
}

/** Says of each refusal whether it is to be seen. */
export class RefusalLines {
  readonly #windows = new Map<string, Window>();

  /**
   * @returns undefined for a refusal that the operator need not see; else how many of the client were not seen before it
   */
  next(client: string, nowMs: number): number | undefined {
    const known = this.#windows.get(client);
    // A clock that was set back begins a new one.
    const age = known === undefined ? Infinity : Math.abs(nowMs - known.startedMs);
    if (known === undefined || age >= refusalLineLimits.windowMs) {
      this.#begin(client, nowMs);
      return known?.unseen ?? 0;
    }
    if (known.lines === refusalLineLimits.lines) {
      known.unseen++;
      return undefined;
    }
    known.lines++;
    return 0;
  }

  #begin(client: string, startedMs: number): void {
    this.#windows.delete(client);
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size < refusalLineLimits.clients) break;
      this.#windows.delete(oldest);
    }
    this.#windows.set(client, { startedMs, lines: 1, unseen: 0 });
  }
}
