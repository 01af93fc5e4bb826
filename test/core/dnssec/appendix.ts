/**
 * Puts a published response through `lookup`, as it is and with every kind of damage, for the tests of RFC 4035
 * appendix B and RFC 5155 appendix B.
 */
import { expect } from 'chai';
import { TrustAnchors } from '../../../core/dnssec/anchors.ts';
import type { TrustAnchor } from '../../../core/dnssec/anchors.ts';
import { WorkBudget } from '../../../core/dnssec/budget.ts';
import { lookup, PlainMemory } from '../../../core/dnssec/lookup.ts';
import type { Inquiry, LookupMemory, Reply, Verdict } from '../../../core/dnssec/lookup.ts';
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { encodeMessage, parseMessage } from '../../../core/dns/message.ts';
import type { Message, ResourceRecord, Section } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { keyTag, parseDnskey, parseRrsig } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { dnskeyResponse, recordLabel, response } from '../../support/published-response.ts';
import { dsOf, SigningKey } from '../../support/signing-key.ts';
import { recordOf, ZoneSigner } from '../../support/zone-signer.ts';

export const apex = Name.parse('example');

/** A zone as it answers for its keys, and how it is validated. */
export interface Setting {
  readonly dnskeys: Message;
  readonly anchors: TrustAnchors;
  readonly nowMs: number;
  readonly alsoAlgorithms: readonly number[];
  /** Where the zone is below the anchor: what is above says of its keys. */
  readonly ds?: Message;
}

/** What came of trying. */
export interface Damages {
  readonly tried: number;
  /** Labels of the records whose damage left the verdict as it was, and rightly so. */
  readonly harmless: ReadonlySet<string>;
}

/** A setting in which the zone's secure entry point is the trust anchor. */
export function settingOf(
  zone: readonly ResourceRecord[],
  nowMs: number,
  alsoAlgorithms: readonly number[] = [],
): Setting {
  const dnskeys = dnskeyResponse(apex, zone);
  const entry = dnskeys.answers.filter(isEntryKey);
  const anchor: TrustAnchor = { zone: apex, ds: [], dnskeys: entry.map(({ rdata }) => rdata) };
  return { dnskeys, anchors: new TrustAnchors([anchor]), nowMs, alsoAlgorithms };
}

/** The same zone below a root that is the trust anchor, and signed with algorithm 13. */
export function rootAbove({ dnskeys, nowMs, alsoAlgorithms }: Setting): Setting {
  const key = new SigningKey(13);
  const seconds = Math.floor(nowMs / 1000);
  const entries = dnskeys.answers.filter(isEntryKey);
  const root = new ZoneSigner({
    apex: Name.root,
    records: [
      ...parseRecords('. NS ns.example.\nexample. NS ns1.example.'),
      ...entries.map(({ rdata }) => recordOf(apex, RrType.DS, dsOf(apex, rdata))),
    ],
    keys: [key],
    period: { inception: seconds - 3600, expiration: seconds + 3600 },
    denial: 'nsec',
  });
  const anchor: TrustAnchor = { zone: Name.root, ds: [key.ds(Name.root)], dnskeys: [] };
  return {
    dnskeys: dnskeyResponse(Name.root, root.all()),
    anchors: new TrustAnchors([anchor]),
    nowMs,
    alsoAlgorithms,
    ds: response({ name: apex, type: RrType.DS }, Rcode.NOERROR, { answers: root.records(apex, RrType.DS) }),
  };
}

/**
 * What a resolver makes of a referral, which a validator behind it never sees: the answer to the question for the
 * delegation's DS records. Other responses are what they are.
 */
export function asFromResolver(message: Message): Message {
  const cut = message.authorities.find(({ name, type }) => type === RrType.NS && !name.equals(apex));
  if (cut === undefined) return message;
  const isDs = ({ type, rdata }: ResourceRecord): boolean =>
    type === RrType.DS || (type === RrType.RRSIG && parseRrsig(rdata).typeCovered === RrType.DS);
  return response({ name: cut.name, type: RrType.DS }, message.header.rcode, {
    answers: message.authorities.filter(isDs),
    authorities: message.authorities.filter((record) => !isDs(record)),
    additionals: message.additionals,
  });
}

/** The signatures over the keys that are not by a secure entry point: the anchor vouches for the others. */
export function spareSignatures({ dnskeys }: Setting): Needless {
  const entries = dnskeys.answers.filter(isEntryKey).map(({ rdata }) => keyTag(rdata));
  const spare = dnskeys.answers.filter(
    ({ type, rdata }) => type === RrType.RRSIG && !entries.includes(parseRrsig(rdata).keyTag),
  );
  return Object.fromEntries(
    spare.map((record) => [recordLabel(record), 'the signature of the secure entry point is enough']),
  );
}

function isEntryKey({ type, rdata }: ResourceRecord): boolean {
  return type === RrType.DNSKEY && (parseDnskey(rdata).flags & 1) === 1;
}

/** The verdict on the question of a response; questions that no message answers fail. */
export function judge(
  asked: Message,
  setting: Setting,
  memory: LookupMemory = new PlainMemory(),
  others: readonly Message[] = [],
): Verdict {
  const [question] = asked.questions;
  if (question === undefined) throw new Error('a response without a question');
  const messages = [asked, setting.dnskeys, ...others];
  const steps = lookup(question, { ...setting, memory, budget: new WorkBudget() });
  let step = steps.next();
  while (step.done !== true) step = steps.next(replyTo(step.value, messages));
  return step.value;
}

