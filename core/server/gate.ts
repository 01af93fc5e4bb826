/**
 * The TLS server end: listening sockets, places, and the connections behind them.
 */
import net from 'node:net';
import type { Server, Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Gate, ListenerTls } from '../plugin/contract.ts';
import type { RefusalReason } from './arrival.ts';
import {
  Connection,
  showsNothing,
  type ConnectionEnvironment,
  type ConnectionOutcome,
} from './connection.ts';
import { FailureBudget } from './failure-budget.ts';
import type { ConnectionLimits } from './limits.ts';
import { ListenerTlsState, type ListenerTlsMeans } from './listener-tls.ts';
import { addressKey, Places } from './places.ts';

/** An address that cannot be listened on, in words for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'SERVER_LISTEN';
  readonly blame = 'config';
}

export interface GateServerOptions
  extends Pick<ConnectionEnvironment, 'proof' | 'service' | 'log'>, ListenerTlsMeans {
  readonly addresses: readonly Endpoint[];
  readonly limits: ConnectionLimits;
  readonly tls: ListenerTls;
  readonly metrics: Metrics;
  /** Label of the metrics. */
  readonly label: string;
}

/** Refusals that say nothing against the client: after an outage of the resolver it is to come in at once. */
const notTheClientsFault: ReadonlySet<RefusalReason> = new Set([
  'lookup-failed',
  'gate-closing',
  'internal-error',
]);

/** Connections that the kernel holds for us between SYN and accept. */
const backlog = 511;

export class GateServer implements Gate {
  readonly #options: GateServerOptions;
  readonly #meters: Meters;
  readonly #servers: Server[] = [];
  /** Each with the promise of its last word in log and metrics. */
  readonly #connections = new Map<Connection, Promise<void>>();
  readonly #places = new Places();
  readonly #handshakes = new Places();
  readonly #anonymous = new Places();
  readonly #failures = new FailureBudget();
  readonly #environment: ConnectionEnvironment;
  readonly #tls: ListenerTlsState;
  #limits: ConnectionLimits;
  #nextId = 1;

