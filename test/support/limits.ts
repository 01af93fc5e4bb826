/** Limits as a configuration without any gives them. */
import type { LimitsTable } from '../../core/config/limits-table.ts';
import { connectionLimits, type ConnectionLimits } from '../../core/server/limits.ts';

/** The defaults of a table, some of them changed. */
export function limitsOf<K extends string>(
  table: Readonly<Record<K, LimitsTable[string]>>,
  changed: Partial<Record<K, number>> = {},
): Record<K, number> {
  const entries = Object.entries<LimitsTable[string]>(table).map(([key, limit]) => [key, limit.default]);
  return { ...(Object.fromEntries(entries) as Record<K, number>), ...changed };
}

export function testLimits(changed: Partial<ConnectionLimits> = {}): ConnectionLimits {
  return limitsOf(connectionLimits, changed);
}
