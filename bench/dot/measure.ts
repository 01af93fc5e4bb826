/**
 * One measurement: servers under a load that asks as fast as answers come, or at a rate, and the CPU time that this took, of
 * each server and of what stands behind it. They take turns of half a second, so that what else the machine does meets all alike.
 */
import { groupCpuSeconds } from '../process-group.ts';
import { median } from '../report.ts';
import type { DotLoad, LoadResult, LoadShape, OpenLoad } from './load.ts';
import type { Server } from './peers.ts';

/** What one measurement found of one server. */
export interface Sample {
  readonly answersPerSecond: number;
  /** For each second of CPU time of the front alone. */
  readonly perFrontSecond: number;
  /** The same of the front and what stands behind it. */
  readonly perTotalSecond: number;
  /** CPU time of the front for one answer. */
  readonly frontMicroseconds: number;
  /** Part of one CPU that the load itself has used: near 1, it was the load that could not do more. */
  readonly loadShare: number;
  /** From the moment a query was due to its answer: the middle one of the turns. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

export type Shape = Omit<LoadShape, 'port'>;

/** How the queries come. */
export interface Pace {
  /** 0: as fast as answers come. */
  readonly queriesPerSecond?: number;
  /** Turns that each server has. */
  readonly turns?: number;
}

/** Before every measurement, and not in it: the connections come into step, and caches are filled. */
const leadInSeconds = 0.5;
const turnSeconds = 0.5;

/** Opens the connections to every server, then asks them in turn; the samples are in the servers' order. */
export async function measure(
  load: DotLoad,
  servers: readonly Server[],
  shape: Shape,
  { queriesPerSecond = 0, turns = 4 }: Pace = {},
): Promise<Sample[]> {
  const opened: OpenLoad[] = [];
  try {
    for (const { port } of servers) opened.push(await load.open({ ...shape, port }));
    for (const open of opened) await open.run(leadInSeconds, queriesPerSecond);
    const seen = servers.map((): Turn[] => []);
    for (let turn = 0; turn < turns; turn += 1) {
      for (const [index, server] of servers.entries()) {
        const begun = used(server);
        const result = await opened[index]?.run(turnSeconds, queriesPerSecond);
        const ended = used(server);
        if (result === undefined) continue;
        const cpu = { front: ended.front - begun.front, behind: ended.behind - begun.behind };
        seen[index]?.push({ ...result, ...cpu });
      }
    }
    return seen.map(sampleOf);
  } finally {
    await Promise.all(opened.map((open) => open.close()));
  }
}

interface Used {
  readonly front: number;
  readonly behind: number;
}

type Turn = LoadResult & Used;

function sampleOf(turns: readonly Turn[]): Sample {
  const sum = (of: (turn: Turn) => number): number => turns.reduce((total, turn) => total + of(turn), 0);
  const answers = sum((turn) => turn.answers);
  const seconds = sum((turn) => turn.seconds);
  const front = sum((turn) => turn.front);
  return {
    answersPerSecond: answers / seconds,
    perFrontSecond: answers / front,
    perTotalSecond: answers / (front + sum((turn) => turn.behind)),
    frontMicroseconds: (front * 1e6) / answers,
    loadShare: sum((turn) => turn.cpuSeconds) / seconds,
    medianMs: median(turns.map((turn) => turn.medianMs)),
    p99Ms: median(turns.map((turn) => turn.p99Ms)),
  };
}

function used({ front, behind }: Server): Used {
  const seconds = behind.map(({ pid }) => groupCpuSeconds(pid));
  return { front: groupCpuSeconds(front.pid), behind: seconds.reduce((sum, each) => sum + each, 0) };
}

/** For people who watch. */
export function describeSample(sample: Sample | undefined): string {
  if (sample === undefined) return 'nothing';
  const { answersPerSecond, perFrontSecond, perTotalSecond, frontMicroseconds, loadShare, p99Ms } = sample;
  const thousands = (figure: number): string => `${(figure / 1000).toFixed(1)}k`;
  return `${thousands(answersPerSecond)}/s, per CPU second ${thousands(perFrontSecond)} of the front (${frontMicroseconds.toFixed(2)} us each), ${thousands(perTotalSecond)} of all; p99 ${p99Ms.toFixed(2)} ms; load's CPU ${(loadShare * 100).toFixed(0)}%`;
}
