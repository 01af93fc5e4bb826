/** What the rows of some numbers in DANCED_BENCH_ROWS need: something before the rounds, and something in each. */
import type { Row } from '../report.ts';
import type { World } from './world.ts';

export interface Case {
  /** For the compilers and caches of both; it counts for nothing. */
  warmUp(): Promise<void>;
  /** Resolves with words for people who watch. */
  round(): Promise<string>;
  rows(): Row[];
}

/** Makes a case; `has` says whether a row is asked for. */
export type MakeCase = (world: World, has: (row: number) => boolean) => Promise<Case>;

export const everythingOn = 'ours with mutual TLS, proof and access list on';
