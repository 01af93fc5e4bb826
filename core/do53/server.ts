/**
 * Plain DNS, as stubs and name servers speak it to an agent beside them: UDP and TCP on the same addresses (RFC 7766
 * section 5: TCP is no option).
 *
 * Nothing is encrypted and nobody is authenticated, so this is for loopback, or for a network that is trusted as much as
 * the machine itself; whoever writes another address means it.
 */
import type { Endpoint } from '../config/endpoint.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { ListenError } from '../server/listen-error.ts';
import { Places } from '../server/places.ts';
import type { PlainHandler } from './handler.ts';
import { InheritedSockets } from './inherited.ts';
import type { Do53Limits } from './limits.ts';
import { PlainMeters } from './meters.ts';
import { Requests } from './requests.ts';
import { TcpListener, type TcpListenerOptions } from './tcp.ts';
import { UdpListener } from './udp.ts';

export interface Do53Options {
  /** Each is listened on by UDP and by TCP, with port 0 on one port for both. */
  readonly addresses: readonly Endpoint[];
  /** Sockets that are open already: one with an address of the above is taken, and not opened again. */
  readonly inherited?: InheritedSockets | undefined;
  readonly limits: Do53Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Label of the metrics. */
  readonly label: string;
  readonly handler: PlainHandler;
  /** Whether other processes of ours listen there too. */
  readonly reusePort?: boolean | undefined;
}

/** How often a free TCP port is looked for whose UDP port is free as well. */
const portTries = 8;

export class Do53Server {
  readonly #options: Do53Options;
  readonly #listeners: (UdpListener | TcpListener)[] = [];
  readonly #requests: Requests;
  readonly #shared: TcpListenerOptions;
  #limits: Do53Limits;
  #closed: Promise<void> | undefined;

  constructor(options: Do53Options) {
    this.#options = options;
    this.#limits = options.limits;
    const places = new Places();
    const environment = {
      handler: options.handler,
      limits: () => this.#limits,
      log: options.log,
      meters: new PlainMeters(options.metrics, options.label, {
        connections: () => places.taken,
        requests: () => this.#requests.waiting,
      }),
    };
    this.#requests = new Requests(environment);
    const { reusePort = false } = options;
    this.#shared = { ...environment, requests: this.#requests, places, reusePort };
  }

  /** Resolves with the addresses, in their order, when all listen; rejects with ListenError, and then none does. */
  async open(): Promise<readonly Endpoint[]> {
    const opened: Endpoint[] = [];
    try {
      for (const address of this.#options.addresses) opened.push(await this.#open(address));
    } catch (error) {
      await this.close(0);
      throw error;
    }
    return opened;
  }

  /** For requests and connections that are to come. */
  setLimits(limits: Do53Limits): void {
    this.#limits = limits;
  }

  /** Takes no new request, lets replies under way leave, then closes; at most `deadlineMs`. */
  close(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close(deadlineMs)));
    this.#requests.close();
  }

  async #open(address: Endpoint): Promise<Endpoint> {
    if (isForAll(address.address)) {
      throw new ListenError(
        `cannot listen on ${formatEndpoint(address)}: plain DNS has to answer from the address that was asked; write each address of this machine that is meant, as 127.0.0.1:53`,
      );
    }
    const { inherited = new InheritedSockets() } = this.#options;
    for (let tries = 1; ; tries++) {
      const tcp = await TcpListener.open(address, inherited.take('tcp', address), this.#shared);
      // The one that was found free, if any would do.
      const at = { ...address, port: tcp.endpoint.port };
      try {
        const udp = await UdpListener.open(at, inherited.take('udp', at), this.#shared);
        this.#listeners.push(tcp, udp);
        return udp.endpoint;
      } catch (error) {
        await tcp.close(0);
        if (address.port !== 0 || tries === portTries) throw error;
      }
    }
  }
}

function isForAll(address: string): boolean {
  return /^[0.:]+$/.test(address);
}
