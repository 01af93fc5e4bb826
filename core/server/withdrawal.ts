/**
 * Ends connections whose client the access list has lost, as soon as it says that it has changed.
 *
 * Each identified connection of a client that a change may concern is put to the list again: one pass at a time, each name
 * once, a bounded number under way. What changes meanwhile is gathered for the next pass. Only a plain "not in the list" ends
 * a connection: a store that cannot be asked does not, nor does one that fails; what such a client asks is decided anew with
 * each request, and its proof runs out (keep-proved.ts); the list is asked again about it till it has an answer.
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
/** Milliseconds until names are put to the list again that it could not say anything of. */
export const askAgainMs = 1000;

export class Withdrawals {
  readonly #options: WithdrawalsOptions;
  /** By the key of the name. */
  readonly #held = new Map<string, Set<HeldConnection>>();
  #changes: AccessChange[] = [];
  #pass: Promise<void> | undefined;
  /** Keys of names of which the list could not say anything. */
  #open = new Set<string>();
  #askingAgain: NodeJS.Timeout | undefined;
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
    this.#pass ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#changes.length > 0) {
      const changes = this.#changes;
      this.#changes = [];
      const errors = await this.#once(changes);
      // One word for all: they fail together.
      if (errors.length > 0) this.#options.onDefect(errors[0]);
    }
    // In the same turn as the last look for changes: one that comes after it begins a pass of its own.
    this.#pass = undefined;
    this.#askAgainLater();
  }

  /** One pass; gives what went wrong. */
  async #once(changes: readonly AccessChange[]): Promise<readonly unknown[]> {
    const errors: unknown[] = [];
    const held = [...this.#held.values()];
    for (let at = 0; at < held.length; at += namesAtOnce) {
      try {
        const names = concerned(held.slice(at, at + namesAtOnce), changes);
        for (const check of await Promise.allSettled(names.map((name) => this.#check(name)))) {
          if (check.status === 'rejected') errors.push(check.reason);
        }
      } catch (error) {
        errors.push(error);
      }
      // A list in memory answers without a pause, and others have to have their turn.
      await nextTurn();
    }
    return errors;
  }

  async #check(name: Name): Promise<void> {
    const admission = await this.#options.admit(name);
    if (admission.admitted) return;
    if (admission.reason === 'access-unavailable') this.#open.add(name.key);
    else for (const { withdraw } of [...(this.#held.get(name.key) ?? [])]) withdraw();
  }

  #askAgainLater(): void {
    if (this.#open.size === 0 || this.#askingAgain !== undefined) return;
    this.#askingAgain = setTimeout(() => {
      this.#askingAgain = undefined;
      const open = this.#open;
      this.#open = new Set();
      this.#queue({ concerns: ({ key }) => open.has(key) });
    }, askAgainMs).unref();
  }
}

function concerned(held: readonly Set<HeldConnection>[], changes: readonly AccessChange[]): Name[] {
  return held.flatMap(([connection]) => {
    const isConcerned =
      connection !== undefined && changes.some((change) => change.concerns(connection.name));
    return isConcerned ? [connection.name] : [];
  });
}