  /** Throws as gateContext does. */
  constructor(options: GateServerOptions) {
    this.#options = options;
    this.#limits = options.limits;
    this.#meters = new Meters(options.metrics, options.label, {
      open: () => this.#places.taken,
      handshakes: () => this.#handshakes.taken,
    });
    this.#tls = new ListenerTlsState(options.tls, options);
    this.#environment = {
      context: () => this.#tls.context(),
      tls: () => this.#tls.tls,
      proof: options.proof,
      service: options.service,
      log: options.log,
      limits: () => this.#limits,
    };
  }

  async open(): Promise<readonly Endpoint[]> {
    try {
      const opened: Endpoint[] = [];
      for (const address of this.#options.addresses) opened.push(await this.#listen(address));
      return opened;
    } catch (error) {
      for (const server of this.#servers) server.close();
      throw error;
    }
  }

  setLimits(limits: ConnectionLimits): void {
    this.#limits = limits;
  }

  setTls(tls: ListenerTls): void {
    this.#tls.set(tls);
  }

  async close(deadlineMs: number): Promise<void> {
    const closed = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) =>
          server.close(() => {
            resolve();
          }),
        ),
    );
    for (const connection of this.#connections.keys()) connection.drain();
    const cut = setTimeout(() => {
      for (const connection of this.#connections.keys()) connection.destroy();
    }, deadlineMs);
    await Promise.all([...closed, ...this.#connections.values()]);
    clearTimeout(cut);
  }

  #listen(address: Endpoint): Promise<Endpoint> {
    // noDelay: the answer must not wait for the acknowledgement of the handshake's last flight (Nagle).
    const server = net.createServer({ noDelay: true }, (socket) => {
      this.#accept(socket);
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      let listening = false;
      server.on('error', (error) => {
        // After it listens: accept failed, mostly for want of file descriptors. Those who are connected go on.
        if (listening) this.#options.log.warn('accept failed', { address: formatEndpoint(address), error });
        const why = describeListenError(error);
        reject(new ListenError(`cannot listen on ${formatEndpoint(address)}: ${why}`, { cause: error }));
      });
      server.listen({ host: address.address, port: address.port, backlog }, () => {
        listening = true;
        const bound = server.address();
        resolve(typeof bound === 'object' && bound ? { address: bound.address, port: bound.port } : address);
      });
    });
  }

  #accept(socket: Socket): void {
    // A client that is gone already has no address.
    const key = addressKey(socket.remoteAddress ?? '');
    const limits = this.#limits;
    if (!this.#failures.hasLeft(key, limits['failures-per-address'], this.#options.proof.nowMs())) {
      this.#turnAway(socket, 'failures');
      return;
    }
    if (!this.#places.take(key, limits.connections, limits['connections-per-address'])) {
      this.#turnAway(socket, 'connections');
      return;
    }
    if (!this.#handshakes.take(key, limits.handshakes, limits['handshakes-per-address'])) {
      this.#places.free(key);
      this.#turnAway(socket, 'handshakes');
      return;
    }
    const connection = new Connection(this.#nextId++, socket, this.#environment);
    this.#connections.set(connection, this.#follow(connection, key));
  }

  async #follow(connection: Connection, key: string): Promise<void> {
    let isArriving = true;
    const anonymous = { isHeld: false };
    const freeHandshake = (): void => {
      if (!isArriving) return;
      isArriving = false;
      this.#handshakes.free(key);
    };
    const outcome = await connection.run({
      onArrived: freeHandshake,
      // At once, and not when the connection has ended: who was refused may be here again before.
      onNo: (reason, isServed) => {
        this.#charge(key, reason, isServed);
      },
      takesAnonymous: () => {
        const { anonymous: most, 'anonymous-per-address': perAddress } = this.#limits;
        anonymous.isHeld = this.#anonymous.take(key, most, perAddress);
        if (!anonymous.isHeld) this.#meters.turnedAway('anonymous');
        return anonymous.isHeld;
      },
    });
    freeHandshake();
    if (anonymous.isHeld) this.#anonymous.free(key);
    this.#places.free(key);
    this.#connections.delete(connection);
    this.#meters.ended(outcome);
  }

  #charge(key: string, reason: RefusalReason, isServed: boolean): void {
    if (notTheClientsFault.has(reason) || (isServed && showsNothing.has(reason))) return;
    this.#failures.charge(key, this.#limits['failures-per-address'], this.#options.proof.nowMs());
  }

  #turnAway(socket: Socket, limit: string): void {
    this.#meters.turnedAway(limit);
    // Not at info: a flood must not fill the disk. The metric tells how many.
    this.#options.log.debug('connection turned away', { remote: socket.remoteAddress, limit });
    socket.on('error', () => undefined);
    socket.resetAndDestroy();
  }
}

/** The gate's series. */
class Meters {
  readonly #label: string;
  readonly #ended;
  readonly #turnedAway;
  readonly #octets;

  /** @param now what there is at this moment */
  constructor(
    metrics: Metrics,
    label: string,
    now: { readonly open: () => number; readonly handshakes: () => number },
  ) {
    this.#label = label;
    metrics.gauge('connections', 'Open connections.', ['gate']).follow({ gate: label }, now.open);
    metrics
      .gauge('handshakes', 'Connections that are not identified yet.', ['gate'])
      .follow({ gate: label }, now.handshakes);
    this.#ended = metrics.counter('connections_total', 'Connections that ended, by outcome.', [
      'gate',
      'outcome',
    ]);
    this.#turnedAway = metrics.counter('turned_away_total', 'Connections closed at once by a limit.', [
      'gate',
      'limit',
    ]);
    this.#octets = metrics.counter('octets_total', 'Octets of clients that were served.', [
      'gate',
      'direction',
    ]);
  }

  ended(outcome: ConnectionOutcome): void {
    const served = outcome.isAnonymous === true ? 'anonymous' : 'served';
    this.#ended.add({ gate: this.#label, outcome: outcome.refused ?? served });
    this.#octets.add({ gate: this.#label, direction: 'in' }, outcome.octetsIn);
    this.#octets.add({ gate: this.#label, direction: 'out' }, outcome.octetsOut);
  }

  turnedAway(limit: string): void {
    this.#turnedAway.add({ gate: this.#label, limit });
  }
}

function describeListenError(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'another program listens there already; find it with: ss -ltnp';
  if (code === 'EACCES')
    return 'permission denied; ports below 1024 need the capability CAP_NET_BIND_SERVICE';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address';
  return error.message;
}
