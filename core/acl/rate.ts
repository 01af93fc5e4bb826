/** Rates as the access list has them: `50/s`, `600/m`, `1000/h`. */
import type { Allowance } from './budgets.ts';

/** A whole number of times in a unit of time. */
export interface Rate {
  readonly count: number;
  readonly per: RateUnit;
}

const units = ['s', 'm', 'h'] as const;
export type RateUnit = (typeof units)[number];

const seconds: Readonly<Record<RateUnit, number>> = { s: 1, m: 60, h: 3600 };
const maxCount = 1_000_000_000;

/** Reads a rate. Throws RangeError whose message follows the quoted text. */
export function parseRate(text: string): Rate {
  const [, digits, unit] = /^(\d{1,10})\/([smh])$/.exec(text) ?? [];
  const count = Number(digits);
  if (digits === undefined || !isUnit(unit))
    throw new RangeError('is not a rate, a number for each s, m or h');
  if (count < 1 || count > maxCount) throw new RangeError(`is not from 1 to ${String(maxCount)}`);
  return { count, per: unit };
}

export function perSecond({ count, per }: Rate): number {
  return count / seconds[per];
}

/** What a rate gives in one second, at least 1: the burst of a rule that does not say another. */
export function usualBurst(ratePerSecond: number): number {
  return Math.max(1, Math.ceil(ratePerSecond));
}

/** What a rate and a burst say together. */
export function allowanceOf(rate: Rate, burst?: number): Allowance {
  const ratePerSecond = perSecond(rate);
  return { perSecond: ratePerSecond, burst: burst ?? usualBurst(ratePerSecond) };
}

/** In the shortest unit in which it is a whole number. */
export function presentRate(ratePerSecond: number): string {
  const per = units.find((unit) => isWhole(ratePerSecond * seconds[unit])) ?? 'h';
  return `${String(Math.round(ratePerSecond * seconds[per]))}/${per}`;
}

function isWhole(count: number): boolean {
  return Math.abs(count - Math.round(count)) < 1e-6 && Math.round(count) >= 1;
}

function isUnit(text: string | undefined): text is RateUnit {
  return text !== undefined && Object.hasOwn(seconds, text);
}
