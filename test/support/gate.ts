/**
 * The lab and a real daemon with one xot gate, both in the process of the test: configuration files in a temporary
 * folder, keys made on the spot, log lines kept in memory. `close()` stops everything and removes the folder.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../../cli/daemon.ts';
import { loadConfigAndPlugins, type LoadedWithPlugins } from '../../cli/plugins.ts';
import type { TlsAbilities } from '../../core/config/listener.ts';
import { parseEndpoint } from '../../core/config/endpoint.ts';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { issueIdentity, type IdentityAlgorithm, type IssuedIdentity } from '../../core/pki/issue.ts';
import { startLab, type Lab, type LabOptions } from '../../lab/lab.ts';
import { openSecondary, transfer, type Secondary, type SecondaryOptions } from '../../lab/secondary.ts';
import type { TransferRequest, TransferResult } from '../../lab/secondary.ts';
import type { Endpoint } from '../../lab/servers.ts';
import { memoryLog, type MemoryLog, type MemoryLogLine } from './memory-log.ts';

export interface TestGateOptions {
  readonly lab?: LabOptions;
  /** The access list: for each client's name or pattern, the zones that it may transfer. */
  readonly clients?: Clients;
  /** The whole access list, instead of `clients` and `anonymous`. */
  readonly accessText?: string;
  /** More keys of the listener, as in the configuration: `{ claims: '[extension]', 'on-failure': 'anonymous' }`. */
  readonly listener?: Readonly<Record<string, string>>;
  /** Where the access list is, as in the configuration; a file of its own, which `clients` fills, if not said. */
  readonly access?: string;
  /** What anonymous clients may transfer; undefined: the access list does not speak of them. */
  readonly anonymous?: readonly string[];
  /** As in the configuration: `{ 'handshake-time': '500ms' }`. */
  readonly limits?: Readonly<Record<string, string | number>>;
  /** Zones of the gate. */
  readonly zones?: readonly string[];
  /** The lab's, if not said. */
  readonly primary?: Endpoint;
  readonly resolverTimeout?: string;
  /** Who validates; danced itself if not said, from the lab's root key. */
  readonly validation?: 'local' | 'trust-ad';
  /** More of `resolver`, as in the configuration: `{ prefetch: 'true' }`. */
  readonly resolver?: Readonly<Record<string, string>>;
  /** Number of the TLS extension dane_clientid; the default of the configuration if not said. */
  readonly extensionType?: number;
  /** PEM of the authorities for PKIX usages. */
  readonly roots?: string;
}

export type Clients = Readonly<Record<string, readonly string[]>>;

/** A client's certificate and key; none: it shows no certificate. */
export type Credentials = Pick<IssuedIdentity, 'certificatePem' | 'privateKeyPem'> | undefined;

/** Counters and gauges by series, as `danced_connections{gate="xot/gate"}`. */
export type MetricValues = ReadonlyMap<string, number>;

const gateName = 'gate.example';
const hourMs = 3_600_000;
/** The longest TTL of the lab, and the longest that a denial or a failure is remembered, are five minutes. */
const forgottenAfterMs = 310_000;
const pollMs = 5;

/** Makes a key and a certificate; two calls with one name make two keys. */
export function makeIdentity(name: string, algorithm: IdentityAlgorithm = 'p256'): Promise<IssuedIdentity> {
  const nowMs = Date.now();
  return issueIdentity({
    name: Name.parse(name),
    algorithm,
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + 24 * hourMs,
  });
}

/** RDATA of the TLSA record for a key: usage, selector and matching type are those of DANE-EE SPKI SHA2-256 if absent. */
export function tlsaRdata(identity: IssuedIdentity, shape: TlsaShape = [3, 1, 1]): Buffer {
  const [usage, selector, matchingType] = shape;
  return encodeTlsa(tlsaFor(identity, { usage, selector, matchingType }));
}

type TlsaShape = readonly [usage: number, selector: number, matchingType: number];

