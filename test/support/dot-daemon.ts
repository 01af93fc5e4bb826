/**
 * A daemon with one gate of dot-resolver in the process of the test, TLS and all, and the lab, in whose signed DNS the members'
 * keys are published. Its clock is ahead of ours by what the test says.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Daemon } from '../../cli/daemon.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { parseEndpoint } from '../../core/config/endpoint.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { startLab, type Lab, type LabOptions } from '../../lab/lab.ts';
import { TestClient, keyOf } from './gate-bed.ts';
import { makeIdentity, tlsaRdata } from './gate.ts';
import { memoryLog } from './memory-log.ts';

export interface DotDaemonOptions {
  readonly lab?: Omit<LabOptions, 'nowMs'>;
  /** The lines of the gate's configuration below `listen`, without indentation and without `limits`. */
  readonly gate: string;
  readonly limits?: Readonly<Record<string, string | number>>;
  /** The access list below `version: 1`. */
  readonly access: string;
}

export class DotDaemon {
  readonly lab: Lab;
  readonly log = memoryLog();
  readonly #folder = mkdtempSync(join(tmpdir(), 'danced-dot-'));
  readonly #clock: { aheadMs: number };
  #daemon: Daemon | undefined;

  private constructor(lab: Lab, clock: { aheadMs: number }) {
    this.lab = lab;
    this.#clock = clock;
  }

  static async start(options: DotDaemonOptions): Promise<DotDaemon> {
    const clock = { aheadMs: 0 };
    const nowMs = (): number => Date.now() + clock.aheadMs;
    const running = new DotDaemon(await startLab({ ...options.lab, nowMs }), clock);
    try {
      await running.#open(options, nowMs);
    } catch (error) {
      await running.close();
      throw error;
    }
    return running;
  }

  get daemon(): Daemon {
    if (!this.#daemon) throw new Error('the daemon has not started');
    return this.#daemon;
  }

  get port(): number {
    return parseEndpoint(String(this.log.of('listening')[0]?.fields['addresses']), 0).port;
  }

  /** Milliseconds since the epoch, by the daemon's clock. */
  get nowMs(): number {
    return Date.now() + this.#clock.aheadMs;
  }

  passTime(ms: number): void {
    this.#clock.aheadMs += ms;
  }

  /** A key and certificate for the name, with its TLSA record in the lab's DNS. */
  async member(name: string): Promise<IssuedIdentity> {
    const identity = await makeIdentity(name);
    this.lab.publishTlsa(name, [tlsaRdata(identity)]);
    return identity;
  }

  /** Connects as a client; the gate may not have decided yet whether it is let in. */
  async connect(identity?: IssuedIdentity): Promise<TestClient> {
    const client = new TestClient(this.port, identity === undefined ? {} : keyOf(identity));
    await client.connected;
    return client;
  }

  /** Writes the access list, and has it read. */
  writeAccess(text: string): void {
    this.#write('access.yaml', `version: 1\n${text}`);
    this.#daemon?.reload(undefined);
  }

  async metric(series: string): Promise<number> {
    const lines = (await this.daemon.metrics.text()).split('\n');
    return Number(
      lines
        .find((line) => line.startsWith(`danced_${series} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  }

  async close(): Promise<void> {
    await this.#daemon?.stop(0);
    await this.lab.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #open({ gate, limits = {}, access }: DotDaemonOptions, nowMs: () => number): Promise<void> {
    const own = await makeIdentity('gate.example');
    this.#write('gate/certificate.pem', own.certificatePem);
    this.#write('gate/key.pem', own.privateKeyPem, 0o600);
    this.#write('root.key', `${this.lab.rootAnchor()}\n`);
    this.writeAccess(access);
    // The clients of a test are many, and all from one address.
    const all = { ...Object.fromEntries(budgets.map((budget) => [budget, 10_000])), ...limits };
    const lines = [
      ...gate.trim().split('\n'),
      'limits:',
      ...Object.entries(all).map(([key, value]) => `  ${key}: ${value}`),
    ];
    const file = this.#write(
      'danced.yaml',
      `version: 1
identity: { name: gate.example, directory: gate }
resolver: { servers: ["127.0.0.1:${this.lab.resolver.port}"], trust-anchors: root.key, timeout: 2s, prefetch: false }
access: { store: file, file: access.yaml }
plugins:
  - use: dot-resolver/gate
    listen: ["127.0.0.1:0"]
${lines.map((line) => `    ${line}\n`).join('')}`,
    );
    this.#daemon = await Daemon.start({ loaded: await loadConfigAndPlugins(file), log: this.log, nowMs });
  }

  #write(name: string, text: string, mode = 0o644): string {
    const path = join(this.#folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }
}

const budgets = [
  'connections-per-address',
  'handshakes-per-second',
  'handshakes-per-address',
  'failures-per-address',
  'failures-per-name',
  'lookups-per-address',
  'lookups-per-name',
] as const;
