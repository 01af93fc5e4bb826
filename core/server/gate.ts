/**
 * The TLS server end: listening sockets, places, and the connections behind them.
 */
import net from 'node:net';
import type { Server, Socket } from 'node:net';
import { Budgets } from '../acl/budgets.ts';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Gate, ListenerTls } from '../plugin/contract.ts';
import { Connection, type ConnectionEnvironment } from './connection.ts';
import { AdmissionBudgets } from './admission-budgets.ts';
import { AdmissionGuard, isCharged } from './admission.ts';
import { GateMeters } from './gate-meters.ts';
import type { ConnectionLimits } from './limits.ts';
import { listenError } from './listen-error.ts';
import { ListenerTlsState, type ListenerTlsMeans } from './listener-tls.ts';
import { addressKey, Places } from './places.ts';
import { Withdrawals } from './withdrawal.ts';

export { ListenError } from './listen-error.ts';

export interface GateServerOptions
  extends Pick<ConnectionEnvironment, 'proof' | 'service' | 'log' | 'feed'>, ListenerTlsMeans {
  readonly addresses: readonly Endpoint[];
  readonly limits: ConnectionLimits;
  readonly tls: ListenerTls;
  readonly whoIsServed?: 'told' | 'hidden';
  /** See GateOptions. */
  readonly strangersPerSecond?: (() => number) | undefined;
  readonly metrics: Metrics;
  /** Label of the metrics. */
  readonly label: string;
  /** Those of all listeners; its own if there are none. */
  readonly budgets?: AdmissionBudgets | undefined;
  /** Whether other processes of ours listen on the same ports (SO_REUSEPORT). */
  readonly sharesPorts?: boolean | undefined;
}

/**
 * Connections that the kernel holds for us between SYN and accept, if net.core.somaxconn allows it: in a flood those that
 * come while we are busy with handshakes, the good ones among them.
 */
const backlog = 4096;

export class GateServer implements Gate {
  readonly #options: GateServerOptions;
  readonly #meters: GateMeters;
  readonly #servers: Server[] = [];
  /** Each with the promise of its last word in log and metrics. */
  readonly #connections = new Map<Connection, Promise<void>>();
  readonly #places = new Places();
  readonly #handshakes = new Places();
  readonly #anonymous = new Places();
  /** Of anonymous clients whose claim is tried again. */
  readonly #tries = new Places();
  readonly #admission: AdmissionGuard;
  readonly #withdrawals: Withdrawals;
  readonly #environment: ConnectionEnvironment;
  readonly #tls: ListenerTlsState;
  #limits: ConnectionLimits;
  #endSubscription: (() => void) | undefined;
  #nextId = 1;

