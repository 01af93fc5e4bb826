/**
 * The row about two workers beside one. With four CPUs or more the workers have two, the load the others, and what counts is
 * the throughput; with fewer there is no CPU for the second worker, both stand on the one that is measured, and what can be
 * told is whether sharing the work costs anything: answers per CPU second.
 */
import { cpus as allCpus } from 'node:os';
import { loadCpu, serverCpu } from '../processes.ts';
import { median, row, unjudged, type Row } from '../report.ts';
import { describeSample, measure, type Sample } from './measure.ts';
import { namesInZone } from './peers.ts';
import { pipelined, warmUpTurns, type Case } from './throughput.ts';
import type { World } from './world.ts';

/** One for each worker, one for the load, one for everything else. */
const cpusNeeded = 4;
/** Enough that the kernel, which spreads connections by their addresses, gives both workers about the same. */
const shape = { ...pipelined, connections: 60, names: namesInZone };
const aim = "at least 1.8 times one worker's";

/** Row 5. */
export async function workersCase(world: World): Promise<Case> {
  // All of the machine: this process is kept on one.
  const cpus = allCpus().length;
  const canScale = cpus >= cpusNeeded;
  const one = await world.newOurs();
  const two = await world.newOurs({ workers: 2, cpus: canScale ? [serverCpu, loadCpu + 1] : [serverCpu] });
  const seen: { readonly one: Sample; readonly two: Sample }[] = [];
  const middle = (side: 'one' | 'two', of: (sample: Sample) => number): number =>
    median(seen.map((round) => of(round[side])));
  return {
    async warmUp() {
      for (const server of [one, two]) await measure(world.load, [server], shape, { turns: warmUpTurns });
    },
    async round() {
      const [alone, both] = await measure(world.load, [one, two], shape);
      if (alone !== undefined && both !== undefined) seen.push({ one: alone, two: both });
      return `one worker ${describeSample(alone)}\n  two ${describeSample(both)}`;
    },
    rows(): Row[] {
      const what =
        'cached answers, two workers beside one worker of ours, 60 connections with 20 outstanding';
      if (!canScale) {
        const perSecond = ({ perFrontSecond }: Sample): number => perFrontSecond;
        const figures = {
          what: `${what}, all on the CPU that is measured: what sharing the work costs`,
          unit: 'answers per CPU second',
          ours: middle('two', perSecond),
          peer: { name: 'one worker', figure: middle('one', perSecond) },
        };
        const why = `this machine has ${String(cpus)} CPUs, ${String(cpusNeeded)} are needed`;
        return [unjudged(figures, { aim: `throughput ${aim}`, why })];
      }
      const perSecond = ({ answersPerSecond }: Sample): number => answersPerSecond;
      return [
        row({
          what: `${what}, each worker with a CPU of its own`,
          unit: 'answers per second',
          ours: middle('two', perSecond),
          peer: { name: 'one worker', figure: middle('one', perSecond) },
          aim: { words: aim, isMet: (a, b) => a >= 1.8 * b },
        }),
      ];
    },
  };
}
