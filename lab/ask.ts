/**
 * One query to one server: what the lab's resolver asks upstream, and what tests ask.
 *
 * Limitations: TCP only, one connection a query; nothing is retried.
 */
import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import type { Endpoint } from './servers.ts';
import { FrameReader, frame } from '../core/dns/framing.ts';
import { encodeMessage, makeQuery, parseMessage } from '../core/dns/message.ts';
import type { Message } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';

/** A question and the bits that go with it. */
export interface Inquiry {
  readonly name: Name;
  readonly type: number;
  readonly rd?: boolean;
  readonly ad?: boolean;
  readonly cd?: boolean;
  /** With EDNS, and DNSSEC records wanted. */
  readonly dnssecOk?: boolean;
  /** 2 s if not said. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 2000;

/** Asks over TCP. Rejects when there is no answer in time, or one that is not to this question. */
export async function ask(server: Endpoint, inquiry: Inquiry): Promise<Message> {
  const query = queryFor(inquiry);
  const timeoutMs = inquiry.timeoutMs ?? defaultTimeoutMs;
  const answer = parseMessage(await exchange(server, encodeMessage(query), timeoutMs));
  const [asked] = answer.questions;
  const isOurs =
    answer.header.id === query.header.id &&
    asked?.name.equals(inquiry.name) === true &&
    asked.type === inquiry.type;
  if (!isOurs)
    throw new Error(`the answer of ${server.address} port ${String(server.port)} is to another question`);
  return answer;
}

/** The query that asks this, with an ID that nobody can guess. */
export function queryFor({ name, type, rd, ad, cd, dnssecOk = false }: Inquiry): Message {
  const edns = { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk, options: [] };
  return makeQuery({
    id: randomInt(0x10000),
    name,
    type,
    rd: rd ?? false,
    ad: ad ?? false,
    cd: cd ?? false,
    ...(dnssecOk ? { edns } : {}),
  });
}

function exchange(server: Endpoint, query: Buffer, timeoutMs: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const reader = new FrameReader();
  const socket = connect({ host: server.address, port: server.port, noDelay: true });
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${String(timeoutMs)} ms`));
  }, timeoutMs);
  socket.on('error', reject);
  socket.on('close', () => {
    reject(new Error('the server closed the connection without an answer'));
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      const [message] = reader.push(chunk);
      if (message !== undefined) resolve(message);
    } catch (error) {
      reject(error instanceof Error ? error : new Error('the answer cannot be read'));
    }
  });
  socket.write(frame(query));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
