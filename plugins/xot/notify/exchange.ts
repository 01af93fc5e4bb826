/**
 * One plain message to a server and its answer, by UDP or TCP, on a socket of its own.
 *
 * Against forged answers (RFC 5452 section 9.2): the socket has a random port and is connected, so that what comes from
 * elsewhere is never seen; `read` says which octets are the answer, and by UDP anything else is passed over.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { DnsFormatError, formatEndpoint, frame, FrameReader, type Endpoint } from '../../../core/index.ts';

/** Why there is no answer. */
export class NoReply extends Error {
  override readonly name = 'NoReply';
  readonly code = 'XOT_NOTIFY';
  readonly blame = 'peer';
  /** Nobody listens there: to say it again in the same way is no use (RFC 1996 section 3.6). */
  readonly isUnreachable: boolean;

  constructor(message: string, isUnreachable = false) {
    super(message);
    this.isUnreachable = isUnreachable;
  }
}

export interface ExchangeOptions<T> {
  readonly server: Endpoint;
  /** The address to send from; the kernel chooses if absent. */
  readonly source?: string | undefined;
  readonly message: Buffer;
  readonly timeMs: number;
  readonly signal: AbortSignal;
  /** What the answer says; undefined for octets that are not the answer. */
  readonly read: (octets: Buffer) => T | undefined;
}

/** Sends by UDP, once. Rejects with NoReply, also when the signal is aborted. */
export function exchangeByUdp<T>(options: ExchangeOptions<T>): Promise<T> {
  const { server, source, message, read } = options;
  const isVersion6 = server.address.includes(':');
  const socket = dgram.createSocket(isVersion6 ? 'udp6' : 'udp4');
  return untilSettled(options, (settle, fail) => {
    socket.on('error', (error) => {
      fail(`cannot be reached by UDP: ${error.message}`, true);
    });
    socket.on('message', (octets) => {
      const answer = read(octets);
      // A forger must not be able to end the wait.
      if (answer !== undefined) settle(answer);
    });
    socket.once('connect', () => {
      // Without a callback the socket would keep to itself that nobody listens.
      socket.send(message, (error) => {
        if (error) fail(`cannot be reached by UDP: ${error.message}`, true);
      });
    });
    if (source !== undefined) socket.bind({ address: source, exclusive: true });
    socket.connect(server.port, server.address);
    return () => {
      socket.close();
    };
  });
}

/** Sends over a TCP connection, once (RFC 1996 section 3.5). Rejects with NoReply, also when the signal is aborted. */
export function exchangeByTcp<T>(options: ExchangeOptions<T>): Promise<T> {
  const { server, source, message, read } = options;
  const reader = new FrameReader();
  return untilSettled(options, (settle, fail) => {
    const socket = net.connect({
      host: server.address,
      port: server.port,
      noDelay: true,
      ...(source !== undefined && { localAddress: source }),
    });
    let isOpen = false;
    socket.on('error', (error) => {
      fail(
        isOpen ? `the connection broke: ${error.message}` : `cannot be reached: ${error.message}`,
        !isOpen,
      );
    });
    socket.on('close', () => {
      fail('closed the connection without an answer');
    });
    socket.once('connect', () => {
      isOpen = true;
      socket.write(frame(message));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        const [first] = reader.push(chunk);
        if (first === undefined) return;
        const answer = read(first);
        if (answer === undefined) fail('sent what is no answer');
        else settle(answer);
      } catch (error) {
        if (!(error instanceof DnsFormatError)) throw error;
        fail(`sent what is not DNS: ${error.message}`);
      }
    });
    return () => {
      socket.destroy();
    };
  });
}

type Fail = (why: string, isUnreachable?: boolean) => void;

/** Runs one exchange; whatever ends it first counts, and then it is closed. */
function untilSettled<T>(
  { server, timeMs, signal }: ExchangeOptions<T>,
  begin: (settle: (answer: T) => void, fail: Fail) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let isOver = false;
    const opened: { close?: () => void } = {};
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      opened.close?.();
      return true;
    };
    const isSettled = (): boolean => isOver;
    const fail: Fail = (why, isUnreachable) => {
      if (end()) reject(new NoReply(`${formatEndpoint(server)} ${why}`, isUnreachable));
    };
    const onAbort = (): void => {
      fail('was not waited for');
    };
    const timer = setTimeout(() => {
      fail(`did not answer within ${String(timeMs)} ms`);
    }, timeMs);
    signal.addEventListener('abort', onAbort);
    opened.close = begin((answer) => {
      if (end()) resolve(answer);
    }, fail);
    if (isSettled()) opened.close();
    else if (signal.aborted) onAbort();
  });
}
