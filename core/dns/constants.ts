/**
 * The numbers of the DNS and their names (IANA registry "Domain Name System (DNS) Parameters").
 *
 * Limitations: the types, classes and codes that a server or an operator meets; every other number is written as
 * RFC 3597 section 5 has it (TYPE65280, CLASS32769) and is handled as opaque octets.
 */

/** Resource record types, and the query types AXFR, IXFR and ANY. */
export const RrType = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  WKS: 11,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  SIG: 24,
  KEY: 25,
  PX: 26,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  EUI48: 108,
  EUI64: 109,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;

/** Classes (RFC 1035 section 3.2.4, RFC 2136 section 1.3). */
export const RrClass = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

/** Kinds of query (RFC 1035 section 4.1.1, RFC 1996, RFC 2136). */
export const Opcode = { QUERY: 0, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const;

/** Response codes; from 16 on they need EDNS (RFC 6891 section 6.1.3). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

/** EDNS options (RFC 6891 section 9.1). */
export const EdnsOptionCode = {
  NSID: 3,
  CLIENT_SUBNET: 8,
  EXPIRE: 9,
  COOKIE: 10,
  TCP_KEEPALIVE: 11,
  PADDING: 12,
  CHAIN: 13,
  EXTENDED_ERROR: 15,
} as const;

/** Info-codes of Extended DNS Errors (RFC 8914 section 5.2). */
export const EdeCode = {
  OTHER: 0,
  UNSUPPORTED_DNSKEY_ALGORITHM: 1,
  UNSUPPORTED_DS_DIGEST_TYPE: 2,
  STALE_ANSWER: 3,
  FORGED_ANSWER: 4,
  DNSSEC_INDETERMINATE: 5,
  DNSSEC_BOGUS: 6,
  SIGNATURE_EXPIRED: 7,
  SIGNATURE_NOT_YET_VALID: 8,
  DNSKEY_MISSING: 9,
  RRSIGS_MISSING: 10,
  NO_ZONE_KEY_BIT_SET: 11,
  NSEC_MISSING: 12,
  CACHED_ERROR: 13,
  NOT_READY: 14,
  BLOCKED: 15,
  CENSORED: 16,
  FILTERED: 17,
  PROHIBITED: 18,
  STALE_NXDOMAIN_ANSWER: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
} as const;

/** Algorithms of DNSSEC keys and signatures (IANA registry "DNS Security Algorithm Numbers"). */
export const DnssecAlgorithm = {
  RSAMD5: 1,
  DSA: 3,
  RSASHA1: 5,
  'DSA-NSEC3-SHA1': 6,
  'RSASHA1-NSEC3-SHA1': 7,
  RSASHA256: 8,
  RSASHA512: 10,
  'ECC-GOST': 12,
  ECDSAP256SHA256: 13,
  ECDSAP384SHA384: 14,
  ED25519: 15,
  ED448: 16,
  PRIVATEDNS: 253,
  PRIVATEOID: 254,
} as const;

/** Digests of DS records (RFC 4034 appendix A.2, RFC 4509, RFC 6605). */
export const DsDigest = { SHA1: 1, SHA256: 2, SHA384: 4 } as const;

const typeNames = inverse(RrType);
const classNames = inverse(RrClass);
const rcodeNames = inverse(Rcode);
const algorithmNames = inverse(DnssecAlgorithm);

/** Mnemonic of a type; `TYPE65280` for one without (RFC 3597 section 5). */
export function rrTypeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${String(type)}`;
}

/** Mnemonic of a class; `CLASS32769` for one without (RFC 3597 section 5). */
export function rrClassName(rrClass: number): string {
  return classNames.get(rrClass) ?? `CLASS${String(rrClass)}`;
}

/** Mnemonic of a response code; `RCODE24` for one without. */
export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? `RCODE${String(rcode)}`;
}

/** Mnemonic of a DNSSEC algorithm; the number itself for one without. */
export function dnssecAlgorithmName(algorithm: number): string {
  return algorithmNames.get(algorithm) ?? String(algorithm);
}

/** Type of a mnemonic or of `TYPEn`, in any case (RFC 3597 section 5); undefined if there is no such type. */
export function rrTypeFromName(text: string): number | undefined {
  const upper = text.toUpperCase();
  if (Object.hasOwn(RrType, upper)) return RrType[upper as keyof typeof RrType];
  const digits = /^TYPE(0|[1-9][0-9]{0,4})$/.exec(upper)?.[1];
  const type = Number(digits ?? NaN);
  return type <= 0xffff ? type : undefined;
}

function inverse(names: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(names).map(([name, value]) => [value, name]));
}
