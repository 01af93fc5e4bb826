/**
 * What a gate would say of a client, as facts, which `--json` prints, and in words.
 *
 * The facts are an API: keys stay, and so do the words of `reason` and `step`. The words of `detail` may change.
 */
import { presentTime } from '../core/config/time.ts';
import { describeTlsa } from '../core/dane/tlsa.ts';
import type { Name } from '../core/dns/name.ts';
import { presentTlsa } from '../core/dns/present.ts';
import { encodeTlsa } from '../core/dns/rdata.ts';
import { validationReasons } from '../core/dnssec/status.ts';
import { printableText } from '../core/observe/printable.ts';
import type { LookupResult } from '../core/resolver/resolver.ts';
import { chainInWords, lookupFacts, wholeSecond, type LookupFacts } from './lookup-facts.ts';
import { matchFacts, type MatchFacts } from './match-facts.ts';
import { colours, type Marks, type Style } from './terminal.ts';
import type { ClientReason, ClientStep, ClientVerdict } from './verify-client.ts';

/** What `danced verify --json` prints. */
export interface VerifyFacts {
  readonly name: string;
  /** Whether a gate would let the client in; without a certificate, whether there is something that it could show. */
  readonly ok: boolean;
  readonly reason: ClientReason;
  /** In the order of a gate; the first that fails is the last. */
  readonly steps: readonly ClientStep[];
  /** As `danced lookup --json`; null when nothing was looked up, or somebody else validated. */
  readonly lookup: LookupFacts | null;
  /** As `danced match --json`; null when it did not come to that. */
  readonly match: MatchFacts | null;
  /** The TLSA records that count, as '3 1 1 8d02…'. */
  readonly accepts: readonly string[];
  /** Zones of the gates that the client may transfer, and those that it may not. */
  readonly may: readonly string[];
  readonly mayNot: readonly string[];
  /** What each gate of the configuration makes of it. */
  readonly gates: readonly GateFacts[];
  /** Until when the proof counts, as 2026-12-01T12:00:00Z; null when there is none. */
  readonly until: string | null;
}

export interface GateFacts {
  /** The word after `use:`. */
  readonly use: string;
  readonly listens: readonly string[];
  /** By which of `claims` the client can be known there. */
  readonly nameFrom: readonly string[];
  /** Whether it gets anything there; null where the plugin does not say. */
  readonly ok: boolean | null;
  readonly words: readonly string[];
}

export function verifyFacts(name: Name, verdict: ClientVerdict): VerifyFacts {
  const { ok, reason, steps, lookup, match, accepts, may, mayNot, gates, untilMs } = verdict;
  return {
    name: name.toString(),
    ok,
    reason,
    steps: steps.map((step) => ({ ...step, detail: printableText(step.detail) })),
    lookup: lookup?.verdict === undefined ? null : lookupFacts(lookup.verdict),
    match: match === undefined ? null : matchFacts(match),
    accepts: accepts.map((record) => presentTlsa(encodeTlsa(record))),
    may: may.map((zone) => zone.toString()),
    mayNot: mayNot.map((zone) => zone.toString()),
    gates: gates.map(({ use, listens, nameFrom, ok: gives, words }) => ({
      use,
      listens,
      nameFrom,
      ok: gives ?? null,
      words: words.map((line) => printableText(line)),
    })),
    until: untilMs === undefined ? null : presentTime(wholeSecond(untilMs)),
  };
}

/** The whole, for people. */
export function verifyInWords(
  name: Name,
  verdict: ClientVerdict,
  asks: string,
  marks: Marks,
  style: Style,
): string {
  const facts = verifyFacts(name, verdict);
  const { ok, reason } = verdict;
  const end =
    reason === 'identified'
      ? 'a gate would let it in'
      : reason === 'has-keys'
        ? 'a gate could identify it'
        : reason;
  const keys = reason === 'has-keys' ? verdict.accepts : [];
  const lines = [
    style(
      ['bold', ok ? colours.secure : colours.bogus],
      `${facts.name}: ${ok ? end : `a gate would refuse it: ${end}`}`,
    ),
    ...facts.steps.flatMap((step) =>
      step.step === 'lookup'
        ? lookupLines(step, verdict.lookup, facts, marks, style)
        : [stepLine(step, marks, style)],
    ),
    ...facts.gates.flatMap(gateLines),
    ...(keys.length === 0 ? [] : ['', 'It can show what one of these records is about:']),
    ...keys.map((record, index) => `  ${facts.accepts[index] ?? ''} (${describeTlsa(record)})`),
    '',
    // A client that is refused before that costs no question, as at a gate.
    verdict.lookup === undefined
      ? 'nobody was asked'
      : `asked ${asks}${facts.until === null ? '' : `; the proof counts until ${facts.until}`}`,
  ];
  return lines.join('\n');
}

const longestStep = 'permission'.length;

function stepLine({ step, ok, detail }: ClientStep, marks: Marks, style: Style): string {
  const status = ok ? 'secure' : 'bogus';
  return `  ${style(colours[status], `${marks[status]} ${step.padEnd(longestStep)}`)}  ${detail}`;
}

function gateLines({ use, listens, words }: GateFacts): string[] {
  return ['', `At ${use} on ${listens.join(' ')}:`, ...words.map((line) => `  ${line}`)];
}

/** With the way from the trust anchor, where we went it ourselves. */
function lookupLines(
  step: ClientStep,
  lookup: LookupResult | undefined,
  { lookup: facts }: VerifyFacts,
  marks: Marks,
  style: Style,
): string[] {
  if (lookup?.verdict === undefined || facts === null) return [stepLine(step, marks, style)];
  const detail = `${facts.type} is ${validationReasons[facts.reason]}`;
  return [
    stepLine({ ...step, detail }, marks, style),
    ...chainInWords(lookup.verdict, facts, marks, style).map((line) => `      ${line}`),
  ];
}
