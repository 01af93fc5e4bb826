/**
 * TSIG made by hand from the text of RFC 8945 section 4.3, as one string of hexadecimal digits: the second opinion that the tests
 * compare with. Shares nothing with core/tsig.
 */
import { createHmac } from 'node:crypto';

export interface NaiveTsig {
  /** As the labels stand, in lower case: `['xfr', 'example']`. */
  readonly key: readonly string[];
  readonly algorithm: string;
  /** Of node:crypto. */
  readonly hash: string;
  readonly secret: Buffer;
  readonly time: number;
  readonly fudge?: number;
  readonly error?: number;
  /** Hexadecimal. */
  readonly other?: string;
  readonly originalId?: number;
  /** Octets of the MAC that are sent. */
  readonly macOctets?: number;
  /** Instead of the right one. */
  readonly mac?: Buffer;
  /** Instead of 255 and 0. */
  readonly class?: number;
  readonly ttl?: number;
}

const hex = (value: number, octets: number): string => value.toString(16).padStart(octets * 2, '0');

const nameHex = (labels: readonly string[]): string =>
  labels.map((label) => hex(label.length, 1) + Buffer.from(label).toString('hex')).join('') + '00';

const timersHex = ({ time, fudge = 300 }: NaiveTsig): string => hex(time, 6) + hex(fudge, 2);

function variablesHex(tsig: NaiveTsig): string {
  const { key, algorithm, error = 0, other = '' } = tsig;
  return `${nameHex(key)}00ff00000000${nameHex([algorithm])}${timersHex(tsig)}${hex(error, 2)}${hex(other.length / 2, 2)}${other}`;
}

/** The MAC over messages without TSIG; the first of a stream (or the only one) with variables, the others with timers. */
export function naiveMac(
  tsig: NaiveTsig,
  messages: readonly Buffer[],
  prior: Buffer | undefined,
  isFirst: boolean,
): Buffer {
  const before = prior === undefined ? '' : hex(prior.length, 2) + prior.toString('hex');
  const middle = messages.map((message) => message.toString('hex')).join('');
  const digested = before + middle + (isFirst ? variablesHex(tsig) : timersHex(tsig));
  const mac = createHmac(tsig.hash, tsig.secret).update(Buffer.from(digested, 'hex')).digest();
  return mac.subarray(0, tsig.macOctets ?? mac.length);
}

/** A message with the record at its end. */
export function naiveAttach(tsig: NaiveTsig, message: Buffer, mac: Buffer): Buffer {
  const { key, algorithm, error = 0, other = '', originalId = message.readUInt16BE(0) } = tsig;
  const rdata = `${nameHex([algorithm])}${timersHex(tsig)}${hex(mac.length, 2)}${mac.toString('hex')}${hex(originalId, 2)}${hex(error, 2)}${hex(other.length / 2, 2)}${other}`;
  const record = `${nameHex(key)}00fa${hex(tsig.class ?? 255, 2)}${hex(tsig.ttl ?? 0, 4)}${hex(rdata.length / 2, 2)}${rdata}`;
  const signed = Buffer.from(message.toString('hex') + record, 'hex');
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
  return signed;
}

/** Signs one message, the first of an answer or a request. */
export function naiveSign(tsig: NaiveTsig, message: Buffer, prior?: Buffer): Buffer {
  return naiveAttach(tsig, message, tsig.mac ?? naiveMac(tsig, [message], prior, true));
}
