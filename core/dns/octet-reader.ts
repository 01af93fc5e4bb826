/**
 * A cursor over the octets of one RDATA, for rdata.ts. Whatever is missing or left over is a DnsFormatError.
 */
import { DnsFormatError } from './errors.ts';
import { Name } from './name.ts';
import { NameReader } from './name-reader.ts';

export class OctetReader {
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#octets.length;
  }

  readUint8(): number {
    return this.#octets.readUInt8(this.#pass(1));
  }

  readUint16(): number {
    return this.#octets.readUInt16BE(this.#pass(2));
  }

  readUint32(): number {
    return this.#octets.readUInt32BE(this.#pass(4));
  }

  /** A view, not a copy. */
  readOctets(count: number): Buffer {
    const start = this.#pass(count);
    return this.#octets.subarray(start, start + count);
  }

  /** An uncompressed name. */
  readName(): Name {
    const end = new NameReader(this.#octets).skip(this.#at, false);
    const name = Name.fromWire(this.#octets.subarray(this.#at, end));
    this.#at = end;
    return name;
  }

  /** Everything that is left. */
  readRest(): Buffer {
    return this.readOctets(this.#octets.length - this.#at);
  }

  /** Throws if octets are left. */
  expectEnd(): void {
    if (!this.isAtEnd) throw new DnsFormatError('octets after the end of an RDATA', { offset: this.#at });
  }

  /** Moves on, and gives the place before. */
  #pass(count: number): number {
    const start = this.#at;
    if (start + count > this.#octets.length)
      throw new DnsFormatError('an RDATA cut short', { offset: start });
    this.#at = start + count;
    return start;
  }
}
