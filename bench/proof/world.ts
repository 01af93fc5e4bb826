/**
 * The signed zones that both sides look things up in, and the server that has them all.
 *
 * NSD answers for the root and everything below, so each side takes it for a resolver that passes DNSSEC records through: ours
 * and Unbound send it the same questions over the same loopback.
 */
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { presentRecord } from '../../core/dns/present.ts';
import { encodeA, encodeTlsa } from '../../core/dns/rdata.ts';
import { SignedZone } from '../../lab/signed-zone.ts';
import { recordsOf, Zone } from '../../lab/zone.ts';
import { pathOf, freePort, type RunningProgram, type TestBed } from '../../test/support/peers/test-bed.ts';
import { loadCpu, pinned } from '../processes.ts';

/** What is served, and where. */
export interface World {
  readonly port: number;
  readonly server: RunningProgram;
  /** DS record of the root as a zone file line. */
  readonly anchor: string;
  /** Owners of TLSA records, each below three zone cuts of its own under the root. */
  readonly deepNames: readonly string[];
  /** Owners of TLSA records in one zone. */
  readonly flatNames: readonly string[];
}

const nameServer = Name.parse('ns.bench');
const week = 7 * 86_400;
const tlsaTtl = 86_400;

/** Signs the zones and starts their server on the CPU of the load. */
export async function startWorld(bed: TestBed, deep: number, flat: number): Promise<World> {
  const zones: SignedZone[] = [];
  const root = addZone(zones, Name.root);
  const bench = addZone(zones, Name.parse('bench'), root);
  bench.zone.replace({ name: nameServer, type: RrType.A, ttl: tlsaTtl, rdatas: [encodeA('127.0.0.1')] });
  const deepNames = Array.from({ length: deep }, (_, index) => {
    const top = addZone(zones, Name.parse(`t${String(index)}`), root);
    const middle = addZone(zones, Name.parse(`m.t${String(index)}`), top);
    const bottom = addZone(zones, Name.parse(`b.m.t${String(index)}`), middle);
    return addTlsa(bottom, `_xfr.b.m.t${String(index)}`, index);
  });
  const flatNames = Array.from({ length: flat }, (_, index) =>
    addTlsa(bench, `_xfr.c${String(index)}.bench`, index),
  );
  const port = await freePort();
  const server = await startNsd(bed, zones, port);
  const ds = { name: Name.root, type: RrType.DS, ttl: 0, rdatas: [root.key.ds] };
  return { port, server, anchor: recordsOf(ds).map(presentRecord).join('\n'), deepNames, flatNames };
}

function addZone(zones: SignedZone[], apex: Name, parent?: SignedZone): SignedZone {
  const zone = new Zone({ apex, nameServer, ttlSeconds: tlsaTtl });
  const signed = new SignedZone(zone, { signing: 'valid', validForSeconds: week, nowMs: Date.now });
  parent?.zone.replace({ name: apex, type: RrType.NS, ttl: tlsaTtl, rdatas: [nameServer.wire] });
  parent?.zone.replace({ name: apex, type: RrType.DS, ttl: tlsaTtl, rdatas: [signed.key.ds] });
  zones.push(signed);
  return signed;
}

/** A `3 1 1` record whose digest is told by the index. */
function addTlsa(zone: SignedZone, name: string, index: number): string {
  const data = Buffer.alloc(32);
  data.writeUInt32BE(index);
  const rdata = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data });
  zone.zone.replace({ name: Name.parse(name), type: RrType.TLSA, ttl: tlsaTtl, rdatas: [rdata] });
  return name;
}

async function startNsd(bed: TestBed, zones: readonly SignedZone[], port: number): Promise<RunningProgram> {
  const folder = bed.folder('nsd');
  const clauses = zones.map((signed, index) => {
    const lines = [...signed.rrsets()].flatMap(recordsOf).map(presentRecord);
    const file = bed.write(`nsd/zone-${String(index)}`, `${lines.join('\n')}\n`);
    return `zone:\n  name: "${signed.zone.apex.toString()}"\n  zonefile: "${file}"\n`;
  });
  const config = bed.write(
    'nsd/nsd.conf',
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${String(port)}
  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
${clauses.join('')}`,
  );
  const program = bed.start(...pinned(loadCpu, pathOf('nsd'), ['-d', '-c', config]), `${folder}/log`);
  await program.waitFor('serving', () => program.log.includes('nsd started'), 120_000);
  return program;
}
