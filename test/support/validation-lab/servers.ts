/**
 * The servers of the lab on loopback: NSD and Knot DNS with the zones, an Unbound that resolves and validates nothing, through
 * which danced and delv ask, and an Unbound that validates, as a witness.
 *
 * Both Unbounds are kept from guessing: no answer is made of older ones, no name is cut short, nothing is left out.
 */
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { ask } from '../../../lab/ask.ts';
import { pathOf, freePort, type RunningProgram, type TestBed } from '../peers/test-bed.ts';
import type { BuiltTree, BuiltZone } from './build.ts';
import { labSeconds, type Authority } from './lab-zone.ts';

export interface LabServer {
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
}

/** Where each zone is served. */
export type Authorities = Readonly<Record<Authority, LabServer>>;

/** Serves the zones as their files are, broken ones too. */
export async function startAuthorities(bed: TestBed, { zones }: BuiltTree): Promise<Authorities> {
  const of = (authority: Authority): BuiltZone[] => zones.filter((zone) => zone.authority === authority);
  const [nsd, knot] = await Promise.all([startNsd(bed, of('nsd')), startKnot(bed, of('knot'))]);
  return { nsd, knot };
}

async function startNsd(bed: TestBed, zones: readonly BuiltZone[]): Promise<LabServer> {
  const port = await freePort();
  const folder = bed.folder('nsd');
  const lists = zones.map(({ apex, file }) => `zone:\n  name: "${apex}"\n  zonefile: "${file}"\n`);
  const config = bed.write(
    'nsd/nsd.conf',
    `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  zonesdir: "${folder}"
  database: ""
  username: ""
  pidfile: "${folder}/pid"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  cookie-secret-file: "${folder}/cookie"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  ipv4-edns-size: 4096
  verbosity: 1
remote-control:
  control-enable: no
${lists.join('')}`,
  );
  const program = bed.start(pathOf('nsd'), ['-d', '-c', config]);
  return ready(program, port, zones);
}

async function startKnot(bed: TestBed, zones: readonly BuiltZone[]): Promise<LabServer> {
  const port = await freePort();
  const folder = bed.folder('knot');
  const lists = zones.map(
    ({ apex, file }) => `  - domain: "${apex.replaceAll('\\', '\\\\')}"\n    file: "${file}"\n`,
  );
  const config = bed.write(
    'knot/knot.conf',
    `server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: notice
database:
    storage: "${folder}/db"
template:
  - id: default
    storage: "${folder}"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
${lists.join('')}`,
  );
  const program = bed.start(pathOf('knotd'), ['-c', config]);
  return ready(program, port, zones);
}

/** Waits until the first and the last zone are served: the port alone is open before that. */
async function ready(program: RunningProgram, port: number, zones: readonly BuiltZone[]): Promise<LabServer> {
  const server = { program, address: '127.0.0.1', port };
  for (const { apex } of zones) {
    await program.waitFor(`serving ${apex}`, async () => {
      try {
        const answer = await ask(server, { name: Name.parse(apex), type: RrType.SOA });
        return answer.header.rcode === Rcode.NOERROR && answer.answers.length > 0;
      } catch {
        return false;
      }
    });
  }
  return server;
}

/** Resolves without validation and passes on what the authorities say. */
export function startPassThrough(
  bed: TestBed,
  tree: BuiltTree,
  authorities: Authorities,
): Promise<LabServer> {
  return startUnbound(bed, tree, authorities, '  module-config: "iterator"\n');
}

/** Validates, at the lab's time to the second, from the lab's root down. */
export function startWitness(bed: TestBed, tree: BuiltTree, authorities: Authorities): Promise<LabServer> {
  const date = new Date(labSeconds * 1000).toISOString().replace(/[-:T]|\..*$/g, '');
  return startUnbound(
    bed,
    tree,
    authorities,
    `  module-config: "validator iterator"
  trust-anchor: ". DS ${tree.anchor}"
  val-override-date: "${date}"
  val-sig-skew-min: 0
  val-sig-skew-max: 0
  # Its own table allows 150; here the bound of RFC 9276 section 3.2 is that of the others.
  val-nsec3-keysize-iterations: "1024 50 2048 50 4096 50"
  val-log-level: 2
  ede: yes
`,
  );
}

async function startUnbound(
  bed: TestBed,
  { zones }: BuiltTree,
  authorities: Authorities,
  options: string,
): Promise<LabServer> {
  const port = await freePort();
  const folder = bed.folder(`unbound-${port}`);
  const stubs = zones.map(
    ({ apex, authority }) =>
      `stub-zone:\n  name: "${apex}"\n  stub-addr: 127.0.0.1@${authorities[authority].port}\n`,
  );
  const config = bed.write(
    `unbound-${port}/unbound.conf`,
    `server:
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  incoming-num-tcp: 100
  do-ip6: no
  do-not-query-localhost: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  do-daemonize: no
  edns-buffer-size: 4096
  max-udp-size: 4096
  minimal-responses: no
  qname-minimisation: no
  aggressive-nsec: no
  harden-below-nxdomain: no
  harden-referral-path: no
  target-fetch-policy: "0 0 0 0 0"
  trust-anchor-signaling: no
  root-key-sentinel: no
  rrset-roundrobin: no
  local-zone: "test." transparent
${options}remote-control:
  control-enable: no
${stubs.join('')}`,
  );
  const program = bed.start(pathOf('unbound'), ['-d', '-c', config]);
  await program.waitForPort(port);
  return { program, address: '127.0.0.1', port };
}
