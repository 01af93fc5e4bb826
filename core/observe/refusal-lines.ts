/**
 * How many lines about refusals one client gets.
 *
 * A client that is known can ask for what it may not have as often as its connection carries. Every no is counted; the
 * first ones of a client in each minute are for the operator to see, the others are for debugging.
 */
import type { Log, LogFields } from './log.ts';

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

/** Writes such lines: at their level if they are to be seen, else for debugging. */
export class RefusalLog {
  readonly #lines = new RefusalLines();
  readonly #log: Log;
  readonly #nowMs: () => number;

  constructor({ log, nowMs }: { readonly log: Log; readonly nowMs: () => number }) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** `client`: whose lines are counted together; undefined for one whose lines are never seen. */
  write(level: 'info' | 'warn', event: string, client: string | undefined, fields: LogFields): void {
    const unseen = client === undefined ? undefined : this.#lines.next(client, this.#nowMs());
    this.#log[unseen === undefined ? 'debug' : level](event, {
      ...fields,
      unseen: unseen === 0 ? undefined : unseen,
    });
  }
}
