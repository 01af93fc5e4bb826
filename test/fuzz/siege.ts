/**
 * An attack on a gate, with what must hold of every attack: a good client is served all the time, nothing of ours
 * fails, afterwards every place is free again and the memory is back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import type { Name } from '../../core/dns/name.ts';
import { until, type Credentials, type TestGate } from '../support/gate.ts';

/** What an attack cost. */
export interface SiegeReport {
  /** Transfers of the good client during the attack. */
  readonly served: number;
  /** Connections without an identity at the most. */
  readonly handshakes: number;
  /** The names that the gate asked its resolver about, each as often as it did. */
  readonly askedAbout: readonly Name[];
  /** What it asked its primary. */
  readonly primaryRequests: number;
}

/**
 * Memory that may stay after an attack of a thousand connections or ten thousand requests: code that was compiled,
 * counters, and the noise of the collector. A kilobyte for each request would be too much.
 */
const allowedGrowthOctets = 5 * 1024 * 1024;
/** During an attack; the attackers' own sockets, in this process too, are the larger part. */
const allowedPeakOctets = 128 * 1024 * 1024;
const pauseMs = 20;
const leastTransfers = 3;
const calmTimeMs = 8000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Runs the attack; rejects when something that must hold does not. */
export async function besiege(
  gate: TestGate,
  good: Credentials,
  attack: () => Promise<void>,
  transferType: 'AXFR' | 'SOA' = 'AXFR',
): Promise<SiegeReport> {
  await gate.idle(calmTimeMs);
  forgetAll(gate);
  const before = usedOctets();
  let [over, served, peakOctets, handshakes] = [false, 0, 0, 0];
  const goodClient = async (): Promise<void> => {
    while (!over || served < leastTransfers) {
      const { outcome, error } = await gate.transfer(good, { type: transferType });
      expect(outcome, `good client, transfer ${served}: ${error ?? ''}`).to.equal('complete');
      served += 1;
      peakOctets = Math.max(peakOctets, memoryOctets() - before);
      handshakes = Math.max(
        handshakes,
        (await gate.metrics()).get('danced_handshakes{gate="xot/gate"}') ?? 0,
      );
      await sleep(pauseMs);
    }
  };
  const attacked = attack().finally(() => {
    over = true;
  });
  await Promise.all([attacked, goodClient()]);
  expect(peakOctets, 'memory at the most').to.be.below(allowedPeakOctets);
  expect(gate.log.of('defect').map(({ fields }) => fields['error'])).to.deep.equal([]);
  await gate.idle(calmTimeMs);
  const { resolver, primary } = gate.lab;
  const askedAbout = resolver.queries.map(({ name }) => name);
  const primaryRequests = primary.requests.length;
  forgetAll(gate);
  await until(
    `memory is back: ${usedOctets() - before} octets more than before`,
    () => usedOctets() - before < allowedGrowthOctets,
  );
  return { served, handshakes, askedAbout, primaryRequests };
}

/** Runs an action for each of the numbers 0 to `count` - 1, `atOnce` at a time. */
export async function eachOf(
  count: number,
  atOnce: number,
  action: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

/** What the witnesses keep would count as memory of the gate. */
function forgetAll({ log, lab }: TestGate): void {
  log.forget();
  lab.resolver.queries.length = 0;
  lab.primary.requests.length = 0;
}

function usedOctets(): number {
  collectGarbage();
  return memoryOctets();
}

function memoryOctets(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
