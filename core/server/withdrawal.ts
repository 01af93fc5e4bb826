/**
 * Ends connections whose client the access list has lost, as soon as it says that it has changed.
 *
 * Each identified connection of a client that a change may concern is put to the list again: one pass at a time, each name
 * once, a bounded number under way. What changes meanwhile is gathered for the next pass. Only a plain "not in the list" ends
 * a connection: a store that cannot be asked does not, nor does one that fails; what such a client asks is decided anew with
 * each request, and its proof runs out (keep-proved.ts).
 *
 * A connection may arrive while the list changes: its admission is then older than the change, and is asked for again.
 *
 * Limitations: rights are not looked at here. Requests are decided as they come; one that was granted goes on to its end.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { everythingChanged, type AccessChange, type AccessControl } from '../acl/access-control.ts';
import type { Name } from '../dns/name.ts';

/** What is held open for an identified client. */
export interface HeldConnection {
  readonly name: Name;
  /** The access list does not have the name any more. */
  readonly withdraw: () => void;
}

export interface WithdrawalsOptions {
  readonly admit: AccessControl['admit'];
  /** An error that is nobody's but ours. */
  readonly onDefect: (error: unknown) => void;
}

/** Names that are put to the list at once, which may be on the other side of a network. */
export const namesAtOnce = 128;
/** Changes that wait for the next pass; more of them count as a change of everything. */
export const changesWaiting = 64;

export class Withdrawals {
  readonly #options: WithdrawalsOptions;
  /** By the key of the name. */
  readonly #held = new Map<string, Set<HeldConnection>>();
  #changes: AccessChange[] = [];
  #pass: Promise<void> | undefined;
  #count = 0;

  constructor(options: WithdrawalsOptions) {
    this.#options = options;
  }

  /** Changes so far. */
  get count(): number {
    return this.#count;
  }

  /** Holds a connection until the function that it gives is called. `since`: `count` before its client was admitted. */
  hold(connection: HeldConnection, since: number): () => void {
    const { key } = connection.name;
    const same = this.#held.get(key) ?? new Set();
    this.#held.set(key, same.add(connection));
    if (since !== this.#count) this.#queue({ concerns: (name) => name.key === key });
    return () => {
      same.delete(connection);
      if (same.size === 0 && this.#held.get(key) === same) this.#held.delete(key);
    };
  }

  /** Something has changed. */
  note(change: AccessChange): void {
    this.#count++;
    this.#queue(change);
  }

  /** Resolves when all that was noted is done. */
  async done(): Promise<void> {
    while (this.#pass !== undefined) await this.#pass;
  }

  #queue(change: AccessChange): void {
    if (this.#changes.length >= changesWaiting) this.#changes = [everythingChanged];
    else this.#changes.push(change);
    this.#pass ??= this.#run().finally(() => {
      this.#pass = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#changes.length > 0) {
      const changes = this.#changes;
      this.#changes = [];
      const errors = await this.#once(changes);
      // One word for all: they fail together.
      if (errors.length > 0) this.#options.onDefect(errors[0]);
    }
  }

  /** One pass; gives what went wrong. */
  async #once(changes: readonly AccessChange[]): Promise<readonly unknown[]> {
    const errors: unknown[] = [];
    try {
      const names = this.#concerned(changes);
      for (let at = 0; at < names.length; at += namesAtOnce) {
        const checks = names.slice(at, at + namesAtOnce).map((name) => this.#check(name));
        for (const check of await Promise.allSettled(checks)) {
          if (check.status === 'rejected') errors.push(check.reason);
        }
        // A list in memory answers without a pause, and others have to have their turn.
        await nextTurn();
      }
    } catch (error) {
      errors.push(error);
    }
    return errors;
  }

  #concerned(changes: readonly AccessChange[]): Name[] {
    const names: Name[] = [];
    for (const [connection] of this.#held.values()) {
      if (connection !== undefined && changes.some((change) => change.concerns(connection.name))) {
        names.push(connection.name);
      }
    }
    return names;
  }

  async #check(name: Name): Promise<void> {
    const admission = await this.#options.admit(name);
    if (admission.admitted || admission.reason !== 'not-admitted') return;
    for (const { withdraw } of [...(this.#held.get(name.key) ?? [])]) withdraw();
  }
}
