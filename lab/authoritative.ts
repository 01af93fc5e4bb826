/**
 * An authoritative name server for signed zones: answers, referrals, and denials with their proofs
 * (RFC 1034 section 4.3.2, RFC 4035 section 3.1).
 *
 * Limitations: class IN, no wildcards, no transfers (primary.ts does those); a CNAME is answered as it is, following
 * it is the resolver's work.
 */
import { Opcode, Rcode, RrType } from '../core/dns/constants.ts';
import type { Message, Question, ResourceRecord } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';
import { respondTo } from './respond.ts';
import type { SignedZone } from './signed-zone.ts';
import { recordsOf } from './zone.ts';
import type { Lookup, RrSet } from './zone.ts';

/** What a response says; the parts that are empty in most. */
interface Sections {
  readonly rcode: number;
  readonly aa: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}
const empty: Sections = { rcode: Rcode.NOERROR, aa: true, answers: [], authorities: [], additionals: [] };

/** Answers from a set of zones. */
export class Authoritative {
  readonly #zones = new Map<string, SignedZone>();

  add(zone: SignedZone): void {
    this.#zones.set(zone.zone.apex.key, zone);
  }

  /** The zone of exactly this name. */
  zone(apex: Name): SignedZone | undefined {
    return this.#zones.get(apex.key);
  }

  /** The deepest zone that a name is in. */
  zoneOf(name: Name): SignedZone | undefined {
    for (let apex = name; ; apex = apex.parent()) {
      const zone = this.#zones.get(apex.key);
      if (zone !== undefined || apex.labelCount === 0) return zone;
    }
  }

  respond(query: Message): Message {
    const [question] = query.questions;
    if (query.header.opcode !== Opcode.QUERY) return respondTo(query, { rcode: Rcode.NOTIMP });
    if (question === undefined || query.questions.length > 1)
      return respondTo(query, { rcode: Rcode.FORMERR });
    const zone = this.#zoneFor(question);
    if (zone === undefined || question.type === RrType.AXFR || question.type === RrType.IXFR) {
      return respondTo(query, { rcode: Rcode.REFUSED });
    }
    return respondTo(query, this.#sections(zone, question, query.edns?.dnssecOk === true));
  }

  /** RFC 4035 section 3.1.4.1: a question for DS belongs to the zone above the cut. */
  #zoneFor({ name, type }: Question): SignedZone | undefined {
    const above = type === RrType.DS && name.labelCount > 0 ? this.zoneOf(name.parent()) : undefined;
    return above ?? this.zoneOf(name);
  }

  #sections(signed: SignedZone, { name, type }: Question, dnssecOk: boolean): Sections {
    const found = this.#find(signed, name, type);
    const records = (rrset: RrSet): ResourceRecord[] => {
      const signature = dnssecOk ? signed.signatureOver(rrset) : undefined;
      return [...recordsOf(rrset), ...(signature === undefined ? [] : recordsOf(signature))];
    };
    switch (found.kind) {
      case 'answer':
      case 'alias':
        return { ...empty, answers: records(found.rrset) };
      case 'referral': {
        const { delegation } = found;
        const proof = dnssecOk ? delegationProof(signed, delegation.name) : undefined;
        const authorities = [...recordsOf(delegation), ...(proof === undefined ? [] : records(proof))];
        return { ...empty, aa: false, authorities, additionals: glue(signed, delegation.name) };
      }
      case 'no-data':
      case 'no-name': {
        const proofs = dnssecOk ? denial(signed, name, found) : [];
        const rcode = found.kind === 'no-name' ? Rcode.NXDOMAIN : Rcode.NOERROR;
        return { ...empty, rcode, authorities: [signed.zone.soa, ...proofs].flatMap(records) };
      }
    }
  }

  /** Like the zone's own look-up, with the NSEC records that a signed zone has beside its data. */
  #find(signed: SignedZone, name: Name, type: number): Lookup {
    const found = signed.zone.find(name, type);
    if (type !== RrType.NSEC || (found.kind !== 'no-data' && found.kind !== 'alias')) return found;
    const rrset = signed.nsecFor(name);
    return rrset?.name.equals(name) === true ? { kind: 'answer', rrset } : found;
  }
}

/** RFC 4035 section 3.1.4: the DS RRset of a cut, or the NSEC RRset that shows that there is none. */
function delegationProof(signed: SignedZone, cut: Name): RrSet | undefined {
  return signed.zone.rrset(cut, RrType.DS) ?? signed.nsecFor(cut);
}

function glue({ zone }: SignedZone, cut: Name): ResourceRecord[] {
  const addresses: readonly number[] = [RrType.A, RrType.AAAA];
  return [...zone.rrsets()]
    .filter(({ name, type }) => name.isAtOrBelow(cut) && addresses.includes(type))
    .flatMap(recordsOf);
}

/** The NSEC RRsets that prove a denial, each once (RFC 4035 sections 3.1.3.1 and 3.1.3.2). */
function denial(signed: SignedZone, name: Name, found: Lookup): Set<RrSet> {
  const proofs = [signed.nsecFor(name)];
  // No wildcard could have answered either.
  if (found.kind === 'no-name') proofs.push(signed.nsecFor(found.closestEncloser.prepend('*')));
  return new Set(proofs.filter((rrset) => rrset !== undefined));
}
