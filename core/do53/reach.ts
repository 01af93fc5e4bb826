/** Who else can ask where an agent listens. */
import { isLoopback, type Endpoint } from '../config/endpoint.ts';
import type { Log } from '../observe/log.ts';

/** Warns of addresses that others than this machine can reach; `risk` says what they can do there. */
export function warnOfReach(log: Log, listen: readonly Endpoint[], risk: string): void {
  for (const { address } of listen) {
    if (!isLoopback(address)) log.warn('the agent listens beyond this machine', { address, risk });
  }
}
