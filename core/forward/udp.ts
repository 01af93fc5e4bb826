/**
 * Queries to one resolver by UDP, over sockets with random ports.
 *
 * Against forged answers (RFC 5452 section 9.2): each query has a random ID and goes through one of the open sockets, chosen at
 * random; an answer counts only on that socket, which is connected to the resolver, with that ID and question. A socket
 * takes 64 queries or lives five seconds, so that nobody has the time to find its port. One that hears too much which
 * answers nothing is closed, and its queries go another way (RFC 5452 section 9.3).
 *
 * One socket is opened for each query that finds the chosen one busy, as far as the limit allows; to make a socket for
 * every query would cost more than to send it.
 */
import dgram from 'node:dgram';
import type { Endpoint } from '../config/endpoint.ts';
import type { FailureKind } from '../dns/failure.ts';
import type { ForwardLimits } from './limits.ts';
import { isAnswerTo } from './question.ts';
import { random16 } from './random.ts';
import type { Carrier, Trip } from './trip.ts';

const queriesPerSocket = 64;
const lifeMs = 5_000;

export interface UdpOptions {
  readonly server: Endpoint;
  /** The server, as errors call it. */
  readonly who: string;
  readonly limits: ForwardLimits;
  readonly onAnswer: () => void;
  /** Nobody listens there, or nothing can be sent. */
  readonly onFailure: (why: string) => void;
  /** Takes queries of a socket on which somebody guesses. */
  readonly onGuesses: (trip: Trip) => void;
}

/** All queries by UDP to one server. */
export class UdpSockets {
  readonly #options: UdpOptions;
  /** Every open socket; those that take no more queries wait for answers. */
  readonly #open = new Set<UdpSocket>();
  /** Those that take queries. */
  #ready: UdpSocket[] = [];

  constructor(options: UdpOptions) {
    this.#options = options;
  }

  /** Whether there is a socket for it; then it is on its way. `preamble` goes before the query in its datagram. */
  send(trip: Trip, preamble: Buffer | undefined): boolean {
    const socket = this.#socket();
    socket?.send(trip, preamble);
    return socket !== undefined;
  }

  close(why: string): void {
    for (const socket of [...this.#open]) socket.fail(why, 'other');
  }

  #socket(): UdpSocket | undefined {
    const ready = this.#ready;
    let chosen: UdpSocket | undefined;
    while (chosen === undefined && ready.length > 0) {
      const index = random16() % ready.length;
      chosen = ready[index];
      if (chosen?.takesMore === true) break;
      // The last one takes its place.
      const last = ready.pop();
      if (last !== undefined && index < ready.length) ready[index] = last;
      chosen = undefined;
    }
    const mayOpen = this.#open.size < this.#options.limits['upstream-udp-sockets'];
    if (chosen?.isBusy === false || !mayOpen) return chosen;
    const socket = new UdpSocket(this.#options, () => this.#open.delete(socket));
    this.#open.add(socket);
    ready.push(socket);
    return socket;
  }
}

class UdpSocket implements Carrier {
  readonly #options: UdpOptions;
  readonly #socket: dgram.Socket;
  readonly #onClose: () => void;
  readonly #ids = new Uint16Array(queriesPerSocket);
  readonly #trips: (Trip | undefined)[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #onSent = (error: Error | null): void => {
    if (error) this.#break(error);
  };
  #unsent: Buffer[] = [];
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #underWay = 0;
  #strays = 0;
  #isOld = false;

  constructor(options: UdpOptions, onClose: () => void) {
    this.#options = options;
    this.#onClose = onClose;
    const { address, port } = options.server;
    const type = address.includes(':') ? 'udp6' : 'udp4';
    this.#socket = dgram.createSocket(type);
    this.#timer = setTimeout(() => {
      this.#isOld = true;
      this.#rest();
    }, lifeMs).unref();
    this.#listen(address, port);
  }

  /** Whether queries are under way. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  get takesMore(): boolean {
    return this.#trips.length < queriesPerSocket && !this.#isOld && this.#state !== 'closed';
  }

  send(trip: Trip, preamble: Buffer | undefined): void {
    const place = this.#trips.length;
    let id = random16();
    while (this.#placeOf(id) >= 0) id = random16();
    this.#ids[place] = id;
    this.#trips.push(trip);
    this.#underWay += 1;
    trip.carrier = this;
    trip.place = place;
    trip.isSent = true;
    const start = preamble?.length ?? 0;
    const octets = Buffer.allocUnsafe(start + trip.query.length);
    if (preamble) octets.set(preamble);
    octets.set(trip.query, start);
    octets.writeUInt16BE(id, start);
    // Without a callback the socket would keep to itself what it is told of an earlier query: that nobody listens.
    if (this.#state === 'open') this.#socket.send(octets, this.#onSent);
    else this.#unsent.push(octets);
  }

  drop(trip: Trip): void {
    this.#clear(trip.place);
    this.#rest();
  }

  /** Closes; what is under way fails. */
  fail(why: string, kind: FailureKind): void {
    for (const trip of this.#close()) trip.fail(why, kind);
  }

  #listen(address: string, port: number): void {
    const socket = this.#socket;
    socket.on('error', (error) => {
      this.#break(error);
    });
    socket.on('message', (octets) => {
      this.#take(octets);
    });
    // Not as the callback of `connect`: that would be called with the error, too, instead of the listener above.
    socket.once('connect', () => {
      if (this.#state !== 'opening') return;
      this.#state = 'open';
      const unsent = this.#unsent;
      this.#unsent = [];
      for (const octets of unsent) if (!this.#isClosed()) socket.send(octets, this.#onSent);
      this.#rest();
    });
    socket.connect(port, address);
  }

  #placeOf(id: number): number {
    for (let place = 0; place < this.#trips.length; place++) if (this.#ids[place] === id) return place;
    return -1;
  }

  /** What is not our answer is passed over, not an error: a forger must not be able to end the wait. */
  #take(octets: Buffer): void {
    if (this.#state === 'closed') return;
    const place = octets.length < 2 ? -1 : this.#placeOf(octets.readUInt16BE(0));
    const trip = place < 0 ? undefined : this.#trips[place];
    if (trip === undefined || !isAnswerTo(octets, trip.query, trip.end)) {
      // One that was given up, or answered twice, is not a guess.
      if (place < 0 || trip !== undefined) this.#stray();
      return;
    }
    this.#clear(place);
    trip.carrier = undefined;
    this.#options.onAnswer();
    trip.arrive(octets);
    this.#rest();
  }

  #stray(): void {
    this.#strays += 1;
    if (this.#strays <= this.#options.limits['upstream-strays']) return;
    for (const trip of this.#close()) this.#options.onGuesses(trip);
  }

  #clear(place: number): void {
    this.#trips[place] = undefined;
    this.#underWay -= 1;
  }

  #break({ message }: Error): void {
    if (this.#state === 'closed') return;
    const why = `${this.#options.who} cannot be reached by UDP: ${message}`;
    this.#options.onFailure(why);
    this.fail(why, 'unreachable');
  }

  /** A used socket on which nothing is under way is closed. */
  #rest(): void {
    if (!this.isBusy && !this.takesMore) this.#close();
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Returns what was under way. */
  #close(): readonly Trip[] {
    if (this.#state === 'closed') return [];
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#socket.close();
    this.#onClose();
    const lost = this.#trips.filter((trip) => trip !== undefined);
    this.#trips.length = 0;
    for (const trip of lost) trip.carrier = undefined;
    return lost;
  }
}
