/**
 * One question, one answer, over UDP and then TCP when the answer is truncated (RFC 7766 section 5).
 *
 * Against forged answers (RFC 5452): a new socket with a random port and a random ID for each try, connected to the
 * server, and an answer counts only when ID and question are ours.
 */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { DnsFormatError } from '../../dns/errors.ts';
import { frame, FrameReader } from '../../dns/framing.ts';
import type { Message } from '../../dns/message.ts';
import { isUnreadableAnswer, readAnswer, type Asked } from './query.ts';
import { describeServer, type ExchangeFailure, type UpstreamServer } from './server.ts';

export interface ExchangeOptions {
  readonly server: UpstreamServer;
  /** Makes the message for an ID. */
  readonly query: (id: number) => Buffer;
  readonly question: Asked;
  readonly deadline: AbortSignal;
  /** Milliseconds to wait for a UDP answer; till the deadline if absent. */
  readonly udpTimeoutMs?: number;
}

/** Asks the server once; a truncated answer is asked for again over TCP. */
export async function exchange(options: ExchangeOptions): Promise<Message | ExchangeFailure> {
  if (options.deadline.aborted) return { failure: `no time left to ask ${describeServer(options.server)}` };
  const answer = await askOverUdp(options);
  return 'failure' in answer || !answer.header.tc ? answer : askOverTcp(options);
}

/** Asks once over UDP; the answer may be truncated. */
export function askOverUdp(options: ExchangeOptions): Promise<Message | ExchangeFailure> {
  const { server, deadline } = options;
  const id = randomInt(0x10000);
  const who = describeServer(server);
  return new Promise((resolve) => {
    const socket = dgram.createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    let heardOtherwise = '';
    const end = (result: Message | ExchangeFailure): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      deadline.removeEventListener('abort', onDeadline);
      socket.close();
      resolve(result);
    };
    const onDeadline = (): void => {
      end({ failure: `${who} did not answer in time${heardOtherwise}` });
    };
    if (options.udpTimeoutMs !== undefined) timer = setTimeout(onDeadline, options.udpTimeoutMs);
    deadline.addEventListener('abort', onDeadline);
    socket.on('error', (error) => {
      end({ failure: `${who} cannot be reached by UDP: ${error.message}` });
    });
    socket.on('message', (octets) => {
      // What is not our answer is passed over, not an error: a forger must not be able to end the wait.
      const answer = readAnswer(octets, id, options.question);
      if (answer) end(answer);
      else if (isUnreadableAnswer(octets, id)) heardOtherwise = ', or only with what is not a DNS message';
    });
    // Not as the callback of `connect`: that would be called with the error, too, instead of the listener above.
    socket.once('connect', () => {
      if (!ended) socket.send(options.query(id));
    });
    socket.connect(server.port, server.address);
  });
}

function askOverTcp(options: ExchangeOptions): Promise<Message | ExchangeFailure> {
  const { server, deadline } = options;
  const id = randomInt(0x10000);
  const who = describeServer(server);
  return new Promise((resolve) => {
    const socket = net.connect({ host: server.address, port: server.port, noDelay: true });
    const reader = new FrameReader();
    const end = (result: Message | ExchangeFailure): void => {
      deadline.removeEventListener('abort', onDeadline);
      socket.destroy();
      resolve(result);
    };
    const onDeadline = (): void => {
      end({ failure: `${who} did not answer in time over TCP` });
    };
    deadline.addEventListener('abort', onDeadline);
    socket.on('error', (error) => {
      end({ failure: `${who} cannot be reached by TCP: ${error.message}` });
    });
    socket.on('close', () => {
      end({ failure: `${who} closed the TCP connection without an answer` });
    });
    socket.on('data', (chunk: Buffer) => {
      const frames = readFrames(reader, chunk);
      if (!frames) end({ failure: `${who} sent over TCP what is not DNS` });
      for (const octets of frames ?? []) {
        const answer = readAnswer(octets, id, options.question);
        if (answer) end(answer);
      }
    });
    socket.once('connect', () => {
      socket.write(frame(options.query(id)));
    });
  });
}

/** The messages that a chunk completes; undefined when the stream is not one of DNS messages. */
export function readFrames(reader: FrameReader, chunk: Buffer): readonly Buffer[] | undefined {
  try {
    return reader.push(chunk);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}
