/**
 * EDNS(0): the OPT record (RFC 6891) and the options that a server of ours says or hears: Extended DNS Errors
 * (RFC 8914), TCP keepalive (RFC 7828) and padding (RFC 7830, sizes by RFC 8467).
 *
 * Limitations: version 0 is written; any version is read, since the fields up to the version mean the same in all.
 */
import { EdnsOptionCode, RrType } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import { uint16, uint8 } from './unsigned.ts';

export interface EdnsOption {
  readonly code: number;
  readonly data: Buffer;
}

/** What an OPT record says (RFC 6891 section 6.1.3). */
export interface Edns {
  /** Octets that the sender can take over UDP. */
  readonly udpPayloadSize: number;
  readonly version: number;
  /** The DO bit: DNSSEC records are wanted (RFC 3225). */
  readonly dnssecOk: boolean;
  /** The upper 8 of the 12 bits of the response code. */
  readonly extendedRcode: number;
  readonly options: readonly EdnsOption[];
}

/** RFC 8467 section 4.1: a query is padded to a multiple of 128 octets, a response to one of 468. */
export const paddingBlock = { query: 128, response: 468 } as const;

const optionHeaderOctets = 4;
const dnssecOkBit = 0x8000;

/** The whole OPT record: root owner, type, and the fields in the places of class and TTL. Throws DnsFormatError. */
export function encodeOpt(edns: Edns): Buffer {
  const options = encodeOptions(edns.options);
  const flags = edns.dnssecOk ? dnssecOkBit : 0;
  return Buffer.concat([
    uint8(0),
    uint16(RrType.OPT),
    uint16(edns.udpPayloadSize),
    uint8(edns.extendedRcode),
    uint8(edns.version),
    uint16(flags),
    uint16(options.length),
    options,
  ]);
}

/** Options as they stand in the RDATA (RFC 6891 section 6.1.2). Throws DnsFormatError. */
export function encodeOptions(options: readonly EdnsOption[]): Buffer {
  return Buffer.concat(options.flatMap(({ code, data }) => [uint16(code), uint16(data.length), data]));
}

/** The meaning of an OPT record's class, TTL and RDATA. Throws DnsFormatError. */
export function parseOpt(opt: { class: number; ttl: number; rdata: Buffer }): Edns {
  return {
    udpPayloadSize: opt.class,
    extendedRcode: opt.ttl >>> 24,
    version: (opt.ttl >>> 16) & 0xff,
    dnssecOk: (opt.ttl & dnssecOkBit) !== 0,
    options: parseOptRdata(opt.rdata),
  };
}

/** Options that fill the RDATA exactly (RFC 6891 section 6.1.2). Throws DnsFormatError. */
export function parseOptRdata(rdata: Buffer): EdnsOption[] {
  const options: EdnsOption[] = [];
  for (let at = 0; at < rdata.length;) {
    const start = at + optionHeaderOctets;
    const end = start <= rdata.length ? start + rdata.readUInt16BE(at + 2) : start;
    if (end > rdata.length) {
      throw new DnsFormatError('an EDNS option past the end of its record', { offset: at });
    }
    options.push({ code: rdata.readUInt16BE(at), data: rdata.subarray(start, end) });
    at = end;
  }
  return options;
}

/** First option of a code. */
export function findOption(edns: Edns | undefined, code: number): EdnsOption | undefined {
  return edns?.options.find((option) => option.code === code);
}

/** An Extended DNS Error with its words for people (RFC 8914 section 2). */
export function extendedError(infoCode: number, text = ''): EdnsOption {
  return {
    code: EdnsOptionCode.EXTENDED_ERROR,
    data: Buffer.concat([uint16(infoCode), Buffer.from(text, 'utf8')]),
  };
}

/** Reads an Extended DNS Error; octets that are not UTF-8 become U+FFFD. Throws DnsFormatError. */
export function parseExtendedError(option: EdnsOption): { code: number; text: string } {
  if (option.data.length < 2) throw new DnsFormatError('an Extended DNS Error without its code');
  // RFC 8914 section 2: the text may, against the rule, end with a NUL.
  const text = option.data.toString('utf8', 2).replace(/\0$/, '');
  return { code: option.data.readUInt16BE(0), text };
}

/** A server's idle timeout, in units of 100 ms rounded down, at most 6,553,500 ms (RFC 7828 section 3.1). */
export function keepalive(timeoutMs: number): EdnsOption {
  const units = Math.min(0xffff, Math.max(0, Math.floor(timeoutMs / 100)));
  return { code: EdnsOptionCode.TCP_KEEPALIVE, data: uint16(units) };
}

/**
 * The timeout that a server states; undefined in a client's option, which is empty (RFC 7828 section 3.2.1).
 * Throws DnsFormatError.
 */
export function parseKeepalive(option: EdnsOption): { timeoutMs: number | undefined } {
  if (option.data.length === 0) return { timeoutMs: undefined };
  if (option.data.length !== 2) throw new DnsFormatError('a TCP keepalive that is not of 0 or 2 octets');
  return { timeoutMs: option.data.readUInt16BE(0) * 100 };
}

/**
 * The padding that brings a message to a multiple of `block` octets (RFC 8467 section 4.1), given its length with the
 * OPT record but without the padding option. It belongs last among the options; its octets are 0 (RFC 7830 section 3).
 */
export function padTo(lengthWithoutPadding: number, block: number): EdnsOption {
  const over = (lengthWithoutPadding + optionHeaderOctets) % block;
  return { code: EdnsOptionCode.PADDING, data: Buffer.alloc(over === 0 ? 0 : block - over) };
}
