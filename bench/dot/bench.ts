/**
 * DNS over TLS for members only: cached and uncached answers, many connections, time to an answer, workers and memory, beside
 * dnsdist 1.9, nginx 1.26 and BIND 9.20. Our gate has everything on: mutual TLS, proof, access list with a rate, limits, metrics,
 * log.
 *
 * For whoever looks for what takes the time: DANCED_BENCH_ROWS=1,3 runs only those rows (1 cached, 2 uncached, 3 one query on
 * each connection, 4 latency, 5 workers, 6 memory); DANCED_BENCH_NODE holds options for the Node of our gate, as
 * `--cpu-prof --cpu-prof-dir=/tmp/prof`; DANCED_BENCH_WRITES=each has every query of the load leave in a write of its own.
 *
 * Limitations: Linux, as root (trixie.ts); the load and the server on one machine, so that a network costs nothing. Each query
 * is a TLS record of its own, but those that the load has to send at one time leave in one write, or the load would be what is
 * measured: with a write for each, the load is as busy as our gate, and the gate gives about a tenth less.
 */
import type { Row } from '../report.ts';
import { runCases } from './cases.ts';
import { idleCase } from './idle.ts';
import { latencyCase } from './latency.ts';
import { cachedCase, oneEachCase, uncachedCase, type Case } from './throughput.ts';
import { workersCase } from './workers.ts';
import type { World } from './world.ts';

/** In the order of their numbers. */
const makers: readonly ((world: World) => Promise<Case>)[] = [
  cachedCase,
  uncachedCase,
  oneEachCase,
  latencyCase,
  workersCase,
  idleCase,
];

export function benchDot(rounds: number, say: (words: string) => void): Promise<readonly Row[]> {
  return runCases(makers, rounds, say);
}
