/**
 * A validated lookup as facts, which `--json` prints, and as a short tree, one line a zone cut.
 *
 * The facts are an API: keys stay, and so do the words of `status`, `reason` and `kind`. The words of `detail` may
 * change.
 */
import { presentTime } from '../core/config/time.ts';
import { rcodeName, rrTypeName } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import { presentRecord } from '../core/dns/present.ts';
import { validationReasons, type SecurityStatus, type ValidationReason } from '../core/dnssec/status.ts';
import type { Step, Verdict } from '../core/dnssec/verdict.ts';
import { printableText } from '../core/observe/printable.ts';
import { colours, type Marks, type Style } from './terminal.ts';

/** What `danced lookup --json` prints. */
export interface LookupFacts {
  /** As asked for, without trailing dot. */
  readonly name: string;
  readonly type: string;
  readonly status: SecurityStatus;
  /** What is proved, as 'NOERROR' or 'NXDOMAIN'; what was said, if it is insecure; 'SERVFAIL' where nothing can be used. */
  readonly rcode: string;
  readonly reason: ValidationReason;
  /** From the trust anchor down; where something failed, the failing step is the last. */
  readonly chain: readonly StepFacts[];
  /** Lines of a zone file: the records of the type at the end of the aliases. */
  readonly records: readonly string[];
  /** Until when this may be used, as 2026-12-01T12:00:00Z; null when it may not. */
  readonly expires: string | null;
}

/** One step of the chain. */
export interface StepFacts {
  readonly kind: Step['kind'];
  readonly name: string;
  readonly status: SecurityStatus;
  readonly detail: string;
  /** The address of who answered; null when nobody did, or nobody was asked. */
  readonly server: string | null;
}

/** The most that a date can be (ECMA-262 section 21.4.1.1). */
const lastDateMs = 8.64e15;

export function lookupFacts(verdict: Verdict): LookupFacts {
  const { name, type, status, reason, rcode, steps, records } = verdict;
  const expiresMs = Math.min(verdict.expiresMs, verdict.signedUntilMs, lastDateMs);
  const isUsable = status === 'secure' || status === 'insecure';
  return {
    name: name.toString(),
    type: rrTypeName(type),
    status,
    rcode: rcodeName(rcode),
    reason,
    chain: steps.map((step) => ({
      kind: step.kind,
      name: step.name.toString(),
      status: step.status,
      detail: printableText(step.detail),
      server: step.server === undefined ? null : printableText(step.server.replace(/^resolver /, '')),
    })),
    records: records.map((record) => printableText(presentRecord(record), Infinity)),
    expires: isUsable ? presentTime(wholeSecond(expiresMs)) : null,
  };
}

/** TTLs have no fractions, so neither has what they end: the second that is over by then. */
export function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** The way from the trust anchor to the answer, a line a step, those below others further in. */
export function chainInWords(verdict: Verdict, facts: LookupFacts, marks: Marks, style: Style): string[] {
  const depths = depthsOf(verdict.steps.map(({ name }) => name));
  const labels = facts.chain.map(({ kind, name, status }, index) => {
    const indent = '  '.repeat(depths[index] ?? 0);
    return `${indent}${marks[status]} ${kind === 'answer' || kind === 'denial' ? `${name} ${facts.type}` : name}`;
  });
  const width = Math.max(0, ...labels.map(({ length }) => length));
  return facts.chain.map(({ status, detail }, index) => {
    const label = labels[index] ?? '';
    const padding = ' '.repeat(width - label.length + 2);
    return `${style(colours[status], label)}${padding}${detail}`;
  });
}

/** The whole, for people. */
export function lookupInWords(verdict: Verdict, asks: string, marks: Marks, style: Style): string {
  const facts = lookupFacts(verdict);
  const { name, type, status, reason, rcode, records, expires } = facts;
  const lines = [
    style(['bold', colours[status]], `${name} ${type} is ${validationReasons[reason]}`),
    ...chainInWords(verdict, facts, marks, style).map((line) => `  ${line}`),
    ...(records.length > 0 ? ['', ...records] : []),
  ];
  if (status === 'secure' && records.length === 0)
    lines.push('', `${rcode}: there is no such record, and that is proved`);
  // What is not secure identifies nobody, however long it may be kept.
  const until = status === 'secure' && expires !== null ? `; counts until ${expires}` : '';
  lines.push('', `asked ${asks}${until}`);
  return lines.join('\n');
}

/** How far in each name stands: one more than the last one before it that is at or above it. */
function depthsOf(names: readonly Name[]): number[] {
  const depths: number[] = [];
  for (const [index, name] of names.entries()) {
    const above = names.slice(0, index).findLastIndex((other) => name.isAtOrBelow(other));
    depths.push(above === -1 ? 0 : (depths[above] ?? 0) + 1);
  }
  return depths;
}
