/**
 * The way of a lookup as steps for people: the trust anchor, each zone that was entered, each alias, and the answer or
 * the denial. Where something failed, that is the last step, and it says what would mend it.
 */
import type { Hop, ZoneTrust } from './memory.ts';
import type { ValidationReason } from './status.ts';
import type { Step } from './verdict.ts';

/** What an operator can do about a fault, where it is the same whoever is at fault. */
const remedies: Readonly<Partial<Record<ValidationReason, string>>> = {
  'bad-signature':
    'sign the zone again; if it comes and goes, its servers have different versions of the zone',
  'signature-expired': 'sign the zone again, and see that the clock here is right',
  'signature-not-yet-valid': 'see that the clock here and the clock of the signer are right',
  'no-key': 'the key left the zone before its signatures: sign the zone again',
  'no-dnskey': 'publish the keys in the zone, or take its DS records out of the zone above',
  'ds-mismatch': 'publish in the zone above the DS records of a key that signs the zone now',
  'denial-missing': 'see that the servers of the zone answer with NSEC or NSEC3 records',
  'denial-wrong': 'sign the zone again, so that its NSEC or NSEC3 records fit its names',
  'no-anchor': 'configure a trust anchor for it',
};

/** The same for the zone of a trust anchor, which no zone above vouches for. */
const remediesAtAnchor: Readonly<Partial<Record<ValidationReason, string>>> = {
  'ds-mismatch':
    'bring the trust anchor up to date; or somebody answers in the place of the zone, or this is not the DNS that the anchor is of',
  'no-dnskey': 'see that the resolver knows the DNS that the trust anchor is of',
};

/** The words for a result, with what would mend it. */
export function advise({ reason, detail }: Pick<Hop, 'reason' | 'detail'>, trust?: ZoneTrust): string {
  const isAtAnchor = trust?.isAnchor === true && trust.status !== 'secure';
  const remedy = (isAtAnchor ? remediesAtAnchor[reason] : undefined) ?? remedies[reason];
  return remedy === undefined ? detail : `${detail}; ${remedy}`;
}

/** The steps of hops in the order in which they were made; a zone is named once. */
export function explain(hops: readonly Hop[]): Step[] {
  const steps: Step[] = [];
  const named = new Set<string>();
  for (const hop of hops) {
    for (const trust of chainOf(hop.trust)) {
      if (!named.has(trust.zone.key)) steps.push(zoneStep(trust));
      named.add(trust.zone.key);
    }
    if (!failedAtZone(hop)) steps.push(hopStep(hop));
  }
  return steps;
}

/** From the anchor down. */
function chainOf(lowest: ZoneTrust | undefined): ZoneTrust[] {
  const chain: ZoneTrust[] = [];
  for (let trust = lowest; trust !== undefined; trust = trust.parent) chain.push(trust);
  return chain.reverse();
}

/** Then the step of the zone says it, and says it last. */
function failedAtZone({ trust }: Hop): boolean {
  return trust?.status === 'bogus' || trust?.status === 'indeterminate';
}

function zoneStep(trust: ZoneTrust): Step {
  const { zone: name, isAnchor, status, server } = trust;
  const kind = isAnchor ? 'anchor' : 'zone';
  return { kind, name, status, detail: advise(trust, trust), ...(server === undefined ? {} : { server }) };
}

function hopStep(hop: Hop): Step {
  const { name, status, server } = hop;
  const kind = hop.alias !== undefined ? 'alias' : isDenial(hop) ? 'denial' : 'answer';
  return { kind, name, status, detail: advise(hop, hop.trust), ...(server === undefined ? {} : { server }) };
}

/** Whether it is about an absence. What has failed has no records either, and may have been meant as an answer. */
function isDenial({ status, reason, records }: Hop): boolean {
  if (status === 'bogus' || status === 'indeterminate') return reason.startsWith('denial-');
  return records.length === 0;
}
