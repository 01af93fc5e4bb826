/** How words are made fit for the terminal, or for what stands in its place: colours, and signs for yes and no. */
import { styleText } from 'node:util';
import type { SecurityStatus } from '../core/dnssec/status.ts';

/** Gives text a colour or weight, or leaves it as it is where that cannot be shown. */
export type Style = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Colours on a terminal only, and not where NO_COLOR is set. */
export const style: Style = (format, text) => styleText(format, text, { stream: process.stdout });

/** No colours at all. */
export const plainStyle: Style = (_, text) => text;

/** A sign before a step, all of one width. */
export type Marks = Readonly<Record<SecurityStatus, string>>;

/** Signs that a terminal of this environment can show: those of Unicode only where the locale has UTF-8. */
export function marksFor(environment: Readonly<Record<string, string | undefined>>): Marks {
  const locale = [environment['LC_ALL'], environment['LC_CTYPE'], environment['LANG']].find(Boolean);
  return /utf-?8/i.test(locale ?? '')
    ? { secure: '✓', insecure: '–', bogus: '✗', indeterminate: '?' }
    : { secure: 'ok', insecure: '--', bogus: 'NO', indeterminate: '??' };
}

/** The colour of each status. */
export const colours = {
  secure: 'green',
  insecure: 'yellow',
  bogus: 'red',
  indeterminate: 'yellow',
} as const satisfies Readonly<Record<SecurityStatus, Parameters<typeof styleText>[0]>>;
