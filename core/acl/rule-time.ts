/** When a rule counts. */
import type { Rule } from './model.ts';

/** @param nowMs milliseconds since the epoch */
export function isNow({ notBeforeMs, notAfterMs }: Rule, nowMs: number): boolean {
  return (
    (notBeforeMs === undefined || nowMs >= notBeforeMs) && (notAfterMs === undefined || nowMs <= notAfterMs)
  );
}
