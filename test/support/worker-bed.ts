/** `danced run` with several workers as processes of their own, one xot gate, and the lab behind it in the process of the test. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { openSecondary, type Secondary } from '../../lab/secondary.ts';
import { makeIdentity, tlsaRdata, until } from './gate.ts';
import { freePort, TestBed, type RunningProgram } from './peers/test-bed.ts';

export interface WorkerBedOptions {
  readonly workers: number;
  /** More of the rule of the client, as in the access list: `rate: 50/s`. */
  readonly rule?: string;
}

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export const zone = 'example.com';
export const clientName = '_xfr.ns2.example';

/** Processes start slowly where others do much at once. */
const startTimeMs = 60_000;

export const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));

/** A parent and its workers under way. */
export class WorkerBed {
  readonly bed = new TestBed();
  readonly lab: Lab;
  port: number;
  adminPort: number;
  readonly configFile: string;
  readonly #client: IssuedIdentity;
  #program: RunningProgram | undefined;

  private constructor(lab: Lab, client: IssuedIdentity, port: number, adminPort: number) {
    this.lab = lab;
    this.#client = client;
    this.port = port;
    this.adminPort = adminPort;
    this.configFile = this.bed.write('danced.yaml', '');
  }

  static async start(options: WorkerBedOptions): Promise<WorkerBed> {
    const lab = await startLab({ transferZone: { name: zone, records: 20 } });
    const client = await makeIdentity(clientName);
    lab.publishTlsa(clientName, [tlsaRdata(client)]);
    const bed = new WorkerBed(lab, client, await freePort(), await freePort());
    const own = await makeIdentity('gate.example');
    bed.bed.write('gate/certificate.pem', own.certificatePem);
    bed.bed.write('gate/key.pem', own.privateKeyPem, 0o600);
    bed.writeAccess(options.rule);
    bed.writeConfig(bed.configuration({ workers: options.workers }));
    try {
      await bed.run();
    } catch (error) {
      await bed.close();
      throw error;
    }
    return bed;
  }

  get program(): RunningProgram {
    if (this.#program === undefined) throw new Error('danced has not been started');
    return this.#program;
  }

  /** Starts danced and waits until all workers serve. */
  async run(): Promise<void> {
    this.#program = this.bed.start(process.execPath, [main, 'run', '-c', this.configFile]);
    await this.program.waitFor(
      'all workers run',
      () => this.lines('running').some(({ workers }) => workers !== undefined),
      startTimeMs,
    );
  }

  configuration({
    workers = 2,
    zones = zone,
    port = this.port,
    adminPort = this.adminPort,
    more = '',
  }): string {
    return `version: 1
identity: { name: gate.example, directory: gate }
resolver: { validation: trust-ad, servers: ["127.0.0.1:${this.lab.resolver.port}"], timeout: 2s }
access: { store: file, file: access.yaml }
observe: { listen: "127.0.0.1:${adminPort}", level: debug, format: json }
workers: ${workers}
plugins:
  - use: xot/gate
    listen: ["127.0.0.1:${port}"]
    primary: 127.0.0.1:${this.lab.primary.port}
    serve: relayed
    zones: [${zones}]
    limits: { handshakes-per-second: 1000000, failures-per-address: 1000000, relayed-queries: 200, relayed-queries-per-client: 200 }
${more}`;
  }

  writeConfig(text: string): void {
    this.bed.write('danced.yaml', text);
  }

  writeAccess(rule?: string): void {
    const allow = `{ action: transfer, zones: ["*"]${rule === undefined ? '' : `, ${rule}`} }`;
    this.bed.write('access.yaml', `version: 1\nclients:\n  ${clientName}: { allow: [${allow}] }\n`);
  }

  /** Lines of the log with this event so far. */
  lines(event: string): LogLine[] {
    const lines = this.program.log.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as LogLine).filter((line) => line.event === event);
  }

  async waitForLines(event: string, count: number): Promise<LogLine[]> {
    await this.program.waitFor(
      `${count} lines "${event}"`,
      () => this.lines(event).length >= count,
      startTimeMs,
    );
    return this.lines(event);
  }

  /** Processes of all workers that have ever listened, in the order in which they did. */
  pids(): number[] {
    return this.lines('running').flatMap(({ worker, pid }) => (worker === undefined ? [] : [Number(pid)]));
  }

  async hangUp(count: number): Promise<void> {
    const before = this.lines('configuration reloaded').length;
    this.program.signal('SIGHUP');
    await this.waitForLines('configuration reloaded', before + count);
  }

  open(): Promise<Secondary> {
    const { certificatePem, privateKeyPem: keyPem } = this.#client;
    return openSecondary({ address: '127.0.0.1', port: this.port, certificatePem, keyPem });
  }

  /** Connections until each of the workers that run has one at least; by the worker's number. */
  async openAtEach(count: number): Promise<ReadonlyMap<number, Secondary>> {
    const found = new Map<number, Secondary>();
    await until(
      'each worker has a connection',
      async () => {
        const secondary = await this.open();
        const worker = await this.#workerOf(secondary);
        if (found.has(worker)) secondary.close();
        else found.set(worker, secondary);
        return found.size === count;
      },
      startTimeMs,
    );
    return found;
  }

  /** The worker that says it has answered there. */
  async #workerOf(secondary: Secondary): Promise<number> {
    await secondary.request({ zone, type: 'SOA' });
    const remote = `127.0.0.1:${secondary.socket.localPort}`;
    const lines = (): LogLine[] => this.lines('query').filter((line) => line['remote'] === remote);
    await until('the query is logged', () => lines().length > 0);
    return Number(lines()[0]?.['worker']);
  }

  admin(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`);
  }

  /** The value of a series; 0 when absent. */
  async metric(series: string): Promise<number> {
    const text = await (await this.admin('/metrics')).text();
    const line = text.split('\n').find((it) => it.startsWith(`${series} `));
    return line === undefined ? 0 : Number(line.slice(series.length + 1));
  }

  async close(): Promise<void> {
    await this.bed.close();
    await this.lab.close();
  }
}

/** Whether there is such a process; one that waits to be fetched by its parent is none. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
