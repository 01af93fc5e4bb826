/**
 * Runs a validated lookup against an Internet in memory, with lies put into its answers.
 */
import { rrTypeFromName, rrTypeName } from '../../core/dns/constants.ts';
import type { Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { TrustAnchors } from '../../core/dnssec/anchors.ts';
import type { TrustAnchor } from '../../core/dnssec/anchors.ts';
import { WorkBudget } from '../../core/dnssec/budget.ts';
import { lookup, PlainMemory } from '../../core/dnssec/lookup.ts';
import type { Inquiry, LookupMemory, Reply, Verdict } from '../../core/dnssec/lookup.ts';
import { startOfTimeMs } from './signed-internet.ts';
import type { SignedInternet } from './signed-internet.ts';

/** Changes the answer to a question; undefined leaves it as it is. */
export type Lie = (truth: Message, inquiry: Inquiry) => Message | Reply | undefined;

export interface LookupOptions {
  readonly anchors?: TrustAnchors;
  readonly memory?: LookupMemory;
  readonly budget?: WorkBudget;
  readonly nowMs?: number;
  readonly lie?: Lie;
}

/** A verdict, and what it took. */
export interface LookupRun {
  readonly verdict: Verdict;
  /** As "DS example". */
  readonly asked: readonly string[];
  readonly budget: WorkBudget;
}

/** The anchor of the Internet's root. */
export function rootAnchor(internet: SignedInternet): TrustAnchor {
  return { zone: Name.root, ds: internet.ds('.'), dnskeys: [] };
}

/** Looks up "TLSA name" and the like. */
export function runLookup(
  internet: SignedInternet,
  question: string,
  options: LookupOptions = {},
): LookupRun {
  const inquiry = parseInquiry(question);
  const budget = options.budget ?? new WorkBudget();
  const generator = lookup(inquiry, {
    anchors: options.anchors ?? new TrustAnchors([rootAnchor(internet)]),
    memory: options.memory ?? new PlainMemory(),
    nowMs: options.nowMs ?? startOfTimeMs,
    budget,
  });
  const asked: string[] = [];
  let state = generator.next();
  while (state.done !== true) {
    const { name, type } = state.value;
    asked.push(`${rrTypeName(type)} ${name.toString()}`);
    const truth = internet.answer(name, type);
    const told = options.lie?.(truth, state.value) ?? truth;
    state = generator.next('header' in told ? { message: told, from: 'resolver 192.0.2.1' } : told);
  }
  return { verdict: state.value, asked, budget };
}

/** "DS example" as a question. */
export function parseInquiry(text: string): Inquiry {
  const [type = '', name = ''] = text.split(' ');
  return { name: Name.parse(name), type: rrTypeFromName(type) ?? 0 };
}

/** A lie about the answer to one question, as "DS example". */
export function lieAbout(question: string, change: (truth: Message) => Message | Reply): Lie {
  const { name, type } = parseInquiry(question);
  return (truth, inquiry) => (inquiry.type === type && inquiry.name.equals(name) ? change(truth) : undefined);
}