  /** Throws as gateContext does. */
  constructor(options: GateServerOptions) {
    this.#options = options;
    this.#limits = options.limits;
    const { proof, log, metrics } = options;
    const access = proof.access.seenBy?.({ staleMaxMs: () => this.#limits['stale-max'] }) ?? proof.access;
    this.#admission = new AdmissionGuard({
      limits: () => this.#limits,
      nowMs: proof.nowMs,
      strangersPerSecond: options.strangersPerSecond,
      budgets: options.budgets ?? new AdmissionBudgets({ nowMs: proof.nowMs, metrics }),
      onBarred: (limit) => {
        this.#meters.barred(limit);
      },
    });
    this.#withdrawals = new Withdrawals({
      admit: (name) => access.admit(name),
      onDefect: (error) => {
        log.error('defect', { doing: 'withdrawal', error });
      },
    });
    this.#meters = new GateMeters(options.metrics, options.label, {
      open: () => this.#places.taken,
      handshakes: () => this.#handshakes.taken,
      anonymous: () => this.#anonymous.taken,
      proofs: () => this.#admission.waiting,
    });
    this.#tls = new ListenerTlsState(options.tls, options);
    this.#environment = {
      context: () => this.#tls.context(),
      tls: () => this.#tls.tls,
      proof: { ...proof, access },
      service: options.service,
      withdrawals: this.#withdrawals,
      tries: this.#tries,
      warnings: new Budgets({ kind: 'warnings', nowMs: proof.nowMs }),
      log,
      feed: options.feed,
      hidesClients: options.whoIsServed === 'hidden',
      limits: () => this.#limits,
    };
  }

  get limits(): ConnectionLimits {
    return this.#limits;
  }

  async open(): Promise<readonly Endpoint[]> {
    this.#endSubscription ??= this.#options.proof.access.onChange?.((change) => {
      this.#withdrawals.note(change);
    });
    try {
      const opened: Endpoint[] = [];
      for (const address of this.#options.addresses) opened.push(await this.#listen(address));
      return opened;
    } catch (error) {
      for (const server of this.#servers) server.close();
      this.#unsubscribe();
      throw error;
    }
  }

  setLimits(limits: ConnectionLimits): void {
    this.#limits = limits;
  }

  setTls(tls: ListenerTls): void {
    this.#tls.set(tls);
    if (tls.onFailure !== 'anonymous') this.#endAnonymous();
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
    this.#unsubscribe();
  }

  /** As the access list takes a right away from who is connected, so does the listener. */
  #endAnonymous(): void {
    let connections = 0;
    for (const connection of [...this.#connections.keys()]) if (connection.endAnonymous()) connections += 1;
    if (connections === 0) return;
    this.#options.log.info('anonymous connections ended', {
      connections,
      why: 'on-failure is alert now: only who is identified is served',
    });
  }

  #unsubscribe(): void {
    this.#endSubscription?.();
    this.#endSubscription = undefined;
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
        reject(listenError(address, error));
      });
      const { sharesPorts: reusePort = false } = this.#options;
      server.listen({ host: address.address, port: address.port, backlog, reusePort }, () => {
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
    if (!this.#admission.mayCome(key)) {
      this.#turnAway(socket, 'failures');
      return;
    }
    if (!this.#places.take(key, limits.connections, limits['connections-per-address'])) {
      this.#turnAway(socket, 'connections');
      return;
    }
    // A flood of strangers does not keep those out who have been here before.
    const isKnown = this.#admission.knows(key);
    const handshakes = isKnown ? Infinity : limits.handshakes;
    if (!this.#handshakes.take(key, handshakes, limits['handshakes-per-address'])) {
      this.#places.free(key);
      this.#turnAway(socket, 'handshakes');
      return;
    }
    // Last, since it cannot be given back: who is turned away for his own connections must not use up what all share.
    if (!isKnown && !this.#admission.mayShakeHands()) {
      this.#handshakes.free(key);
      this.#places.free(key);
      this.#turnAway(socket, 'handshakes-per-second');
      return;
    }
    const visitor = this.#admission.visitor(key);
    const connection = new Connection(this.#nextId++, socket, this.#environment, visitor);
    this.#connections.set(connection, this.#follow(connection, key));
  }

  async #follow(connection: Connection, key: string): Promise<void> {
    let isArriving = true;
    const anonymous = { isHeld: false };
    const freeAnonymous = (): void => {
      if (anonymous.isHeld) this.#anonymous.free(key);
      anonymous.isHeld = false;
    };
    const freeHandshake = (): void => {
      if (!isArriving) return;
      isArriving = false;
      this.#handshakes.free(key);
    };
    const outcome = await connection.run({
      onArrived: freeHandshake,
      // At once, and not when the connection has ended: who was refused may be here again before.
      onNo: (reason, isServed) => {
        if (isCharged(reason, isServed)) this.#admission.failed(key);
      },
      takesAnonymous: () => {
        const { anonymous: all, 'anonymous-per-address': perAddress } = this.#limits;
        // Strangers who have all places do not keep those out who are known but for the DNS, which is away.
        const most = this.#admission.knows(key) ? Infinity : all;
        anonymous.isHeld = this.#anonymous.take(key, most, perAddress);
        if (!anonymous.isHeld) this.#meters.turnedAway('anonymous');
        return anonymous.isHeld;
      },
      onBecame: (what) => {
        if (what === 'identified') freeAnonymous();
        this.#meters.became(what);
      },
    });
    freeHandshake();
    freeAnonymous();
    this.#places.free(key);
    this.#connections.delete(connection);
    this.#meters.ended(outcome);
  }

  #turnAway(socket: Socket, limit: string): void {
    this.#meters.turnedAway(limit);
    // Not at info: a flood must not fill the disk. The metric tells how many.
    this.#options.log.debug('connection turned away', { remote: socket.remoteAddress, limit });
    socket.on('error', () => undefined);
    socket.resetAndDestroy();
  }
}
