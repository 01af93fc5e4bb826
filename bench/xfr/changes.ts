/**
 * The row about a hundred changes in a zone of a million records: the primary has a new version, our gate is told (NOTIFY), fetches
 * the differences (IXFR) and answers a secondary that asks for them, on a new connection. The primary is an NSD that answers the same
 * over TLS itself.
 *
 * Limitations: the primary is on the CPU of the load; the NOTIFY comes from here, at the moment from which time is counted. The
 * signatures of what has changed are not renewed: nobody looks at them.
 */
import { readFileSync } from 'node:fs';
import { freePort } from '../../test/support/peers/test-bed.ts';
import { sendNotify } from '../../test/support/peers/notify.ts';
import { loadCpu } from '../processes.ts';
import { median, row } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import type { World } from './world.ts';
import { firstSerial } from './zone.ts';

/** Addresses that are other ones in the next version: each is a record less and a record more. */
const changes = 100;
/** Both lists, and the four SOA records around and between them. */
const recordsOfAnswer = 2 * changes + 4;
const asks = 20;
const mostMs = 10;
/** The zone file is read and compared as a whole, by a program that is not measured. */
const reloadSeconds = 120;

/** Milliseconds. */
interface Seen {
  /** From the query to the last octet, the first time that anybody asks. */
  readonly first: number;
  /** The middle one of those that follow on the same connection. */
  readonly others: number;
}

/** Row 9. */
export const changesCase: MakeCase = async (world) => {
  const zone = await world.zone();
  const { trixie } = world.parts;
  const name = 'changing.zone';
  let text = readFileSync(zone.path, 'latin1');
  trixie.write(name, text);
  const nsd = await world.beginNsd({
    zone: { apex: zone.apex, inside: trixie.path(name) },
    transport: 'both',
    cpu: loadCpu,
    keepsChanges: true,
  });
  await world.load.waitForSerial({ port: nsd.port, zone: zone.apex, transport: 'tcp' }, firstSerial);
  const notifyPort = await freePort();
  const gate = await world.newGate({
    zone: zone.apex,
    lines: [
      `primary: 127.0.0.1:${String(nsd.port)}`,
      `zones: [${zone.apex}]`,
      `notify: { listen: ["127.0.0.1:${String(notifyPort)}"], from: ["127.0.0.1"] }`,
    ],
  });
  await world.load.waitForSerial({ port: gate.port, zone: zone.apex }, firstSerial);
  const seen: { readonly ours: Seen; readonly nsd: Seen; readonly served: number }[] = [];
  let serial = firstSerial;

  /** The primary has a new version when this resolves. */
  const change = async (): Promise<void> => {
    serial += 1;
    text = nextVersion(text, serial);
    trixie.write(name, text);
    nsd.front.signal('SIGHUP');
    const where = { port: nsd.port, zone: zone.apex, transport: 'tcp' } as const;
    await world.load.waitForSerial(where, serial, reloadSeconds);
  };

  return {
    warmUp: () => Promise.resolve(),
    async round() {
      await change();
      const toldMs = performance.now();
      await sendNotify(notifyPort, zone.apex);
      await world.load.waitForSerial({ port: gate.port, zone: zone.apex }, serial);
      const served = performance.now() - toldMs;
      const from = serial - 1;
      const ours = await askForChanges(world, gate.port, zone.apex, from);
      const peer = await askForChanges(world, nsd.tlsPort, zone.apex, from);
      seen.push({ ours, nsd: peer, served });
      return `ours ${describe(ours)}, served ${served.toFixed(0)} ms after the NOTIFY\n  NSD ${describe(peer)}`;
    },
    rows() {
      const middle = (of: (round: (typeof seen)[number]) => number): number => median(seen.map(of));
      const others = `Asked again on the same connection: ours ${middle(({ ours }) => ours.others).toFixed(2)}, NSD ${middle(({ nsd: peer }) => peer.others).toFixed(2)} ms`;
      return [
        row({
          what: `IXFR of ${String(changes)} changes in ${String(zone.records)} records, ${everythingOn}: from the query to the last octet, first query on a new connection; NSD with client certificates. ${others}`,
          unit: 'milliseconds',
          ours: middle(({ ours }) => ours.first),
          peer: { name: 'NSD 4.12', figure: middle(({ nsd: peer }) => peer.first) },
          aim: { words: `at most ${String(mostMs)}`, isMet: (a) => a <= mostMs },
        }),
        row({
          what: `the same ${String(changes)} changes, from the NOTIFY to our gate until it serves them: fetched by IXFR and put into the zone`,
          unit: 'milliseconds',
          ours: middle(({ served }) => served),
        }),
      ];
    },
  };
};

/** The same zone with a new serial and other addresses for the first hosts. */
function nextVersion(text: string, serial: number): string {
  let changed = 0;
  const other = text
    .replace(`hostmaster.big.example. ${String(serial - 1)} `, `hostmaster.big.example. ${String(serial)} `)
    .replace(/(IN A\s+)\d+\.\d+\.\d+\.\d+\n/g, (whole, start: string) => {
      if (changed === changes) return whole;
      changed += 1;
      return `${start}10.${String(serial % 200)}.0.${String(changed)}\n`;
    });
  if (changed !== changes) throw new Error(`only ${String(changed)} addresses are there to change`);
  return other;
}

async function askForChanges(world: World, port: number, zone: string, fromSerial: number): Promise<Seen> {
  const { transfers } = await world.load.transfer({ port, zone, fromSerial, asks });
  const wrong = transfers.find(({ records }) => records !== recordsOfAnswer);
  if (wrong !== undefined)
    throw new Error(`an IXFR from port ${String(port)} had ${String(wrong.records)} records`);
  const [first = NaN, ...others] = transfers.map(({ last }) => last * 1000);
  return { first, others: median(others) };
}

function describe({ first, others }: Seen): string {
  return `${first.toFixed(2)} ms, asked again ${others.toFixed(2)} ms`;
}
