/**
 * `danced run` with a xot gate or a xot agent, as processes that can be killed and started again: with the files that they
 * had, on the ports that they had.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../lab/lab.ts';
import type { LogLine } from './gate-process.ts';
import type { IdentityFiles } from './identity-files.ts';
import { freePort, type RunningProgram, type TestBed } from './peers/test-bed.ts';

export interface XotOptions {
  /** Its identity, which is published if it is not. */
  readonly identity: IdentityFiles;
  readonly lab: Lab;
  readonly use: 'xot/gate' | 'xot/agent';
  /** The lines of its configuration below `listen`. */
  readonly plugin: string;
  /** The access list of a gate: each client's name, and the zones that it may transfer. */
  readonly clients?: Readonly<Record<string, readonly string[]>>;
  /** Where somebody must know it beforehand. */
  readonly port?: number;
  /** `debug` if not said. */
  readonly level?: string;
}

export interface XotProcess {
  /** Another one after `restart`. */
  readonly program: RunningProgram;
  /** Of 127.0.0.1: XoT of a gate, plain DNS of an agent. */
  readonly port: number;
  readonly name: string;
  readonly certificateFile: string;
  /** RDATA of the TLSA record of its key. */
  readonly tlsa: Buffer;
  /** As an agent names a gate: `127.0.0.1:853#gate.example`. */
  readonly target: string;
  /** Folder of the configuration, with an empty folder `written` in it. */
  readonly folder: string;
  /** Lines of the log of the present process with this event. */
  events(event: string): LogLine[];
  waitForEvent(event: string, fits?: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  /** The sum of a metric's series that begin so, as `danced_xot_transfers_total{form="whole"`; 0 when absent. */
  metric(beginning: string): Promise<number>;
  /** Files and sockets that it has open. */
  openFiles(): number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Kills it if it runs, and starts it again. */
  restart(): Promise<void>;
}

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
const address = '127.0.0.1';
/** Processes start slowly where others do much at once. */
const startTimeMs = 60_000;

/** Writes the configuration, publishes its key, starts it and waits until it listens. */
export async function startXot(bed: TestBed, options: XotOptions): Promise<XotProcess> {
  const { lab, use, plugin, clients, identity, level = 'debug' } = options;
  const [port, adminPort] = [options.port ?? (await freePort()), await freePort()];
  lab.publishTlsa(identity.name, [identity.tlsa]);
  if (use === 'xot/gate') lab.publishTlsa(`_${port}._tcp.${identity.name}`, [identity.tlsa]);
  const name = `${use.replace('/', '-')}-${port}`;
  if (clients !== undefined) bed.write(`${name}/access.yaml`, accessList(clients));
  bed.write(`${name}/root.key`, `${lab.rootAnchor()}\n`);
  bed.folder(`${name}/written`);
  const config = bed.write(
    `${name}/danced.yaml`,
    `version: 1
identity: { name: ${identity.name}, directory: ${identity.directory} }
resolver: { servers: ["${address}:${lab.resolver.port}"], trust-anchors: root.key, timeout: 3s }
${clients === undefined ? '' : 'access: { store: file, file: access.yaml }\n'}observe: { listen: "${address}:${adminPort}", level: ${level}, format: json }
plugins:
  - use: ${use}
    listen: ["${address}:${port}"]
${plugin}`,
  );
  const start = (): RunningProgram => bed.start(process.execPath, [main, 'run', '-c', config]);
  let program = start();
  await program.waitForPort(port, startTimeMs);
  const events = (event: string): LogLine[] => parseLines(program.log).filter((line) => line.event === event);
  const kill = (): Promise<void> => {
    program.kill();
    return program.stop();
  };
  return {
    get program() {
      return program;
    },
    port,
    name: identity.name,
    certificateFile: identity.certificateFile,
    tlsa: identity.tlsa,
    target: `${address}:${port}#${identity.name}`,
    folder: bed.folder(name),
    events,
    waitForEvent: async (event, fits = () => true, timeoutMs) => {
      await program.waitFor(`the log line "${event}"`, () => events(event).some(fits), timeoutMs);
      return events(event).findLast(fits)!;
    },
    metric: async (beginning) => {
      const text = await (await fetch(`http://${address}:${adminPort}/metrics`)).text();
      const values = text.split('\n').filter((line) => line.startsWith(beginning));
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    openFiles: () => readdirSync(`/proc/${program.pid}/fd`).length,
    kill,
    restart: async () => {
      await kill();
      program = start();
      await program.waitForPort(port, startTimeMs);
    },
  };
}

function accessList(clients: NonNullable<XotOptions['clients']>): string {
  const entries = Object.entries(clients).map(
    ([name, zones]) =>
      `  "${name}": { allow: [{ action: transfer, zones: [${zones.map((zone) => `"${zone}"`).join(', ')}] }] }\n`,
  );
  return `version: 1\nclients:\n${entries.join('')}`;
}

/** The last line may be half there. */
function parseLines(log: string): LogLine[] {
  return log
    .split('\n')
    .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as LogLine] : []));
}
