/**
 * Real secondaries, configured with nothing but their own certificate and key and the gate's certificate: BIND with
 * `tls`, NSD with `tls-auth`.
 */
import { pathOf, freePort, type RunningProgram, type TestBed } from './test-bed.ts';
import { servedSerial } from './zone-text.ts';

/** What a secondary is told. */
export interface SecondaryOptions {
  readonly apex: string;
  /** The gate: its port on 127.0.0.1, its own certificate, and the name that stands in it. */
  readonly gate: { readonly port: number; readonly certificateFile: string; readonly name: string };
  /** Its own certificate and key; without, it comes as nobody. */
  readonly identity?: { readonly certificateFile: string; readonly keyFile: string };
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
export async function startBindSecondary(
  bed: TestBed,
  { apex, gate, identity }: SecondaryOptions,
): Promise<Secondary> {
  const port = await freePort();
  const name = `bind-secondary-${port}`;
  const folder = bed.folder(name);
  const own = identity ? `cert-file "${identity.certificateFile}"; key-file "${identity.keyFile}";` : '';
  const config = bed.write(
    `${name}/named.conf`,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no; allow-transfer { 127.0.0.1; };
};
controls { };
logging {
  channel all { stderr; severity debug 3; print-category yes; };
  category xfer-in { all; }; category general { all; }; category notify { all; }; category zoneload { all; };
};
# The gate's certificate is its own issuer, so it stands where others put a CA.
tls gate { ${own} ca-file "${gate.certificateFile}"; remote-hostname "${gate.name}"; protocols { TLSv1.3; }; };
zone "${apex}" {
  type secondary; file "zone"; masterfile-format text;
  primaries port ${gate.port} { 127.0.0.1 tls gate; };
  min-retry-time 1; max-retry-time 2;
};
`,
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
export async function startNsdSecondary(
  bed: TestBed,
  { apex, gate, identity }: SecondaryOptions,
): Promise<Secondary> {
  const port = await freePort();
  const name = `nsd-secondary-${port}`;
  const folder = bed.folder(name);
  const own = identity
    ? `  client-cert: "${identity.certificateFile}"\n  client-key: "${identity.keyFile}"\n`
    : '';
  const request = `  request-xfr: 127.0.0.1@${gate.port} NOKEY gate\n`;
  const config = bed.write(
    `${name}/nsd.conf`,
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
  tls-cert-bundle: "${gate.certificateFile}"
  username: ""
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
tls-auth:
  name: gate
  auth-domain-name: ${gate.name}
${own}zone:
  name: ${apex}
  zonefile: "${folder}/zone"
  allow-notify: 127.0.0.1 NOKEY
  provide-xfr: 127.0.0.1 NOKEY
  min-retry-time: 1
  max-retry-time: 2
# NSD before 4.7 forgets its certificate on the first connection of the process; the second line is tried at once.
${request}${request}`,
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

function secondary(program: RunningProgram, port: number, apex: string, failure: RegExp): Secondary {
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
