/**
 * What waits of one class: its clients take turns, and an idle client leaves nothing behind.
 *
 * `start` and `finish` are the tags of start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queueing", 1996).
 */
import { ClientLine, ClientsByLength } from './client-line.ts';
import type { FairClass, FairEntry } from './fair-entry.ts';

export class ClassLine {
  readonly of: FairClass;
  /** Virtual time at which its next question may begin; means something only while one waits. */
  start = 0;
  /** Virtual time at which its last question was paid for. */
  finish = 0;
  readonly #clients = new Map<string, ClientLine>();
  readonly #byLength = new ClientsByLength();
  /** The client whose turn is next; the one before it in the ring was last. */
  #turn: ClientLine | undefined = undefined;
  #waiting = 0;

  constructor(of: FairClass) {
    this.of = of;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Clients of which something waits. */
  get clients(): number {
    return this.#clients.size;
  }

  push(entry: FairEntry): void {
    let line = this.#clients.get(entry.client);
    if (line === undefined) {
      line = new ClientLine(entry.client);
      this.#clients.set(entry.client, line);
      this.#joinTurns(line);
    }
    line.push(entry);
    this.#byLength.move(line, line.length - 1);
    this.#waiting += 1;
  }

  /** Takes out the question whose turn it is. */
  shift(): FairEntry | undefined {
    const line = this.#turn;
    const entry = line?.first;
    if (line === undefined || entry === undefined) return undefined;
    this.#turn = line.nextTurn;
    this.remove(entry);
    return entry;
  }

  /** Takes out one that waits here, wherever it stands. */
  remove(entry: FairEntry): void {
    const { line } = entry;
    if (line === undefined) return;
    line.remove(entry);
    this.#byLength.move(line, line.length + 1);
    this.#waiting -= 1;
    if (line.length > 0) return;
    this.#clients.delete(line.client);
    this.#leaveTurns(line);
  }

  /** The oldest question of a client with the most. */
  get leastDeserving(): FairEntry | undefined {
    return this.#byLength.longest?.first;
  }

  #joinTurns(line: ClientLine): void {
    const next = this.#turn;
    if (next === undefined) {
      this.#turn = line;
      return;
    }
    const last = next.previousTurn;
    last.nextTurn = line;
    line.previousTurn = last;
    line.nextTurn = next;
    next.previousTurn = line;
  }

  #leaveTurns(line: ClientLine): void {
    const { nextTurn, previousTurn } = line;
    if (nextTurn === line) {
      this.#turn = undefined;
      return;
    }
    previousTurn.nextTurn = nextTurn;
    nextTurn.previousTurn = previousTurn;
    if (this.#turn === line) this.#turn = nextTurn;
  }
}
