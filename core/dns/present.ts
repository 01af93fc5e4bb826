/**
 * Records as lines of a zone file (RFC 1035 section 5.1): for people and for comparison, never for a decision.
 *
 * dns-packet prints some types without names. It is asked about one framed RDATA at a time and believed only if it
 * writes back the same octets. Names and the types of DNSSEC and DANE are printed by our own code, and whatever
 * neither can print has the form of RFC 3597 section 5, `\# length hex`.
 */
import dnsPacket from 'dns-packet';
import type { Answer } from 'dns-packet';
import { encodeBase32Hex } from './base32hex.ts';
import { RrClass, rrClassName, RrType, rrTypeName } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import { Name } from './name.ts';
import { OctetReader } from './octet-reader.ts';
import * as rdata from './rdata.ts';
import { MessageWriter } from './writer.ts';
import type { ResourceRecord } from './writer.ts';

/** One line, without its end: absolute owner, TTL, class, type, RDATA. */
export function presentRecord(record: ResourceRecord): string {
  const { name, ttl, type } = record;
  return `${absolute(name)} ${String(ttl)} ${rrClassName(record.class)} ${rrTypeName(type)} ${presentRdata(record)}`;
}

/** The RDATA alone. */
export function presentRdata(record: ResourceRecord): string {
  const present = record.class === RrClass.IN ? presenters.get(record.type) : undefined;
  if (present === undefined) return presentUnknown(record.rdata);
  try {
    return present(record.rdata, record.type);
  } catch (error) {
    if (error instanceof DnsFormatError) return presentUnknown(record.rdata);
    throw error;
  }
}

/** As an operator writes it: usage, selector, matching type, hex (RFC 6698 section 2.2). Throws DnsFormatError. */
export function presentTlsa(octets: Buffer): string {
  const { usage, selector, matchingType, data } = rdata.parseTlsa(octets);
  return `${String(usage)} ${String(selector)} ${String(matchingType)} ${data.toString('hex')}`;
}

type Presenter = (octets: Buffer, type: number) => string;

const presentOneName: Presenter = (octets) => absolute(rdata.parseName(octets));

const presenters = new Map<number, Presenter>([
  [RrType.NS, presentOneName],
  [RrType.CNAME, presentOneName],
  [RrType.PTR, presentOneName],
  [RrType.DNAME, presentOneName],
  [RrType.MX, presentMx],
  [RrType.SOA, presentSoa],
  [RrType.TXT, (octets) => rdata.parseTxt(octets).map(quote).join(' ')],
  [RrType.TLSA, presentTlsa],
  [RrType.DS, presentDs],
  [RrType.CDS, presentDs],
  [RrType.DNSKEY, presentDnskey],
  [RrType.CDNSKEY, presentDnskey],
  [RrType.RRSIG, presentRrsig],
  [RrType.NSEC, presentNsec],
  [RrType.NSEC3, presentNsec3],
  [RrType.NSEC3PARAM, (octets) => presentNsec3Param(rdata.parseNsec3Param(octets))],
  [RrType.A, presentByDnsPacket],
  [RrType.AAAA, presentByDnsPacket],
  [RrType.HINFO, presentByDnsPacket],
  [RrType.SSHFP, presentSshfp],
  [RrType.CAA, presentByDnsPacket],
]);

function presentMx(octets: Buffer): string {
  const { preference, exchange } = rdata.parseMx(octets);
  return `${String(preference)} ${absolute(exchange)}`;
}

function presentSoa(octets: Buffer): string {
  const { mname, rname, serial, refresh, retry, expire, minimum } = rdata.parseSoa(octets);
  return `${absolute(mname)} ${absolute(rname)} ${[serial, refresh, retry, expire, minimum].join(' ')}`;
}

function presentDs(octets: Buffer): string {
  const { keyTag, algorithm, digestType, digest } = rdata.parseDs(octets);
  return `${String(keyTag)} ${String(algorithm)} ${String(digestType)} ${digest.toString('hex')}`;
}

