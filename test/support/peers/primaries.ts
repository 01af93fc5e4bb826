/**
 * Real primaries with one zone from a file: NSD and Knot DNS, on plain TCP and UDP as they stand behind a gate. Both
 * keep the differences between versions of the file, so that they answer IXFR (RFC 1995).
 */
import { pathOf, freePort, type RunningProgram, type TestBed } from './test-bed.ts';
import { servedSerial, type ZoneText } from './zone-text.ts';

/** A primary under way. */
export interface Primary {
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
  /** Takes the next version of the zone into service. */
  change(zone: ZoneText): Promise<void>;
}

export type StartPrimary = (bed: TestBed, zone: ZoneText) => Promise<Primary>;

const address = '127.0.0.1';

/** NSD as a primary; SIGHUP makes it read its zone files again. */
export async function startNsdPrimary(bed: TestBed, zone: ZoneText): Promise<Primary> {
  const port = await freePort();
  const name = `nsd-primary-${port}`;
  const folder = bed.folder(name);
  const zoneFile = bed.write(`${name}/zone`, zone.text);
  const config = bed.write(
    `${name}/nsd.conf`,
    `server:
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
zone:
  name: ${zone.apex}
  zonefile: "${zoneFile}"
  provide-xfr: 127.0.0.0/8 NOKEY
  store-ixfr: yes
  create-ixfr: yes
`,
  );
  const program = bed.start(pathOf('nsd'), ['-d', '-c', config], `${folder}/log`);
  await program.waitForPort(port);
  const primary = { program, address, port };
  return { ...primary, change: (next) => replaceZone(bed, primary, `${name}/zone`, next) };
}

/** Knot DNS as a primary; SIGHUP makes it read its zone files again and keep the difference in its journal. */
export async function startKnotPrimary(bed: TestBed, zone: ZoneText): Promise<Primary> {
  const port = await freePort();
  const name = `knot-primary-${port}`;
  const folder = bed.folder(name);
  const zoneFile = bed.write(`${name}/zone`, zone.text);
  const config = bed.write(
    `${name}/knot.conf`,
    `server:
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
acl:
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: ${zone.apex}
    file: "${zoneFile}"
    zonefile-load: difference
    zonefile-sync: -1
    journal-content: changes
    acl: transfer
`,
  );
  const program = bed.start(pathOf('knotd'), ['-c', config]);
  await program.waitForPort(port);
  const primary = { program, address, port };
  return { ...primary, change: (next) => replaceZone(bed, primary, `${name}/zone`, next) };
}

async function replaceZone(
  bed: TestBed,
  primary: Omit<Primary, 'change'>,
  file: string,
  next: ZoneText,
): Promise<void> {
  bed.write(file, next.text);
  primary.program.signal('SIGHUP');
  await primary.program.waitFor(
    `serving serial ${next.serial}`,
    async () => (await servedSerial(primary.port, next.apex)) === next.serial,
  );
}
