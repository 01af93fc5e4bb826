/**
 * Whether TLSA records vouch for what a peer shows, as facts, which `--json` prints, and in words.
 *
 * The facts are an API: keys stay, and so do the words of `reason`.
 */
import type { MatchResult } from '../core/dane/match.ts';
import { describeTlsa } from '../core/dane/tlsa.ts';
import { printableText } from '../core/observe/printable.ts';
import { colours, type Marks, type Style } from './terminal.ts';

/** What `danced match --json` prints. */
export interface MatchFacts {
  readonly ok: boolean;
  /** Of the record that matched; null when none did. */
  readonly usage: number | null;
  readonly selector: number | null;
  readonly matching: number | null;
  /** Where in the path what the record names was found: 0 is the peer's own certificate or key; null when nowhere. */
  readonly depth: number | null;
  /** `matched`, or why there is no match. */
  readonly reason: MatchReason;
}

/** A reason of `danced match`. */
export type MatchReason = 'matched' | Extract<MatchResult, { readonly matched: false }>['reason'];

export function matchFacts(result: MatchResult): MatchFacts {
  if (!result.matched) {
    return { ok: false, usage: null, selector: null, matching: null, depth: null, reason: result.reason };
  }
  const { usage, selector, matchingType: matching } = result.record;
  return { ok: true, usage, selector, matching, depth: result.depth, reason: 'matched' };
}

/** One line. */
export function matchInWords(result: MatchResult, marks: Marks, style: Style): string {
  if (result.matched) {
    const words = `matched by ${describeTlsa(result.record)} ${placeInWords(result.depth)}`;
    return style(colours.secure, `${marks.secure} ${words}`);
  }
  const { reason, detail } = result;
  return style(colours.bogus, `${marks.bogus} ${reason}${detail === '' ? '' : `: ${printableText(detail)}`}`);
}

function placeInWords(depth: number): string {
  return depth === 0
    ? 'at depth 0 (the peer’s own)'
    : `at depth ${String(depth)} (${String(depth)} above the peer’s own)`;
}
