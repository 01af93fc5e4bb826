/**
 * The list as a whole, as this gate knows it: its revision, its roles, what anonymous clients may do; and how it is kept in
 * step with Redis.
 *
 * Messages of the channel say what changed. They may be lost, so now and then the revision is asked for: if the messages
 * did not lead there, everything counts as changed. The same after each reconnection, since Redis may have become another
 * meanwhile (a replica that lagged, an older copy) whose revision is the same by chance.
 *
 *     in step:  revision here = revision there, no role to be read again
 *
 * Limitations: a message without a revision says what changed but not whether something else did; it costs a look at the
 * revision, and that everything is read again.
 */
import type { AccessRights, RoleTable } from '../model.ts';
import { Changes, readMessage, type Message } from './changes.ts';
import type { Moment } from './clock.ts';
import { ListMissing, type HeadOptions } from './head-events.ts';
import { redisBounds } from './limits.ts';
import { ListKeys, type HeadReply, type Revision } from './lookup-script.ts';
import { readRoles, RightsReader } from './values.ts';

export class ListHead {
  readonly #options: HeadOptions;
  readonly #listKeys: ListKeys;
  readonly #rights = new RightsReader();
  #revision: number | undefined;
  #roles: RoleTable = new Map();
  #anonymous: AccessRights | undefined;
  /** What the last head was made of, to see whether another differs. */
  #text = '';
  #fault: 'missing' | 'broken' | undefined;
  /** Counts what makes the head as it is known doubtful; it is read again until that has been seen to. */
  #doubts = 1;
  #settledDoubts = 0;
  /** The doubt after which even an equal revision may be of another list. */
  #mayBeOther = false;
  #check: Promise<void> | undefined;
  #gathered: Message[] = [];
  #gatheredKeys = 0;
  #gathering: NodeJS.Timeout | undefined;
  #isSubscribed = false;
  readonly #waiting = new Set<{ readonly revision: number; readonly reached: () => void }>();

  constructor(options: HeadOptions) {
    this.#options = options;
    this.#listKeys = new ListKeys(options.keys);
  }

  /** Undefined: no list has been seen yet. */
  get revision(): number | undefined {
    return this.#revision;
  }

  get roles(): RoleTable {
    return this.#roles;
  }

  get anonymous(): AccessRights | undefined {
    return this.#anonymous;
  }

  /** Why the list is not there, when Redis is. */
  get fault(): 'missing' | 'broken' | undefined {
    return this.#fault;
  }

  /** Whether messages come. */
  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** Whether what is known of the whole counts as of this revision. */
  hasReached(revision: number): boolean {
    return this.#revision !== undefined && this.#revision >= revision && !this.#isDoubtful;
  }

  /** Waits until the head is at the revision. Rejects as `confirm` does. */
  async reach(revision: number): Promise<void> {
    await this.#messagesTo(revision);
    for (let tries = 0; !this.hasReached(revision); tries += 1) {
      if (tries === redisBounds.tries) throw new ListMissing('the list changes faster than it can be read');
      await this.confirm();
    }
  }

