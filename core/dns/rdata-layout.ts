/**
 * What the RDATA of a type is made of, as far as reading and writing messages needs it: where its names are, whether
 * they may be compressed (RFC 3597 section 4), and which lengths are possible.
 *
 * Every other type is opaque octets (RFC 3597 section 3). Limitations: only form is checked here; what the octets
 * mean (a DNSKEY's protocol, a bitmap's order) is the business of rdata.ts, so that one odd record of an RRset does
 * not make the message around it unreadable.
 */
import { RrClass, RrType } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import type { NameReader } from './name-reader.ts';

/** Part of an RDATA: so many octets, or one of the kinds below. */
type RdataField = number;
export const NAME = -1;
/** A character string: a length octet and so many octets (RFC 1035 section 3.3). */
const STRING = -2;
/** Character strings to the end of the RDATA. */
const STRINGS = -3;
/** Octets to the end of the RDATA. */
const REST = -4;
/** EDNS options to the end of the RDATA (RFC 6891 section 6.1.2). */
const OPTIONS = -5;

interface RdataLayout {
  readonly fields: readonly RdataField[];
  /**
   * 'written': the types of RFC 1035, whose names may be compressed; 'read': RFC 3597 section 4 wants them
   * decompressed where they come but never compressed; 'never': a pointer in them is an error.
   */
  readonly compression: 'written' | 'read' | 'never';
  /** The layout holds in class IN only: elsewhere the type is opaque. */
  readonly inOnly: boolean;
  readonly hasNames: boolean;
}

const layouts: (RdataLayout | undefined)[] = [];

const wellKnown: [type: number, ...fields: RdataField[]][] = [
  [RrType.NS, NAME],
  [RrType.MD, NAME],
  [RrType.MF, NAME],
  [RrType.CNAME, NAME],
  [RrType.SOA, NAME, NAME, 20],
  [RrType.MB, NAME],
  [RrType.MG, NAME],
  [RrType.MR, NAME],
  [RrType.PTR, NAME],
  [RrType.MINFO, NAME, NAME],
  [RrType.MX, 2, NAME],
];
for (const [type, ...fields] of wellKnown) define(type, fields, 'written', false);
define(RrType.HINFO, [STRING, STRING], 'never', false);
define(RrType.TXT, [STRING, STRINGS], 'never', false);
define(RrType.RP, [NAME, NAME], 'read', false);
define(RrType.AFSDB, [2, NAME], 'read', true);
define(RrType.RT, [2, NAME], 'read', true);
define(RrType.SIG, [18, NAME, REST], 'read', false);
define(RrType.PX, [2, NAME, NAME], 'read', true);
define(RrType.NXT, [NAME, REST], 'read', false);
define(RrType.NAPTR, [4, STRING, STRING, STRING, NAME], 'read', true);
define(RrType.SRV, [6, NAME], 'read', true);
define(RrType.A, [4], 'never', true);
define(RrType.AAAA, [16], 'never', true);
define(RrType.KX, [2, NAME], 'never', true);
define(RrType.DNAME, [NAME], 'never', false);
define(RrType.OPT, [OPTIONS], 'never', false);
define(RrType.DS, [5, REST], 'never', false);
define(RrType.SSHFP, [3, REST], 'never', false);
define(RrType.RRSIG, [18, NAME, REST], 'never', false);
define(RrType.NSEC, [NAME, REST], 'never', false);
define(RrType.DNSKEY, [4, REST], 'never', false);
define(RrType.NSEC3, [4, STRING, STRING, REST], 'never', false);
define(RrType.NSEC3PARAM, [4, STRING], 'never', false);
define(RrType.TLSA, [4, REST], 'never', false);

function define(
  type: number,
  fields: readonly RdataField[],
  compression: RdataLayout['compression'],
  inOnly: boolean,
): void {
  layouts[type] = { fields, compression, inOnly, hasNames: fields.includes(NAME) };
}

/** Layout of a type in a class; undefined if it is opaque. The highest type here is 52, so this is one array access. */
export function rdataLayout(type: number, rrClass: number): RdataLayout | undefined {
  const layout = layouts[type];
  return layout === undefined || (layout.inOnly && rrClass !== RrClass.IN) ? undefined : layout;
}

/** RFC 2136 section 2.4 and 2.5: in an update, classes ANY and NONE have records without RDATA, of every type. */
function mayBeEmpty(rrClass: number): boolean {
  return rrClass === RrClass.ANY || rrClass === RrClass.NONE;
}

/**
 * Checks that an RDATA is exactly what its type is made of. Allocates nothing. Throws DnsFormatError.
 * `pointersAllowed` false: the octets are an RDATA alone, outside any message.
 */
export function checkRdata(
  reader: NameReader,
  type: number,
  rrClass: number,
  start: number,
  end: number,
  pointersAllowed = true,
): void {
  const layout = rdataLayout(type, rrClass);
  if (layout === undefined || (start === end && mayBeEmpty(rrClass))) return;
  const pointers = pointersAllowed && layout.compression !== 'never';
  let at = start;
  for (const field of layout.fields) {
    at = endOfField(reader, field, at, end, pointers);
    if (at > end) throw new DnsFormatError('an RDATA shorter than its type needs', { offset: start });
  }
  if (at !== end) throw new DnsFormatError('an RDATA longer than its type needs', { offset: start });
}

/** Where a field ends; a place after `end` if it does not fit. */
export function endOfField(
  reader: NameReader,
  field: RdataField,
  at: number,
  end: number,
  pointersAllowed: boolean,
): number {
  if (field >= 0) return at + field;
  if (field === NAME) return at >= end ? end + 1 : reader.skip(at, pointersAllowed);
  if (field === REST) return end;
  const { octets } = reader;
  if (field === STRING) return at >= end ? end + 1 : at + 1 + octets.readUInt8(at);
  let position = at;
  if (field === STRINGS) {
    while (position < end) position += 1 + octets.readUInt8(position);
  } else {
    while (position < end) {
      if (position + 4 > end) return end + 1;
      position += 4 + octets.readUInt16BE(position + 2);
    }
  }
  return position;
}

/** The RDATA as octets of their own, with its names expanded. The RDATA was checked. Throws DnsFormatError. */
export function expandRdata(
  reader: NameReader,
  type: number,
  rrClass: number,
  start: number,
  end: number,
): Buffer {
  const layout = rdataLayout(type, rrClass);
  const { octets } = reader;
  if (layout === undefined || !layout.hasNames || layout.compression === 'never' || start === end) {
    return Buffer.from(octets.subarray(start, end));
  }
  const parts: Buffer[] = [];
  let at = start;
  for (const field of layout.fields) {
    const fieldEnd = endOfField(reader, field, at, end, true);
    parts.push(field === NAME ? reader.read(at).wire : octets.subarray(at, fieldEnd));
    at = fieldEnd;
  }
  const rdata = Buffer.concat(parts);
  if (rdata.length > 0xffff) throw new DnsFormatError('an RDATA that expands to more than 65535 octets');
  return rdata;
}
