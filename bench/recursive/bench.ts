/**
 * DNS over TLS for recursive resolvers that are known by name, with classes on: beside our own gate of dot-resolver, dnsdist and
 * nginx stream, and under overload. The world is that of bench/dot, and so are its limitations.
 *
 * DANCED_BENCH_ROWS=1,3 runs only those rows: 1 cached beside dot-resolver, 2 cached beside dnsdist, 3 uncached beside
 * dot-resolver, 4 uncached beside nginx, 5 overload of the servers, 6 overload of the gate itself (overload.ts).
 */
import { runCases } from '../dot/cases.ts';
import { namesInZone } from '../dot/peers.ts';
import { compare, pipelined, type Case } from '../dot/throughput.ts';
import type { World } from '../dot/world.ts';
import type { Row } from '../report.ts';
import { busyGateCase, cappedServersCase } from './overload.ts';

export function benchRecursive(rounds: number, say: (words: string) => void): Promise<readonly Row[]> {
  return runCases(
    [
      cachedBesideDot,
      cachedBesideDnsdist,
      uncachedBesideDot,
      uncachedBesideNginx,
      cappedServersCase,
      busyGateCase,
    ],
    rounds,
    say,
  );
}

const classesOn =
  'ours with mutual TLS, proof, access list, a class with rates of each member and of all, limits, metrics and log on';
const cached = { ...pipelined, names: namesInZone } as const;
const uncached = { ...pipelined, names: 0 } as const;

async function cachedBesideDot(world: World): Promise<Case> {
  return compare(world, {
    shape: cached,
    peerName: 'our gate of dot-resolver',
    ours: await world.recursive(),
    peer: await world.ours(),
    figure: ({ perFrontSecond }) => perFrontSecond,
    unit: 'answers per CPU second of the front',
    what: () => `cached answers, 20 connections with 20 queries outstanding, ${classesOn}`,
    aim: { words: "at least 0.9 of the peer's", isMet: (a, b) => a >= 0.9 * b },
  });
}

async function cachedBesideDnsdist(world: World): Promise<Case> {
  return compare(world, {
    shape: cached,
    peerName: 'dnsdist 1.9',
    ours: await world.recursive(),
    peer: await world.dnsdist(),
    figure: ({ perFrontSecond }) => perFrontSecond,
    unit: 'answers per CPU second of the front',
    what: () =>
      `the same beside dnsdist with its packet cache, which cannot ask for client certificates and has no classes`,
    aim: { words: "at least 1.8 times the peer's", isMet: (a, b) => a >= 1.8 * b },
  });
}

async function uncachedBesideDot(world: World): Promise<Case> {
  return compare(world, {
    shape: uncached,
    peerName: 'our gate of dot-resolver',
    ours: await world.recursive(),
    peer: await world.ours(),
    figure: ({ perTotalSecond }) => perTotalSecond,
    unit: 'queries per CPU second of front and upstream',
    what: ({ frontAlone }) =>
      `queries for names that all differ, which go through the queue of the classes, ${classesOn}; both before the same NSD over TCP. ${frontAlone}`,
    aim: { words: "at least 0.9 of the peer's", isMet: (a, b) => a >= 0.9 * b },
  });
}

async function uncachedBesideNginx(world: World): Promise<Case> {
  return compare(world, {
    shape: uncached,
    peerName: 'nginx stream',
    ours: await world.recursive(),
    peer: await world.nginx(),
    figure: ({ perTotalSecond }) => perTotalSecond,
    unit: 'queries per CPU second of front and upstream',
    what: ({ frontAlone }) =>
      `the same beside nginx with ssl_verify_client, before the same NSD over TCP. ${frontAlone}`,
    aim: { words: "at least 0.81 of the peer's", isMet: (a, b) => a >= 0.81 * b },
  });
}
