/**
 * Questions to one resolver by UDP, over a few sockets with random ports.
 *
 * Against forged answers (RFC 5452 section 9.2): each question has a random ID and goes through one of the open sockets,
 * chosen at random; an answer counts only on that socket, which is connected to the resolver, with that ID and question.
 * A socket takes 64 questions or lives five seconds, so that nobody has the time to find its port. A forger who is lucky
 * all the same gets no identity: what he says has no signature. He delays one lookup, for what is bogus is asked for again
 * from another server, or over a stream where there is only one (validating.ts); or, with an answer that uses the budget
 * of work up, he ends it, until the failure is forgotten.
 *
 * One socket is opened for each question that finds the chosen one busy, as far as the limit allows; to make a socket for
 * every question would cost more than to ask it.
 */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import type { ResolverLimits } from '../limits.ts';
import { readAnswer, validatorsQuery, type Asked } from './query.ts';
import { describeServer, type End, type GiveUp, type UpstreamServer } from './server.ts';

const questionsPerSocket = 64;
const lifeMs = 5_000;

/** All questions by UDP to one server. */
export class UdpClient {
  readonly #server: UpstreamServer;
  readonly #limits: Pick<ResolverLimits, 'udp-sockets'>;
  /** Every open socket; those that take no more questions wait for answers. */
  readonly #open = new Set<UdpSocket>();
  /** Those that take questions. */
  #ready: UdpSocket[] = [];

  constructor(server: UpstreamServer, limits: Pick<ResolverLimits, 'udp-sockets'>) {
    this.#server = server;
    this.#limits = limits;
  }

  /** Asks once; the answer may be truncated. Undefined if there is no socket for it. */
  ask(asked: Asked, end: End): GiveUp | undefined {
    return this.#socket()?.ask(asked, end);
  }

  /** Closes the sockets; what is under way is given up. */
  close(): void {
    for (const socket of this.#open) socket.close();
  }

  #socket(): UdpSocket | undefined {
    this.#ready = this.#ready.filter(({ takesMore }) => takesMore);
    const chosen = this.#ready.length > 0 ? this.#ready[randomInt(this.#ready.length)] : undefined;
    const mayOpen = this.#open.size < this.#limits['udp-sockets'];
    if (chosen?.isBusy === false || !mayOpen) return chosen;
    const socket = new UdpSocket(this.#server, () => this.#open.delete(socket));
    this.#open.add(socket);
    this.#ready.push(socket);
    return socket;
  }
}

interface Pending {
  readonly asked: Asked;
  readonly end: End;
}

class UdpSocket {
  readonly #who: string;
  readonly #socket: dgram.Socket;
  readonly #onClose: () => void;
  readonly #pending = new Map<number, Pending>();
  readonly #timer: NodeJS.Timeout;
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #questionsLeft = questionsPerSocket;

  constructor(server: UpstreamServer, onClose: () => void) {
    this.#who = describeServer(server);
    this.#onClose = onClose;
    this.#socket = dgram.createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
    this.#timer = setTimeout(() => {
      this.#questionsLeft = 0;
      this.#rest();
    }, lifeMs).unref();
    this.#listen(server);
  }

  /** Whether questions are under way. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  get takesMore(): boolean {
    return this.#questionsLeft > 0 && this.#state !== 'closed';
  }

  ask(asked: Asked, end: End): GiveUp {
    let id = randomInt(0x10000);
    while (this.#pending.has(id)) id = randomInt(0x10000);
    this.#questionsLeft -= 1;
    if (!this.isBusy) this.#socket.ref();
    this.#pending.set(id, { asked, end });
    if (this.#state === 'open') this.#send(id, asked);
    return () => {
      this.#forget(id);
    };
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#socket.close();
    this.#onClose();
  }

  #listen({ address, port }: UpstreamServer): void {
    const socket = this.#socket;
    socket.on('error', (error) => {
      this.#fail(error);
    });
    socket.on('message', (octets) => {
      this.#take(octets);
    });
    // Not as the callback of `connect`: that would be called with the error, too, instead of the listener above.
    socket.once('connect', () => {
      if (this.#state !== 'opening') return;
      this.#state = 'open';
      for (const [id, { asked }] of this.#pending) this.#send(id, asked);
      this.#rest();
    });
    socket.connect(port, address);
  }

  #send(id: number, asked: Asked): void {
    // Without a callback the socket would keep to itself what it is told of an earlier query: that nobody listens.
    this.#socket.send(validatorsQuery(id, asked), (error) => {
      if (error) this.#fail(error);
    });
  }

  #fail({ message }: Error): void {
    this.close();
    const failure = `${this.#who} cannot be reached by UDP: ${message}`;
    for (const [id, { end }] of this.#pending) {
      this.#pending.delete(id);
      end({ failure });
    }
  }

  /** What is not our answer is passed over, not an error: a forger must not be able to end the wait. */
  #take(octets: Buffer): void {
    if (octets.length < 2) return;
    const id = octets.readUInt16BE(0);
    const pending = this.#pending.get(id);
    const answer = pending && readAnswer(octets, id, pending.asked);
    if (!answer) return;
    this.#forget(id);
    pending.end(answer);
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    this.#rest();
  }

  /** Nothing is under way: the process need not wait for this socket, and a used one is closed. */
  #rest(): void {
    if (this.isBusy || this.#state === 'closed') return;
    if (this.takesMore) this.#socket.unref();
    else this.close();
  }
}
