/**
 * The row about a hundred secondaries at once: they have connected before the first asks, then each transfers the whole zone, and
 * none should have to wait much longer than another.
 */
import { median, row } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import { transferFrom } from './measure.ts';
import { secondaryCount } from './world.ts';
import type { Server } from './peers.ts';

/** The peer's are told only, and take long. */
const mostPeerRounds = 1;
const atLeast = 0.8;

/** Seconds. */
interface Shares {
  readonly fastest: number;
  readonly slowest: number;
}

/** Row 10. */
export const manyCase: MakeCase = async (world) => {
  const zone = await world.zone();
  const [ours, nsd] = [await world.cached(), await world.nsd()];
  const seen: { readonly ours: Shares[]; readonly nsd: Shares[] } = { ours: [], nsd: [] };
  const together = async (server: Server): Promise<Shares> => {
    const order = { zone: zone.apex, connections: secondaryCount };
    const { transfers } = await transferFrom(world.load, server, order);
    const wrong = transfers.find(({ records }) => records !== zone.records + 1);
    if (wrong !== undefined) throw new Error(`a transfer had ${String(wrong.records)} records`);
    const times = transfers.map(({ last }) => last);
    return { fastest: Math.min(...times), slowest: Math.max(...times) };
  };
  return {
    warmUp: () => Promise.resolve(),
    async round() {
      const own = await together(ours);
      seen.ours.push(own);
      if (seen.nsd.length === mostPeerRounds) return `ours ${describe(own)}`;
      const peer = await together(nsd);
      seen.nsd.push(peer);
      return `ours ${describe(own)}\n  NSD ${describe(peer)}`;
    },
    rows() {
      const share = (shares: readonly Shares[]): number =>
        median(shares.map(({ fastest, slowest }) => fastest / slowest));
      const last = (shares: readonly Shares[]): string =>
        median(shares.map(({ slowest }) => slowest)).toFixed(1);
      return [
        row({
          what: `${String(secondaryCount)} secondaries that ask for ${String(zone.records)} records at once, ${everythingOn}: bandwidth of the slowest beside that of the fastest. All were done after ${last(seen.ours)} s, with NSD after ${last(seen.nsd)} s`,
          unit: 'of 1',
          ours: share(seen.ours),
          peer: { name: 'NSD 4.12', figure: share(seen.nsd) },
          aim: { words: `at least ${String(atLeast)}`, isMet: (a) => a >= atLeast },
        }),
      ];
    },
  };
};

function describe({ fastest, slowest }: Shares): string {
  return `first done after ${fastest.toFixed(2)} s, last after ${slowest.toFixed(2)} s`;
}
