/**
 * The rows about how soon a fresh server answers for the zone: our gate from its primary's AXFR (5) and from the zone file (6),
 * beside NSD 4.12 from the same zone file. NSD's time begins with the process; ours when the gate listens, since what Node needs
 * to start is the same for every zone: how long that took is told. Both end with the first SOA record that has been answered,
 * ours over TLS with everything on.
 *
 * Limitations: the primary of row 5 is on the CPU of the load, as it would be on another machine.
 */
import { copyFileSync, constants } from 'node:fs';
import { join } from 'node:path';
import { groupCpuSeconds } from '../process-group.ts';
import { median, row, type Row } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import type { Gate } from './ours.ts';
import type { World } from './world.ts';
import { firstSerial } from './zone.ts';

const atMost = 1.5;

/** Seconds. */
interface Loaded {
  readonly wall: number;
  readonly cpu: number;
  /** Before that, until it listened. */
  readonly start: number;
}

interface Source {
  readonly number: number;
  readonly what: string;
  readonly begin: () => Promise<Gate>;
  readonly seen: Loaded[];
}

/** Rows 5 and 6. */
export const loadingCase: MakeCase = async (world, has) => {
  const zone = await world.zone();
  const seenOfNsd: Loaded[] = [];
  const sources: Source[] = [];
  if (has(5)) {
    const primary = await world.distantPrimary();
    const what = "from its primary's AXFR";
    sources.push({ number: 5, what, begin: () => world.newCached(primary), seen: [] });
  }
  if (has(6)) {
    const directory = world.parts.bed.folder('zone-files');
    copyFileSync(zone.path, join(directory, `${zone.apex}.zone`), constants.COPYFILE_FICLONE);
    const lines = [`zones: { directory: ${JSON.stringify(directory)} }`];
    const begin = (): Promise<Gate> => world.newGate({ zone: zone.apex, lines });
    sources.push({ number: 6, what: 'from the zone file', begin, seen: [] });
  }
  return {
    warmUp: () => Promise.resolve(),
    async round() {
      const words: string[] = [];
      for (const { number, begin, seen } of sources) {
        const loaded = await loadOurs(world, zone.apex, begin);
        seen.push(loaded);
        words.push(`row ${String(number)} ${describe(loaded)}`);
      }
      const nsd = await loadNsd(world, zone.apex);
      seenOfNsd.push(nsd);
      return [...words, `NSD ${describe(nsd)}`].join('\n  ');
    },
    rows() {
      const middle = (loads: readonly Loaded[], figure: keyof Loaded): number =>
        median(loads.map((loaded) => loaded[figure]));
      const beside = ({ what, seen }: Source, figure: 'wall' | 'cpu', words: string): Row =>
        row({
          what: `${String(zone.records)} records ${what} to the first SOA record answered, ${words}: ${everythingOn}, without the ${middle(seen, 'start').toFixed(2)} s until it listens; NSD 4.12 from the start of its process with the zone file`,
          unit: 'seconds',
          ours: middle(seen, figure),
          peer: { name: 'NSD 4.12', figure: middle(seenOfNsd, figure) },
          aim: { words: `at most ${String(atMost)} of the peer's`, isMet: (a, b) => a <= atMost * b },
        });
      return sources.flatMap((source) => [
        beside(source, 'wall', 'time'),
        beside(source, 'cpu', 'CPU time of the server'),
      ]);
    },
  };
};

async function loadOurs(world: World, apex: string, begin: () => Promise<Gate>): Promise<Loaded> {
  const startMs = performance.now();
  const { port, front, listening } = await begin();
  try {
    const [begun] = await Promise.all([
      listening,
      world.load.waitForSerial({ port, zone: apex }, firstSerial),
    ]);
    const wall = (performance.now() - begun.atMs) / 1000;
    const cpu = groupCpuSeconds(front.pid) - begun.cpuSeconds;
    return { wall, cpu, start: (begun.atMs - startMs) / 1000 };
  } finally {
    await front.stop();
  }
}

async function loadNsd(world: World, apex: string): Promise<Loaded> {
  const startMs = performance.now();
  const { port, front } = await world.beginNsd({ transport: 'tcp' });
  try {
    await world.load.waitForSerial({ port, zone: apex, transport: 'tcp' }, firstSerial);
    return { wall: (performance.now() - startMs) / 1000, cpu: groupCpuSeconds(front.pid), start: 0 };
  } finally {
    await front.stop();
  }
}

function describe({ wall, cpu, start }: Loaded): string {
  return `${wall.toFixed(3)} s, CPU ${cpu.toFixed(2)} s${start > 0 ? ` (after ${start.toFixed(2)} s to listen)` : ''}`;
}
