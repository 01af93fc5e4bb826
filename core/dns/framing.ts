/**
 * Messages on a stream: two octets of length, then the message (RFC 1035 section 4.2.2, RFC 7766 section 8).
 * The stream may be cut anywhere, also between the two octets, and a chunk may hold many messages.
 */
import { DnsFormatError } from './errors.ts';
import { uint16 } from './unsigned.ts';
import { headerOctets, maxMessageOctets } from './walker.ts';

const prefixOctets = 2;
/** What is set aside for a message that has only begun: a length is a promise, and promises are free to make. */
const firstAllocationOctets = 512;

/** Cuts a stream into messages. Holds one unfinished message at most, in memory in proportion to what came of it. */
export class FrameReader {
  readonly #maxOctets: number;
  #firstLengthOctet = -1;
  #length = 0;
  #partial: Buffer | undefined;
  #filled = 0;
  #failure: DnsFormatError | undefined;

  /** `maxOctets`: the longest message that is taken. */
  constructor(maxOctets: number = maxMessageOctets) {
    this.#maxOctets = maxOctets;
  }

  /** Octets held back because their message is not complete, length octets included. */
  get pendingOctets(): number {
    if (this.#partial !== undefined) return prefixOctets + this.#filled;
    return this.#firstLengthOctet >= 0 ? 1 : 0;
  }

  /**
   * The messages that this chunk completes. One that lies whole in the chunk is a view of it, not a copy.
   * Throws DnsFormatError for a length that no message has; the stream is lost then, and every later call throws.
   */
  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    this.each(chunk, (octets, start, end) => {
      messages.push(octets.subarray(start, end));
    });
    return messages;
  }

  /**
   * The same, for who needs no view: `take` gets the octets, and from where to where in them the message is. Those before a
   * bad length are taken before it throws.
   */
  each(chunk: Buffer, take: (octets: Buffer, start: number, end: number) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    while (at < chunk.length) {
      if (this.#partial !== undefined) {
        at += this.#fill(this.#partial, chunk, at);
        if (this.#filled < this.#length) continue;
        const message = this.#take();
        take(message, 0, message.length);
        continue;
      }
      if (this.#firstLengthOctet < 0) {
        this.#firstLengthOctet = chunk[at] ?? 0;
        at += 1;
        continue;
      }
      this.#length = this.#checkLength((this.#firstLengthOctet << 8) | (chunk[at] ?? 0));
      this.#firstLengthOctet = -1;
      at += 1;
      const end = at + this.#length;
      if (end <= chunk.length) {
        take(chunk, at, end);
        at = end;
      } else {
        this.#partial = Buffer.alloc(Math.min(this.#length, firstAllocationOctets));
      }
    }
  }

  #checkLength(length: number): number {
    if (length >= headerOctets && length <= this.#maxOctets) return length;
    const what = length < headerOctets ? 'shorter than its header' : 'longer than what is taken here';
    this.#failure = new DnsFormatError(`a message of ${String(length)} octets, ${what}`);
    throw this.#failure;
  }

  /** Takes what belongs to the unfinished message; returns how much that was. */
  #fill(partial: Buffer, chunk: Buffer, at: number): number {
    const count = Math.min(this.#length - this.#filled, chunk.length - at);
    const needed = this.#filled + count;
    let room = partial;
    if (needed > room.length) {
      room = Buffer.alloc(Math.min(this.#length, Math.max(needed, room.length * 2)));
      partial.copy(room, 0, 0, this.#filled);
      this.#partial = room;
    }
    chunk.copy(room, this.#filled, at, at + count);
    this.#filled = needed;
    return count;
  }

  #take(): Buffer {
    const message = this.#partial ?? Buffer.alloc(0);
    this.#partial = undefined;
    this.#filled = 0;
    return message;
  }
}

/** A message with its length before it, to be written at once (RFC 7766 section 8). Throws DnsFormatError. */
export function frame(message: Buffer): Buffer {
  if (message.length < headerOctets || message.length > maxMessageOctets) {
    throw new DnsFormatError(`a message of ${String(message.length)} octets cannot be sent`, { blame: 'us' });
  }
  return Buffer.concat([uint16(message.length), message]);
}
