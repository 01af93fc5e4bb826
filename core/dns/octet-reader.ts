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
    return this.readOctets(1).readUInt8(0);
  }

  readUint16(): number {
    return this.readOctets(2).readUInt16BE(0);
  }

  readUint32(): number {
    return this.readOctets(4).readUInt32BE(0);
  }

  /** A view, not a copy. */
  readOctets(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#octets.length) throw new DnsFormatError('an RDATA cut short', { offset: this.#at });
    const octets = this.#octets.subarray(this.#at, end);
    this.#at = end;
    return octets;
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
}