function presentDnskey(octets: Buffer): string {
  const { flags, protocol, algorithm, publicKey } = rdata.parseDnskey(octets);
  return `${String(flags)} ${String(protocol)} ${String(algorithm)} ${publicKey.toString('base64')}`;
}

function presentRrsig(octets: Buffer): string {
  const rrsig = rdata.parseRrsig(octets);
  return [
    rrTypeName(rrsig.typeCovered),
    rrsig.algorithm,
    rrsig.labels,
    rrsig.originalTtl,
    presentTime(rrsig.expiration),
    presentTime(rrsig.inception),
    rrsig.keyTag,
    absolute(rrsig.signer),
    rrsig.signature.toString('base64'),
  ].join(' ');
}

function presentNsec(octets: Buffer): string {
  const { nextName, types } = rdata.parseNsec(octets);
  return [absolute(nextName), ...types.map(rrTypeName)].join(' ');
}

function presentNsec3(octets: Buffer): string {
  const nsec3 = rdata.parseNsec3(octets);
  const next = encodeBase32Hex(nsec3.nextHashedOwner);
  return [presentNsec3Param(nsec3), next, ...nsec3.types.map(rrTypeName)].join(' ');
}

/** A salt of no octets is `-` (RFC 5155 section 3.3). */
function presentNsec3Param({ hashAlgorithm, flags, iterations, salt }: rdata.Nsec3Param): string {
  const saltText = salt.length === 0 ? '-' : salt.toString('hex');
  return `${String(hashAlgorithm)} ${String(flags)} ${String(iterations)} ${saltText}`;
}

/** YYYYMMDDHHmmSS in UTC (RFC 4034 section 3.2). */
function presentTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-:T]|\..*/g, '');
}

function presentSshfp(octets: Buffer): string {
  const reader = new OctetReader(octets);
  return `${String(reader.readUint8())} ${String(reader.readUint8())} ${reader.readRest().toString('hex')}`;
}

function presentByDnsPacket(octets: Buffer, type: number): string {
  const answer = readByDnsPacket(octets, type);
  switch (answer?.type) {
    case 'A':
    case 'AAAA':
      return answer.data;
    case 'HINFO':
      return `${quote(Buffer.from(answer.data.cpu))} ${quote(Buffer.from(answer.data.os))}`;
    case 'CAA':
      return `${String(answer.data.flags)} ${answer.data.tag} ${quote(Buffer.from(answer.data.value))}`;
    default:
      throw new DnsFormatError('an RDATA that dns-packet does not print');
  }
}

function readByDnsPacket(octets: Buffer, type: number): Answer | undefined {
  const writer = new MessageWriter({ qr: true });
  writer.tryAdd('answer', { name: Name.root, type, class: RrClass.IN, ttl: 0, rdata: octets });
  const message = writer.finish();
  try {
    const packet = dnsPacket.decode(message);
    return dnsPacket.encode(packet).equals(message) ? packet.answers?.[0] : undefined;
  } catch (error) {
    // It throws plain errors of its own for what it does not understand.
    throw new DnsFormatError('an RDATA that dns-packet refuses', { cause: error });
  }
}

function absolute(name: Name): string {
  return name.labelCount === 0 ? '.' : `${name.toString()}.`;
}

/** A character string between quotes (RFC 1035 section 5.1). */
function quote(octets: Buffer): string {
  let text = '';
  for (const octet of octets) {
    if (octet === 0x22 || octet === 0x5c) text += `\\${String.fromCharCode(octet)}`;
    else if (octet >= 0x20 && octet < 0x7f) text += String.fromCharCode(octet);
    else text += `\\${String(octet).padStart(3, '0')}`;
  }
  return `"${text}"`;
}

function presentUnknown(octets: Buffer): string {
  return `\\# ${String(octets.length)} ${octets.toString('hex')}`.trimEnd();
}