function replyTo({ name, type }: Inquiry, messages: readonly Message[]): Reply {
  const message = messages.find(
    ({ questions }) => questions[0]?.type === type && questions[0].name.equals(name),
  );
  if (message === undefined) return { failure: `nothing is known of ${name.toString()}` };
  const known = replies.get(message) ?? transported(message);
  replies.set(message, known);
  return known;
}

const replies = new WeakMap<Message, Reply>();

/** As it would come from the network, where octets that break the form of a message do not get through. */
function transported(message: Message): Reply {
  try {
    return { message: parseMessage(encodeMessage(message)), from: 'test' };
  } catch (error) {
    if (error instanceof DnsFormatError) return { failure: error.message };
    throw error;
  }
}

/** A message with one record changed or left out, and what was done to it. */
interface Damaged {
  readonly message: Message;
  readonly label: string;
  readonly what: string;
  /** Changes nothing that a signature covers: names in some RDATAs are signed in lower case (RFC 4034 section 6.2). */
  readonly isSameName: boolean;
}

const sections: readonly (readonly [Section, 'answers' | 'authorities' | 'additionals'])[] = [
  ['answer', 'answers'],
  ['authority', 'authorities'],
  ['additional', 'additionals'],
];

/** The message with each record left out in turn. */
export function* withoutEachRecord(message: Message): Generator<Damaged> {
  for (const [, section] of sections) {
    for (const [index, record] of message[section].entries()) {
      const rest = message[section].toSpliced(index, 1);
      const label = recordLabel(record);
      yield { message: { ...message, [section]: rest }, label, what: 'left out', isSameName: false };
    }
  }
}

/** The message with each octet of each RDATA changed in turn by each pattern. */
export function* withEachOctetChanged(message: Message, patterns: readonly number[]): Generator<Damaged> {
  for (const [, section] of sections) {
    for (const [index, record] of message[section].entries()) {
      const label = recordLabel(record);
      for (const at of record.rdata.keys()) {
        for (const pattern of patterns) {
          const rdata = Buffer.from(record.rdata);
          const before = rdata.readUInt8(at);
          rdata.writeUInt8(before ^ pattern, at);
          const changed = message[section].with(index, { ...record, rdata });
          const what = `octet ${String(at)} changed by ${pattern.toString(16)}`;
          const isSameName = pattern === 0x20 && isLetter(before) && namePlaces(record).includes(at);
          yield { message: { ...message, [section]: changed }, label, what, isSameName };
        }
      }
    }
  }
}

/** Why a record can be damaged without harm, by its label. */
export type Needless = Readonly<Record<string, string>>;

/**
 * Damages the response, then the answer for the keys, and expects nothing but bogus and indeterminate verdicts, unless
 * the record had no part in the proof: then the verdict is the same.
 */
export function expectNoForgery(
  damage: (message: Message) => Iterable<Damaged>,
  sound: Message,
  setting: Setting,
  needless: Needless,
): Damages {
  const known = new PlainMemory();
  const truth = judge(sound, setting, known);
  const trust = known.zone(apex);
  let tried = 0;
  const harmless = new Set<string>();
  const check = (verdict: Verdict, { label, what, isSameName }: Damaged): void => {
    tried += 1;
    if (verdict.status === 'bogus' || verdict.status === 'indeterminate') return;
    expect(verdict.status, `${label} ${what}`).to.equal(truth.status);
    expect(verdict.rcode, label).to.equal(truth.rcode);
    expect(verdict.records.length, label).to.equal(truth.records.length);
    if (isSameName) return;
    expect(verdict.records.map(({ rdata }) => rdata)).to.deep.equal(truth.records.map(({ rdata }) => rdata));
    expect(label in needless, `${label} ${what}`).to.equal(true);
    harmless.add(label);
  };
  for (const damaged of damage(sound)) {
    const memory = new PlainMemory();
    if (trust !== undefined) memory.rememberZone(trust);
    check(judge(damaged.message, setting, memory), damaged);
  }
  for (const damaged of damage(setting.dnskeys)) {
    check(judge(sound, { ...setting, dnskeys: damaged.message }), damaged);
  }
  return { tried, harmless };
}

function isLetter(octet: number): boolean {
  return (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a);
}

/** Offsets at which an RDATA has names that are signed in lower case, or the signer's (RFC 6840 section 5.1). */
function namePlaces({ type, rdata }: ResourceRecord): number[] {
  const from = { [RrType.NS]: 0, [RrType.SOA]: 0, [RrType.MX]: 2, [RrType.RRSIG]: 18 }[type];
  if (from === undefined) return [];
  let at = from;
  const places: number[] = [];
  for (let names = type === RrType.SOA ? 2 : 1; names > 0; names -= 1) {
    for (let length = rdata.readUInt8(at); length > 0; length = rdata.readUInt8(at)) {
      for (let place = at + 1; place <= at + length; place += 1) places.push(place);
      at += length + 1;
    }
    at += 1;
  }
  return places;
}
