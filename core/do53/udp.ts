/**
 * Plain DNS by UDP (RFC 1035 section 4.2.1): a datagram in, at most one out, from the address that it came to.
 *
 * Limitations: a socket listens on one address. One for all addresses (`0.0.0.0`, `::`) could not tell which of them a
 * request came to, and would answer from another where there are several; Node has no IP_PKTINFO.
 */
import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import { listenError } from '../server/listen-error.ts';
import { isAnswerable } from './datagram.ts';
import type { PlainSource } from './handler.ts';
import type { InheritedSocket } from './inherited.ts';
import type { Do53Environment, Requests, WaitingRequest } from './requests.ts';

/** Octets that the kernel holds for us while we are busy: requests of a burst. It gives less where its own bound is less. */
const receiveBuffer = 1024 * 1024;
/** Milliseconds between two lines of the log about the socket, or about replies that are too long. */
const quietMs = 60_000;

export interface UdpListenerOptions extends Do53Environment {
  readonly requests: Requests;
  readonly reusePort: boolean;
}

/** One UDP socket that listens. */
export class UdpListener {
  /** Requests that came here and are not done, replies that are being sent among them. */
  underWay = 0;
  readonly #options: UdpListenerOptions;
  readonly #socket: dgram.Socket;
  readonly #at: Endpoint;
  #isClosing = false;
  #isOpen = true;
  #onQuiet: (() => void) | undefined;
  readonly #said = new Map<string, number>();

  private constructor(options: UdpListenerOptions, socket: dgram.Socket) {
    this.#options = options;
    this.#socket = socket;
    const { address, port } = socket.address();
    this.#at = { address, port };
    socket.on('message', (octets, { address: from, port: fromPort }) => {
      this.#take(octets, from, fromPort);
    });
    // What ICMP says of a client that is gone, or a kernel without memory: the next datagram may be a good one.
    socket.on('error', (error) => {
      this.#say('plain DNS socket', { error });
    });
  }

  /** Listens, on an inherited socket if there is one. Rejects with ListenError. */
  static open(
    at: Endpoint,
    inherited: InheritedSocket | undefined,
    options: UdpListenerOptions,
  ): Promise<UdpListener> {
    const isVersion6 = isIPv6(at.address);
    const socket = dgram.createSocket({
      type: isVersion6 ? 'udp6' : 'udp4',
      ipv6Only: isVersion6 && inherited === undefined,
      reusePort: options.reusePort && inherited === undefined,
      // Of datagrams we have addresses only: nothing is to be looked up, and no turn of the event loop to be waited.
      lookup: (address, _options, callback) => {
        callback(null, address, isVersion6 ? 6 : 4);
      },
    });
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        socket.close();
        reject(listenError(at, error));
      };
      socket.once('error', fail);
      socket.once('listening', () => {
        socket.off('error', fail);
        enlarge(socket);
        resolve(new UdpListener(options, socket));
      });
      if (inherited) socket.bind({ fd: inherited.fd, exclusive: true });
      else socket.bind({ address: at.address, port: at.port, exclusive: true });
    });
  }

  get endpoint(): Endpoint {
    return this.#at;
  }

  /** Takes no new request, and closes when the replies under way are sent, at most `deadlineMs` later. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.underWay > 0) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#onQuiet = () => {
        resolve(undefined);
      };
      const cut = setTimeout(this.#onQuiet, deadlineMs);
      await promise;
      clearTimeout(cut);
    }
    this.#isOpen = false;
    await new Promise<void>((resolve) => {
      this.#socket.close(resolve);
    });
  }

  #take(octets: Buffer, address: string, port: number): void {
    if (this.#isClosing) return;
    const { limits, meters, requests } = this.#options;
    const bounds = limits();
    if (!isAnswerable(octets, port)) {
      meters.ignored('udp');
      return;
    }
    if (octets.length > bounds['plain-request-octets']) {
      meters.refused('plain-request-octets');
      return;
    }
    if (this.underWay >= bounds['plain-requests']) {
      meters.refused('plain-requests');
      return;
    }
    meters.request('udp');
    this.underWay++;
    requests.start(octets, new UdpRequest(this, address, port, bounds['plain-udp-octets']));
  }

  /** Sends the one reply to a request; undefined: silence. */
  answer(message: Buffer | undefined, { address, port }: UdpRequest): void {
    const most = this.#options.limits()['plain-udp-octets'];
    if (message === undefined || !this.#isOpen) {
      this.#end();
    } else if (message.length > most) {
      this.#options.meters.refused('plain-udp-octets');
      const { length: octets } = message;
      this.#say('reply too long for UDP', { octets, most, advice: 'a defect; the client got no answer' });
      this.#end();
    } else {
      this.#socket.send(message, port, address, this.#onSent);
    }
  }

  /** One for all: a callback for each reply would be one more thing to make. */
  readonly #onSent = (error: Error | null): void => {
    if (error) {
      this.#options.meters.lost('udp');
      this.#say('plain DNS reply not sent', { error });
    }
    this.#end();
  };

  #end(): void {
    this.underWay--;
    if (this.underWay === 0) this.#onQuiet?.();
  }

  /** Strangers cause these lines, if they can reach us: at most one of a kind a minute. */
  #say(event: string, fields: Readonly<Record<string, unknown>>): void {
    const nowMs = performance.now();
    if (nowMs - (this.#said.get(event) ?? -Infinity) < quietMs) return;
    this.#said.set(event, nowMs);
    this.#options.log.warn(event, { address: formatEndpoint(this.#at), ...fields });
  }
}

/** One request, and where it came from. */
class UdpRequest implements WaitingRequest, PlainSource {
  readonly isStream = false;
  readonly idleTimeMs = 0;
  readonly udpOctets: number;
  readonly address: string;
  readonly port: number;
  readonly #listener: UdpListener;

  constructor(listener: UdpListener, address: string, port: number, udpOctets: number) {
    this.#listener = listener;
    this.address = address;
    this.port = port;
    this.udpOctets = udpOctets;
  }

  get from(): PlainSource {
    return this;
  }

  /** Text is made only where somebody wants to read it. */
  get remote(): string {
    return formatEndpoint({ address: this.address, port: this.port });
  }

  answer(message: Buffer | undefined): void {
    this.#listener.answer(message, this);
  }
}

function enlarge(socket: dgram.Socket): void {
  try {
    if (socket.getRecvBufferSize() < receiveBuffer) socket.setRecvBufferSize(receiveBuffer);
  } catch {
    // A smaller buffer loses more of a burst, and that is all.
  }
}
