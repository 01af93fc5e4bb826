/**
 * A TCP or TLS connection to a resolver for many queries at once, answered in any order (RFC 7766 sections 6.2.1.1 and 7,
 * RFC 7858 section 3.3). The queries of one turn of the event loop leave in one write; not one leaves before the connection is
 * ready, which for TLS means: before the server has proved who it is (RFC 8310 section 5).
 *
 * A query that is given up keeps its ID until the answer has come (RFC 7766 section 6.2.1).
 *
 * Limitations: no TLS session is resumed.
 */
import type { Socket } from 'node:net';
import { DnsFormatError } from '../dns/errors.ts';
import type { FailureKind } from '../dns/failure.ts';
import { FrameReader } from '../dns/framing.ts';
import { Places } from './places.ts';
import { writeQuery, roomFor } from './query-octets.ts';
import { isAnswerTo, keepaliveMs } from './question.ts';
import type { StreamOptions } from './stream-options.ts';
import type { Carrier, Trip } from './trip.ts';

/** We close well before the server does, so that no query of ours meets its close (RFC 7828 section 3.2.2). */
const beforeTimeout = 0.8;

/** A server that wants a connection closed at once must not keep us busy looking. */
const leastWatchMs = 10;

export class StreamConnection implements Carrier {
  /** Answers so far. */
  heard = 0;
  /** It has been silent for too long: it takes no more queries, unless it turns out that it was slow. */
  isSuspect = false;
  readonly #options: StreamOptions;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #places = new Places();
  readonly #most: number;
  #state: 'opening' | 'open' | 'closed' = 'opening';
  /** Queries under way that nobody waits for any more. */
  #orphans = 0;
  #taken = 0;
  #strays = 0;
  #unsent: Trip[] = [];
  #isRetired = false;
  #isWriting = false;
  #preamble: Buffer | undefined;
  #asksKeepalive = true;
  #timer: NodeJS.Timeout;
  #idleMs: number;
  #idleSinceMs = 0;

