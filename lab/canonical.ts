/**
 * The canonical form of an RRset, and the octets that an RRSIG signs (RFC 4034 section 6 and section 3.1.8.1).
 *
 * Limitations: of the types whose RDATA holds names that go to lower case (RFC 4034 section 6.2, as RFC 6840
 * section 5.1 amends it) it knows those that occur in the lab: NS, CNAME, PTR, DNAME, SOA, MX and SRV. No wildcards.
 */
import { RrClass, RrType } from '../core/dns/constants.ts';
import { Name } from '../core/dns/name.ts';
import { encodeRrsig, encodeSoa, parseSoa } from '../core/dns/rdata.ts';
import type { Rrsig } from '../core/dns/rdata.ts';
import type { RrSet } from './zone.ts';

/**
 * What is signed: the RRSIG RDATA without the signature, the signer in lower case, then every record in canonical
 * form and order, with the TTL that the RRSIG has, since the records may have aged.
 */
export function signedOctets(rrsig: Omit<Rrsig, 'signature'>, rrset: RrSet): Buffer {
  const prefix = encodeRrsig({ ...rrsig, signer: folded(rrsig.signer), signature: Buffer.alloc(0) });
  const owner = rrset.name.canonicalWire();
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16BE(rrset.type, 0);
  fixed.writeUInt16BE(RrClass.IN, 2);
  fixed.writeUInt32BE(rrsig.originalTtl, 4);
  // RFC 4034 section 6.3: records in the order of their canonical RDATA, each once.
  const rdatas = rrset.rdatas
    .map((rdata) => canonicalRdata(rrset.type, rdata))
    .sort((a, b) => Buffer.compare(a, b));
  const records = rdatas
    .filter((rdata, index) => index === 0 || rdatas[index - 1]?.equals(rdata) !== true)
    .flatMap((rdata) => [owner, fixed, uint16(rdata.length), rdata]);
  return Buffer.concat([prefix, ...records]);
}

function canonicalRdata(type: number, rdata: Buffer): Buffer {
  switch (type) {
    case RrType.NS:
    case RrType.CNAME:
    case RrType.PTR:
    case RrType.DNAME:
      return lowerCased(rdata);
    case RrType.MX:
      return Buffer.concat([rdata.subarray(0, 2), lowerCased(rdata.subarray(2))]);
    case RrType.SRV:
      return Buffer.concat([rdata.subarray(0, 6), lowerCased(rdata.subarray(6))]);
    case RrType.SOA: {
      const soa = parseSoa(rdata);
      return encodeSoa({ ...soa, mname: folded(soa.mname), rname: folded(soa.rname) });
    }
    default:
      return rdata;
  }
}

function lowerCased(name: Buffer): Buffer {
  return Name.fromWire(name).canonicalWire();
}

function folded(name: Name): Name {
  return Name.fromWire(name.canonicalWire());
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}
