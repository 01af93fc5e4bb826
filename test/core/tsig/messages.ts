/** A key, and messages that are signed with it. */
import { Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, makeResponse } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTxt } from '../../../core/dns/rdata.ts';
import type { TsigKey } from '../../../core/tsig/key.ts';
import type { NaiveTsig } from './naive.ts';

export const secret = Buffer.from('0123456789abcdef0123456789abcdef');
export const key: TsigKey = { name: Name.parse('Xfr.Example'), algorithm: 'hmac-sha256', secret };
export const now = 1_700_000_000;

/** The same key, for the naive way. */
export const naive: NaiveTsig = {
  key: ['xfr', 'example'],
  algorithm: 'hmac-sha256',
  hash: 'sha256',
  secret,
  time: now,
};

const question = makeQuery({ id: 0x1234, name: Name.parse('example.com'), type: RrType.AXFR });

export const query = encodeMessage(question);

/** An answer to the query, which differs by its number. */
export function answer(number = 0, rcode: number = Rcode.NOERROR): Buffer {
  const rdata = encodeTxt([Buffer.from(String(number))]);
  const name = Name.parse('example.com');
  const answers = [{ name, type: RrType.TXT, class: RrClass.IN, ttl: 1, rdata }];
  return encodeMessage(makeResponse(question, { aa: true, rcode, ...(rcode === 0 && { answers }) }));
}
