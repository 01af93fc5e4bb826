/** How long one waits that failed: longer each time, as if for the first time when it had gone well for a while. */
import type { WorkerBounds } from './bounds.ts';

type Bounds = Pick<WorkerBounds, 'firstBackoffMs' | 'mostBackoffMs' | 'livedMs'>;

/** @param beforeMs what it was before; 0: nothing @param livedMs from the last start to its end */
export function nextBackoff(beforeMs: number, livedMs: number, bounds: Bounds): number {
  if (beforeMs === 0 || livedMs >= bounds.livedMs) return bounds.firstBackoffMs;
  return Math.min(2 * beforeMs, bounds.mostBackoffMs);
}
