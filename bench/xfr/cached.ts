/**
 * Rows about a whole transfer of what our gate keeps ready, beside NSD 4.12 and BIND 9.20 that serve the zone over TLS themselves:
 * CPU time of the server for each (rows 1 and 2), and time from connecting to the last octet (3 and 4).
 */
import { median, row, type Figures } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import { describeCost, measure, type Cost } from './measure.ts';
import type { Server } from './peers.ts';

/** How often each transfers in a round: so often that the kernel's ticks of 10 ms do not matter. */
const times = { ours: 20, nsd: 5, bind: 2 } as const;
/** For our compilers. */
const warmUpTimes = 40;

type Who = keyof typeof times;

interface Comparison {
  readonly number: number;
  readonly peer: Exclude<Who, 'ours'>;
  readonly figure: 'front' | 'wall';
  readonly atMost: number;
}

const comparisons: readonly Comparison[] = [
  { number: 1, peer: 'nsd', figure: 'front', atMost: 0.25 },
  { number: 2, peer: 'bind', figure: 'front', atMost: 0.05 },
  { number: 3, peer: 'nsd', figure: 'wall', atMost: 0.35 },
  { number: 4, peer: 'bind', figure: 'wall', atMost: 0.1 },
];

const peerNames = { nsd: 'NSD 4.12', bind: 'BIND 9.20' } as const;
const figures: Readonly<Record<Comparison['figure'], Pick<Figures, 'what' | 'unit'>>> = {
  front: { what: 'CPU time of the server', unit: 'seconds for a transfer' },
  wall: { what: 'from connecting to the last octet', unit: 'seconds' },
};

/** Rows 1 to 4. */
export const cachedCase: MakeCase = async (world, has) => {
  const zone = await world.zone();
  const chosen = comparisons.filter(({ number }) => has(number));
  const servers: [Who, Server][] = [['ours', await world.cached()]];
  if (chosen.some(({ peer }) => peer === 'nsd')) servers.push(['nsd', await world.nsd()]);
  if (chosen.some(({ peer }) => peer === 'bind')) servers.push(['bind', await world.bind()]);
  const seen: Record<Who, Cost[]> = { ours: [], nsd: [], bind: [] };
  const transfer = (server: Server, count: number): Promise<Cost> =>
    measure(world.load, server, { zone: zone.apex, records: zone.records + 1, times: count });
  return {
    async warmUp() {
      for (const [who, server] of servers) await transfer(server, who === 'ours' ? warmUpTimes : 1);
    },
    async round() {
      const words: string[] = [];
      for (const [who, server] of servers) {
        const cost = await transfer(server, times[who]);
        seen[who].push(cost);
        words.push(`${who} ${describeCost(cost)}`);
      }
      return words.join('\n  ');
    },
    rows() {
      return chosen.map(({ peer, figure, atMost }) => {
        const { what, unit } = figures[figure];
        const middle = (who: Who): number => median(seen[who].map((cost) => cost[figure]));
        return row({
          what: `AXFR over TLS of ${String(zone.records)} records, ${what}: ${everythingOn}, from its cache; ${peerNames[peer]} with client certificates`,
          unit,
          ours: middle('ours'),
          peer: { name: peerNames[peer], figure: middle(peer) },
          aim: { words: `at most ${String(atMost)} of the peer's`, isMet: (a, b) => a <= atMost * b },
        });
      });
    },
  };
};
