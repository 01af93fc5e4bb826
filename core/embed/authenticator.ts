/**
 * danced inside of another program: TLS listeners whose clients are known by name, and proofs of what a TLS-terminating proxy
 * handed on. The same arrival, limits, log, metrics and re-proof as the daemon's (core/server), behind one object.
 *
 * Limitations: the HTTP/2 of node:http2 shows its requests another socket than that of the connection; see docs/library.md.
 */
import type { Socket } from 'node:net';
import type { AccessControl } from '../acl/access-control.ts';
import { openAccessStore, type AccessStoreMeans, type OpenAccessStore } from '../acl/open-store.ts';
import type { Endpoint } from '../config/endpoint.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import type { PeerCredentials } from '../dane/types.ts';
import type { Log } from '../observe/log.ts';
import { Metrics, type Counter } from '../observe/metrics.ts';
import { AdmissionBudgets } from '../server/admission-budgets.ts';
import { GateServer } from '../server/gate.ts';
import { keepProved } from '../server/keep-proved.ts';
import { Withdrawals } from '../server/withdrawal.ts';
import type { ConnectionLimits } from '../server/limits.ts';
import { tlsFeatures, type TlsFeatures } from '../tls/native/native.ts';
import { checkAccess } from './access-options.ts';
import { applicationService, isHttpServer, type Application } from './application.ts';
import {
  handedByFields,
  handedByProxyHeader,
  type FromProxies,
  type FromProxyHeader,
  type HandedRequest,
} from './from-proxy.ts';
import { notProved, Prover, readCredentials, type HandedOn, type ProofResult } from './handed-on.ts';
import { KnownClients } from './known-clients.ts';
import {
  authenticatorSchema,
  checkLimits,
  checkListen,
  checkOptions,
  OptionsError,
  refuseMissing,
  type AuthenticatorOptions,
  type ListenOptions,
} from './options.ts';
import { checkExtensionType, openParts, type CommonParts } from './parts.ts';

/** A listener that listens. */
export interface Listener {
  /** With the ports that the system gave where 0 was asked for. */
  readonly addresses: readonly Endpoint[];
  /** Stops listening, lets requests under way finish, then cuts; at most `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Opens danced for a program. Reads the files that the options name; asks nobody yet and listens nowhere.
 *
 * Rejects with OptionsError, ConfigError (a file) or IdentityError, and then nothing is left open.
 */
export function openAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  return Promise.resolve().then(() => new Authenticator(options));
}

export class Authenticator {
  /** Who may do what, by `decide`; what else a client may do is the program's to say. */
  readonly access: AccessControl;
  readonly metrics: Metrics;
  readonly #store: OpenAccessStore | undefined;
  readonly #budgets: AdmissionBudgets;
  readonly #parts: CommonParts;
  readonly #log: Log;
  readonly #limits: ConnectionLimits;
  readonly #features: TlsFeatures;
  readonly #prover: Prover;
  readonly #clients = new KnownClients();
  readonly #listeners = new Set<Listener>();
  /** Proved by a PROXY header. */
  readonly #proxied = new Set<Socket>();
  /** Of the same; a listener sees to its own. */
  readonly #withdrawals: Withdrawals;
  readonly #endSubscription: (() => void) | undefined;
  readonly #proofs: Counter;
  #listened = 0;
  #isClosed = false;

