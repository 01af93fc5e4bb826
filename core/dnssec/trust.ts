/**
 * How far a zone can be trusted: the chain of DS and DNSKEY records from the closest trust anchor down to it
 * (RFC 4035 section 5, RFC 6840).
 *
 * There are two ways to find the zone of some data. A signature names its zone: from there the DS records, each
 * signed by a zone further up, lead up to the anchor or to a zone that is known, and the keys are verified on the way
 * down. Data without a signature name no zone: then every label from the anchor down is asked for a zone cut, until
 * one is proved to be insecure. An answer can choose the way, but not where it ends: what is proved on it are the
 * signed words of the zones above, or it ends bogus.
 *
 * Limitations: the closest anchor counts (RFC 6840 appendix C.1), whatever one further up would say.
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { TrustAnchor } from './anchors.ts';
import { crossInto, enterByAnchor, failed, type Crossing } from './crossing.ts';
import { ask, authorities, isFault, type Answer, type LookupContext } from './inquiry.ts';
import { isFresh, type ZoneTrust } from './memory.ts';
import type { SignedRrset } from './rrset.ts';
import type { Inquiry, Reply } from './verdict.ts';

type Finding<T> = Generator<Inquiry, T, Reply>;

/**
 * The zone that signatures of RRsets name: the lowest that is at or above `base`, the lowest name that may be its
 * apex, and not above the anchor.
 */
export function signerOf(rrsets: readonly SignedRrset[], base: Name, anchor: TrustAnchor): Name | undefined {
  return rrsets
    .flatMap(({ signatures }) => signatures.map(({ signer }) => signer))
    .filter((signer) => base.isAtOrBelow(signer) && signer.isAtOrBelow(anchor.zone))
    .reduce<Name | undefined>(
      (lowest, signer) => (lowest === undefined || signer.labelCount > lowest.labelCount ? signer : lowest),
      undefined,
    );
}

/**
 * Trust in the zone that a signature names, which is at or below the anchor. If it is secure it is that zone itself;
 * otherwise it may be one above. Or the proof that there is no such zone.
 */
export function* trustSigner(signer: Name, anchor: TrustAnchor, context: LookupContext): Finding<Crossing> {
  const cuts: Answer[] = [];
  let at = signer;
  let trust = knownZone(at, context);
  while (trust === undefined) {
    if (at.equals(anchor.zone)) {
      trust = keep(yield* enterByAnchor(anchor, context), context);
      continue;
    }
    const answer = yield* ask({ name: at, type: RrType.DS }, context);
    const above = isFault(answer) ? undefined : signerAbove(answer, anchor);
    if (isFault(answer)) {
      trust = keep(failed({ zone: at, isAnchor: false }, answer), context);
    } else {
      cuts.push(answer);
      at = above ?? at.parent();
      trust = above === undefined ? yield* trustEnclosing(at, anchor, context) : knownZone(at, context);
    }
  }
  let crossing: Crossing = { kind: 'zone', trust };
  while (crossing.kind === 'zone' && crossing.trust.status === 'secure') {
    const answer = cuts.pop();
    if (answer === undefined) break;
    crossing = yield* cross(answer, crossing.trust, context);
  }
  return crossing;
}

/** Trust in the zone that a name is in, found without the help of a signature. */
export function* trustEnclosing(name: Name, anchor: TrustAnchor, context: LookupContext): Finding<ZoneTrust> {
  let trust = closestKnownZone(name, anchor, context);
  trust ??= keep(yield* enterByAnchor(anchor, context), context);
  for (const cut of pathDown(trust.zone, name)) {
    if (trust.status !== 'secure') break;
    const answer = yield* ask({ name: cut, type: RrType.DS }, context);
    if (isFault(answer)) return keep(failed({ zone: cut, isAnchor: false, parent: trust }, answer), context);
    const crossing: Crossing = yield* cross(answer, trust, context);
    if (crossing.kind === 'zone') trust = crossing.trust;
    // Nothing can be below a name that does not exist: whatever has come from there is not from an insecure zone.
    else if (crossing.kind === 'no-name') break;
  }
  return trust;
}

/** Crosses the cut that a DS answer is about, unless this lookup has done it already. */
function* cross(answer: Answer, parent: ZoneTrust, context: LookupContext): Finding<Crossing> {
  const known = knownZone(answer.inquiry.name, context);
  if (known !== undefined) return { kind: 'zone', trust: known };
  const crossing = yield* crossInto(answer, parent, context);
  if (crossing.kind === 'zone') keep(crossing.trust, context);
  return crossing;
}

/** The zone that an answer for DS records says it is from: one above their owner (RFC 4035 section 2.4). */
function signerAbove(answer: Answer, anchor: TrustAnchor): Name | undefined {
  const base = answer.inquiry.name.parent();
  const denying = authorities(answer, [RrType.NSEC, RrType.NSEC3]);
  return signerOf(answer.answers, base, anchor) ?? signerOf(denying, base, anchor);
}

function knownZone(name: Name, { zones, memory, nowMs }: LookupContext): ZoneTrust | undefined {
  const own = zones.get(name.key);
  if (own !== undefined) return own;
  const remembered = memory.zone(name);
  return remembered !== undefined && isFresh(remembered, nowMs) ? remembered : undefined;
}

function closestKnownZone(name: Name, anchor: TrustAnchor, context: LookupContext): ZoneTrust | undefined {
  for (let at = name; ; at = at.parent()) {
    const known = knownZone(at, context);
    if (known !== undefined || at.equals(anchor.zone)) return known;
  }
}

/** For the rest of this lookup, and if it is a result and not a failure, for others. */
function keep(trust: ZoneTrust, { zones, memory }: LookupContext): ZoneTrust {
  zones.set(trust.zone.key, trust);
  if (trust.status === 'secure' || trust.status === 'insecure') memory.rememberZone(trust);
  return trust;
}

/** The names below one down to another, the uppermost first. */
function pathDown(above: Name, name: Name): readonly Name[] {
  const path: Name[] = [];
  for (let at = name; at.labelCount > above.labelCount; at = at.parent()) path.push(at);
  return path.reverse();
}