/** Waits for a condition; throws when it does not come true in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(pollMs);
  }
}

/** A lab and a gate that run. */
export class TestGate {
  readonly lab: Lab;
  readonly log: MemoryLog = memoryLog();
  /** The gate's own certificate and key. */
  readonly identity: IssuedIdentity;
  readonly accessFile: string;
  readonly #directory: string;
  readonly #options: TestGateOptions;
  #daemon: Daemon | undefined;
  /** Milliseconds by which the daemon's clock is ahead of ours. */
  #aheadMs = 0;
  #endpoint: Endpoint | undefined;
  #stopped = false;

  private constructor(lab: Lab, identity: IssuedIdentity, options: TestGateOptions) {
    this.lab = lab;
    this.identity = identity;
    this.#options = options;
    this.#directory = mkdtempSync(join(tmpdir(), 'danced-gate-'));
    const access = options.accessText ?? accessList(options.clients ?? {}, options.anonymous);
    this.accessFile = this.#write('access.yaml', access);
    this.#write('danced.yaml', this.#configuration());
    this.writeIdentity(identity);
  }

  static async start(options: TestGateOptions = {}): Promise<TestGate> {
    const gate = new TestGate(await startLab(options.lab), await makeIdentity(gateName), options);
    try {
      const loaded = await loadConfigAndPlugins(join(gate.#directory, 'danced.yaml'));
      gate.#daemon = await Daemon.start({ loaded, log: gate.log, nowMs: () => Date.now() + gate.#aheadMs });
    } catch (error) {
      await gate.close();
      throw error;
    }
    return gate;
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error('the daemon has not been started');
    return this.#daemon;
  }

  /** Where the gate listens. */
  get endpoint(): Endpoint {
    // Kept, since a test may drop the log.
    this.#endpoint ??= parseEndpoint(String(this.log.of('listening')[0]?.fields['addresses']), 0);
    return this.#endpoint;
  }

  /** Moves the daemon's clock on, by default so far that it has forgotten all that it has looked up. */
  passTime(ms = forgottenAfterMs): void {
    this.#aheadMs += ms;
  }

  /** A key and certificate for the name, with its TLSA record in the lab's DNS. */
  async client(name: string, algorithm?: IdentityAlgorithm): Promise<IssuedIdentity> {
    const identity = await makeIdentity(name, algorithm);
    this.lab.publishTlsa(name, [tlsaRdata(identity)]);
    return identity;
  }

  /** Reads the configuration again, as if TLS could do this and no more. */
  load(can: TlsAbilities): Promise<LoadedWithPlugins> {
    return loadConfigAndPlugins(join(this.#directory, 'danced.yaml'), can);
  }

  /** Opens a connection to the gate and completes the handshake. */
  open(credentials: Credentials, options: Partial<SecondaryOptions> = {}): Promise<Secondary> {
    return openSecondary({ ...this.#secondary(credentials), ...options });
  }

  /** One request on a connection of its own. */
  transfer(
    credentials: Credentials,
    request: Partial<SecondaryOptions & TransferRequest> = {},
  ): Promise<TransferResult> {
    return transfer({ ...this.#secondary(credentials), zone: this.lab.primary.zone.apex, ...request });
  }

  /** The lines of an event once there are so many of them. */
  async lines(event: string, count = 1): Promise<readonly MemoryLogLine[]> {
    await until(`${count} log lines "${event}"`, () => this.log.of(event).length >= count);
    return this.log.of(event);
  }

  async metrics(): Promise<MetricValues> {
    const lines = (await this.daemon.metrics.text()).split('\n');
    const pairs = lines.filter((line) => line.startsWith('danced_')).map((line) => line.split(' '));
    return new Map(pairs.map(([series = '', value]) => [series, Number(value)]));
  }

  /** Fetches a path of the admin server. */
  admin(path: string): Promise<Response> {
    const { address, port } = this.daemon.adminAddress ?? { address: '', port: 0 };
    return fetch(`http://${address}:${port}${path}`);
  }

  /** Waits until no connection and no handshake has a place any more. */
  async idle(timeoutMs?: number): Promise<void> {
    await until(
      'all places are free',
      async () => {
        const values = await this.metrics();
        return gauges.every((gauge) => (values.get(gauge) ?? 0) === 0);
      },
      timeoutMs,
    );
  }

  writeAccess(clients: Clients): void {
    this.writeAccessText(accessList(clients, this.#options.anonymous));
  }

  writeAccessText(text: string): void {
    this.#write('access.yaml', text);
  }

  writeIdentity({ certificatePem, privateKeyPem }: IssuedIdentity): void {
    this.#write('gate/certificate.pem', certificatePem);
    this.#write('gate/key.pem', privateKeyPem, 0o600);
  }

  writeCertificateOnly({ certificatePem }: IssuedIdentity): void {
    this.#write('gate/certificate.pem', certificatePem);
  }

  /** Stops the daemon as SIGTERM does; the lab goes on. */
  async stop(deadlineMs = 500): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#daemon?.stop(deadlineMs);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.lab.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #secondary(credentials: Credentials): SecondaryOptions {
    if (credentials === undefined) return this.endpoint;
    const { certificatePem, privateKeyPem: keyPem } = credentials;
    return { ...this.endpoint, certificatePem, keyPem };
  }

  #configuration(): string {
    const { zones = ['example.com'], primary = this.lab.primary, limits = {} } = this.#options;
    // Most tests are about the way of one request; what is kept has tests of its own.
    const listener = { serve: 'relayed', ...this.#options.listener };
    // The tests refuse clients by the hundred, all from one address and by few names.
    const all = { ...Object.fromEntries(budgets.map((budget) => [budget, 1_000_000])), ...limits };
    const limitLines = Object.entries(all).map(([key, value]) => `\n      ${key}: ${value}`);
    return `version: 1
identity: { name: ${gateName}, directory: gate }
resolver: ${this.#resolver()}
${this.#dane()}access: ${this.#options.access ?? '{ store: file, file: access.yaml }'}
observe: { listen: "127.0.0.1:0" }
plugins:
  - use: xot/gate
    listen: ["127.0.0.1:0"]
    primary: 127.0.0.1:${primary.port}
    zones: [${zones.join(', ')}]
${Object.entries(listener)
  .map(([key, value]) => `    ${key}: ${value}\n`)
  .join('')}    limits:${limitLines.join('')}
`;
  }

  #dane(): string {
    const { roots, extensionType } = this.#options;
    const parts = [
      ...(roots === undefined ? [] : [`roots: "${this.#write('roots.pem', roots)}"`]),
      ...(extensionType === undefined ? [] : [`extension-type: ${extensionType}`]),
    ];
    return parts.length === 0 ? '' : `dane: { ${parts.join(', ')} }\n`;
  }

  #resolver(): string {
    const { validation = 'local', resolverTimeout = '2s', resolver = {} } = this.#options;
    const local = {
      'trust-anchors': this.#write('root.key', `${this.lab.rootAnchor()}\n`),
      prefetch: 'false',
    };
    const parts = {
      validation,
      servers: `["127.0.0.1:${this.lab.resolver.port}"]`,
      timeout: resolverTimeout,
      ...(validation === 'local' ? local : {}),
      ...resolver,
    };
    const entries = Object.entries(parts).map(([key, value]) => `${key}: ${value}`);
    return `{ ${entries.join(', ')} }`;
  }

  #write(name: string, text: string, mode = 0o644): string {
    const path = join(this.#directory, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }
}

const budgets = [
  'handshakes-per-second',
  'failures-per-address',
  'failures-per-name',
  'lookups-per-address',
  'lookups-per-name',
] as const;
const gauges = ['danced_connections{gate="xot/gate"}', 'danced_handshakes{gate="xot/gate"}'];

function accessList(clients: Clients, anonymous?: readonly string[]): string {
  const entries = Object.entries(clients).map(
    ([name, zones]) => `  "${name}": { roles: [secondary], allow: [${transferOf(zones)}] }\n`,
  );
  const head = anonymous === undefined ? '' : `anonymous: { allow: [${transferOf(anonymous)}] }\n`;
  const list = entries.length === 0 ? 'clients: {}\n' : `clients:\n${entries.join('')}`;
  return `version: 1\n${head}${list}`;
}

function transferOf(zones: readonly string[]): string {
  return `{ action: transfer, zones: [${zones.map((zone) => `"${zone}"`).join(', ')}] }`;
}
