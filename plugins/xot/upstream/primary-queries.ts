/**
 * Messages to the primary that are answered by one each (SOA, NOTIFY, UPDATE), those of all clients on one plain TCP connection
 * that takes many at once and gives its answers in any order (RFC 7766 sections 6.2.1.1 and 7). Transfers have connections of
 * their own (primary.ts).
 *
 * What keeps one client's answer from another: each message under way has a random ID of our own, and keeps it until it is
 * answered, even when nobody waits for it any more; the answer must have it and repeat opcode and question. A primary that sends
 * anything else is not listened to any further on that connection.
 */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  DnsFormatError,
  formatEndpoint,
  frame,
  FrameReader,
  Opcode,
  type Endpoint,
  type FailureKind,
} from '../../../core/index.ts';
import type { TransferLimits } from '../limits.ts';
import { isAnswerTo, opcodeOf } from './answers.ts';
import { openSocket, restTimeMs } from './primary.ts';
import { UpstreamError } from './upstream.ts';

/** Queries under way on one connection, those nobody waits for included; beyond that another is opened. */
const questionsAtOnce = 1_000;

type Times = Pick<TransferLimits, 'primary-connect-time' | 'primary-answer-time'>;

/** Puts the last touch to a message with its ID, and takes it off the answer. */
export interface Seal {
  /** The message as it leaves. */
  close(message: Buffer): Buffer;
  /** The answer without what vouches for it. Throws UpstreamError if nothing does. */
  open(answer: Buffer): Buffer;
}

/** An answer whose ID and question have been checked, nothing else of it; or why there is none. */
type Outcome = Buffer | UpstreamError;

