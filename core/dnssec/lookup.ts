/**
 * A validated lookup (RFC 4035 section 5): a question in, a verdict out, and in between the questions that have to be
 * asked, yielded one by one. No sockets, no clock: whoever runs the generator asks them, with DO and CD set, and may
 * put other lookups in between. All that it costs is bounded (budget.ts).
 *
 * An answer counts for one hop: where an alias leads is asked for by itself, so that every name is judged by its own
 * zone. The status of the whole is that of the weakest hop.
 *
 * Limitations: class IN. Nothing is synthesized from denials of other names (RFC 8198).
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { TrustAnchors } from './anchors.ts';
import { findHop } from './answer.ts';
import type { WorkBudget } from './budget.ts';
import { advise, explain } from './explain.ts';
import { failedHop } from './hop.ts';
import type { LookupContext } from './inquiry.ts';
import type { Hop, LookupMemory } from './memory.ts';
import { weakest } from './verdict.ts';
import type { Inquiry, Reply, Verdict } from './verdict.ts';

export type { Inquiry, Reply, Step, Verdict } from './verdict.ts';
export { PlainMemory } from './memory.ts';
export type { Hop, LookupMemory, ZoneTrust } from './memory.ts';

/** What a lookup needs besides its question. */
export interface Validation {
  readonly anchors: TrustAnchors;
  readonly memory: LookupMemory;
  /** Milliseconds since the epoch; one time for the whole lookup. */
  readonly nowMs: number;
  /** A new one for each lookup. */
  readonly budget: WorkBudget;
  /** Algorithms beyond the supported ones; for the examples in old RFCs, never from a configuration. */
  readonly alsoAlgorithms?: readonly number[];
}

/** Whether RRsets of a type exist to be validated: not the types of questions, of messages, and of signatures. */
export function isDataType(type: number): boolean {
  // RFC 6895 section 3.1: 128 to 255 are for questions and messages, 0 and 65535 are reserved.
  const isData = (type > 0 && type < 128) || (type > 255 && type < 0xffff);
  return isData && type !== RrType.OPT && type !== RrType.RRSIG && type !== RrType.SIG;
}

/**
 * Looks up one RRset. Nothing that comes in makes it throw; a verdict says what is wrong.
 * Throws RangeError for a type that is not one of data.
 */
export function* lookup(question: Inquiry, validation: Validation): Generator<Inquiry, Verdict, Reply> {
  const { name, type } = question;
  if (!isDataType(type)) throw new RangeError(`type ${String(type)} has no records that could be validated`);
  const context: LookupContext = { ...validation, zones: new Map() };
  const hops: Hop[] = [];
  const seen = new Set<string>();
  for (let next: Name | undefined = name; next !== undefined;) {
    const inquiry: Inquiry = { name: next, type };
    const detail = whyNoFurther(next, seen, hops.length, context);
    const hop: Hop =
      detail === undefined
        ? yield* findHop(inquiry, context)
        : failedHop(inquiry, { status: 'bogus', reason: 'alias-limit', detail });
    seen.add(next.key);
    hops.push(hop);
    next = hop.alias;
  }
  return conclude(question, hops);
}

/** Aliases that lead in a circle, or too far. */
function whyNoFurther(
  name: Name,
  seen: ReadonlySet<string>,
  hops: number,
  { budget }: LookupContext,
): string | undefined {
  if (seen.has(name.key)) return `the aliases lead back to ${name.toString()}`;
  if (hops === 0 || budget.tryAlias()) return undefined;
  return `after ${String(budget.limits.aliases)} aliases there is one more, to ${name.toString()}`;
}

function conclude({ name, type }: Inquiry, hops: readonly Hop[]): Verdict {
  const last = hops.at(-1);
  const weak = weakest(hops);
  if (last === undefined || weak === undefined) throw new RangeError('a lookup has one hop at least');
  const { status } = weak;
  // The reason for what is said in the end, unless something on the way is weaker.
  const decisive = status === last.status ? last : weak;
  return {
    name,
    type,
    status,
    reason: decisive.reason,
    detail: advise(decisive, decisive.trust),
    rcode: last.rcode,
    records: last.records,
    aliases: hops.slice(1).map((hop) => hop.name),
    steps: explain(hops),
    expiresMs: Math.min(...hops.map(({ expiresMs }) => expiresMs)),
    signedUntilMs: Math.min(...hops.map(({ signedUntilMs }) => signedUntilMs)),
  };
}
