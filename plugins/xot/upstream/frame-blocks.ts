/**
 * Cuts a TCP stream into messages where it lies: the socket reads into a block of ours right behind what came before, so that a
 * message is copied only when its block is full before it is whole. What `FrameReader` does, for who moves whole zones.
 */
import { DnsFormatError } from '../../../core/index.ts';

/** Messages that came together. */
export interface Frames {
  readonly messages: readonly Buffer[];
  /** The same, one after the other, each with its two octets of length before it. */
  readonly framed: Buffer;
}

/** A block holds the longest message, which may have begun in the block before, and twice what a socket gives at once. */
const blockOctets = 192 * 1024;
/** Less room than this is not worth a call of the system. */
const leastRoomOctets = 32 * 1024;
const prefixOctets = 2;
const headerOctets = 12;

export class FrameBlocks {
  #block = Buffer.alloc(0);
  /** Where the message begins that is not whole yet. */
  #start = 0;
  /** Up to here octets have come. */
  #end = 0;

  /** Octets that came of a message that is not whole yet. */
  get pendingOctets(): number {
    return this.#end - this.#start;
  }

  /** Where the next octets are to be written. */
  room(): Buffer {
    if (this.#block.length - this.#end < leastRoomOctets) {
      // Never written to again where messages of it were given out.
      const block = Buffer.allocUnsafeSlow(blockOctets);
      this.#block.copy(block, 0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      this.#block = block;
    }
    return this.#block.subarray(this.#end);
  }

  /**
   * So many octets were written into the room: gives the messages that are whole now, or undefined. Throws DnsFormatError for a
   * length that no message has; the stream is lost then.
   */
  filled(octets: number): Frames | undefined {
    const block = this.#block;
    const begin = this.#start;
    const end = (this.#end += octets);
    const messages: Buffer[] = [];
    let at = begin;
    while (at + prefixOctets <= end) {
      const length = block.readUInt16BE(at);
      if (length < headerOctets)
        throw new DnsFormatError(`a message of ${String(length)} octets, shorter than its header`);
      const next = at + prefixOctets + length;
      if (next > end) break;
      messages.push(block.subarray(at + prefixOctets, next));
      at = next;
    }
    this.#start = at;
    return messages.length === 0 ? undefined : { messages, framed: block.subarray(begin, at) };
  }
}
