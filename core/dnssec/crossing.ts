/**
 * Entering one zone: by a trust anchor, or from the zone above across a zone cut. The zone above says by its signed
 * DS records which keys are the zone's, or proves that there are none (insecure), that there is no cut, or no such name
 * (RFC 4035 sections 5.2 and 5.4, RFC 5155 sections 8.6 and 8.9).
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import type { TrustAnchor } from './anchors.ts';
import { contentOf } from './content.ts';
import { proveNoDs } from './denial.ts';
import { verifyDenial, verifyInZone } from './evidence.ts';
import { ask, isFault, isUnsigned } from './inquiry.ts';
import type { Answer, Fault, LookupContext } from './inquiry.ts';
import type { ZoneTrust } from './memory.ts';
import { findRrset } from './rrset.ts';
import type { SignedRrset } from './rrset.ts';
import type { ValidationReason } from './status.ts';
import type { Inquiry, Reply } from './verdict.ts';
import { keysByAnchor, keysByDs, usableDs } from './zone-keys.ts';
import type { KeysResult } from './zone-keys.ts';

type Finding<T> = Generator<Inquiry, T, Reply>;

/** A zone with the trust that it has, or proof by the zone above that none begins at the name. */
export type Crossing =
  | { readonly kind: 'zone'; readonly trust: ZoneTrust }
  | {
      readonly kind: 'no-cut' | 'no-name';
      readonly name: Name;
      /** The secure zone that says so. */
      readonly trust: ZoneTrust;
      readonly detail: string;
    };

/** What a trust anchor says of the keys of its zone. */
export function* enterByAnchor(anchor: TrustAnchor, context: LookupContext): Finding<ZoneTrust> {
  const { zone } = anchor;
  const answer = yield* ask({ name: zone, type: RrType.DNSKEY }, context);
  const place: Place = { zone, isAnchor: true };
  if (isFault(answer)) return failed(place, answer);
  const { server } = answer;
  const dnskeys = findRrset(answer.answers, zone, RrType.DNSKEY);
  if (isUnsigned(answer)) {
    const detail =
      `${server} gives the answer for DNSKEY ${zone.toString()} without any signature, although it was asked for DNSSEC records: ` +
      'it takes them out of its answers. Name a resolver that passes them on, or let this one do so ' +
      '(dnsmasq: dnssec or proxy-dnssec; systemd-resolved: DNSSEC=yes; many home routers cannot)';
    return failed(place, { status: 'bogus', reason: 'dnssec-stripped', detail, server });
  }
  if (dnskeys === undefined)
    return failed(place, noDnskey(zone, server, 'a trust anchor is configured for it'));
  const result = keysByAnchor(anchor, dnskeys, context);
  return byKeys({ ...place, server }, result, { ttlSeconds: dnskeys.ttl }, context);
}

/** What the answer for DS records at a name says, by the keys of the secure zone above. */
export function* crossInto(answer: Answer, parent: ZoneTrust, context: LookupContext): Finding<Crossing> {
  const { inquiry, server } = answer;
  const zone = inquiry.name;
  const place: Place = { zone, isAnchor: false, parent, server };
  const content = contentOf(answer, parent.zone);
  switch (content.kind) {
    case 'data':
      return { kind: 'zone', trust: yield* enterByDs(place, content.rrset, answer, parent, context) };
    case 'alias':
      return crossAlias(place, content.rrset, answer, parent, context);
    case 'broken': {
      const { detail } = content;
      return { kind: 'zone', trust: failed(place, { status: 'bogus', reason: 'bad-answer', detail }) };
    }
    case 'none':
      return crossDenial(place, answer, parent, context);
  }
}

/** Where the trust that is being made belongs. */
interface Place {
  readonly zone: Name;
  readonly isAnchor: boolean;
  readonly parent?: ZoneTrust;
  readonly server?: string;
}

function* enterByDs(
  place: Place,
  ds: SignedRrset,
  answer: Answer,
  parent: ZoneTrust,
  context: LookupContext,
): Finding<ZoneTrust> {
  const { zone } = place;
  const evidence = verifyInZone(ds, answer, parent, context);
  if (!evidence.ok) return failed(place, { status: 'bogus', ...whyUnsigned(evidence, answer, parent) });
  // RFC 4592 section 4.6: a DS record is about one name, which a wildcard is not.
  if (evidence.wildcard !== undefined) {
    const detail = `the DS records of ${zone.toString()} come from the wildcard ${evidence.wildcard.toString()}`;
    return failed(place, { status: 'bogus', reason: 'bad-answer', detail });
  }
  const choice = usableDs(ds.rdatas, context.alsoAlgorithms);
  if (choice.kind === 'insecure') return insecure(place, choice, evidence, context);
  const reply = yield* ask({ name: zone, type: RrType.DNSKEY }, context);
  if (isFault(reply)) return failed(place, reply);
  const dnskeys = findRrset(reply.answers, zone, RrType.DNSKEY);
  if (dnskeys === undefined) {
    return failed(place, noDnskey(zone, reply.server, `${parent.zone.toString()} has DS records for it`));
  }
  const result = keysByDs(zone, choice.usable, dnskeys, context);
  return byKeys({ ...place, server: reply.server }, result, evidence, context);
}

