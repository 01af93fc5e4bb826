/**
 * One hop of a lookup: the answer to one question, judged (RFC 4035 sections 4.3 and 5.3 to 5.5). Data and aliases
 * must be signed by the zone that they are in, and an absence must be proved by it, unless a zone above proves that
 * zone insecure.
 */
import { RrType } from '../dns/constants.ts';
import { Name } from '../dns/name.ts';
import { proveAbsence } from './absence.ts';
import type { NegativeAnchor, TrustAnchor } from './anchors.ts';
import { contentOf } from './content.ts';
import { whyUnsigned } from './crossing.ts';
import { verifyDenial, verifyInZone } from './evidence.ts';
import { failedHop, makeHop } from './hop.ts';
import type { Judgement } from './hop.ts';
import { ask, authorities, describe, isFault } from './inquiry.ts';
import type { Answer, Fault, LookupContext } from './inquiry.ts';
import { isFresh } from './memory.ts';
import type { Hop, ZoneTrust } from './memory.ts';
import type { SignedRrset } from './rrset.ts';
import { signerOf, trustEnclosing, trustSigner } from './trust.ts';
import type { Inquiry, Reply } from './verdict.ts';

type Finding<T> = Generator<Inquiry, T, Reply>;

/** The validated answer to one question; from memory if it is there. */
export function* findHop(inquiry: Inquiry, context: LookupContext): Finding<Hop> {
  const { memory, nowMs } = context;
  const remembered = memory.hop(inquiry.name, inquiry.type);
  if (remembered !== undefined && isFresh(remembered, nowMs)) return remembered;
  const answer = yield* ask(inquiry, context);
  const hop = isFault(answer) ? failedHop(inquiry, answer) : yield* judge(answer, context);
  if (hop.status === 'secure' || hop.status === 'insecure') memory.rememberHop(hop);
  return hop;
}

function* judge(answer: Answer, context: LookupContext): Finding<Hop> {
  const { inquiry, server } = answer;
  const { anchors, nowMs } = context;
  const base = lowestApex(inquiry);
  const anchor = anchors.closest(base);
  const content = contentOf(answer, anchor?.zone ?? Name.root);
  if (content.kind === 'broken') {
    return failedHop(inquiry, { status: 'bogus', reason: 'bad-answer', detail: content.detail, server });
  }
  const negative = anchors.negativeFor(base, nowMs);
  if (negative !== undefined) return makeHop(answer, content, switchedOff(negative), nowMs);
  if (anchor === undefined) {
    // RFC 4033 section 5: nothing says whether this part of the tree ought to be signed.
    const detail = `no trust anchor is at ${base.toString()} or above it`;
    return makeHop(answer, content, { status: 'indeterminate', reason: 'no-anchor', detail }, nowMs);
  }
  const judged =
    content.kind === 'none'
      ? yield* judgeAbsence(answer, base, anchor, context)
      : yield* judgeRrset(content.rrset, answer, anchor, context);
  return judged.kind === 'given'
    ? makeHop(answer, content, judged.judgement, nowMs)
    : failedHop(inquiry, { server, ...judged.fault }, judged.trust);
}

/** The lowest name that can be the apex of the zone that answers: DS records are the parent's (RFC 4035 section 2.4). */
function lowestApex({ name, type }: Inquiry): Name {
  return type === RrType.DS && name.labelCount > 0 ? name.parent() : name;
}

function switchedOff({ name, untilMs }: NegativeAnchor): Judgement {
  // RFC 7646 section 2: it ends by itself.
  const until = new Date(untilMs).toISOString();
  const detail = `the configuration switches validation off for ${name.toString()} until ${until}`;
  return { status: 'insecure', reason: 'negative-anchor', detail, signedUntilMs: untilMs };
}

/** An answer can be given out, with its status; or there is a fault, in the zone named. */
type Judged =
  | { readonly kind: 'given'; readonly judgement: Judgement }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly trust: ZoneTrust };

