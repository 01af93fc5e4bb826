/** Lies about answers, for tests: what an attacker on the way, or a broken resolver, makes of the truth. */
import { RrType } from '../../../core/dns/constants.ts';
import type { Message, ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRrsig } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { ordinaryPeriod } from '../../support/signed-internet.ts';
import { signRrset } from '../../support/signing-key.ts';
import type { SignatureOptions, SigningKey } from '../../support/signing-key.ts';
import { groupRecords } from '../../support/zone-signer.ts';

/** The TLSA record's RDATA that is true in tests, and one that is not. */
export const trueTlsa = `3 1 1 ${'ab'.repeat(32)}`;
export const falseTlsa = `3 1 1 ${'66'.repeat(32)}`;

/** Without any signature, NSEC or NSEC3 record. */
export function stripped(message: Message): Message {
  const kept = (record: ResourceRecord): boolean =>
    record.type !== RrType.RRSIG && record.type !== RrType.NSEC && record.type !== RrType.NSEC3;
  return { ...message, answers: message.answers.filter(kept), authorities: message.authorities.filter(kept) };
}

/** Without the signatures over some types. */
export function unsigned(message: Message, ...types: readonly number[]): Message {
  const kept = (record: ResourceRecord): boolean =>
    record.type !== RrType.RRSIG || !types.includes(parseRrsig(record.rdata).typeCovered);
  return { ...message, answers: message.answers.filter(kept), authorities: message.authorities.filter(kept) };
}

/** With other records instead. */
export function saying(
  message: Message,
  {
    rcode = 0,
    answers = [],
    authorities = [],
  }: {
    readonly rcode?: number;
    readonly answers?: readonly ResourceRecord[];
    readonly authorities?: readonly ResourceRecord[];
  },
): Message {
  return { ...message, header: { ...message.header, rcode }, answers, authorities };
}

/** Records of the text, each RRset signed in the name of a zone by a key of whomever. */
export function forged(
  text: string,
  key: SigningKey,
  signer: string,
  options: Partial<SignatureOptions> = {},
): ResourceRecord[] {
  return groupRecords(parseRecords(text)).flatMap((rrset) => [
    ...rrset.rdatas.map((rdata) => ({ name: rrset.name, type: rrset.type, class: 1, ttl: rrset.ttl, rdata })),
    signRrset(rrset, key, { ...ordinaryPeriod, signer: Name.parse(signer), ...options }),
  ]);
}