/** At an alias there is no cut (RFC 2181 section 10.1), and below a DNAME there are no names (RFC 6672 section 2.4). */
function crossAlias(
  place: Place,
  alias: SignedRrset,
  answer: Answer,
  parent: ZoneTrust,
  context: LookupContext,
): Crossing {
  const evidence = verifyInZone(alias, answer, parent, context);
  if (!evidence.ok) {
    return {
      kind: 'zone',
      trust: failed(place, { status: 'bogus', ...whyUnsigned(evidence, answer, parent) }),
    };
  }
  const kind = alias.type === RrType.CNAME ? 'no-cut' : 'no-name';
  return { kind, name: place.zone, trust: parent, detail: evidence.detail };
}

function crossDenial(place: Place, answer: Answer, parent: ZoneTrust, context: LookupContext): Crossing {
  const { records, ttlSeconds, signedUntilMs, fault } = verifyDenial(answer, parent, context);
  const denial = proveNoDs(place.zone, records, context.budget);
  const { kind, detail } = denial;
  if (kind === 'no-cut' || kind === 'no-name') return { kind, name: place.zone, trust: parent, detail };
  if (kind === 'bogus') {
    const { reason, detail: why } = whyUnsigned(fault ?? denial, answer, parent);
    const words = `${parent.zone.toString()} does not prove that ${place.zone.toString()} has no DS records: ${why}`;
    return { kind: 'zone', trust: failed(place, { status: 'bogus', reason, detail: words }) };
  }
  const reason = kind === 'insecure' ? denial.reason : kind === 'opt-out' ? 'opt-out' : 'no-ds';
  const words = `${parent.zone.toString()} vouches for no key of ${place.zone.toString()}: ${detail}`;
  const validity = { ttlSeconds, signedUntilMs };
  return { kind: 'zone', trust: insecure(place, { reason, detail: words }, validity, context) };
}

/** Trust that ends here without a result. */
export function failed(place: Place, { status, reason, detail, server }: Fault): ZoneTrust {
  const from = server ?? place.server;
  const nothing = { keys: [], expiresMs: 0, signedUntilMs: 0 };
  return { ...place, status, reason, detail, ...nothing, ...(from === undefined ? {} : { server: from }) };
}

function insecure(
  place: Place,
  { reason, detail }: { readonly reason: ValidationReason; readonly detail: string },
  validity: Validity,
  { nowMs }: LookupContext,
): ZoneTrust {
  return { ...place, status: 'insecure', reason, detail, keys: [], ...ends(validity, nowMs) };
}

/** `vouched` is how long the DS records hold, or the anchor's answer may be kept. */
function byKeys(place: Place, result: KeysResult, vouched: Validity, context: LookupContext): ZoneTrust {
  const { kind, detail } = result;
  if (kind === 'bogus') return failed(place, { status: 'bogus', reason: result.reason, detail });
  if (kind === 'insecure') return insecure(place, result, vouched, context);
  const { keys } = result;
  const validity = {
    ttlSeconds: Math.min(result.ttlSeconds, vouched.ttlSeconds),
    signedUntilMs: Math.min(result.signedUntilMs, vouched.signedUntilMs ?? Infinity),
  };
  return { ...place, status: 'secure', reason: 'signed', detail, keys, ...ends(validity, context.nowMs) };
}

/** How long something holds; without a signature, as long as its TTL. */
interface Validity {
  readonly ttlSeconds: number;
  readonly signedUntilMs?: number;
}

function ends(validity: Validity, nowMs: number): { expiresMs: number; signedUntilMs: number } {
  const ttlEndMs = nowMs + validity.ttlSeconds * 1000;
  const { signedUntilMs = ttlEndMs } = validity;
  return { expiresMs: Math.min(ttlEndMs, signedUntilMs), signedUntilMs };
}

function noDnskey(zone: Name, server: string, but: string): Fault {
  const detail = `${server} has no DNSKEY records of ${zone.toString()}, but ${but}`;
  return { status: 'bogus', reason: 'no-dnskey', detail, server };
}

/** Where a secure zone's answer has no signature at all, the resolver may be to blame rather than the zone. */
export function whyUnsigned(
  fault: { readonly reason: ValidationReason; readonly detail: string },
  answer: Answer,
  { zone }: ZoneTrust,
): { readonly reason: ValidationReason; readonly detail: string } {
  const { reason, detail } = fault;
  if (!isUnsigned(answer) || reason === 'work-limit') return { reason, detail };
  const words = `${detail}; ${zone.toString()} is signed, but ${answer.server} gave no signature at all: either the zone's servers leave them out, or ${answer.server} does`;
  return { reason, detail: words };
}
