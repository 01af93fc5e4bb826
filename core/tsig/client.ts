/**
 * TSIG of who asks (RFC 8945 sections 5.1, 5.3.1 and 5.4): signs queries and verifies what answers them, one message or a stream.
 * Time is passed in. Pure.
 *
 * Limitations: an answer that fails ends the exchange. Section 5.4 would wait for a better one, which is for UDP: on a connection
 * whoever can put in one message can put an end to it as well.
 */
import { Rcode, rcodeName } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { tsigAlgorithms, TsigError, type TsigKey } from './key.ts';
import { isMacSize, isSameMac, TsigDigest, truncated } from './mac.ts';
import { findTsig, timersOf, withoutTsig, withTsig, type TsigRecord } from './record.ts';

/** Seconds that the clocks of the two may differ (RFC 8945 section 10). */
export const usualFudge = 300;

/** A message that may go, and the MAC that the answer's is made from. */
export interface SignedQuery {
  readonly message: Buffer;
  readonly mac: Buffer;
}

/**
 * Signs a query.
 *
 * @param message without TSIG, with the ID under which it is sent
 * @param nowSeconds since 1970
 * @param fudge seconds
 */
export function signQuery(
  message: Buffer,
  key: TsigKey,
  nowSeconds: number,
  fudge: number = usualFudge,
): SignedQuery {
  const fields = {
    name: key.name,
    algorithm: tsigAlgorithms[key.algorithm].wireName,
    timers: timersOf(nowSeconds, fudge),
    error: 0,
    other: Buffer.alloc(0),
  };
  const digest = new TsigDigest(key);
  digest.message(message);
  digest.variables(fields);
  const mac = truncated(digest.finish(), key);
  return { message: withTsig(message, { ...fields, mac, originalId: message.readUInt16BE(0) }), mac };
}

/** RFC 8945 section 5.3.1: so many messages without TSIG are taken in a row. */
const mostUnsigned = 99;

/** Verifies the answer to one query: give it every message in its order, then say `end`. After an error it is of no use. */
export class TsigVerifier {
  readonly #key: TsigKey;
  /** The request's, then that of the signed message before. */
  #priorMac: Buffer;
  #digest: TsigDigest;
  #isFirst = true;
  #unsigned = 0;
  #lastSeconds = 0;
  #recordOctets = 0;

  constructor(key: TsigKey, requestMac: Buffer) {
    this.#key = key;
    this.#priorMac = requestMac;
    this.#digest = new TsigDigest(key, requestMac);
  }

  /**
   * Takes the next message and gives it without its TSIG record: a view of it, whose header is written over. A message in the
   * middle of a stream may be unsigned; it is vouched for by the next that is signed. Throws TsigError.
   */
  take(message: Buffer, nowSeconds: number): Buffer {
    const record = this.#find(message);
    if (record === undefined) return this.#takeUnsigned(message);
    const bare = withoutTsig(message, record);
    this.#checkKey(record, bare);
    this.#digest.message(bare, record.originalId);
    if (this.#isFirst) this.#digest.variables(record);
    else this.#digest.timers(record.timers);
    this.#checkMac(record);
    this.#checkError(record);
    this.#checkTime(record, nowSeconds);
    // RFC 8945 section 5.2.4: what is taken is what was agreed on, or more.
    if (record.mac.length < tsigAlgorithms[this.#key.algorithm].macOctets)
      throw new TsigError('bad-trunc', 'its signature is shorter than the algorithm of the key says');
    this.#isFirst = false;
    this.#unsigned = 0;
    this.#lastSeconds = record.timeSigned;
    this.#recordOctets = message.length - record.start;
    this.#priorMac = Buffer.from(record.mac);
    this.#digest = new TsigDigest(this.#key, this.#priorMac);
    return bare;
  }

  /** The message that was taken last was the last. Throws TsigError if it was not signed. */
  end(): void {
    if (this.#isFirst) throw new TsigError('missing', 'nothing has come that is signed');
    if (this.#unsigned > 0) throw new TsigError('missing', 'its last message is not signed');
  }

  #find(message: Buffer): TsigRecord | undefined {
    try {
      return findTsig(message, this.#recordOctets);
    } catch (error) {
      if (error instanceof DnsFormatError) throw new TsigError('malformed', error.message);
      throw error;
    }
  }

  #takeUnsigned(message: Buffer): Buffer {
    if (this.#isFirst) {
      const rcode = rcodeName(message.readUInt16BE(2) & 0xf);
      throw new TsigError('missing', `its first message, ${rcode}, is not signed`);
    }
    this.#unsigned += 1;
    if (this.#unsigned > mostUnsigned)
      throw new TsigError(
        'missing',
        `more than ${String(mostUnsigned)} of its messages in a row are not signed`,
      );
    this.#digest.message(message);
    return message;
  }

  #checkKey({ name, algorithm, mac, error }: TsigRecord, bare: Buffer): void {
    // RFC 8945 section 5.3.2: the server cannot sign what it says of a key or a signature that it does not take.
    if (mac.length === 0 && (bare.readUInt16BE(2) & 0xf) === Rcode.NOTAUTH && error !== 0)
      throw refusedBy(error, 'and says so without a signature');
    const { wireName } = tsigAlgorithms[this.#key.algorithm];
    if (!name.equals(this.#key.name) || !algorithm.equals(wireName)) {
      const what = `${name.toString()} with ${algorithm.toString()}`;
      throw new TsigError('bad-key', `it is signed with another key than the query: ${what}`);
    }
  }

  #checkMac({ mac }: TsigRecord): void {
    if (mac.length === 0) throw new TsigError('bad-sig', 'its signature is empty');
    if (!isMacSize(mac.length, this.#key))
      throw new TsigError(
        'malformed',
        `its signature has ${String(mac.length)} octets, which no signature has`,
      );
    if (!isSameMac(this.#digest.finish(), mac))
      throw new TsigError(
        'bad-sig',
        'its signature is wrong: the secrets differ, or it was changed on the way',
      );
  }

  #checkError({ error, other, timeSigned }: TsigRecord): void {
    if (error === 0) return;
    const serverSeconds = other.length === 6 ? other.readUIntBE(0, 6) : undefined;
    if (error !== Rcode.BADTIME || serverSeconds === undefined) throw refusedBy(error, 'and signs that');
    // RFC 8945 section 5.4.3: the server's time is told; nobody sets a clock by it.
    const apart = `${String(Math.abs(serverSeconds - timeSigned))} s apart`;
    throw refusedBy(
      error,
      `since it has ${dateOf(serverSeconds)} and we have ${dateOf(timeSigned)}, ${apart}`,
    );
  }

  #checkTime({ timeSigned, fudge }: TsigRecord, nowSeconds: number): void {
    if (Math.abs(nowSeconds - timeSigned) > fudge) {
      const apart = `${String(Math.round(Math.abs(nowSeconds - timeSigned)))} s apart`;
      const when = `signed at ${dateOf(timeSigned)}, and we have ${dateOf(nowSeconds)}, ${apart}`;
      throw new TsigError('bad-time', `its signature does not count now: ${when}`);
    }
    if (timeSigned < this.#lastSeconds)
      throw new TsigError('bad-time', 'a message of it was signed before the one that it follows');
  }
}

function refusedBy(error: number, why: string): TsigError {
  const code = error === Rcode.BADVERS ? 'BADSIG' : rcodeName(error);
  return new TsigError(`refused-by-server:${code}`, `it does not take our signature (${code}), ${why}`);
}

/** Years beyond what dates can say are as bad as any. */
function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${String(seconds)} s after 1970` : date.toISOString();
}
