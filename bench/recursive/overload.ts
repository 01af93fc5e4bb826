/**
 * Rows about overload: what three known resolvers get while strangers ask for more than there is, of servers that answer so many
 * questions a second, or of the gate's own processor. Each round is a gate of its own, without and then with strangers, and counts
 * from the strangers' first moment on.
 *
 * Limitations: the gate has a CPU to itself; all others share the other one, so a part of what an answer takes is theirs. The
 * strangers have their connections already, and those of one process may send as much as it can encrypt.
 */
import { spawnSync } from 'node:child_process';
import { CappedServer } from '../../test/support/capped-server.ts';
import { OverloadBed, type OverloadOptions, type OverloadReport } from '../../test/support/overload-bed.ts';
import { describeLoad, type LoadReport } from '../../test/support/resolver-load.ts';
import type { Case } from '../dot/throughput.ts';
import { serverCpu } from '../processes.ts';
import { median, row, type Row } from '../report.ts';

/** Questions that the capped servers answer in a second. */
const capacity = 500;
const durationMs = 15_000;
/** Strangers' connections, within what the gate takes from one address. */
const connections = 64;

/** Servers that answer `capacity` questions a second; strangers ask ten times that, each known resolver a quarter of it. */
export function cappedServersCase(): Promise<Case> {
  const seen: OverloadReport[] = [];
  return Promise.resolve({
    warmUp: () => Promise.resolve(),
    async round() {
      const server = await CappedServer.start(capacity);
      try {
        return await measure(seen, {
          upstream: server.port,
          strangers: { connections, names: 2 ** 30, perSecond: 10 * capacity, perWrite: 1 },
          knownPerSecond: 0.75 * capacity,
          durationMs,
        });
      } finally {
        server.close();
      }
    },
    rows: () => cappedRows(seen),
  });
}

function cappedRows(seen: readonly OverloadReport[]): Row[] {
  const what = `three known resolvers that ask ${String(0.25 * capacity)}/s each of servers that answer ${String(capacity)}/s, while strangers ask ${String(10 * capacity)}/s`;
  return [
    row({
      what: `${what}: part of theirs that is answered`,
      unit: 'percent',
      ours: answeredPercent(seen),
      aim: { words: 'at least 99.9', isMet: (percent) => percent >= 99.9 },
    }),
    row({
      what: `${what}: time to an answer, 99th percentile`,
      unit: 'ms',
      ours: median(seen.map(({ beside }) => beside.p99Ms)),
      peer: { name: 'the same without strangers', figure: median(seen.map(({ alone }) => alone.p99Ms)) },
      aim: { words: 'at most 2 times', isMet: (beside, alone) => beside <= 2 * alone },
    }),
    afterRow(what, seen),
  ];
}

/** A fast server; strangers send all they can, for names that all differ or for some that are in memory. */
export function busyGateCase(): Promise<Case> {
  const ways = [
    { what: 'names that all differ, a hundred queries at a time', perWrite: 100, names: 2 ** 30 },
    { what: 'names that are in memory, each query by itself', perWrite: 1, names: 100 },
  ].map((way) => ({ ...way, seen: [] as OverloadReport[] }));
  return Promise.resolve({
    warmUp: () => Promise.resolve(),
    async round() {
      const words: string[] = [];
      for (const { seen, perWrite, names } of ways)
        words.push(
          await measure(seen, {
            upstream: 'nsd',
            strangers: { connections, names, perSecond: 0, perWrite },
            knownPerSecond: 600,
            durationMs,
          }),
        );
      return words.join('\n');
    },
    rows: () => ways.flatMap(({ what, seen }) => busyRows(what, seen)),
  });
}

function busyRows(how: string, seen: readonly OverloadReport[]): Row[] {
  const what = `three known resolvers that ask 200/s each, while strangers ask as much as the gate's CPU can take: ${how}`;
  const [p99, alone] = (['beside', 'alone'] as const).map((part) =>
    median(seen.map((report) => report[part].p99Ms)).toFixed(0),
  );
  return [
    row({
      what: `${what}: part of theirs that is answered; 99th percentile ${p99 ?? ''} ms, without strangers ${alone ?? ''} ms`,
      unit: 'percent',
      ours: answeredPercent(seen),
      aim: { words: 'at least 99', isMet: (percent) => percent >= 99 },
    }),
    afterRow(what, seen),
  ];
}

/** Nothing lingers. */
function afterRow(what: string, seen: readonly OverloadReport[]): Row {
  return row({
    what: `${what}: 99th percentile when they have stopped`,
    unit: 'ms',
    ours: median(seen.map(({ after }) => after.p99Ms)),
    peer: { name: 'before', figure: median(seen.map(({ alone }) => alone.p99Ms)) },
  });
}

/** Down, so that 99.97 % are not 100. */
function answeredPercent(seen: readonly OverloadReport[]): number {
  const sum = (of: keyof LoadReport): number => seen.reduce((total, { beside }) => total + beside[of], 0);
  return Math.floor((1_000 * sum('answered')) / sum('asked')) / 10;
}

/** Gives words for people who watch. */
async function measure(seen: OverloadReport[], options: OverloadOptions): Promise<string> {
  const words: string[] = [];
  const bed = await OverloadBed.start(options);
  try {
    pin(bed.gate.pid, serverCpu);
    const report = await bed.measure((what, load) => words.push(`${what}: ${describeLoad(load)}`));
    seen.push(report);
  } finally {
    await bed.close();
  }
  return words.join('\n  ');
}

/** Moves a process, with all its threads, to one CPU. */
function pin(pid: number, cpu: number): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-p', '-c', String(cpu), String(pid)]);
  if (status !== 0) throw new Error(`taskset: ${String(stderr)}`);
}
