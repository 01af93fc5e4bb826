/**
 * One question, one answer, over UDP and then TCP when the answer is truncated (RFC 7766 section 5).
 *
 * Against forged answers (RFC 5452): a new socket with a random port and a random ID for each try, connected to the
 * server, and an answer counts only when ID and question are ours.
 */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import { RrClass } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { frame, FrameReader } from '../dns/framing.ts';
import { parseMessage, type Message, type Question } from '../dns/message.ts';

/** Why there is no answer, with the server's address, for the operator. */
export interface ExchangeFailure {
  readonly failure: string;
}

export interface ExchangeOptions {
  readonly server: Endpoint;
  /** Makes the message for an ID. */
  readonly query: (id: number) => Buffer;
  readonly question: Question;
  readonly deadline: AbortSignal;
  /** Milliseconds to wait for a UDP answer. */
  readonly udpTimeoutMs: number;
}

/** Asks the server once; a truncated answer is asked for again over TCP. */
export async function exchange(options: ExchangeOptions): Promise<Message | ExchangeFailure> {
  if (options.deadline.aborted) return { failure: `no time left to ask ${where(options.server)}` };
  const answer = await overUdp(options);
  return 'failure' in answer || !answer.header.tc ? answer : overTcp(options);
}

function overUdp(options: ExchangeOptions): Promise<Message | ExchangeFailure> {
  const { server, deadline } = options;
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const socket = dgram.createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
    let ended = false;
    const end = (result: Message | ExchangeFailure): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      deadline.removeEventListener('abort', onDeadline);
      socket.close();
      resolve(result);
    };
    const onDeadline = (): void => {
      end({ failure: `${where(server)} did not answer in time` });
    };
    const timer = setTimeout(onDeadline, options.udpTimeoutMs);
    deadline.addEventListener('abort', onDeadline);
    socket.on('error', (error) => {
      end({ failure: `${where(server)} cannot be reached by UDP: ${error.message}` });
    });
    socket.on('message', (octets) => {
      // What is not our answer is passed over, not an error: a forger must not be able to end the wait.
      const answer = readAnswer(octets, id, options.question);
      if (answer) end(answer);
    });
    // Not as the callback of `connect`: that would be called with the error, too, instead of the listener above.
    socket.once('connect', () => {
      if (!ended) socket.send(options.query(id));
    });
    socket.connect(server.port, server.address);
  });
}

function overTcp(options: ExchangeOptions): Promise<Message | ExchangeFailure> {
  const { server, deadline } = options;
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const socket = net.connect({ host: server.address, port: server.port, noDelay: true });
    const reader = new FrameReader();
    const end = (result: Message | ExchangeFailure): void => {
      deadline.removeEventListener('abort', onDeadline);
      socket.destroy();
      resolve(result);
    };
    const onDeadline = (): void => {
      end({ failure: `${where(server)} did not answer in time over TCP` });
    };
    deadline.addEventListener('abort', onDeadline);
    socket.on('error', (error) => {
      end({ failure: `${where(server)} cannot be reached by TCP: ${error.message}` });
    });
    socket.on('close', () => {
      end({ failure: `${where(server)} closed the TCP connection without an answer` });
    });
    socket.on('data', (chunk: Buffer) => {
      const frames = readFrames(reader, chunk);
      if (!frames) end({ failure: `${where(server)} sent over TCP what is not DNS` });
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

function readFrames(reader: FrameReader, chunk: Buffer): readonly Buffer[] | undefined {
  try {
    return reader.push(chunk);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** The message if it answers our question with our ID; undefined for anything else. */
function readAnswer(octets: Buffer, id: number, question: Question): Message | undefined {
  try {
    const message = parseMessage(octets);
    const [echo] = message.questions;
    const ours =
      message.header.qr &&
      message.header.id === id &&
      message.questions.length === 1 &&
      echo?.type === question.type &&
      echo.class === RrClass.IN &&
      echo.name.equals(question.name);
    return ours ? message : undefined;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

function where(server: Endpoint): string {
  return `resolver ${formatEndpoint(server)}`;
}
