/**
 * The rows about a transfer that our gate passes on from the primary, message by message, beside nginx (stream), which passes on
 * octets: both with mutual TLS and before the same NSD on plain TCP, all on one CPU.
 */
import { median, row } from '../report.ts';
import { everythingOn, type MakeCase } from './case.ts';
import { describeCost, measure, type Cost } from './measure.ts';
import type { Server } from './peers.ts';

const times = 5;
const warmUpTimes = 10;
const atMost = 1.15;

/** Row 8. */
export const relayedCase: MakeCase = async (world) => {
  const zone = await world.zone();
  const [ours, nginx] = [await world.relayed(), await world.nginx()];
  const seen: { readonly ours: Cost; readonly nginx: Cost }[] = [];
  const transfer = (server: Server, count: number): Promise<Cost> =>
    measure(world.load, server, { zone: zone.apex, records: zone.records + 1, times: count });
  return {
    async warmUp() {
      await transfer(ours, warmUpTimes);
      await transfer(nginx, 1);
    },
    async round() {
      // Two turns of each: what else the machine does meets both alike.
      const costs: { readonly ours: Cost; readonly nginx: Cost }[] = [];
      for (let turn = 0; turn < 2; turn += 1)
        costs.push({ ours: await transfer(ours, times), nginx: await transfer(nginx, times) });
      seen.push(...costs);
      return costs
        .map((each) => `ours ${describeCost(each.ours)}\n  nginx ${describeCost(each.nginx)}`)
        .join('\n  ');
    },
    rows() {
      const middle = (who: 'ours' | 'nginx', figure: keyof Cost): number =>
        median(seen.map((round) => round[who][figure]));
      const alone = (who: 'ours' | 'nginx'): string => (middle(who, 'front') * 1000).toFixed(0);
      const front = `The front alone: ours ${alone('ours')} ms, nginx ${alone('nginx')} ms`;
      const what = `AXFR over TLS of ${String(zone.records)} records relayed from the same NSD 4.12 on plain TCP, ${everythingOn}; nginx stream with ssl_verify_client`;
      const beside = (words: string, figure: 'wall' | 'total', unit: string) =>
        row({
          what: `${what}: ${words}`,
          unit,
          ours: middle('ours', figure),
          peer: { name: 'nginx 1.26 stream', figure: middle('nginx', figure) },
          aim: { words: `at most ${String(atMost)} of the peer's`, isMet: (a, b) => a <= atMost * b },
        });
      return [
        beside(`CPU time of front and primary. ${front}`, 'total', 'seconds for a transfer'),
        beside('from connecting to the last octet', 'wall', 'seconds'),
      ];
    },
  };
};