  /** As openAuthenticator, but throws. */
  constructor(options: AuthenticatorOptions) {
    checkOptions(authenticatorSchema, options);
    const { access, metrics = new Metrics(), features = tlsFeatures() } = options;
    refuseMissing({ 'extension-type': options.extensionType }, features);
    if (options.extensionType !== undefined) checkExtensionType(options.extensionType);
    this.#limits = checkLimits(options.limits);
    this.#features = features;
    this.metrics = metrics;
    this.#parts = openParts(options, metrics);
    this.#log = this.#parts.log;
    const { resolver, roots, nowMs } = this.#parts;
    try {
      const { store, control } = openAccess(access, { log: this.#log, nowMs, metrics });
      this.#store = store;
      const staleMaxMs = (): number => this.#limits['stale-max'];
      this.access = control.seenBy?.({ staleMaxMs }) ?? control;
    } catch (error) {
      this.#parts.close();
      throw error;
    }
    this.#budgets = new AdmissionBudgets({ nowMs, metrics, ledgerOf: this.#store?.ledger });
    const means = { access: this.access, resolver, roots, nowMs };
    this.#prover = new Prover(means, this.#limits, (error) => {
      this.#log.error('defect', { error });
    });
    const help = 'Proofs of what a proxy handed on, by outcome.';
    this.#proofs = metrics.counter('handed_on_total', help, ['outcome']);
    this.#withdrawals = new Withdrawals({
      admit: (name) => this.access.admit(name),
      onDefect: (error) => {
        this.#log.error('defect', { doing: 'withdrawal', error });
      },
    });
    this.#endSubscription = this.access.onChange?.((change) => {
      this.#withdrawals.note(change);
    });
    const store = this.#store;
    store?.watch();
    if (store) this.#parts.keep(() => store.exactNames());
  }

  /**
   * Listens, and gives each connection whose client is known (or, with `onFailure: 'anonymous'`, is not) to the application: an
   * http.Server, or a function that gets a TLSSocket from which nothing has been read.
   *
   * Rejects with OptionsError, ListenError, or TlsAddonMissing for what is asked for by name and cannot be had here.
   */
  async listen(options: ListenOptions, application: Application): Promise<Listener> {
    checkApplication(application);
    // A function: it may have changed while we waited.
    const isClosed = (): boolean => this.#isClosed;
    if (isClosed()) throw new TypeError('this authenticator is closed');
    const { addresses, alpn, tls, label } = checkListen(options, this.#features);
    const identity = this.#parts.identity();
    if (identity === undefined) {
      const right = 'give openAuthenticator the directory of key.pem and certificate.pem';
      throw new OptionsError([{ path: ['identity'], wrong: 'missing, and a TLS server needs one', right }]);
    }
    this.#sayWhatIsMissing();
    this.#listened++;
    const usual = this.#listened === 1 ? 'library' : `library#${String(this.#listened)}`;
    const log = this.#log.child({ gate: label ?? usual });
    if (tls.allowsTls12 === true) {
      log.warn('TLS 1.2 is allowed', { lost: 'names and certificates of its clients are in the clear' });
    }
    const gate = new GateServer({
      addresses,
      limits: this.#limits,
      tls,
      identity: () => this.#parts.identity() ?? identity,
      extensionType: this.#parts.extensionType,
      features: this.#features,
      proof: this.#prover.means,
      budgets: this.#budgets,
      service: applicationService(
        application,
        alpn ?? (isHttpServer(application) ? ['http/1.1'] : []),
        this.#clients,
      ),
      log,
      metrics: this.metrics,
      label: label ?? usual,
    });
    const opened = await gate.open();
    const listener: Listener = {
      addresses: opened,
      close: async (deadlineMs) => {
        this.#listeners.delete(listener);
        await gate.close(deadlineMs);
      },
    };
    this.#listeners.add(listener);
    if (isClosed()) await listener.close(0);
    return listener;
  }

  /**
   * Who is at the other end of a socket, by the newest proof; undefined for who is not known, or not any more. Ask it for each
   * request: `clientOf(request.socket)`.
   */
  clientOf(socket: object | null | undefined): ClientIdentity | undefined {
    return this.#clients.clientOf(socket);
  }

  /**
   * Proves a certificate or raw public key, and a name, whose possession of the private key somebody else has seen: who spoke
   * TLS with the client. Ask for each request; what is known already is not asked again, and a proof counts until `notAfter`.
   */
  async prove(handed: HandedOn): Promise<ProofResult> {
    return this.#count(await this.#prover.prove(handed));
  }

  /**
   * Proves what a TLS-terminating proxy says of its client in the fields Client-Cert, Client-Cert-Chain (RFC 9440) and
   * Client-Dane-Name. Rejects with OptionsError for `proxies` that name nobody.
   */
  async proveFromHeaders(request: HandedRequest, options: FromProxies): Promise<ProofResult> {
    const handed = handedByFields(request, options);
    return this.#count('reason' in handed ? handed : await this.#prover.prove(handed));
  }

  /**
   * Proves what a TLS-terminating proxy says of its client in a PROXY header (version 2), which is read from the socket; what
   * follows it stays there. Call it before anybody reads. From then on `clientOf(socket)` knows the client, the proof is kept up,
   * and the socket is destroyed when it is gone. After a "no" it is yours to close. Rejects with OptionsError.
   */
  async proveFromProxyHeader(socket: Socket, options: FromProxyHeader): Promise<ProofResult> {
    // Who closes it unseen, and why, does not matter; that it is closed does.
    socket.on('error', () => undefined);
    const changesBefore = this.#withdrawals.count;
    const result = await this.#prover.bounded(async (signal) => {
      const handed = await handedByProxyHeader(socket, options, signal);
      if ('reason' in handed) return { no: handed };
      const peer = readCredentials(handed);
      if ('reason' in peer) return { no: peer };
      return { peer, proved: await this.#prover.identify(handed, peer, signal) };
    });
    if ('reason' in result) return this.#count(result);
    if (result.no !== undefined) return this.#count(result.no);
    const { proved, peer } = result;
    if (proved.identity === undefined) return this.#count(proved);
    if (socket.destroyed) return this.#count(notProved('gone'));
    this.#keep(socket, proved.identity, peer, changesBefore);
    return this.#count(proved);
  }

  /** Whether an access list has been read that counts; one in Redis may be away. */
  ready(): { readonly ready: boolean; readonly waitingFor: readonly string[] } {
    return this.#store?.ready() ?? { ready: true, waitingFor: [] };
  }

  /** Reads identity and access list anew; what is broken stays as it was, and the log says so. */
  reload(): void {
    this.#store?.reload();
    this.#parts.reloadIdentity();
  }

  /** Closes all listeners, as they do by themselves; then everything else. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#listeners].map((listener) => listener.close(deadlineMs)));
    this.#endSubscription?.();
    // Their proofs cannot be kept up any more.
    for (const socket of this.#proxied) socket.destroy();
    this.#budgets.close();
    await this.#store?.close();
    this.#parts.close();
  }

  #keep(socket: Socket, identity: ClientIdentity, peer: PeerCredentials, changesBefore: number): void {
    let current = identity;
    const lose = (why: string): void => {
      this.#log.info('proof gone', { client: current.name.toString(), remote: socket.remoteAddress, why });
      this.#clients.forget(socket);
      socket.destroy();
    };
    this.#clients.know(socket, () => current);
    this.#proxied.add(socket);
    const stop = keepProved({
      identity,
      peer,
      means: this.#prover.means,
      longestProofMs: () => this.#limits['proof-time'],
      onRenewed: (renewed) => {
        current = renewed;
      },
      onLost: lose,
      onDefect: (error) => {
        this.#log.error('defect', { client: current.name.toString(), error });
      },
    });
    const letGo = this.#withdrawals.hold(
      {
        name: identity.name,
        withdraw: () => {
          lose('not-admitted');
        },
      },
      changesBefore,
    );
    socket.once('close', () => {
      letGo();
      stop();
      this.#clients.forget(socket);
      this.#proxied.delete(socket);
    });
  }

  #count<T extends ProofResult>(result: T): T {
    this.#proofs.add({ outcome: result.reason ?? 'proved' });
    return result;
  }

  /** Once, as the daemon does. */
  #sayWhatIsMissing(): void {
    const { addon, problem } = this.#features;
    if (addon || this.#listened > 0) return;
    const lost = 'no names from the extension, no raw public keys, no alerts, no padding of records';
    this.#log.warn('TLS addon is missing', { problem, lost });
  }
}

function openAccess(
  access: AuthenticatorOptions['access'],
  means: AccessStoreMeans,
): { readonly store?: OpenAccessStore; readonly control: AccessControl } {
  const { config, control } = checkAccess(access);
  if (config === undefined) return { control };
  const store = openAccessStore(config, means);
  return { store, control: store.access };
}

function checkApplication(application: unknown): void {
  if (typeof application === 'function' || isHttpServer(application)) return;
  throw new TypeError(
    'the application is not a function and not an http.Server; TLS is spoken here, so an https.Server cannot be used',
  );
}
