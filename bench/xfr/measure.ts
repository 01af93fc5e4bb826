/**
 * One measurement: transfers from servers in turn, how long each took, and the CPU time that they took, of each server and of
 * what stands behind it.
 */
import { groupCpuSeconds } from '../process-group.ts';
import { median } from '../report.ts';
import type { LoadResult, TransferLoad, TransferOrder } from './load.ts';
import type { Server } from './peers.ts';

const tailLines = 20;

/** Of one transfer; seconds. */
export interface Cost {
  /** From connect(2) to the last octet: the middle one. */
  readonly wall: number;
  /** CPU time of the front alone, and with what stands behind it: the mean. */
  readonly front: number;
  readonly total: number;
  /** CPU time that the load itself has used for it. */
  readonly load: number;
}

/** Transfers so often, each over a connection of its own. Throws unless each has so many records. */
export async function measure(
  load: TransferLoad,
  server: Server,
  order: Omit<TransferOrder, 'port'> & { readonly records: number; readonly times: number },
): Promise<Cost> {
  const { records, ...rest } = order;
  const begun = usedBy(server);
  const { transfers, cpuSeconds } = await transferFrom(load, server, rest);
  const ended = usedBy(server);
  const wrong = transfers.find((transfer) => transfer.records !== records);
  if (wrong !== undefined)
    throw new Error(`a transfer had ${String(wrong.records)} records instead of ${String(records)}`);
  return {
    wall: median(transfers.map(({ connect, last }) => connect + last)),
    front: (ended.front - begun.front) / transfers.length,
    total: (ended.total - begun.total) / transfers.length,
    load: cpuSeconds / transfers.length,
  };
}

/** Transfers from a server; what it throws ends with the last words of the server. */
export async function transferFrom(
  load: TransferLoad,
  { port, front }: Server,
  order: Omit<TransferOrder, 'port'>,
): Promise<LoadResult> {
  try {
    return await load.transfer({ port, ...order });
  } catch (error) {
    const tail = front.log.trimEnd().split('\n').slice(-tailLines).join('\n');
    throw new Error(`${String(error)}; its log ends:\n${tail}`, { cause: error });
  }
}

/** CPU seconds so far. */
function usedBy({ front, behind }: Server): { readonly front: number; readonly total: number } {
  const used = groupCpuSeconds(front.pid);
  return { front: used, total: behind.reduce((sum, { pid }) => sum + groupCpuSeconds(pid), used) };
}

/** For people who watch. */
export function describeCost({ wall, front, total, load }: Cost): string {
  const ms = (seconds: number): string => (seconds * 1000).toFixed(1);
  return `${ms(wall)} ms, CPU ${ms(front)} ms of the front, ${ms(total)} of all, ${ms(load)} of the load`;
}
