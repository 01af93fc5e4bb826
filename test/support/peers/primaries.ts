/**
 * Real primaries with zones from files: BIND, NSD and Knot DNS, on plain TCP and UDP as they stand behind a gate. All
 * keep the differences between versions of a file, so that they answer IXFR (RFC 1995), and send NOTIFY (RFC 1996) to
 * whom they are told.
 */
import { Looker } from './looker.ts';
import { pathOf, freePort, type RunningProgram, type TestBed } from './test-bed.ts';
import type { ZoneText } from './zone-text.ts';

/** A primary under way. */
export interface Primary {
  /** The process; another one after `restart`. */
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
  /** Takes the next versions of one or several of its zones into service. */
  change(zones: ZoneText | readonly ZoneText[]): Promise<void>;
  /** How many transfers, AXFR and IXFR, the present process has begun to send, by its own log. */
  transfers(): number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Kills it if it runs, and starts it again with the files as they are, on the same port. */
  restart(): Promise<void>;
}

export interface PrimaryOptions {
  /** Ports of 127.0.0.1 that get a NOTIFY when a zone changes. */
  readonly notify?: readonly number[];
}

export type StartPrimary = (
  bed: TestBed,
  zones: ZoneText | readonly ZoneText[],
  options?: PrimaryOptions,
) => Promise<Primary>;

const address = '127.0.0.1';
/** BIND, NSD, Knot DNS. */
const transferBegins = /[AI]XFR started|[ai]xfr for |[AI]XFR, outgoing, \S+ \S+ started/g;

/** A zone as a primary's configuration names it. */
interface ZoneFile {
  readonly apex: string;
  readonly file: string;
}

/** What differs between the programs: how they are configured and started. */
interface Kind {
  readonly name: string;
  configuration(at: {
    readonly port: number;
    readonly folder: string;
    readonly zones: readonly ZoneFile[];
    readonly notify: readonly number[];
  }): string;
  start(bed: TestBed, config: string, folder: string): RunningProgram;
}

/** BIND as a primary; SIGHUP makes it read its zone files again and keep the difference in a journal. */
export const startBindPrimary: StartPrimary = (bed, zones, options) =>
  startPrimary(bed, zones, options, {
    name: 'bind',
    configuration: ({ port, folder, zones: files, notify }) => `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { ${address}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; allow-transfer { 127.0.0.0/8; };
  ixfr-from-differences yes; transfers-out 100; tcp-clients 500; serial-query-rate 1000;
  notify explicit; notify-delay 0; notify-rate 1000; startup-notify-rate 1000;
  also-notify { ${notify.map((to) => `${address} port ${to}; `).join('')}};
};
controls { };
${files.map(({ apex, file }) => `zone "${apex}" { type primary; file "${file}"; };\n`).join('')}`,
    start: (bed_, config) => bed_.start(pathOf('named'), ['-g', '-n', '1', '-c', config]),
  });

/** NSD as a primary; SIGHUP makes it read its zone files again. */
export const startNsdPrimary: StartPrimary = (bed, zones, options) =>
  startPrimary(bed, zones, options, {
    name: 'nsd',
    configuration: ({ port, folder, zones: files, notify }) => `server:
  server-count: 1
  ip-address: ${address}@${port}
  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  verbosity: 2
remote-control:
  control-enable: no
pattern:
  name: all
  provide-xfr: 127.0.0.0/8 NOKEY
  store-ixfr: yes
  create-ixfr: yes
${notify.map((to) => `  notify: ${address}@${to} NOKEY\n`).join('')}${files
      .map(({ apex, file }) => `zone:\n  name: ${apex}\n  zonefile: "${file}"\n  include-pattern: all\n`)
      .join('')}`,
    start: (bed_, config, folder) => bed_.start(pathOf('nsd'), ['-d', '-c', config], `${folder}/log`),
  });

/** Knot DNS as a primary; SIGHUP makes it read its zone files again and keep the difference in its journal. */
export const startKnotPrimary: StartPrimary = (bed, zones, options) =>
  startPrimary(bed, zones, options, {
    name: 'knot',
    configuration: ({ port, folder, zones: files, notify }) => `server:
    rundir: "${folder}"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
remote:
${notify.map((to) => `  - id: port-${to}\n    address: ${address}@${to}\n`).join('')}acl:
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
template:
  - id: default
    zonefile-load: difference
    zonefile-sync: -1
    journal-content: changes
    acl: transfer
${notify.length > 0 ? `    notify: [${notify.map((to) => `port-${to}`).join(', ')}]\n` : ''}zone:
${files.map(({ apex, file }) => `  - domain: ${apex}\n    file: "${file}"\n`).join('')}`,
    start: (bed_, config) => bed_.start(pathOf('knotd'), ['-c', config]),
  });

async function startPrimary(
  bed: TestBed,
  zones: ZoneText | readonly ZoneText[],
  { notify = [] }: PrimaryOptions = {},
  kind: Kind,
): Promise<Primary> {
  const port = await freePort();
  const name = `${kind.name}-primary-${port}`;
  const folder = bed.folder(name);
  const write = ({ apex, text }: ZoneText): ZoneFile => ({
    apex,
    file: bed.write(`${name}/${apex}.zone`, text),
  });
  const config = bed.write(
    `${name}/conf`,
    kind.configuration({ port, folder, zones: listOf(zones).map(write), notify }),
  );
  let program = kind.start(bed, config, folder);
  const kill = (): Promise<void> => {
    program.kill();
    return program.stop();
  };
  await program.waitForPort(port);
  return {
    get program() {
      return program;
    },
    address,
    port,
    change: async (next) => {
      listOf(next).forEach(write);
      program.signal('SIGHUP');
      const looker = new Looker(port);
      for (const { apex, serial } of listOf(next)) {
        await program.waitFor(
          `serving serial ${serial} of ${apex}`,
          async () => (await looker.serial(apex)) === serial,
        );
      }
      looker.close();
    },
    transfers: () => program.log.match(transferBegins)?.length ?? 0,
    kill,
    restart: async () => {
      await kill();
      program = kind.start(bed, config, folder);
      await program.waitForPort(port);
    },
  };
}

function listOf(zones: ZoneText | readonly ZoneText[]): readonly ZoneText[] {
  return 'apex' in zones ? [zones] : zones;
}
