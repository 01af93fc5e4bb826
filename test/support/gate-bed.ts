/**
 * A real gate on loopback, TLS and all, with an access list in memory, a resolver that says what the test published,
 * and a clock that stands still until the test moves it.
 */
import { once } from 'node:events';
import tls from 'node:tls';
import type { AccessControl } from '../../core/acl/access-control.ts';
import { FrameReader, frame } from '../../core/dns/framing.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import type { ListenerTls, RequestHandler } from '../../core/plugin/contract.ts';
import { dnsService } from '../../core/server/dns-service.ts';
import { GateServer } from '../../core/server/gate.ts';
import type { ConnectionLimits } from '../../core/server/limits.ts';
import type { ConnectionService } from '../../core/server/service.ts';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { tlsFeatures } from '../../core/tls/native/native.ts';
import { accessTo } from './access.ts';
import { testLimits } from './limits.ts';
import { memoryLog } from './memory-log.ts';
import { ScriptedResolver } from './scripted-resolver.ts';
import { asLoaded, issueTestIdentity, tlsaOf } from './test-identity.ts';

export interface GateBedOptions {
  readonly handler?: RequestHandler;
  /** Instead of one that answers DNS messages. */
  readonly service?: ConnectionService;
  /** What differs from the defaults of a listener. */
  readonly tls?: Partial<ListenerTls>;
  readonly limits?: Partial<ConnectionLimits>;
  readonly strangersPerSecond?: () => number;
  readonly access?: AccessControl;
  readonly whoIsServed?: 'told' | 'hidden';
  /** Port to listen on; any that is free unless given. */
  readonly port?: number;
}

/** The only client that the list knows and whose key is published, unless the test says otherwise. */
export const clientName = 'ns2.example';

/** A listener whose configuration says nothing of TLS. */
export const defaultListenerTls: ListenerTls = {
  claims: ['extension', 'certificate-name'],
  onFailure: 'alert',
  dialect: 'draft-13',
  rawPublicKeys: true,
  recordPadding: 0,
};

export class GateBed {
  readonly resolver = new ScriptedResolver();
  readonly log = memoryLog();
  readonly metrics = new Metrics();
  readonly client: IssuedIdentity;
  readonly gate: GateServer;
  /** What the gate takes for the time, milliseconds since the epoch. */
  nowMs = Date.UTC(2026, 10, 22);
  port = 0;
  readonly #clients: TestClient[] = [];

  private constructor(client: IssuedIdentity, own: LoadedIdentity, options: GateBedOptions) {
    this.client = client;
    this.resolver.publish(clientName, [tlsaOf(client)]);
    this.gate = new GateServer({
      addresses: [{ address: '127.0.0.1', port: options.port ?? 0 }],
      limits: testLimits(options.limits),
      strangersPerSecond: options.strangersPerSecond,
      tls: { ...defaultListenerTls, ...options.tls },
      identity: () => own,
      extensionType: defaultExtensionType,
      features: tlsFeatures(),
      proof: {
        access: options.access ?? accessTo(clientName),
        resolver: this.resolver,
        nowMs: () => this.nowMs,
      },
      // An echo, unless the test has better to do.
      service: options.service ?? dnsService(options.handler ?? (({ octets }) => Promise.resolve(octets))),
      log: this.log,
      metrics: this.metrics,
      label: 'test',
      ...(options.whoIsServed !== undefined && { whoIsServed: options.whoIsServed }),
    });
  }

  static async start(options: GateBedOptions = {}): Promise<GateBed> {
    const own = await issueTestIdentity('gate.example');
    const bed = new GateBed(await issueTestIdentity(clientName), asLoaded(own), options);
    const [listening] = await bed.gate.open();
    bed.port = listening?.port ?? 0;
    return bed;
  }

  /** Connects as the client, or with what the options say; resolves when the client's end of the handshake is over. */
  async connect(options: tls.ConnectionOptions = keyOf(this.client)): Promise<TestClient> {
    const client = new TestClient(this.port, options);
    this.#clients.push(client);
    await client.connected;
    return client;
  }

  /** The value of one series in the text of the metrics; 0 when it is not there. */
  async metric(series: string): Promise<number> {
    const lines = (await this.metrics.text()).split('\n');
    return Number(
      lines
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  }

  async close(): Promise<void> {
    for (const { socket } of this.#clients) socket.destroy();
    await this.gate.close(0);
  }
}

/** A TLS client that keeps the messages that come. */
export class TestClient {
  readonly socket: tls.TLSSocket;
  readonly connected: Promise<unknown>;
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<void>;
  readonly messages: Buffer[] = [];
  #arrived = Promise.withResolvers<undefined>();

  constructor(port: number, options: tls.ConnectionOptions) {
    this.socket = tls.connect({
      host: '127.0.0.1',
      port,
      ALPNProtocols: ['dot'],
      rejectUnauthorized: false,
      ...options,
    });
    this.connected = once(this.socket, 'secureConnect');
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.#arrived.resolve(undefined);
        resolve();
      });
    });
    this.socket.on('error', () => undefined);
    const reader = new FrameReader();
    this.socket.on('data', (chunk: Buffer) => {
      this.messages.push(...reader.push(chunk));
      this.#arrived.resolve(undefined);
      this.#arrived = Promise.withResolvers();
    });
  }

  /** Sends one message. */
  send(message: Buffer): void {
    this.socket.write(frame(message));
  }

  /** Resolves when so many messages have come; rejects when the connection ends before. */
  async received(count: number): Promise<readonly Buffer[]> {
    while (this.messages.length < count) {
      if (this.socket.destroyed) throw new Error(`closed after ${String(this.messages.length)} messages`);
      await this.#arrived.promise;
    }
    return this.messages;
  }
}

/** What a client shows its identity with. */
export function keyOf(identity: IssuedIdentity): tls.ConnectionOptions {
  return { cert: identity.certificatePem, key: identity.privateKeyPem };
}
