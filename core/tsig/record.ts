/**
 * The TSIG record (RFC 8945 section 4.2): found at the end of a message, taken off, put on. Pure.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { NameReader } from '../dns/name-reader.ts';
import type { Name } from '../dns/name.ts';
import { OctetReader } from '../dns/octet-reader.ts';
import { uint16 } from '../dns/unsigned.ts';
import { maxMessageOctets, MessageWalker } from '../dns/walker.ts';

/** What a record says. */
export interface TsigFields {
  readonly name: Name;
  readonly algorithm: Name;
  /** Time Signed and Fudge as they stand: what is hashed. */
  readonly timers: Buffer;
  readonly mac: Buffer;
  readonly originalId: number;
  readonly error: number;
  readonly other: Buffer;
}

/** One that was found in a message. */
export interface TsigRecord extends TsigFields {
  /** Where it begins. */
  readonly start: number;
  /** Seconds since 1970. */
  readonly timeSigned: number;
  /** Seconds. */
  readonly fudge: number;
}

const additionalCountAt = 10;
const timeOctets = 6;
/** Type, class, TTL and RDLENGTH. */
const fieldOctets = 10;

/** The time as 48 bits, and the fudge. */
export function timersOf(seconds: number, fudge: number): Buffer {
  return Buffer.concat([timeOf(seconds), uint16(fudge)]);
}

/** Seconds since 1970 as 48 bits. */
export function timeOf(seconds: number): Buffer {
  const octets = Buffer.alloc(timeOctets);
  octets.writeUIntBE(seconds, 0, timeOctets);
  return octets;
}

/**
 * The TSIG record of a message; undefined if there is none. Walks the message unless the record is just as long as `lengthBefore`
 * says. Throws DnsFormatError.
 *
 * @param lengthBefore of the record of the message before, if there was one: a guess, which the MAC proves
 */
export function findTsig(message: Buffer, lengthBefore = 0): TsigRecord | undefined {
  if (message.length >= additionalCountAt + 2 && message.readUInt16BE(additionalCountAt) === 0)
    return undefined;
  const guess = message.length - lengthBefore;
  if (lengthBefore > 0 && guess > additionalCountAt) {
    try {
      return readTsig(message, guess);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
    }
  }
  const walker = new MessageWalker(message);
  let start: number | undefined;
  while (walker.next()) if (walker.type === RrType.TSIG) start = walker.recordStart;
  return start === undefined ? undefined : readTsig(message, start);
}

/** Reads the record that begins there and ends with the message. Throws DnsFormatError. */
function readTsig(message: Buffer, start: number): TsigRecord {
  const names = new NameReader(message);
  const fields = names.skip(start, true);
  const wrong = (what: string): DnsFormatError =>
    new DnsFormatError(`a TSIG record ${what}`, { offset: start });
  if (fields + fieldOctets > message.length) throw wrong('cut short');
  if (message.readUInt16BE(fields) !== RrType.TSIG) throw wrong('of another type');
  if (message.readUInt16BE(fields + 2) !== RrClass.ANY) throw wrong('of another class than ANY');
  if (message.readUInt32BE(fields + 4) !== 0) throw wrong('with a TTL');
  const rdataStart = fields + fieldOctets;
  if (rdataStart + message.readUInt16BE(fields + 8) !== message.length)
    throw wrong('that is not the end of the message');
  const rdata = new OctetReader(message.subarray(rdataStart));
  const algorithm = rdata.readName();
  const timers = rdata.readOctets(timeOctets + 2);
  const mac = rdata.readOctets(rdata.readUint16());
  const originalId = rdata.readUint16();
  const error = rdata.readUint16();
  const other = rdata.readOctets(rdata.readUint16());
  rdata.expectEnd();
  const timeSigned = timers.readUIntBE(0, timeOctets);
  const fudge = timers.readUInt16BE(timeOctets);
  const name = names.read(start);
  return { start, name, algorithm, timers, timeSigned, fudge, mac, originalId, error, other };
}

/** The message without its TSIG record: a view of it, whose count of records is written over. */
export function withoutTsig(message: Buffer, { start }: TsigRecord): Buffer {
  message.writeUInt16BE(message.readUInt16BE(additionalCountAt) - 1, additionalCountAt);
  return message.subarray(0, start);
}

/** A new message with the record at its end. Throws DnsFormatError if there is no room for it. */
export function withTsig(message: Buffer, fields: TsigFields): Buffer {
  const { name, algorithm, timers, mac, originalId, error, other } = fields;
  const rdata = Buffer.concat([
    algorithm.canonicalWire(),
    timers,
    uint16(mac.length),
    mac,
    uint16(originalId),
    uint16(error),
    uint16(other.length),
    other,
  ]);
  const signed = Buffer.concat([
    message,
    name.canonicalWire(),
    uint16(RrType.TSIG),
    uint16(RrClass.ANY),
    Buffer.alloc(4),
    uint16(rdata.length),
    rdata,
  ]);
  if (signed.length > maxMessageOctets)
    throw new DnsFormatError('a message with no room for TSIG', { blame: 'us' });
  signed.writeUInt16BE(signed.readUInt16BE(additionalCountAt) + 1, additionalCountAt);
  return signed;
}
