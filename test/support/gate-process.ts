/** `danced run` as a process of its own with one xot gate, as it stands in an operator's machine. */
import { fileURLToPath } from 'node:url';
import { makeIdentity, type IdentityFiles } from './identity-files.ts';
import { freePort, type RunningProgram, type TestBed } from './peers/test-bed.ts';

export interface GateOptions {
  readonly resolver: { readonly address: string; readonly port: number };
  /** The only trust anchor, as a line of a zone file; without it the AD bit of the resolver is believed. */
  readonly anchor?: string;
  readonly primary: { readonly address: string; readonly port: number };
  readonly zones: readonly string[];
  /** The access list: each client's name, and the zones that it may transfer. */
  readonly clients: Readonly<Record<string, readonly string[]>>;
}

/** A line of the gate's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

/** A gate under way. */
export interface GateProcess {
  readonly program: RunningProgram;
  readonly port: number;
  /** The gate's own certificate, and the name that stands in it. */
  readonly certificateFile: string;
  readonly name: string;
  /** Lines of the log with this event that have come so far. */
  events(event: string): LogLine[];
  /** Waits for a line of the log that fits; `since` is a count of lines to leave out. */
  waitForEvent(event: string, fits?: (line: LogLine) => boolean): Promise<LogLine>;
  /** The value of a metric's series, as `danced_xot_transfers_total{form="incremental",outcome="complete"}`; 0 when absent. */
  metric(series: string): Promise<number>;
  /** Waits until the gate, or Unbound, which keeps an answer for a second too, has forgotten what the DNS said up to now. */
  forget(): Promise<void>;
}

const trustAd = '  validation: trust-ad\n';
/** The shortest memory that can be had. */
const local = `  trust-anchors: root.key
  prefetch: false
  limits: { max-ttl: 1s, max-negative-ttl: 1s, failure-max: 1s }
`;
const forgottenAfterMs = 1100;

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));

/** Writes the configuration, starts the gate and waits until it listens. */
export async function startGate(bed: TestBed, options: GateOptions): Promise<GateProcess> {
  const { resolver, primary, zones, clients } = options;
  const identity: IdentityFiles = await makeIdentity(bed, 'xot.ns1.example');
  const port = await freePort();
  const adminPort = await freePort();
  const folder = `gate-${port}`;
  const allow = Object.entries(clients).map(
    ([name, allowed]) =>
      `  "${name}": { roles: [secondary], allow: [{ action: transfer, zones: [${allowed.join(', ')}] }] }\n`,
  );
  bed.write(`${folder}/access.yaml`, `version: 1\nclients:\n${allow.join('')}`);
  if (options.anchor !== undefined) bed.write(`${folder}/root.key`, `${options.anchor}\n`);
  const config = bed.write(
    `${folder}/danced.yaml`,
    `version: 1
identity:
  name: ${identity.name}
  directory: ${identity.directory}
resolver:
  servers: ["${resolver.address}:${resolver.port}"]
  timeout: 3s
${options.anchor === undefined ? trustAd : local}access:
  store: file
  file: access.yaml
observe:
  listen: 127.0.0.1:${adminPort}
  level: debug
  format: json
plugins:
  - use: xot/gate
    listen: ["127.0.0.1:${port}"]
    primary: ${primary.address}:${primary.port}
    serve: relayed
    zones: [${zones.join(', ')}]
`,
  );
  const program = bed.start(process.execPath, [main, 'run', '-c', config]);
  await program.waitForPort(port);

  const events = (event: string): LogLine[] => parseLines(program.log).filter((line) => line.event === event);
  return {
    program,
    port,
    certificateFile: identity.certificateFile,
    name: identity.name,
    events,
    waitForEvent: async (event, fits = () => true) => {
      await program.waitFor(`the log line "${event}"`, () => events(event).some(fits));
      return events(event).findLast(fits)!;
    },
    forget: () => new Promise((resolve) => setTimeout(resolve, forgottenAfterMs)),
    metric: async (series) => {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      const line = text.split('\n').find((it) => it.startsWith(`${series} `));
      return line === undefined ? 0 : Number(line.slice(series.length + 1));
    },
  };
}

function parseLines(log: string): LogLine[] {
  return log.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
}
