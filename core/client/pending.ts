/**
 * The requests under way on one connection, by the message IDs that they have there (RFC 7766 section 6.2.1: no two the
 * same), and which of them a message answers.
 */
import { randomInt } from 'node:crypto';
import { DnsFormatError } from '../dns/errors.ts';
import { headerOctets, MessageWalker, type Question } from '../dns/walker.ts';
import type { Request } from './request.ts';

const responseBit = 0x80;
const ids = 0x1_0000;

export class PendingRequests {
  readonly #byId = new Map<number, Request>();
  /** Those that nobody waits for any more; they keep their IDs. */
  readonly #orphans = new Set<Request>();
  #streams = 0;

  /** How many of them are transfers. */
  get streams(): number {
    return this.#streams;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** How many of them nobody waits for any more. */
  get orphans(): number {
    return this.#orphans.size;
  }

  all(): readonly Request[] {
    return [...this.#byId.values()];
  }

  /** Gives the request an ID of its own: random, so that it tells nothing of the others. */
  add(request: Request): void {
    let id = randomInt(ids);
    while (this.#byId.has(id)) id = randomInt(ids);
    request.id = id;
    this.#byId.set(id, request);
    if (request.isStream) this.#streams += 1;
  }

  /** Nobody waits for it any more. */
  orphan(request: Request): void {
    this.#orphans.add(request);
  }

  remove(request: Request): void {
    this.#orphans.delete(request);
    if (this.#byId.delete(request.id) && request.isStream) this.#streams -= 1;
  }

  /**
   * The request that a message answers, by ID and, if the message has one, question (RFC 7766 section 7). The message
   * gets the sender's ID back.
   */
  answeredBy(message: Buffer): Request | undefined {
    const request = this.#byId.get(message.readUInt16BE(0));
    if (request === undefined || (message.readUInt8(2) & responseBit) === 0) return undefined;
    if (!isAnswerTo(message, request.question)) return undefined;
    message.writeUInt16BE(request.senderId, 0);
    return request;
  }
}

/** The only question of a message; undefined for none, several, or one that cannot be read. */
export function questionOf(message: Buffer): Question | undefined {
  try {
    const walker = new MessageWalker(message);
    return walker.questionCount === 1 ? walker.readQuestion() : undefined;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** Errors, and messages of a transfer but the first (RFC 5936 section 2.2.1), may come without the question. */
function isAnswerTo(message: Buffer, asked: Question | undefined): boolean {
  const questionCount = message.length < headerOctets ? 0 : message.readUInt16BE(4);
  if (questionCount === 0 || asked === undefined) return true;
  const echo = questionOf(message);
  return echo?.type === asked.type && echo.class === asked.class && echo.name.equals(asked.name);
}
