/**
 * Rows about how much a CPU second gives: cached answers, uncached ones, and many connections with one query each; every time
 * ours beside the peer that does best at it.
 */
import { median, row, type Figures, type Row } from '../report.ts';
import { describeSample, measure, type Sample, type Shape } from './measure.ts';
import { namesInZone, type Server } from './peers.ts';
import type { World } from './world.ts';

/** What the rows of one number in DANCED_BENCH_ROWS need: something before the rounds, and something in each. */
export interface Case {
  /** For the compilers and caches of both; it counts for nothing. */
  warmUp(): Promise<void>;
  /** Resolves with words for people who watch. */
  round(): Promise<string>;
  rows(): Row[];
}

/** What is compared. */
export interface Comparison {
  readonly shape: Shape;
  readonly peerName: string;
  readonly ours: Server;
  readonly peer: Server;
  /** Which figure the row is about. */
  readonly figure: (sample: Sample) => number;
  readonly unit: string;
  readonly what: (words: { readonly frontAlone: string }) => string;
  readonly aim: NonNullable<Figures['aim']>;
}

/** 20 connections with 20 queries outstanding on each, as those of busy forwarders. */
export const pipelined = { connections: 20, outstanding: 20 } as const;
export const everythingOn =
  'ours with mutual TLS, proof, access list with a rate, limits, metrics and log on';
export const warmUpTurns = 6;
/** Part of its CPU from which on it may be the load that could do no more. */
const busyLoad = 0.95;

/** Row 1. */
export async function cachedCase(world: World): Promise<Case> {
  return compare(world, {
    shape: { ...pipelined, names: namesInZone },
    peerName: 'dnsdist 1.9',
    ours: await world.ours(),
    peer: await world.dnsdist(),
    figure: ({ perFrontSecond }) => perFrontSecond,
    unit: 'answers per CPU second of the front',
    what: () =>
      `cached answers, 20 connections with 20 queries outstanding, ${everythingOn}; dnsdist with its packet cache, which cannot ask for client certificates`,
    aim: { words: "at least 2 times the peer's", isMet: (a, b) => a >= 2 * b },
  });
}

/** Row 2. */
export async function uncachedCase(world: World): Promise<Case> {
  return compare(world, {
    shape: { ...pipelined, names: 0 },
    peerName: 'nginx stream',
    ours: await world.ours(),
    peer: await world.nginx(),
    figure: ({ perTotalSecond }) => perTotalSecond,
    unit: 'queries per CPU second of front and upstream',
    what: ({ frontAlone }) =>
      `queries for names that all differ, 20 connections with 20 outstanding, ${everythingOn}; nginx with ssl_verify_client; both before the same NSD over TCP. ${frontAlone}`,
    aim: { words: "at least 0.9 of the peer's", isMet: (a, b) => a >= 0.9 * b },
  });
}

/** Row 3. */
export async function oneEachCase(world: World): Promise<Case> {
  return compare(world, {
    shape: { connections: 200, outstanding: 1, names: namesInZone },
    peerName: 'BIND 9.20',
    ours: await world.ours(),
    peer: await world.bind(),
    figure: ({ perFrontSecond }) => perFrontSecond,
    unit: 'answers per CPU second',
    what: () =>
      `cached answers, 200 connections with one query outstanding, ${everythingOn}; BIND with mutual TLS and the zone itself`,
    aim: { words: "at least 1.3 times the peer's", isMet: (a, b) => a >= 1.3 * b },
  });
}

/** One row of ours beside one peer. */
export function compare(world: Pick<World, 'load'>, comparison: Comparison): Case {
  const { shape, peerName, ours, peer, figure, unit, what, aim } = comparison;
  const seen: { readonly ours: Sample; readonly peer: Sample }[] = [];
  const middle = (side: 'ours' | 'peer', of: (sample: Sample) => number): number =>
    median(seen.map((round) => of(round[side])));
  return {
    async warmUp() {
      await measure(world.load, [ours], shape, { turns: warmUpTurns });
      await measure(world.load, [peer], shape, { turns: 1 });
    },
    async round() {
      const [one, other] = await measure(world.load, [ours, peer], shape);
      if (one !== undefined && other !== undefined) seen.push({ ours: one, peer: other });
      return `ours ${describeSample(one)}\n  ${peerName} ${describeSample(other)}`;
    },
    rows() {
      const front = (side: 'ours' | 'peer'): string =>
        middle(side, ({ perFrontSecond }) => perFrontSecond).toFixed(0);
      const frontAlone = `The front alone: ours ${front('ours')}, ${peerName} ${front('peer')} per CPU second`;
      const isBusy = middle('ours', ({ loadShare }) => loadShare) > busyLoad;
      const busy = isBusy ? ' (the load could not do more than ours)' : '';
      return [
        row({
          what: `${what({ frontAlone })}${busy}`,
          unit,
          ours: middle('ours', figure),
          peer: { name: peerName, figure: middle('peer', figure) },
          aim,
        }),
      ];
    },
  };
}