function* judgeRrset(
  rrset: SignedRrset,
  answer: Answer,
  anchor: TrustAnchor,
  context: LookupContext,
): Finding<Judged> {
  // RFC 4035 section 2.4: an alias given for a DS record is the parent's as well; the child has no say in either.
  const base = rrset.type === RrType.DNAME ? rrset.name : lowestApex(answer.inquiry);
  const place = yield* placeOf([rrset], base, anchor, context);
  if (place.kind !== 'secure') return place;
  const { trust } = place;
  const evidence = verifyInZone(rrset, answer, trust, context);
  // RFC 4035 section 5.5: what no signature proves in a secure zone is not given out.
  if (!evidence.ok) {
    const fault = bogus(whyUnsigned(evidence, answer, trust), trust);
    return yield* unlessInsecure(fault, base, anchor, context);
  }
  // RFC 6672 section 3.3 discourages DNAMEs at wildcards: what one means differs from server to server.
  if (evidence.wildcard !== undefined && rrset.type === RrType.DNAME) {
    return bogus({ reason: 'bad-answer', detail: evidence.detail }, trust);
  }
  return { kind: 'given', judgement: { ...evidence, trust } };
}

function* judgeAbsence(
  answer: Answer,
  base: Name,
  anchor: TrustAnchor,
  context: LookupContext,
): Finding<Judged> {
  const { inquiry, message } = answer;
  const place = yield* placeOf(authorities(answer, [RrType.NSEC, RrType.NSEC3]), base, anchor, context);
  if (place.kind !== 'secure') return place;
  const { trust } = place;
  const { records, ttlSeconds, signedUntilMs, fault } = verifyDenial(answer, trust, context);
  const absence = proveAbsence(inquiry, message.header.rcode, records, context.budget);
  if (absence.kind === 'bogus') {
    const { reason, detail } = whyUnsigned(fault ?? absence, answer, trust);
    const words = `${trust.zone.toString()} does not prove that there is no ${describe(inquiry)}: ${detail}`;
    return yield* unlessInsecure(bogus({ reason, detail: words }, trust), base, anchor, context);
  }
  const { kind: status, detail, rcode } = absence;
  const reason = absence.kind === 'secure' ? 'denied' : absence.reason;
  return {
    kind: 'given',
    judgement: {
      status,
      reason,
      detail: `no ${describe(inquiry)}: ${detail}`,
      trust,
      ttlSeconds,
      signedUntilMs,
      ...(rcode === undefined ? {} : { rcode }),
    },
  };
}

/**
 * RFC 4033 section 5: what is below an unsigned delegation is insecure, whatever else is said of it. That a zone above
 * it signs an answer without having a say there (RFC 6840 section 4.1) makes it no worse.
 */
function* unlessInsecure(
  fault: Judged,
  base: Name,
  anchor: TrustAnchor,
  context: LookupContext,
): Finding<Judged> {
  const enclosing = byZone(yield* trustEnclosing(base, anchor, context));
  return enclosing.kind === 'given' ? enclosing : fault;
}

/** Where RRsets are from: a secure zone, whose keys must now prove them; or all there is to say about them already. */
function* placeOf(
  rrsets: readonly SignedRrset[],
  base: Name,
  anchor: TrustAnchor,
  context: LookupContext,
): Finding<{ readonly kind: 'secure'; readonly trust: ZoneTrust } | Judged> {
  const signer = signerOf(rrsets, base, anchor);
  if (signer === undefined) return byZone(yield* trustEnclosing(base, anchor, context));
  const crossing = yield* trustSigner(signer, anchor, context);
  if (crossing.kind === 'zone') return byZone(crossing.trust);
  const { trust, name } = crossing;
  const words = `a signature is by ${signer.toString()}, but ${trust.zone.toString()} proves that no zone begins at`;
  return bogus({ reason: 'wrong-signer', detail: `${words} ${name.toString()}: ${crossing.detail}` }, trust);
}

/** What a zone that is not secure is, all that is in it is. */
function byZone(trust: ZoneTrust): { readonly kind: 'secure'; readonly trust: ZoneTrust } | Judged {
  const { status, reason, detail, signedUntilMs } = trust;
  switch (status) {
    case 'secure':
      return { kind: 'secure', trust };
    case 'insecure':
      return {
        kind: 'given',
        judgement: { status, reason, detail: `not validated: ${detail}`, trust, signedUntilMs },
      };
    case 'bogus':
    case 'indeterminate':
      return { kind: 'fault', fault: { status, reason, detail }, trust };
  }
}

function bogus(fault: Pick<Fault, 'reason' | 'detail'>, trust: ZoneTrust): Judged {
  const { reason, detail } = fault;
  return { kind: 'fault', fault: { status: 'bogus', reason, detail }, trust };
}