  /** Throws what net and tls throw at once. */
  constructor(options: StreamOptions) {
    const { who, transport, limits } = options;
    this.#options = options;
    this.#preamble = options.preamble;
    this.#most = limits['upstream-pipeline'];
    this.#idleMs = limits['upstream-idle'];
    this.#socket = transport.open();
    this.#timer = setTimeout(() => {
      this.#end(`${who} did not complete the ${transport.word} connection in time`, true);
    }, limits['upstream-connect']);
    this.#listen();
  }

  /** Whether it takes another query now. */
  get hasRoom(): boolean {
    return this.isUsable && this.#places.size < this.#most;
  }

  /** Whether it takes queries, now or when there is room. */
  get isUsable(): boolean {
    return this.#state !== 'closed' && !this.#isRetired && !this.isSuspect;
  }

  /** Whether it took all the queries that it was to take. */
  get isSpent(): boolean {
    return this.#taken >= this.#options.life;
  }

  /** Whether nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#places.size === this.#orphans;
  }

  /** Call it only if there is room. */
  send(trip: Trip): void {
    this.#places.take(trip);
    trip.carrier = this;
    trip.isSent = false;
    trip.heardBefore = this.heard;
    this.#taken += 1;
    if (this.isSpent) this.#isRetired = true;
    this.#unsent.push(trip);
    if (this.#unsent.length === 1 && this.#state === 'open') setImmediate(this.#flush);
  }

  drop(trip: Trip): void {
    if (trip.isSent) {
      this.#orphans += 1;
      // A server that drops queries must not leave us a connection that is open and takes none.
      if (this.#orphans > this.#most / 2) this.#isRetired = true;
    } else {
      this.#places.free(trip);
      // While it is opened, nothing else empties this list.
      if (this.#unsent.length > 2 * this.#most) this.#unsent = this.#unsent.filter(({ carrier }) => carrier);
    }
    this.#rest();
  }

  close(why: string, kind?: FailureKind): void {
    this.#end(why, false, kind);
  }

  #listen(): void {
    const { who, transport } = this.#options;
    const { word, ready, wordsFor } = transport;
    const socket = this.#socket;
    socket.once(ready, () => {
      if (this.#state !== 'opening') return;
      this.#state = 'open';
      this.#flush();
      this.#watch(this.#idleMs);
    });
    socket.on('error', (error) => {
      const what = this.#state === 'opening' ? 'cannot be reached by' : 'broke off';
      this.#end(`${who} ${what} ${word}: ${wordsFor(error)}`, true);
    });
    for (const event of ['end', 'close']) {
      socket.once(event, () => {
        this.#end(`${who} closed the ${word} connection without an answer`, true);
      });
    }
    socket.on('data', (chunk: Buffer) => {
      if (this.#state === 'open') this.#read(chunk);
    });
  }

  readonly #flush = (): void => {
    if (this.#state !== 'open' || this.#isWriting) return;
    const unsent = this.#takeUnsent();
    if (unsent.length === 0) return;
    const { pad } = this.#options.transport;
    const preamble = this.#preamble;
    this.#preamble = undefined;
    let room = preamble?.length ?? 0;
    for (const { query } of unsent) room += roomFor(query);
    const batch = Buffer.allocUnsafe(room);
    let at = preamble?.copy(batch) ?? 0;
    for (const trip of unsent) {
      // Given up before it was sent.
      if (trip.carrier !== this) continue;
      const { query, end } = trip;
      trip.isSent = true;
      const add = { pad, keepalive: this.#asksKeepalive };
      this.#asksKeepalive = false;
      at = writeQuery(batch, at, query, { id: this.#places.idOf(trip), end, add });
    }
    if (at === 0) return;
    if (this.#options.transport.oneByOne !== true) {
      this.#socket.write(batch.subarray(0, at));
      return;
    }
    // Node puts into one record what is written before this is done.
    this.#isWriting = true;
    this.#socket.write(batch.subarray(0, at), () => {
      this.#isWriting = false;
      this.#flush();
    });
  };

  /** What leaves in one write. */
  #takeUnsent(): readonly Trip[] {
    let unsent = this.#unsent;
    this.#unsent = [];
    if (this.#options.transport.oneByOne === true) {
      // Without those that were given up before they were sent.
      unsent = unsent.filter(({ carrier }) => carrier === this);
      this.#unsent = unsent.splice(1);
    }
    return unsent;
  }

  #read(chunk: Buffer): void {
    let messages: readonly Buffer[];
    try {
      messages = this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      const { who, transport } = this.#options;
      this.#end(`${who} sent over ${transport.word} what is not DNS`, true, 'unusable');
      return;
    }
    for (const message of messages) {
      this.#take(message);
      if (this.#isClosed()) return;
    }
    this.#rest();
    this.#options.onRoom();
  }

  #take(message: Buffer): void {
    const trip = this.#places.find(message.readUInt16BE(0));
    if (trip?.isSent !== true || !isAnswerTo(message, trip.query, trip.end)) {
      this.#stray();
      return;
    }
    this.#places.free(trip);
    this.heard += 1;
    this.isSuspect = false;
    this.#heedKeepalive(message);
    this.#options.onAnswer();
    if (trip.carrier === this) {
      trip.carrier = undefined;
      trip.arrive(message);
    } else {
      this.#orphans -= 1;
    }
  }

  #stray(): void {
    this.#strays += 1;
    if (this.#strays <= this.#options.limits['upstream-strays']) return;
    this.#end(`${this.#options.who} sent messages that answer nothing`, true, 'unusable');
  }

  /** RFC 7828 section 3.2.2: the server's idle time, which we keep below; 0: it wants no more queries. */
  #heedKeepalive(message: Buffer): void {
    const timeoutMs = keepaliveMs(message);
    if (timeoutMs < 0) return;
    // It is closed when the last answer has come, not by the timer.
    if (timeoutMs === 0) this.#isRetired = true;
    const idleMs = Math.min(this.#options.limits['upstream-idle'], timeoutMs * beforeTimeout);
    if (idleMs < this.#idleMs) this.#watch(idleMs);
    this.#idleMs = idleMs;
  }

  /** Nobody waits: closes if there will be no more queries, and otherwise notes the time. */
  #rest(): void {
    if (!this.isIdle || this.#state !== 'open') return;
    if (this.isUsable) this.#idleSinceMs = performance.now();
    else this.#end('it is not used any more', false);
  }

  /** One timer looks from time to time whether it is idle; that costs the single query nothing. */
  #watch(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const idleMs = this.isIdle ? performance.now() - this.#idleSinceMs : 0;
      // Timers may come a moment early.
      if (this.isIdle && idleMs >= this.#idleMs - 1) this.#end('it was idle', false);
      else this.#watch(Math.max(leastWatchMs, this.#idleMs - idleMs));
    }, afterMs).unref();
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #end(why: string, byServer: boolean, kind?: FailureKind): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    clearTimeout(this.#timer);
    // TLS says goodbye (RFC 7858 section 3.4) where the server is still there to hear it.
    if (byServer || !wasOpen || this.#socket.writableLength > 0) this.#socket.destroy();
    else this.#socket.destroySoon();
    const lost = this.#places.carriedBy(this);
    for (const trip of lost) trip.carrier = undefined;
    this.#options.onEnd({ why, kind: kind ?? (wasOpen ? 'broken' : 'unreachable'), lost, wasOpen, byServer });
  }
}
