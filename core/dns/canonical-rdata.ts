/**
 * RDATA in canonical form (RFC 4034 section 6.2, with RFC 6840 section 5.1): the names in it in lower case, for the types whose
 * names are known (rdata-layout.ts).
 *
 * Limitations: class IN; the name in an A6 record (historic, RFC 6563) is taken as it came, since the type is opaque here.
 */
import { RrClass, RrType } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import { NameReader } from './name-reader.ts';
import { endOfField, NAME, rdataLayout } from './rdata-layout.ts';

/** Whether the RDATA of a type has names in it whose case does not count. */
export function hasFoldedNames(type: number): boolean {
  // RFC 6840 section 5.1: the next name of an NSEC record keeps its case, whatever RFC 4034 section 6.2 says.
  return type !== RrType.NSEC && rdataLayout(type, RrClass.IN)?.hasNames === true;
}

/** The RDATA with the ASCII letters of its names in lower case; itself if there is nothing to change. */
export function canonicalRdata(type: number, rdata: Buffer): Buffer {
  if (!hasFoldedNames(type)) return rdata;
  const reader = new NameReader(rdata);
  let changed: Buffer | undefined;
  let at = 0;
  try {
    for (const field of rdataLayout(type, RrClass.IN)?.fields ?? []) {
      const end = endOfField(reader, field, at, rdata.length, false);
      if (field === NAME && end <= rdata.length) {
        // Lengths of labels are below 64, so they never look like a letter.
        for (let place = at; place < end; place += 1) {
          const octet = rdata.readUInt8(place);
          if (octet >= 0x41 && octet <= 0x5a) (changed ??= Buffer.from(rdata))[place] = octet + 0x20;
        }
      }
      at = end;
    }
  } catch (error) {
    // Messages that were read hold no such RDATA. Octets that are no names have no letters either.
    if (error instanceof DnsFormatError) return rdata;
    throw error;
  }
  return changed ?? rdata;
}
