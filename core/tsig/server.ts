/**
 * TSIG of who is asked (RFC 8945 sections 5.2 and 5.3): verifies requests, makes the answers to those that fail, and signs
 * answers of one message or many. Time is passed in. Pure.
 *
 * Limitations: a request is not signed on towards somebody else (section 5.5).
 */
import { Rcode } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import type { Name } from '../dns/name.ts';
import { headerOctets, MessageWalker } from '../dns/walker.ts';
import { usualFudge } from './client.ts';
import { tsigAlgorithms, type TsigKey, type TsigReason } from './key.ts';
import { isMacSize, isSameMac, TsigDigest, truncated } from './mac.ts';
import {
  findTsig,
  timeOf,
  timersOf,
  withoutTsig,
  withTsig,
  type TsigFields,
  type TsigRecord,
} from './record.ts';

export type VerifiedQuery =
  | {
      readonly key: TsigKey;
      /** For TsigSigner. */
      readonly mac: Buffer;
      /** The request without its TSIG record. */
      readonly message: Buffer;
    }
  | {
      /** The answer to send. */
      readonly error: Buffer;
      readonly reason: TsigReason;
      /** Undefined where the record could not be read, or there is none. */
      readonly keyName: Name | undefined;
    };

/**
 * Verifies a request, of which at least the header is there.
 *
 * @param keys by the keys of their names (Name.key)
 * @param lastSigned newest Time Signed of each key, by the same, which is kept up: then nothing older is taken (section 5.2.3)
 */
export function verifyQuery(
  message: Buffer,
  keys: ReadonlyMap<string, TsigKey>,
  nowSeconds: number,
  lastSigned?: Map<string, number>,
): VerifiedQuery {
  let record: TsigRecord | undefined;
  try {
    record = findTsig(message);
    if (record === undefined)
      return { error: answerTo(message, Rcode.REFUSED), reason: 'missing', keyName: undefined };
  } catch (error) {
    if (error instanceof DnsFormatError) return malformed(message);
    throw error;
  }
  const bare = withoutTsig(Buffer.from(message), record);
  const key = keys.get(record.name.key);
  const refuse = (error: number, reason: TsigReason, signWith?: TsigKey): VerifiedQuery => ({
    error: errorAnswer(bare, record, error, nowSeconds, signWith),
    reason,
    keyName: record.name,
  });
  if (key === undefined || !record.algorithm.equals(tsigAlgorithms[key.algorithm].wireName))
    return refuse(Rcode.BADKEY, 'bad-key');
  const mac = Buffer.from(record.mac);
  // An empty MAC is for errors of servers (section 5.3.2).
  if (!isMacSize(mac.length, key)) return malformed(message);
  const digest = new TsigDigest(key);
  digest.message(bare, record.originalId);
  digest.variables(record);
  if (!isSameMac(digest.finish(), mac)) return refuse(badSig, 'bad-sig');
  const last = lastSigned?.get(key.name.key) ?? 0;
  if (Math.abs(nowSeconds - record.timeSigned) > record.fudge || record.timeSigned < last)
    return refuse(Rcode.BADTIME, 'bad-time', key);
  if (mac.length < tsigAlgorithms[key.algorithm].macOctets) return refuse(Rcode.BADTRUNC, 'bad-trunc', key);
  lastSigned?.set(key.name.key, record.timeSigned);
  return { key, mac, message: bare };
}

/** Signs the answer to one request that was verified: give it every message, in the order in which they leave. */
export class TsigSigner {
  readonly #key: TsigKey;
  readonly #requestMacOctets: number;
  #priorMac: Buffer;
  #isFirst = true;

  constructor({ key, mac }: { readonly key: TsigKey; readonly mac: Buffer }) {
    this.#key = key;
    this.#requestMacOctets = mac.length;
    this.#priorMac = mac;
  }

  /** A new message with TSIG, which every message of an answer has. Throws DnsFormatError if there is no room for it. */
  sign(message: Buffer, nowSeconds: number): Buffer {
    const fields = fieldsOf(this.#key, timersOf(nowSeconds, usualFudge));
    const digest = new TsigDigest(this.#key, this.#priorMac);
    digest.message(message);
    if (this.#isFirst) digest.variables(fields);
    else digest.timers(fields.timers);
    const mac = truncated(digest.finish(), this.#key, this.#requestMacOctets);
    this.#isFirst = false;
    this.#priorMac = mac;
    return withTsig(message, { ...fields, mac, originalId: message.readUInt16BE(0) });
  }
}

/** TSIG's name of 16, which EDNS calls BADVERS (RFC 8945 section 3). */
const badSig = 16;

function fieldsOf({ name, algorithm }: TsigKey, timers: Buffer): Omit<TsigFields, 'mac' | 'originalId'> {
  return {
    name,
    algorithm: tsigAlgorithms[algorithm].wireName,
    timers,
    error: 0,
    other: Buffer.alloc(0),
  };
}

/** RFC 8945 section 5.3.2: signed only if the MAC of the request was right. */
function errorAnswer(
  request: Buffer,
  record: TsigRecord,
  error: number,
  nowSeconds: number,
  key: TsigKey | undefined,
): Buffer {
  const answer = answerTo(request, Rcode.NOTAUTH);
  const { name, algorithm, timers } = record;
  // Section 5.2.3: with BADTIME the client's own time and fudge, so that it can verify this, and ours beside it.
  const other = error === Rcode.BADTIME ? timeOf(nowSeconds) : Buffer.alloc(0);
  const fields = { name, algorithm, timers, error, other };
  const originalId = answer.readUInt16BE(0);
  if (key === undefined) return withTsig(answer, { ...fields, mac: Buffer.alloc(0), originalId });
  const digest = new TsigDigest(key, record.mac);
  digest.message(answer);
  digest.variables(fields);
  const mac = truncated(digest.finish(), key, record.mac.length);
  return withTsig(answer, { ...fields, mac, originalId });
}

function malformed(message: Buffer): VerifiedQuery {
  return { error: headerOf(message, Rcode.FORMERR), reason: 'malformed', keyName: undefined };
}

/** An answer with the question of the request, and nothing else. Throws DnsFormatError. */
function answerTo(request: Buffer, rcode: number): Buffer {
  const walker = new MessageWalker(request);
  if (walker.questionCount !== 1) return headerOf(request, rcode);
  walker.skipQuestion();
  const answer = Buffer.concat([headerOf(request, rcode), request.subarray(headerOctets, walker.offset)]);
  answer.writeUInt16BE(1, 4);
  return answer;
}

function headerOf(request: Buffer, rcode: number): Buffer {
  const header = Buffer.alloc(headerOctets);
  request.copy(header, 0, 0, 2);
  // Opcode and RD are repeated (RFC 1035 section 4.1.1).
  header.writeUInt8((request.readUInt8(2) & 0x79) | 0x80, 2);
  header.writeUInt8(rcode, 3);
  return header;
}