  /**
   * Asks Redis whether the head is in step, and mends it if not; one question at a time. Rejects with RedisUnavailable, or
   * with ListMissing.
   */
  confirm(): Promise<void> {
    this.#check ??= this.#confirm().finally(() => {
      this.#check = undefined;
    });
    return this.#check;
  }

  /** Redis is connected, for the first time or again: it may have become another. */
  noteConnected(): void {
    this.#mayBeOther = true;
    this.#doubts += 1;
    this.#confirmSoon();
  }

  /** What is known may be wrong, for whatever reason. */
  noteDoubt(): void {
    this.#doubts += 1;
    this.#confirmSoon();
  }

  noteSubscribed(isSubscribed: boolean): void {
    this.#isSubscribed = isSubscribed;
    if (isSubscribed) this.#confirmSoon();
  }

  noteMessage(text: string): void {
    const message = readMessage(text);
    this.#gathered.push(message);
    this.#gatheredKeys += message.keys.length + 1;
    // The first of a burst at once, the others together.
    if (this.#gathering === undefined) this.#takeIn();
    else if (this.#gatheredKeys > redisBounds.gatheredKeys) this.#takeIn();
  }

  close(): void {
    clearTimeout(this.#gathering);
    for (const { reached } of this.#waiting) reached();
  }

  get #isDoubtful(): boolean {
    return this.#doubts !== this.#settledDoubts;
  }

  /** For those who do not wait for it: what goes wrong is told by the next look. */
  #confirmSoon(): void {
    this.confirm().catch(() => undefined);
  }

  async #confirm(): Promise<void> {
    const { reader, clock } = this.#options;
    let hasWaited = false;
    if (!this.#isDoubtful && this.#revision !== undefined) {
      const sent = clock.now();
      const before = this.#revision;
      const revision = await reader.askRevision();
      const isOnward = typeof revision === 'number' && revision >= before;
      if (isOnward) await this.#messagesTo(revision);
      hasWaited = isOnward;
      if (isOnward && this.hasReached(revision)) {
        this.#noteInStep(sent);
        return;
      }
    }
    await this.#readWhole(hasWaited);
  }

  /** @param hasWaited messages that may have been on their way have had their time */
  async #readWhole(hasWaited: boolean): Promise<void> {
    const { reader, clock, events } = this.#options;
    const sent = clock.now();
    const before = this.#revision;
    const doubts = this.#doubts;
    const mayBeOther = this.#mayBeOther;
    const reply = await reader.readHead();
    const { revision } = reply;
    if (typeof revision !== 'number') throw this.#miss(revision, before);
    const isSetBack = before !== undefined && revision < before;
    if (isSetBack) events.onSetBack(before, revision);
    else if (!mayBeOther && !hasWaited) await this.#messagesTo(revision);
    const isJump = this.#revision === undefined || isSetBack || revision > this.#revision;
    const isEverything = isJump || mayBeOther || this.#fault !== undefined;
    if (isJump) this.#revision = revision;
    this.#fault = undefined;
    if (doubts === this.#doubts) this.#mayBeOther = false;
    this.#settledDoubts = doubts;
    const isHead = this.#takeHead(reply);
    this.#wake();
    if (isEverything) events.onEverything(isSetBack);
    else if (isHead) events.onHead();
    if (this.hasReached(revision)) this.#noteInStep(sent);
    else this.#confirmSoonAfterThis();
  }

  #confirmSoonAfterThis(): void {
    setImmediate(() => {
      this.#confirmSoon();
    });
  }

  #noteInStep(sent: Moment): void {
    this.#options.events.onInStep(sent);
  }

  #miss(fault: Exclude<Revision, number>, before: number | undefined): ListMissing {
    // Whatever comes after it is another list.
    this.#doubts += 1;
    this.#mayBeOther = true;
    if (this.#fault !== fault) this.#options.events.onMissing(fault, before);
    this.#fault = fault;
    return new ListMissing(missingWords(fault, this.#listKeys.revision));
  }

  /** Says whether anything is different. */
  #takeHead(reply: HeadReply): boolean {
    const { events } = this.#options;
    const text = JSON.stringify([
      reply.roles instanceof Map ? [...(reply.roles as ReadonlyMap<string, unknown>)] : reply.roles,
      reply.anonymous ?? null,
    ]);
    if (text === this.#text) return false;
    this.#text = text;
    const { roles, faults } = readRoles(reply.roles);
    this.#roles = roles;
    for (const { role, fault } of faults) {
      events.onBroken(role === undefined ? this.#listKeys.roles : `${this.#listKeys.roles} ${role}`, fault);
    }
    const anonymous = reply.anonymous && this.#rights.read(reply.anonymous);
    this.#anonymous = anonymous?.value;
    if (anonymous !== undefined && anonymous.value === undefined) {
      events.onBroken(this.#listKeys.anonymous, anonymous.fault);
    }
    return true;
  }

  /** Takes in what was gathered, and gathers what comes next for a while. */
  #takeIn(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#gathered.length === 0) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.#takeIn();
    }, redisBounds.burstMs).unref();
    const messages = this.#gathered;
    this.#gathered = [];
    this.#gatheredKeys = 0;
    const changes = new Changes(this.#options.keys);
    let revision = this.#revision;
    let isDoubtful = false;
    let mayBeOther = false;
    for (const message of messages) {
      for (const key of message.keys) changes.add(key);
      const { revision: told } = message;
      if (revision !== undefined && told === revision + 1) {
        revision = told;
        continue;
      }
      // No number, a gap, or numbers from before that come again.
      isDoubtful = true;
      // A list that was built anew counts from the beginning, and may have come to the very number that is known here.
      if (revision === undefined || told === undefined || told <= revision) mayBeOther = true;
    }
    if (mayBeOther) this.#mayBeOther = true;
    if (mayBeOther || changes.isHead) this.#doubts += 1;
    if (changes.isEverything) this.#options.events.onEverything(false);
    else if (!changes.isEmpty) this.#options.events.onEntries(changes, isDoubtful ? undefined : revision);
    this.#revision = revision;
    this.#wake();
    if (isDoubtful || changes.isHead) this.#confirmSoon();
  }

  /** Waits a little for messages that may be on their way. */
  #messagesTo(revision: number): Promise<void> {
    if (this.#revision === undefined || this.#revision >= revision) return Promise.resolve();
    // Only now: a flood of messages would keep everything in doubt if each of them were taken in at once.
    this.#takeIn();
    if (!this.#isSubscribed || this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => {
      const one = {
        revision,
        reached: () => {
          clearTimeout(timer);
          this.#waiting.delete(one);
          resolve();
        },
      };
      const timer = setTimeout(one.reached, redisBounds.messageGraceMs);
      this.#waiting.add(one);
    });
  }

  #wake(): void {
    const revision = this.#revision ?? -1;
    for (const one of this.#waiting) if (one.revision <= revision) one.reached();
  }
}

function missingWords(fault: 'missing' | 'broken', key: string): string {
  return fault === 'missing'
    ? `there is no access list under ${key}; load one with: danced access import FILE`
    : `what is under ${key} is not a revision; see what wrote it, or load the list again with: danced access import FILE`;
}
