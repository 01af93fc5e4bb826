/**
 * A resolver for tests that knows a bag of records and nothing else: what it has of the name and type it answers, and
 * to whatever else it gives its denials. Nothing in it judges anything.
 */
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import { makeQuery, makeResponse } from '../../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../../core/dns/message.ts';
import type { Name } from '../../../core/dns/name.ts';
import { OctetReader } from '../../../core/dns/octet-reader.ts';
import type { TrustAnchors } from '../../../core/dnssec/anchors.ts';
import { WorkBudget } from '../../../core/dnssec/budget.ts';
import { lookup, PlainMemory } from '../../../core/dnssec/lookup.ts';
import type { Inquiry, Verdict } from '../../../core/dnssec/lookup.ts';

/** The records of an AuthenticationChain: uncompressed, one after the other (RFC 9102 section 2.3). */
export function parseChain(octets: Buffer): ResourceRecord[] {
  const reader = new OctetReader(octets);
  const records: ResourceRecord[] = [];
  while (!reader.isAtEnd) {
    const name = reader.readName();
    const [type, rrClass, ttl] = [reader.readUint16(), reader.readUint16(), reader.readUint32()];
    records.push({ name, type, class: rrClass, ttl, rdata: reader.readOctets(reader.readUint16()) });
  }
  return records;
}

/** A validated lookup in a bag of records, with a memory and a budget of its own. */
export function lookUpIn(
  bag: readonly ResourceRecord[],
  inquiry: Inquiry,
  anchors: TrustAnchors,
  nowMs: number,
  budget = new WorkBudget(),
): Verdict {
  const steps = lookup(inquiry, { anchors, memory: new PlainMemory(), nowMs, budget });
  let step = steps.next();
  while (step.done !== true) {
    step = steps.next({ message: respond(bag, step.value), from: 'a bag of records' });
  }
  return step.value;
}

/** The answer to one question. */
export function respond(bag: readonly ResourceRecord[], { name, type }: Inquiry): Message {
  const query = makeQuery({ id: 0, name, type, rd: true, cd: true });
  const answers = [
    withSignatures(bag, name, type),
    withSignatures(bag, name, RrType.CNAME),
    ...namesAbove(name).map((above) => withSignatures(bag, above, RrType.DNAME)),
  ].find(({ length }) => length > 0);
  const authorities = bag.filter(({ type: each, rdata }) =>
    isDenial(each === RrType.RRSIG ? covered(rdata) : each),
  );
  if (answers !== undefined) return makeResponse(query, { ra: true, answers, authorities });
  const isKnown = type === RrType.DS || bag.some((record) => record.name.isAtOrBelow(name));
  const rcode = isKnown ? Rcode.NOERROR : Rcode.NXDOMAIN;
  return makeResponse(query, { ra: true, rcode, authorities });
}

function withSignatures(bag: readonly ResourceRecord[], name: Name, type: number): ResourceRecord[] {
  const records = bag.filter((record) => record.type === type && record.name.equals(name));
  if (records.length === 0) return [];
  const signatures = bag.filter(
    (record) => record.type === RrType.RRSIG && covered(record.rdata) === type && record.name.equals(name),
  );
  return [...records, ...signatures];
}

function namesAbove(name: Name): Name[] {
  return name.labelCount === 0 ? [] : [name.parent(), ...namesAbove(name.parent())];
}

function isDenial(type: number): boolean {
  return type === RrType.NSEC || type === RrType.NSEC3;
}

function covered(rrsig: Buffer): number {
  return rrsig.readUInt16BE(0);
}
