/**
 * The rows about memory: what a fresh gate has in RAM when it has fetched the zone, and at most up to the end of 20 transfers at
 * once, the loading included (proc(5), VmRSS and VmHWM). NSD is several processes: of what they share each has its part (Pss).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { median, row } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import { transferFrom } from './measure.ts';
import { firstSerial } from './zone.ts';

const atOnce = 20;
/** A fresh process is slow to fill; so many rounds tell enough. */
const mostRounds = 3;
const perOctet = 1.5;
const besidesMb = 120;
/** What /proc calls a kB, in megabytes. */
const kilobyte = 1024 / 1e6;

/** Megabytes: a million octets. */
interface Sizes {
  readonly loaded: number;
  readonly peak: number;
}

/** Row 11. */
export const memoryCase: MakeCase = async (world) => {
  const zone = await world.zone();
  const [primary, nsd] = [await world.distantPrimary(), await world.nsd()];
  const seen: Sizes[] = [];
  let wireMb = NaN;
  return {
    warmUp: () => Promise.resolve(),
    async round() {
      if (seen.length === mostRounds) return 'enough rounds of this';
      const gate = await world.newCached(primary);
      const { port, front } = gate;
      try {
        await world.load.waitForSerial({ port, zone: zone.apex }, firstSerial);
        const loaded = megabytesOf(front.pid, 'VmRSS');
        const order = { zone: zone.apex, connections: atOnce };
        const { transfers } = await transferFrom(world.load, gate, order);
        wireMb = (transfers[0]?.octets ?? NaN) / 1e6;
        seen.push({ loaded, peak: megabytesOf(front.pid, 'VmHWM') });
        return `${loaded.toFixed(0)} MB loaded, ${megabytesOf(front.pid, 'VmRSS').toFixed(0)} MB after the transfers, ${megabytesOf(front.pid, 'VmHWM').toFixed(0)} MB at most; the zone is ${wireMb.toFixed(1)} MB on the wire`;
      } finally {
        await front.stop();
      }
    },
    rows() {
      const most = perOctet * wireMb + besidesMb;
      const aim = {
        words: `at most ${String(perOctet)} times the ${wireMb.toFixed(1)} MB that the zone has on the wire, and ${String(besidesMb)} MB (${most.toFixed(0)} MB)`,
        isMet: (ours: number) => ours <= most,
      };
      const peer = { name: 'NSD 4.12', figure: sharedFairly(nsd.front.pid) };
      const figures = { unit: 'MB', peer, aim };
      const what = `memory with ${String(zone.records)} records, ${everythingOn}`;
      const middle = (figure: keyof Sizes): number => median(seen.map((sizes) => sizes[figure]));
      return [
        row({ ...figures, what: `${what}: when they have been fetched`, ours: middle('loaded') }),
        row({
          ...figures,
          what: `${what}: at most, while fetching and in ${String(atOnce)} transfers at once`,
          ours: middle('peak'),
        }),
      ];
    },
  };
};

function megabytesOf(pid: number, key: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) * kilobyte;
}

/** What the processes of a group have in RAM, in megabytes. */
function sharedFairly(group: number): number {
  const inGroup = (pid: string): boolean => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group;
    } catch {
      // It has ended since the folder was read.
      return false;
    }
  };
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && inGroup(entry));
  const parts = pids.map((pid) =>
    Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? NaN),
  );
  return parts.reduce((sum, each) => sum + each, 0) * kilobyte;
}