/** One message under way. */
interface Question {
  readonly message: Buffer;
  readonly seal: Seal | undefined;
  readonly answerTimeMs: number;
  /** Called once; undefined when nobody waits any more. */
  settle: ((outcome: Outcome) => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Answers that had come on the connection when it was sent. */
  heardBefore: number;
}

/** The message with its signature, where it is to have one; undefined if it has no room for it. */
function sealedBy({ seal }: Question, message: Buffer): Buffer | undefined {
  if (seal === undefined) return message;
  try {
    return seal.close(message);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** Asks one primary. */
export class PrimaryQueries {
  readonly #primary: Endpoint;
  readonly #makeSeal: (() => Seal) | undefined;
  #connection: QueryConnection | undefined;
  #isClosed = false;

  /** @param makeSeal a seal for each message that is sent; without it messages go as they are */
  constructor(primary: Endpoint, makeSeal?: () => Seal) {
    this.#primary = primary;
    this.#makeSeal = makeSeal;
  }

  /** The answer to a message, with its ID. Rejects with UpstreamError, or with the reason of the signal. */
  async ask(message: Buffer, times: Times, signal: AbortSignal): Promise<Buffer> {
    for (let isSecond = false; ; isSecond = true) {
      const outcome = await this.#askOnce(message, times, signal);
      if (Buffer.isBuffer(outcome)) {
        outcome.writeUInt16BE(message.readUInt16BE(0), 0);
        return outcome;
      }
      // RFC 7766 section 6.2.4: the primary may have closed what it took for idle; once more, on a new connection. A dynamic
      // update may not be said twice.
      if (!outcome.stale || isSecond || opcodeOf(message) === Opcode.UPDATE) throw outcome;
    }
  }

  /** Opens no more to be kept; what is under way is answered. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.retire();
  }

  #askOnce(message: Buffer, times: Times, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return Promise.reject(asError(signal.reason));
    const connection = this.#open(times);
    const answer = new Promise<Outcome>((resolve, reject) => {
      const onAbort = (): void => {
        connection.abandon(question);
        reject(asError(signal.reason));
      };
      const question: Question = {
        message,
        seal: this.#makeSeal?.(),
        answerTimeMs: times['primary-answer-time'],
        settle: (outcome) => {
          signal.removeEventListener('abort', onAbort);
          resolve(outcome);
        },
        timer: undefined,
        heardBefore: 0,
      };
      signal.addEventListener('abort', onAbort, { once: true });
      connection.ask(question);
    });
    if (this.#isClosed) connection.retire();
    return answer;
  }

  #open(times: Times): QueryConnection {
    if (this.#connection?.hasRoom === true) return this.#connection;
    this.#connection?.retire();
    return (this.#connection = new QueryConnection(this.#primary, times['primary-connect-time']));
  }
}

/** One TCP connection to the primary, for many messages. */
class QueryConnection {
  readonly #where: string;
  readonly #reader = new FrameReader();
  /** By the ID on this connection. */
  readonly #asked = new Map<number, Question>();
  /** Questions of this turn of the event loop, or until the connection is open. */
  #unsent: Question[] = [];
  #socket: Socket | undefined;
  /** Somebody waits for so many of the questions. */
  #wanted = 0;
  #heard = 0;
  #restTimer: NodeJS.Timeout | undefined;
  #isRetired = false;
  #failure: UpstreamError | undefined;

  constructor(primary: Endpoint, connectTimeMs: number) {
    this.#where = formatEndpoint(primary);
    openSocket(primary, connectTimeMs).then(
      (socket) => {
        this.#begin(socket);
      },
      (error: unknown) => {
        this.#end(error as UpstreamError);
      },
    );
  }

  /** Whether it takes another question. */
  get hasRoom(): boolean {
    const underWay = this.#asked.size + this.#unsent.length;
    return !this.#isRetired && this.#failure === undefined && underWay < questionsAtOnce;
  }

  ask(question: Question): void {
    this.#wanted++;
    clearTimeout(this.#restTimer);
    this.#unsent.push(question);
    // One write for all that is asked in this turn.
    if (this.#unsent.length === 1 && this.#socket) setImmediate(this.#send);
  }

  /** Nobody waits for the answer any more. */
  abandon(question: Question): void {
    if (question.settle !== undefined) this.#forget(question);
  }

  /** Takes no more questions, and closes when nobody waits for an answer. */
  retire(): void {
    this.#isRetired = true;
    this.#rest();
  }

  #begin(socket: Socket): void {
    this.#socket = socket;
    if (this.#failure !== undefined) {
      // Everybody has left while it was opened.
      socket.destroy();
      return;
    }
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('error', (error) => {
      this.#fail('broken', `the connection to the primary ${this.#where} broke: ${error.message}`, true);
    });
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.#fail('broken', `the primary ${this.#where} closed the connection`, true);
      });
    this.#send();
    this.#rest();
  }

  readonly #send = (): void => {
    const questions = this.#unsent.filter(({ settle }) => settle !== undefined);
    this.#unsent = [];
    if (this.#failure !== undefined || questions.length === 0) return;
    const framed = questions.flatMap((question) => {
      let id = randomInt(0x1_0000);
      while (this.#asked.has(id)) id = randomInt(0x1_0000);
      const message = Buffer.from(question.message);
      message.writeUInt16BE(id, 0);
      const sealed = sealedBy(question, message);
      if (sealed === undefined) {
        const { settle } = question;
        this.#forget(question);
        settle?.(new UpstreamError('other', 'the message has no room for a signature'));
        return [];
      }
      this.#asked.set(id, question);
      question.heardBefore = this.#heard;
      question.timer = setTimeout(() => {
        this.#giveUp(question);
      }, question.answerTimeMs);
      return [frame(sealed)];
    });
    this.#socket?.write(Buffer.concat(framed));
  };

  #read(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      for (const message of this.#reader.push(chunk)) this.#take(message);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      this.#fail('unusable', `the primary ${this.#where} sent what is not DNS: ${error.message}`);
    }
  }

  #take(message: Buffer): void {
    if (this.#failure !== undefined) return;
    const id = message.readUInt16BE(0);
    const question = this.#asked.get(id);
    if (question === undefined || !isAnswerTo(message, question.message)) {
      this.#fail('unusable', `the primary ${this.#where} sent an answer to another question`);
      return;
    }
    this.#asked.delete(id);
    this.#heard++;
    const { settle } = question;
    if (settle === undefined) return;
    this.#forget(question);
    settle(unsealed(message, question.seal));
  }

  #giveUp(question: Question): void {
    const { settle, answerTimeMs, heardBefore } = question;
    const ms = String(answerTimeMs);
    // Where nothing at all comes, the next would wait in vain.
    if (heardBefore === this.#heard) this.#isRetired = true;
    this.#forget(question);
    settle?.(new UpstreamError('broken', `the primary ${this.#where} sent nothing for ${ms} ms`));
  }

  #forget(question: Question): void {
    clearTimeout(question.timer);
    question.settle = undefined;
    this.#wanted--;
    this.#rest();
  }

  /** Closes if there will be no more questions, and after a while without one. */
  #rest(): void {
    if (this.#wanted > 0 || this.#failure !== undefined) return;
    if (this.#isRetired) {
      this.#fail('broken', 'nobody asks any more');
      return;
    }
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => {
      this.retire();
    }, restTimeMs);
  }

  #fail(kind: FailureKind, message: string, byPrimary = false): void {
    this.#end(new UpstreamError(kind, message, byPrimary && this.#heard > 0));
  }

  #end(failure: UpstreamError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    clearTimeout(this.#restTimer);
    this.#socket?.destroy();
    const questions = [...this.#asked.values(), ...this.#unsent];
    this.#asked.clear();
    this.#unsent = [];
    for (const question of questions) {
      const { settle } = question;
      if (settle === undefined) continue;
      this.#forget(question);
      settle(failure);
    }
  }
}

/** Throws what the seal throws that is not the primary's fault. */
function unsealed(answer: Buffer, seal: Seal | undefined): Outcome {
  try {
    return seal?.open(answer) ?? answer;
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('it was given up', { cause: reason });
}
