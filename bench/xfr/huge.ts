/**
 * The row about a zone of ten million records and little memory: our gate reads it from a zone file, keeps what does not fit into
 * the memory that it is given in a file of its own, and serves it.
 *
 * Limitations: the zone is not signed, which would take a quarter of an hour; nothing is compared.
 */
import { createWriteStream, existsSync, linkSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { row } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import { hugeApex, hugeLines, hugeRecords, hugeSerial, inBlocks, keptPath } from './zone.ts';

const memoryMb = 128;
/** What Node and we need without any zone, and what is under way. */
const besidesMb = 120;
const loadSeconds = 300;
const file = 'huge-1.zone';

interface Seen {
  /** Seconds. */
  readonly load: number;
  readonly transfer: number;
  /** Megabytes: a million octets. */
  readonly peak: number;
  readonly wire: number;
}

/** Row 12. */
export const hugeCase: MakeCase = async (world) => {
  const { bed, trixie } = world.parts;
  const path = trixie.outerPath(keptPath(file));
  if (!existsSync(path)) {
    world.say(`making a zone of ten million records in ${path}`);
    mkdirSync(dirname(path), { recursive: true });
    await pipeline(inBlocks(hugeLines()), createWriteStream(`${path}.making`));
    renameSync(`${path}.making`, path);
  }
  const directory = bed.folder('huge-zone');
  linkSync(path, join(directory, `${hugeApex}.zone`));
  const seen: Seen[] = [];
  return {
    warmUp: () => Promise.resolve(),
    async round() {
      if (seen.length > 0) return 'once is enough';
      const { port, front, listening } = await world.newGate({
        zone: hugeApex,
        lines: [`zones: { directory: ${JSON.stringify(directory)} }`],
        limits: { 'memory-octets': memoryMb * 1e6 },
      });
      try {
        const { atMs } = await listening;
        await world.load.waitForSerial({ port, zone: hugeApex }, hugeSerial, loadSeconds);
        const load = (performance.now() - atMs) / 1000;
        const { transfers } = await world.load.transfer({ port, zone: hugeApex });
        const [{ records, last, octets } = { records: 0, last: NaN, octets: NaN }] = transfers;
        if (records !== hugeRecords + 1) throw new Error(`the transfer had ${String(records)} records`);
        const status = readFileSync(`/proc/${String(front.pid)}/status`, 'utf8');
        const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) * (1024 / 1e6);
        const wire = octets / 1e6;
        seen.push({ load, transfer: last, peak, wire });
        return `loaded in ${load.toFixed(1)} s, ${wire.toFixed(0)} MB transferred in ${last.toFixed(2)} s, at most ${peak.toFixed(0)} MB of memory`;
      } finally {
        await front.stop();
      }
    },
    rows() {
      const most = memoryMb + besidesMb;
      return seen.map(({ load, transfer, peak, wire }) =>
        row({
          what: `memory at most, ${String(hugeRecords)} records (${wire.toFixed(0)} MB on the wire) from a zone file and one transfer, ${everythingOn}, with memory-octets of ${String(memoryMb)} MB. Ready after ${load.toFixed(1)} s, transferred in ${transfer.toFixed(2)} s`,
          unit: 'MB',
          ours: peak,
          aim: {
            words: `at most the memory configured and ${String(besidesMb)} MB`,
            isMet: (a) => a <= most,
          },
        }),
      );
    },
  };
};
