/**
 * The gates of an agent: the first of the list that works is asked; one that fails or is slow is passed over until it has
 * answered in the background (gate-way.ts), and then preferred again.
 */
import { RrType } from '../dns/constants.ts';
import { encodeMessage, makeQuery } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import type { GatePool } from './gate-pool.ts';
import type { GateTarget } from './gate-target.ts';
import { Standing, type GateWay } from './gate-way.ts';
import type { GateText } from './gate-text.ts';
import { hopQuery } from './hop-query.ts';
import { GatesError, race, type RunningRace } from './race.ts';

export interface GatesOptions {
  readonly servers: readonly GateText[];
  readonly pool: GatePool;
  /** What they are the gates of, for the log. */
  readonly label?: string;
  /** Whether another gate may know better than one that gives this answer, which counts if none does; never if absent. */
  readonly isWorthAnother?: (answer: Buffer) => boolean;
}

export class Gates {
  readonly #options: GatesOptions;
  #targets: readonly GateTarget[];
  readonly #underWay = new Set<RunningRace>();
  #isClosed = false;
  /** Undefined before anything was asked. */
  #isReachable: boolean | undefined;

  /** Connects to nobody yet. Throws RangeError for a policy that proves nothing. */
  constructor(options: GatesOptions) {
    this.#options = options;
    this.#targets = options.servers.map((gate) => options.pool.take(gate));
  }

  /** Whether the last question that left, or could not, had an answer; true as long as nothing was asked. */
  get isReachable(): boolean {
    return this.#isReachable !== false;
  }

  /** Whether there is a connection to one of them. */
  get isUp(): boolean {
    return this.#ways().some(({ state }) => state.kind === 'up');
  }

  /** How many are known to work. */
  get good(): number {
    return this.#targets.filter(({ ways }) => ways.some(({ hasAnswered }) => hasAnswered)).length;
  }

  /**
   * Sends a query and gives the answer of the first gate that has one. Rejects with GatesError.
   *
   * @param timeMs for all gates together
   */
  async ask(query: Buffer, timeMs: number): Promise<Buffer> {
    if (this.#isClosed) throw new GatesError('shut down', false, 'other');
    for (const target of this.#targets) target.refresh();
    this.#probeBetter();
    const { pool, isWorthAnother } = this.#options;
    const running = race(
      { next: (tried) => this.#best(tried), find: () => this.#find() },
      { query, timeMs, patienceMs: pool.limits['next-gate-after'], isWorthAnother },
    );
    this.#underWay.add(running);
    try {
      const answer = await running.answer;
      this.#note(true, '');
      return answer;
    } catch (error) {
      if (error instanceof GatesError && !this.#isEnded()) this.#note(false, error.message);
      throw error;
    } finally {
      this.#underWay.delete(running);
    }
  }

  /** Whether gates are looked for at this moment. */
  get isLooking(): boolean {
    return this.#targets.some((target) => target.isLooking);
  }

  /**
   * Whether somebody who looks for a gate at this moment asks about it: our resolver then asks us, and waits for an answer that
   * waits for him. `key` is that of the name (Name.key).
   */
  isLookedFor(key: string): boolean {
    return this.#targets.some((target) => target.namesLookedFor().some((name) => name.key === key));
  }

  /** The machine has slept, or is elsewhere: connections are dropped, and all may be tried at once. */
  reset(why: string): void {
    for (const target of this.#targets) target.reset(why);
  }

  /** What is under way fails, and nothing is waited for any more. */
  close(): void {
    this.#isClosed = true;
    for (const running of this.#underWay) running.stop();
    for (const target of this.#targets) this.#options.pool.release(target);
    this.#targets = [];
  }

  /** A function: it may have been closed while we waited. */
  #isEnded(): boolean {
    return this.#isClosed;
  }

  #ways(): readonly GateWay[] {
    return this.#targets.flatMap(({ ways }) => ways);
  }

  #best(tried: ReadonlySet<GateWay>): GateWay | undefined {
    let best: GateWay | undefined;
    let standing: Standing | undefined;
    for (const way of this.#ways()) {
      if (tried.has(way)) continue;
      const its = way.standing;
      if (standing !== undefined && its >= standing) continue;
      best = way;
      standing = its;
    }
    return best;
  }

  /** Those that would be preferred if they worked: whether they do is found out at nobody's cost. */
  #probeBetter(): void {
    const ways = this.#ways();
    const chosen = ways.findIndex(({ standing }) => standing === Standing.GOOD);
    for (const way of ways.slice(0, Math.max(chosen, 0))) {
      if (way.standing === Standing.DOUBTFUL) way.probe(probeQuery());
    }
  }

  async #find(): Promise<boolean> {
    const unknown = this.#targets.filter(({ ways }) => ways.length === 0);
    if (unknown.length === 0) return false;
    await Promise.any(unknown.map((target) => target.lookUp())).catch((error: unknown) => {
      const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
      throw new Error(errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; '));
    });
    return true;
  }

  #note(isReachable: boolean, detail: string): void {
    const before = this.#isReachable;
    this.#isReachable = isReachable;
    const { pool, label } = this.#options;
    const of = label === undefined ? {} : { of: label };
    if (!isReachable && before !== false) pool.log.warn('no gate can be reached', { ...of, detail });
    if (isReachable && before === false) pool.log.info('a gate can be reached again', of);
  }
}

/** A question that tells nothing of anybody; any answer will do. */
function probeQuery(): Buffer {
  return hopQuery(
    encodeMessage(
      makeQuery({
        id: 0,
        name: Name.root,
        type: RrType.NS,
        rd: true,
        edns: { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] },
      }),
    ),
  );
}
