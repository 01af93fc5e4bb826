/**
 * Whole messages as values (RFC 1035 section 4.1, RFC 6891): for queries, referrals and answers, where the number of
 * records is small. A transfer's messages are walked (walker.ts), not parsed.
 *
 * Limitations: a message signed with TSIG can be read, not written (writer.ts).
 */
import { RrClass, RrType } from './constants.ts';
import type { Edns } from './edns.ts';
import { parseOpt } from './edns.ts';
import { DnsFormatError } from './errors.ts';
import type { Name } from './name.ts';
import type { Question, Section } from './walker.ts';
import { MessageWalker } from './walker.ts';
import type { Header, ResourceRecord } from './writer.ts';
import { MessageWriter } from './writer.ts';

export type { Question, Section } from './walker.ts';
export type { Header, ResourceRecord } from './writer.ts';

export interface Message {
  readonly header: Header;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
}

/** Reads one message, whole and strictly. Throws DnsFormatError. */
export function parseMessage(octets: Buffer): Message {
  const walker = new MessageWalker(octets);
  const questions: Question[] = [];
  while (questions.length < walker.questionCount) questions.push(walker.readQuestion());
  const sections: Record<Section, ResourceRecord[]> = { answer: [], authority: [], additional: [] };
  let edns: Edns | undefined;
  while (walker.next()) {
    const { type, class: rrClass, ttl } = walker;
    if (type === RrType.OPT) {
      edns = parseOpt({ class: rrClass, ttl, rdata: walker.rdata() });
    } else {
      const record = { name: walker.name(), type, class: rrClass, ttl: boundTtl(ttl), rdata: walker.rdata() };
      sections[walker.section].push(record);
    }
  }
  return {
    header: parseHeader(walker.id, walker.flags, edns?.extendedRcode ?? 0),
    questions,
    answers: sections.answer,
    authorities: sections.authority,
    additionals: sections.additional,
    ...(edns === undefined ? {} : { edns }),
  };
}

/**
 * Writes a message; the upper bits of the response code go into the OPT record, whatever `edns` says of them.
 * Throws DnsFormatError, also for a message longer than `maxLength`.
 */
export function encodeMessage(
  message: Message,
  options: { maxLength?: number; compress?: boolean } = {},
): Buffer {
  const writer = new MessageWriter({ ...message.header, ...options });
  if (message.edns !== undefined) writer.setEdns(message.edns);
  for (const question of message.questions) writer.addQuestion(question);
  for (const [section, records] of sectionsOf(message)) {
    for (const record of records) {
      if (!writer.tryAdd(section, record)) {
        throw new DnsFormatError('cannot write a message too long for its limit', { blame: 'us' });
      }
    }
  }
  return writer.finish();
}

/** The records of a message, section by section, in the order in which they are written. */
export function sectionsOf(message: Message): readonly (readonly [Section, readonly ResourceRecord[]])[] {
  return [
    ['answer', message.answers],
    ['authority', message.authorities],
    ['additional', message.additionals],
  ];
}

/** A query for one name and type, class IN unless said otherwise. */
export function makeQuery(query: {
  id: number;
  name: Name;
  type: number;
  class?: number;
  rd?: boolean;
  ad?: boolean;
  cd?: boolean;
  edns?: Edns;
}): Message {
  return {
    header: { ...noFlags, id: query.id, rd: query.rd ?? false, ad: query.ad ?? false, cd: query.cd ?? false },
    questions: [{ name: query.name, type: query.type, class: query.class ?? RrClass.IN }],
    answers: [],
    authorities: [],
    additionals: [],
    ...(query.edns === undefined ? {} : { edns: query.edns }),
  };
}

/** A response: ID, opcode, question and RD (RFC 1035 section 4.1.1) from the query, CD too (RFC 4035 section 3.2.2). */
export function makeResponse(
  query: Message,
  fields: Partial<Omit<Header, 'id' | 'qr' | 'opcode'>> & Partial<Omit<Message, 'header' | 'questions'>>,
): Message {
  const { answers = [], authorities = [], additionals = [], edns, ...flags } = fields;
  const { id, opcode, rd, cd } = query.header;
  return {
    header: { ...noFlags, id, qr: true, opcode, rd, cd, ...flags },
    questions: query.questions,
    answers,
    authorities,
    additionals,
    ...(edns === undefined ? {} : { edns }),
  };
}

/** The header's second 16 bits, as the walker gives them; the Z bit says nothing (RFC 1035 section 4.1.1). */
export function parseHeader(id: number, flags: number, extendedRcode = 0): Header {
  return {
    id,
    qr: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    aa: (flags & 0x0400) !== 0,
    tc: (flags & 0x0200) !== 0,
    rd: (flags & 0x0100) !== 0,
    ra: (flags & 0x0080) !== 0,
    ad: (flags & 0x0020) !== 0,
    cd: (flags & 0x0010) !== 0,
    rcode: (extendedRcode << 4) | (flags & 15),
  };
}

const noFlags: Omit<Header, 'id'> = {
  qr: false,
  opcode: 0,
  aa: false,
  tc: false,
  rd: false,
  ra: false,
  ad: false,
  cd: false,
  rcode: 0,
};

/** RFC 2181 section 8: a TTL with the highest bit set counts as 0. */
function boundTtl(ttl: number): number {
  return ttl > 0x7fff_ffff ? 0 : ttl;
}
