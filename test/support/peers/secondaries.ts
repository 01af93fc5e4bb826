/**
 * Real secondaries. Of a gate, over TLS, configured with nothing but their own certificate and key and the gate's
 * certificate: BIND with `tls`, NSD with `tls-auth`. Of a plain server, as an agent beside them is: BIND, NSD, and Knot
 * DNS, whose version in Debian 12 has no XoT.
 */
import { pathOf, freePort, type RunningProgram, type TestBed } from './test-bed.ts';
import { servedSerial } from './zone-text.ts';

/** What a secondary is told. */
export interface SecondaryOptions {
  readonly apex: string;
  /** Zones besides; the functions of a secondary that look at a zone look at `apex`. */
  readonly moreZones?: readonly string[];
  /** The gate: its port on 127.0.0.1, its own certificate, and the name that stands in it; without these it is plain. */
  readonly gate: { readonly port: number; readonly certificateFile?: string; readonly name?: string };
  /** Its own certificate and key; without, it comes as nobody. */
  readonly identity?: { readonly certificateFile: string; readonly keyFile: string };
  /** Its own port, where somebody must know it beforehand. */
  readonly port?: number;
}

/** A secondary under way. */
export interface Secondary {
  readonly program: RunningProgram;
  /** Of 127.0.0.1; plain UDP and TCP, for NOTIFY and for looking at what it has. */
  readonly port: number;
  /** Waits until it serves this version of the zone. */
  waitForSerial(serial: number, timeoutMs?: number): Promise<void>;
  /** The serial that it serves, undefined when it has no zone. */
  serial(): Promise<number | undefined>;
  /** How often it has asked and got nothing, by its own log. */
  failures(): number;
}

export type StartSecondary = (bed: TestBed, options: SecondaryOptions) => Promise<Secondary>;

/** BIND as a secondary. */
export async function startBindSecondary(bed: TestBed, options: SecondaryOptions): Promise<Secondary> {
  const { apex, gate, identity, port = await freePort() } = options;
  const name = `bind-secondary-${port}`;
  const folder = bed.folder(name);
  const own = identity ? `cert-file "${identity.certificateFile}"; key-file "${identity.keyFile}";` : '';
  // The gate's certificate is its own issuer, so it stands where others put a CA.
  const tls = `tls gate { ${own} ca-file "${gate.certificateFile}"; remote-hostname "${gate.name}"; protocols { TLSv1.3; }; };`;
  const config = bed.write(
    `${name}/named.conf`,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no; allow-transfer { 127.0.0.1; };
  transfers-in 20; transfers-per-ns 20; serial-query-rate 1000; tcp-clients 500;
};
controls { };
logging {
  channel all { stderr; severity debug 3; print-category yes; };
  category xfer-in { all; }; category general { all; }; category notify { all; }; category zoneload { all; };
};
${isTls(gate) ? tls : ''}
${zonesOf(options)
  .map(
    (zone) => `zone "${zone}" {
  type secondary; file "${zone}"; masterfile-format text;
  primaries port ${gate.port} { 127.0.0.1 ${isTls(gate) ? 'tls gate' : ''}; };
  min-refresh-time 1; min-retry-time 1; max-retry-time 2;
};
`,
  )
  .join('')}`,
  );
  const program = bed.start(pathOf('named'), ['-f', '-n', '1', '-c', config]);
  await program.waitForPort(port);
  return secondary(
    program,
    port,
    apex,
    /failed while receiving responses|failed to connect|Transfer status: (?!success)/g,
  );
}

/** NSD as a secondary. */
export async function startNsdSecondary(bed: TestBed, options: SecondaryOptions): Promise<Secondary> {
  const { apex, gate, identity, port = await freePort() } = options;
  const name = `nsd-secondary-${port}`;
  const folder = bed.folder(name);
  const own = identity
    ? `  client-cert: "${identity.certificateFile}"\n  client-key: "${identity.keyFile}"\n`
    : '';
  const tls = `tls-auth:\n  name: gate\n  auth-domain-name: ${gate.name}\n${own}`;
  const request = `  request-xfr: 127.0.0.1@${gate.port} NOKEY${isTls(gate) ? ' gate' : ''}\n`;
  const config = bed.write(
    `${name}/nsd.conf`,
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
${isTls(gate) ? `  tls-cert-bundle: "${gate.certificateFile}"\n` : ''}  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  xfrd-reload-timeout: 0
  verbosity: 3
remote-control:
  control-enable: no
${isTls(gate) ? tls : ''}pattern:
  name: all
  allow-notify: 127.0.0.1 NOKEY
  provide-xfr: 127.0.0.1 NOKEY
  min-retry-time: 1
  max-retry-time: 2
# NSD before 4.7 forgets its certificate on the first connection of the process; the second line is tried at once.
${request}${request}${zonesOf(options)
      .map((zone) => `zone:\n  name: ${zone}\n  zonefile: "${folder}/${zone}"\n  include-pattern: all\n`)
      .join('')}`,
  );
  const program = bed.start(pathOf('nsd'), ['-d', '-c', config], `${folder}/log`);
  await program.waitForPort(port);
  return secondary(
    program,
    port,
    apex,
    /xfrd: failed|received error code|TLS handshake failed|Could not tcp connect/g,
  );
}

/** Knot DNS as a secondary of a plain server; throws when it is told of a gate. */
export async function startKnotSecondary(bed: TestBed, options: SecondaryOptions): Promise<Secondary> {
  const { apex, gate, port = await freePort() } = options;
  if (isTls(gate)) throw new RangeError('Knot DNS before 3.4 has no XoT');
  const name = `knot-secondary-${port}`;
  const folder = bed.folder(name);
  const config = bed.write(
    `${name}/knot.conf`,
    `server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 2
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
remote:
  - id: primary
    address: 127.0.0.1@${gate.port}
acl:
  - id: near
    address: 127.0.0.0/8
    action: [transfer, notify]
template:
  - id: default
    storage: "${folder}"
    master: primary
    acl: near
    zonefile-sync: 0
    retry-min-interval: 1
    retry-max-interval: 2
zone:
${zonesOf(options)
  .map((zone) => `  - domain: ${zone}\n`)
  .join('')}`,
  );
  const program = bed.start(pathOf('knotd'), ['-c', config]);
  await program.waitForPort(port);
  return secondary(program, port, apex, /refresh, remote \S+ not usable|, failed|error/g);
}

function isTls(gate: SecondaryOptions['gate']): boolean {
  return gate.certificateFile !== undefined;
}

function zonesOf({ apex, moreZones = [] }: SecondaryOptions): readonly string[] {
  return [apex, ...moreZones];
}

/** What is common to all secondaries: how one looks at them. */
export function secondary(program: RunningProgram, port: number, apex: string, failure: RegExp): Secondary {
  const serial = (): Promise<number | undefined> => servedSerial(port, apex);
  return {
    program,
    port,
    serial,
    waitForSerial: (wanted, timeoutMs) =>
      program.waitFor(`serving serial ${wanted}`, async () => (await serial()) === wanted, timeoutMs),
    failures: () => program.log.match(failure)?.length ?? 0,
  };
}
