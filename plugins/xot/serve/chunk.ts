/**
 * Stored messages as one client gets them: with its ID, the type that it asked for in the question, and an OPT record if it has
 * one (RFC 9103 section 6.3.4), many in one buffer that is written to again when the client has what was in it.
 */
import { EdnsOptionCode, findOption, RrType } from '../../../core/index.ts';
import { replyOpt, withOpt, type ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';

/** Fits eight usual messages; measured: shorter chunks cost more, longer ones gain nothing. */
const chunkOctets = 128 << 10;
/** For the first message, and for OPT records. */
const spareOctets = 8 << 10;
const prefixOctets = 2;
const headerOctets = 12;
const idAt = 0;
const flagsAt = 2;
const questionCountAt = 4;
const additionalCountAt = 10;
const recursionDesired = 0x0100;

export class Chunk {
  readonly #style: ReplyStyle;
  readonly #type: number;
  /** Where the type is in a message that has a question. */
  readonly #typeAt: number;
  readonly #flags: number;
  readonly #opt: Buffer;
  /** The size of padding is that of each message (RFC 7830). */
  readonly #isPadded: boolean;
  #room: Buffer;
  #length = 0;

  /** @param octets that are to pass through it, about: a short zone needs no long chunk */
  constructor({ kind, zone, message }: ZoneRequest, style: ReplyStyle, octets: number) {
    this.#room = Buffer.allocUnsafeSlow(Math.min(chunkOctets, octets + spareOctets));
    this.#style = style;
    this.#type = RrType[kind];
    this.#typeAt = headerOctets + zone.wire.length;
    // RFC 1035 section 4.1.1: RD is copied.
    this.#flags = message.header.rd ? recursionDesired : 0;
    this.#opt = replyOpt(style, undefined);
    this.#isPadded = findOption(message.edns, EdnsOptionCode.PADDING) !== undefined;
  }

  /** Adds a message that is as its client gets it; there must be room, as there is for the first. */
  addAsIs(message: Buffer): void {
    if (message.length + prefixOctets > this.#room.length)
      this.#room = Buffer.allocUnsafeSlow(message.length + prefixOctets);
    this.#length = this.#room.writeUInt16BE(message.length, this.#length);
    this.#length += message.copy(this.#room, this.#length);
  }

  /** Adds a message if there is room, or if it would be the only one; says whether. */
  add(message: Buffer): boolean {
    const opt = this.#isPadded ? this.#paddedOpt(message) : this.#opt;
    const needed = prefixOctets + message.length + opt.length;
    if (this.#length + needed > this.#room.length) {
      if (this.#length > 0) return false;
      this.#room = Buffer.allocUnsafeSlow(needed);
    }
    const room = this.#room;
    const start = this.#length + prefixOctets;
    room.writeUInt16BE(message.length + opt.length, this.#length);
    message.copy(room, start);
    opt.copy(room, start + message.length);
    room.writeUInt16BE(this.#style.request.header.id, start + idAt);
    if (this.#flags !== 0)
      room.writeUInt16BE(room.readUInt16BE(start + flagsAt) | this.#flags, start + flagsAt);
    if (room.readUInt16BE(start + questionCountAt) === 1)
      room.writeUInt16BE(this.#type, start + this.#typeAt);
    if (opt.length > 0) room.writeUInt16BE(1, start + additionalCountAt);
    this.#length += needed;
    return true;
  }

  /** What was added, to be used before the next is. */
  take(): Buffer {
    const octets = this.#room.subarray(0, this.#length);
    this.#length = 0;
    return octets;
  }

  #paddedOpt(message: Buffer): Buffer {
    const padded = withOpt(message, this.#style, 0, []);
    return padded === undefined ? this.#opt : padded.subarray(message.length);
  }
}
