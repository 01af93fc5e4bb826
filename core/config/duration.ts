/** Times with their unit, as an operator writes them: "500ms", "30s", "5m", "2h". */

const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Milliseconds, or undefined for anything that is not digits and a unit. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^([0-9]{1,12})(ms|s|m|h)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return Number(digits) * units[unit as keyof typeof units];
}

/** The shortest text that `parseDuration` reads back as `ms`. */
export function presentDuration(ms: number): string {
  for (const [unit, size] of Object.entries(units)) {
    if (ms >= size && ms % size === 0) return `${String(ms / size)}${unit}`;
  }
  return ms === 0 ? '0s' : `${String(ms)}ms`;
}
