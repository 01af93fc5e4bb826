/**
 * The row about how long answers take at half load: both are offered, at random moments, half of what nginx gives when it is
 * saturated.
 *
 * Limitations: one process offers the load, on its own CPU; that its own work delays it is in the figures of both.
 */
import { median, row } from '../report.ts';
import { measure, type Sample } from './measure.ts';
import { everythingOn, pipelined, warmUpTurns, type Case } from './throughput.ts';
import type { World } from './world.ts';

/** So many may wait on one connection when a server falls behind; the load is offered all the same. */
const outstanding = 500;
const shape = { ...pipelined, names: 0 };

interface Round {
  readonly offered: number;
  readonly ours: Sample;
  readonly nginx: Sample;
}

/** Row 4. */
export async function latencyCase(world: World): Promise<Case> {
  const [ours, nginx] = [await world.ours(), await world.nginx()];
  const seen: Round[] = [];
  const measureRound = async (): Promise<Round | undefined> => {
    const [saturated] = await measure(world.load, [nginx], shape);
    const offered = (saturated?.answersPerSecond ?? NaN) / 2;
    const open = { ...shape, outstanding };
    const [one, other] = await measure(world.load, [ours, nginx], open, { queriesPerSecond: offered });
    return one && other && { offered, ours: one, nginx: other };
  };
  return {
    async warmUp() {
      await measure(world.load, [ours], shape, { turns: warmUpTurns });
      await measureRound();
    },
    async round() {
      const round = await measureRound();
      if (round === undefined) return 'nothing';
      seen.push(round);
      const at = ({ p99Ms, medianMs, frontMicroseconds }: Sample): string =>
        `p99 ${p99Ms.toFixed(2)} ms, median ${medianMs.toFixed(2)} ms, ${frontMicroseconds.toFixed(2)} us of the front each`;
      return `${(round.offered / 1000).toFixed(1)}k/s offered: ours ${at(round.ours)}; nginx ${at(round.nginx)}`;
    },
    rows() {
      const offered = median(seen.map((round) => round.offered));
      return [
        row({
          what: `p99 of the time to an answer at half load (${offered.toFixed(0)} queries a second, half of what nginx gives at most), names that all differ, 20 connections, ${everythingOn}; nginx with ssl_verify_client; both before the same NSD over TCP`,
          unit: 'milliseconds',
          ours: median(seen.map((round) => round.ours.p99Ms)),
          peer: { name: 'nginx stream', figure: median(seen.map((round) => round.nginx.p99Ms)) },
          aim: { words: "at most 1.5 times the peer's", isMet: (a, b) => a <= 1.5 * b },
        }),
      ];
    },
  };
}
