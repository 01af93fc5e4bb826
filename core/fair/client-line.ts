/**
 * The questions of one client of a class that wait, oldest first; and all clients of a class by how many of theirs wait.
 *
 * Everything is linked, so each step takes the same small time however many clients there are.
 */
import type { FairEntry } from './fair-entry.ts';

/** The waiting questions of one client. It exists only while there are some. */
export class ClientLine {
  readonly client: string;
  length = 0;
  first: FairEntry | undefined = undefined;
  last: FairEntry | undefined = undefined;
  /** Neighbours in the ring of clients that take turns. */
  nextTurn: ClientLine = this;
  previousTurn: ClientLine = this;
  /** Neighbours in the ring of clients of which as many questions wait. */
  nextPeer: ClientLine = this;
  previousPeer: ClientLine = this;

  constructor(client: string) {
    this.client = client;
  }

  push(entry: FairEntry): void {
    const { last } = this;
    entry.line = this;
    entry.before = last;
    if (last === undefined) this.first = entry;
    else last.after = entry;
    this.last = entry;
    this.length += 1;
  }

  remove(entry: FairEntry): void {
    const { before, after } = entry;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    entry.line = undefined;
    entry.before = undefined;
    entry.after = undefined;
    this.length -= 1;
  }
}

/** Clients by the number of their waiting questions, to find one with the most. */
export class ClientsByLength {
  /** At each index the ring of clients with so many; its first is the one that has had so many for the longest. */
  readonly #rings: (ClientLine | undefined)[] = [undefined];

  /** A client with the most; undefined if there is none. */
  get longest(): ClientLine | undefined {
    return this.#rings[this.#rings.length - 1];
  }

  /** The client's length was `before` and is now another by one. */
  move(line: ClientLine, before: number): void {
    if (before > 0) this.#leave(line, before);
    if (line.length > 0) this.#join(line);
    this.#trim();
  }

  #join(line: ClientLine): void {
    const rings = this.#rings;
    const { length } = line;
    while (rings.length <= length) rings.push(undefined);
    const first = rings[length];
    if (first === undefined) {
      line.nextPeer = line;
      line.previousPeer = line;
      rings[length] = line;
      return;
    }
    const last = first.previousPeer;
    last.nextPeer = line;
    line.previousPeer = last;
    line.nextPeer = first;
    first.previousPeer = line;
  }

  #leave(line: ClientLine, length: number): void {
    const { nextPeer, previousPeer } = line;
    if (nextPeer === line) {
      this.#rings[length] = undefined;
      return;
    }
    previousPeer.nextPeer = nextPeer;
    nextPeer.previousPeer = previousPeer;
    if (this.#rings[length] === line) this.#rings[length] = nextPeer;
  }

  /** The last ring is never empty, unless all are. A client moves by one, so there is little to go. */
  #trim(): void {
    const rings = this.#rings;
    while (rings.length > 1 && rings[rings.length - 1] === undefined) rings.pop();
  }
}
