/**
 * One question of a lookup and the answer to it, as far as it can be used: bounded in number, and with a response code
 * that says something about the name and not about the server.
 *
 * Limitations: that the answer repeats ID and question is checked where it is received (core/resolver).
 */
import { EdnsOptionCode, Rcode, rcodeName, RrType, rrTypeName } from '../dns/constants.ts';
import { parseExtendedError } from '../dns/edns.ts';
import type { EdnsOption } from '../dns/edns.ts';
import type { Message, ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import type { TrustAnchors } from './anchors.ts';
import type { LookupMemory, ZoneTrust } from './memory.ts';
import { groupRrsets } from './rrset.ts';
import type { SignedRrset } from './rrset.ts';
import type { WorkContext } from './signature.ts';
import type { ValidationReason } from './status.ts';
import type { Inquiry, Reply } from './verdict.ts';

/** What every part of one lookup has at hand. */
export interface LookupContext extends WorkContext {
  readonly anchors: TrustAnchors;
  readonly memory: LookupMemory;
  /** What became of zones in this lookup, whether it is worth remembering or not. */
  readonly zones: Map<string, ZoneTrust>;
}

/** A usable answer. */
export interface Answer {
  readonly inquiry: Inquiry;
  readonly message: Message;
  readonly server: string;
  /** RRsets of the answer section that can matter: owned by the name, and DNAMEs above it. */
  readonly answers: readonly SignedRrset[];
}

/** Why there is no result. */
export interface Fault {
  readonly status: 'bogus' | 'indeterminate';
  readonly reason: ValidationReason;
  readonly detail: string;
  readonly server?: string;
}

/** Asks. */
export function* ask(inquiry: Inquiry, context: LookupContext): Generator<Inquiry, Answer | Fault, Reply> {
  const what = describe(inquiry);
  if (!context.budget.tryQuestion()) {
    const detail = `the lookup has asked ${context.budget.limits.questions} questions and would have to ask for ${what}`;
    return { status: 'bogus', reason: 'work-limit', detail };
  }
  const reply = yield inquiry;
  if ('failure' in reply) {
    return {
      status: 'indeterminate',
      reason: 'no-answer',
      detail: `no answer for ${what}: ${reply.failure}`,
    };
  }
  const { message, from: server } = reply;
  const { answers: came, authorities: beside, additionals } = message;
  if (!context.budget.tryRecords(came.length + beside.length + additionals.length)) {
    const detail = `with the answer for ${what} the lookup has got more than ${context.budget.limits.records} records`;
    return { status: 'bogus', reason: 'work-limit', detail, server };
  }
  if (message.header.tc) {
    const detail = `${server} gave only a part of the answer for ${what}`;
    return { status: 'indeterminate', reason: 'no-answer', detail, server };
  }
  const answers = groupRrsets(message.answers.filter((record) => matters(record, inquiry.name)));
  if (!isAboutTheName(message.header.rcode, answers)) {
    const words = `${server} answered ${rcodeName(message.header.rcode)} for ${what}`;
    const detail = `${words}${errorWords(message)}`;
    return { status: 'indeterminate', reason: 'servfail', detail, server };
  }
  return { inquiry, message, server, answers };
}

/** Whether asking came to nothing. */
export function isFault(result: Answer | Fault): result is Fault {
  return 'status' in result;
}

/** "_xfr.ns2.example TLSA". */
export function describe({ name, type }: Inquiry): string {
  return `${name.toString()} ${rrTypeName(type)}`;
}

/** RRsets of the authority section of some types. */
export function authorities(answer: Answer, types: readonly number[]): readonly SignedRrset[] {
  const records = answer.message.authorities.filter(
    ({ type, rdata }) => types.includes(type) || (type === RrType.RRSIG && types.includes(coveredBy(rdata))),
  );
  return groupRrsets(records);
}

/** Whether no section has any signature. */
export function isUnsigned({ message }: Answer): boolean {
  return ![...message.answers, ...message.authorities].some(({ type }) => type === RrType.RRSIG);
}

/** An answer may hold thousands of records that nobody asked for; the cheap comparison comes first. */
function matters(record: ResourceRecord, name: Name): boolean {
  if (record.name.wire.length === name.wire.length) return record.name.equals(name);
  const isDname =
    record.type === RrType.DNAME ||
    (record.type === RrType.RRSIG && coveredBy(record.rdata) === RrType.DNAME);
  return isDname && name.isBelow(record.name);
}

/** Type covered comes first in an RRSIG (RFC 4034 section 3.1). */
function coveredBy(rrsig: Buffer): number {
  return rrsig.length < 2 ? 0 : rrsig.readUInt16BE(0);
}

function isAboutTheName(rcode: number, answers: readonly SignedRrset[]): boolean {
  if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) return true;
  // RFC 6672 section 2.2: what a DNAME makes of the name is too long.
  return rcode === Rcode.YXDOMAIN && answers.some(({ type }) => type === RrType.DNAME);
}

/** The Extended DNS Errors of an answer (RFC 8914), each with what is printable of its text. */
function errorWords(message: Message): string {
  const errors = (message.edns?.options ?? []).filter(isExtendedError).slice(0, 3).map(parseExtendedError);
  return errors
    .map(
      ({ code, text }) => ` (Extended DNS Error ${String(code)}${text === '' ? '' : `: ${printable(text)}`})`,
    )
    .join('');
}

function isExtendedError({ code, data }: EdnsOption): boolean {
  return code === EdnsOptionCode.EXTENDED_ERROR && data.length >= 2;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
