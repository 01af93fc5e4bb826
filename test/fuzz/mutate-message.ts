/**
 * Lies made of true answers at random: records taken out, put in twice, moved, renamed, retyped, taken from other
 * answers; fields of signatures changed; octets of the message turned. Some of them are harmless.
 */
import { RrType } from '../../core/dns/constants.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { encodeMessage, parseMessage } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeRrsig, parseRrsig } from '../../core/dns/rdata.ts';
import type { Rrsig } from '../../core/dns/rdata.ts';
import type { Random } from './random.ts';

/** A true answer, as value and as octets. */
export interface TrueAnswer {
  readonly message: Message;
  readonly wire: Buffer;
}

/** What lies can be made with besides the answer itself. */
export interface Material {
  /** Records of other answers, true ones and an attacker's. */
  readonly records: readonly ResourceRecord[];
  readonly names: readonly Name[];
}

/** A changed answer as a receiver reads it; undefined for octets that are no message, which no receiver takes. */
export function mutateAnswer(truth: TrueAnswer, material: Material, random: Random): Message | undefined {
  try {
    if (random.below(4) === 0) return parseMessage(random.mutate(truth.wire));
    let message = truth.message;
    for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
      message = change(message, material, random);
    }
    return parseMessage(encodeMessage(message, { compress: false }));
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

type SectionName = 'answers' | 'authorities' | 'additionals';
const sections: readonly SectionName[] = ['answers', 'authorities', 'additionals'];

function change(message: Message, material: Material, random: Random): Message {
  const section = pickSection(message, random);
  const records = [...message[section]];
  const at = random.below(Math.max(records.length, 1));
  const record = records[at];
  const withRecords = (changed: readonly ResourceRecord[]): Message => ({ ...message, [section]: changed });
  switch (random.below(12)) {
    case 0:
      return withRecords(records.toSpliced(at, 1));
    case 1:
      return withRecords(record === undefined ? records : records.toSpliced(at, 0, record));
    case 2:
      return withRecords(records.toSpliced(at, 0, ...takeFrom(material.records, random)));
    case 3:
      return withRecords(records.toSorted(() => random.below(3) - 1));
    case 4:
      return moveRecord(message, section, at, random);
    case 5:
      return changeHeader(message, random);
    default:
      return record === undefined
        ? message
        : withRecords(records.with(at, changeRecord(record, material, random)));
  }
}

/** Sections with records come first, since there is more to change in them. */
function pickSection(message: Message, random: Random): SectionName {
  const filled = sections.filter((section) => message[section].length > 0);
  return random.pick(filled.length > 0 && random.below(8) > 0 ? filled : sections);
}

/** One record, or an RRset with its signatures. */
function takeFrom(records: readonly ResourceRecord[], random: Random): readonly ResourceRecord[] {
  const one = random.pick(records);
  if (random.below(2) === 0) return [one];
  return records.filter(
    ({ name, type, rdata }) =>
      name.equals(one.name) &&
      (type === one.type || (type === RrType.RRSIG && rdata.readUInt16BE(0) === one.type)),
  );
}

function moveRecord(message: Message, from: SectionName, at: number, random: Random): Message {
  const record = message[from][at];
  const to = random.pick(sections);
  if (record === undefined || to === from) return message;
  return { ...message, [from]: message[from].toSpliced(at, 1), [to]: [record, ...message[to]] };
}

function changeHeader(message: Message, random: Random): Message {
  const { header } = message;
  const changes = [
    { rcode: random.below(24) },
    { rcode: header.rcode === 0 ? 3 : 0 },
    { tc: true },
    { ad: !header.ad },
    { aa: !header.aa },
    { qr: false },
  ];
  return { ...message, header: { ...header, ...random.pick(changes) } };
}

function changeRecord(record: ResourceRecord, material: Material, random: Random): ResourceRecord {
  switch (random.below(9)) {
    case 0:
      return { ...record, name: random.pick(material.names) };
    case 1:
      return { ...record, name: otherCase(record.name, random) };
    case 2:
      return { ...record, ttl: random.pick([0, 1, 60, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) };
    case 3:
      return { ...record, type: random.pick(types) };
    case 4:
      return { ...record, class: random.pick([0, 3, 4, 254, 255]) };
    case 5:
      return { ...record, rdata: random.pick(material.records).rdata };
    case 6:
      return record.type === RrType.RRSIG
        ? { ...record, rdata: encodeRrsig(changeRrsig(parseRrsig(record.rdata), material, random)) }
        : { ...record, rdata: random.mutate(record.rdata, 2) };
    default:
      return { ...record, rdata: turnOneBit(record.rdata, random) };
  }
}

const types = [
  RrType.A,
  RrType.NS,
  RrType.CNAME,
  RrType.SOA,
  RrType.TXT,
  RrType.DNAME,
  RrType.DS,
  RrType.RRSIG,
  RrType.NSEC,
  RrType.DNSKEY,
  RrType.NSEC3,
  RrType.NSEC3PARAM,
  RrType.TLSA,
];

function otherCase(name: Name, random: Random): Name {
  const turned = name
    .labels()
    .map((label) =>
      Buffer.from(
        random.below(2) === 0
          ? label.toString('latin1').toUpperCase()
          : label.toString('latin1').toLowerCase(),
        'latin1',
      ),
    );
  return turned.every((label, index) => label.length === name.labels()[index]?.length)
    ? Name.fromLabels(turned)
    : name;
}

function changeRrsig(rrsig: Rrsig, { names }: Material, random: Random): Rrsig {
  const changes: Partial<Rrsig>[] = [
    { labels: random.below(6) },
    { labels: Math.max(0, rrsig.labels - 1) },
    { signer: random.pick(names) },
    { keyTag: random.below(0x10000) },
    { algorithm: random.pick([0, 5, 7, 8, 10, 13, 14, 15, 16, 253]) },
    { typeCovered: random.pick(types) },
    { originalTtl: random.below(0x7fff_ffff) },
    { expiration: random.below(0x7fff_ffff) * 2 },
    { inception: random.below(0x7fff_ffff) * 2 },
    { signature: random.octets(random.below(200)) },
    { signature: turnOneBit(rrsig.signature, random) },
  ];
  return { ...rrsig, ...random.pick(changes) };
}

function turnOneBit(octets: Buffer, random: Random): Buffer {
  const turned = Buffer.from(octets);
  if (turned.length === 0) return turned;
  const at = random.below(turned.length);
  turned.writeUInt8(turned.readUInt8(at) ^ (1 << random.below(8)), at);
  return turned;
}
