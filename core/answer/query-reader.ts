/**
 * Reads a query just as far as an answer from memory needs it: header, one question, at most an OPT record, and nothing else.
 *
 * One reader is used for all queries, one after the other, and allocates nothing: what it read stands in its fields until the
 * next `read`. The key of the question (name in lower case, type, class, DO, CD) stands in `key`, its hash in `hash`.
 *
 * Limitations: what is not of this plain form is told apart, not read: `oddity` says what it is.
 */
import { EdnsOptionCode, Opcode, RrType } from '../dns/constants.ts';
import { headerOctets } from '../dns/walker.ts';

/** What a query is that is not a plain question. */
export type QueryOddity =
  /** Not to be answered at all: a response, or less than a header. */
  | 'not-a-query'
  | 'malformed'
  | 'opcode'
  | 'edns-version'
  /** Records that a question has no use for: TSIG, SIG(0), more than OPT. */
  | 'records';

/** Scope, flags, then the question: 255 octets of name, type and class. */
const scopeOctets = 4;
const nameAt = scopeOctets + 1;
export const maxKeyOctets = nameAt + 255 + 4;

const dnssecOkFlag = 1;
const checkingDisabledFlag = 2;
const optFixedOctets = 11;
const optionHeaderOctets = 4;

export class QueryReader {
  id = 0;
  /** The second 16 bits of the header. */
  flags = 0;
  /** From `questionStart` to `questionEnd` stands the question, in `octets`. */
  octets: Buffer = Buffer.alloc(0);
  questionStart = 0;
  questionEnd = 0;
  type = 0;
  class = 0;
  hasEdns = false;
  ednsVersion = 0;
  dnssecOk = false;
  /** Octets that the sender takes over UDP; 512 without EDNS, and at least (RFC 6891 section 6.2.3). */
  udpOctets = 512;
  wantsKeepalive = false;
  wantsPadding = false;
  /** Where the option EDNS Client Subnet begins, with its header; -1 without one. */
  clientSubnetAt = -1;
  /** Its length, header included. */
  clientSubnetOctets = 0;
  oddity: QueryOddity | undefined;

  /** The first `keyLength` octets are the key: scope (see `enter`), flags, question. */
  readonly key = Buffer.alloc(maxKeyOctets);
  keyLength = 0;
  /** Of the key; without the scope until `enter`. */
  hash = 0;
  readonly #seed: number;

  /** @param seed any number, unknown to those who ask: they could else choose names that share one place of a table */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  get recursionDesired(): boolean {
    return (this.flags & 0x0100) !== 0;
  }

  get checkingDisabled(): boolean {
    return (this.flags & 0x0010) !== 0;
  }

  /** Reads the message that stands at `start` up to `end`; true for a plain question. Total. */
  read(octets: Buffer, start: number, end: number): boolean {
    this.octets = octets;
    this.hasEdns = false;
    this.dnssecOk = false;
    this.udpOctets = 512;
    this.wantsKeepalive = false;
    this.wantsPadding = false;
    this.clientSubnetAt = -1;
    this.ednsVersion = 0;
    this.questionStart = start + headerOctets;
    this.questionEnd = this.questionStart;
    this.oddity = this.#read(octets, start, end);
    return this.oddity === undefined;
  }

  /** Makes the key one of a scope: a number that says whose memory is meant. Call it once, after `read`. */
  enter(scope: number): void {
    const { key } = this;
    key[0] = scope >>> 24;
    key[1] = scope >>> 16;
    key[2] = scope >>> 8;
    key[3] = scope;
    let hash = Math.imul(this.hash ^ scope, 0x9e3779b1);
    hash ^= hash >>> 15;
    // 30 bits: a small integer to V8.
    this.hash = hash & 0x3fff_ffff;
  }

  #read(octets: Buffer, start: number, end: number): QueryOddity | undefined {
    if (end - start < headerOctets) return 'not-a-query';
    this.id = (octets[start]! << 8) | octets[start + 1]!;
    const high = octets[start + 2]!;
    this.flags = (high << 8) | octets[start + 3]!;
    if (high & 0x80) return 'not-a-query';
    if (((high >> 3) & 15) !== Opcode.QUERY) return 'opcode';
    // QDCOUNT 1, ANCOUNT 0, NSCOUNT 0, ARCOUNT 0 or 1.
    if (octets[start + 4] !== 0 || octets[start + 5] !== 1) return 'malformed';
    if (octets[start + 6]! | octets[start + 7]! | octets[start + 8]! | octets[start + 9]!) return 'records';
    const afterQuestion = this.#readQuestion(octets, start + headerOctets, end);
    if (afterQuestion < 0) return 'malformed';
    this.questionEnd = afterQuestion;
    if (octets[start + 10] !== 0) return 'records';
    const additional = octets[start + 11]!;
    if (additional > 1) return 'records';
    if (additional === 0) return afterQuestion === end ? undefined : 'malformed';
    const oddity = this.#readOpt(octets, afterQuestion, end);
    if (oddity === undefined && this.dnssecOk) this.#addFlags(dnssecOkFlag);
    return oddity;
  }

  /** Where the question ends; -1 for one that is malformed. Writes the key and its hash. */
  #readQuestion(octets: Buffer, start: number, end: number): number {
    const { key } = this;
    const flags = (this.flags & 0x0010) === 0 ? 0 : checkingDisabledFlag;
    let hash = Math.imul(this.#seed ^ flags, 0x01000193);
    let at = start;
    let out = nameAt;
    key[scopeOctets] = flags;
    for (;;) {
      if (at >= end) return -1;
      const length = octets[at]!;
      // A pointer has nothing before it that it could point to (RFC 1035 section 4.1.4).
      if (length > 63) return -1;
      const labelEnd = at + length + 1;
      // 255 octets with the root's (RFC 1035 section 2.3.4).
      if (labelEnd > end || labelEnd - start > 255) return -1;
      key[out++] = length;
      hash = mixed(hash, length);
      for (at += 1; at < labelEnd; at += 1) {
        let octet = octets[at]!;
        // RFC 4343: case is nothing in ASCII.
        if (octet >= 0x41 && octet <= 0x5a) octet += 0x20;
        key[out++] = octet;
        hash = mixed(hash, octet);
      }
      if (length === 0) break;
    }
    if (at + 4 > end) return -1;
    this.type = (octets[at]! << 8) | octets[at + 1]!;
    this.class = (octets[at + 2]! << 8) | octets[at + 3]!;
    for (const stop = at + 4; at < stop; at += 1) {
      const octet = octets[at]!;
      key[out++] = octet;
      hash = mixed(hash, octet);
    }
    this.keyLength = out;
    this.hash = hash;
    return at;
  }

  #addFlags(flags: number): void {
    const { key } = this;
    key[scopeOctets] = key[scopeOctets]! | flags;
    this.hash = Math.imul(this.hash ^ flags, 0x85ebca6b);
  }

  /** RFC 6891 section 6.1.2. */
  #readOpt(octets: Buffer, at: number, end: number): QueryOddity | undefined {
    if (at + optFixedOctets > end) return 'malformed';
    const type = (octets[at + 1]! << 8) | octets[at + 2]!;
    if (octets[at] !== 0 || type !== RrType.OPT) return 'records';
    const optionsAt = at + optFixedOctets;
    if (optionsAt + ((octets[at + 9]! << 8) | octets[at + 10]!) !== end) return 'malformed';
    this.hasEdns = true;
    this.udpOctets = Math.max(512, (octets[at + 3]! << 8) | octets[at + 4]!);
    this.ednsVersion = octets[at + 6]!;
    this.dnssecOk = (octets[at + 7]! & 0x80) !== 0;
    if (this.ednsVersion !== 0) return 'edns-version';
    return optionsAt === end || this.#readOptions(octets, optionsAt, end) ? undefined : 'malformed';
  }

  #readOptions(octets: Buffer, start: number, end: number): boolean {
    for (let at = start; at < end;) {
      if (at + optionHeaderOctets > end) return false;
      const code = (octets[at]! << 8) | octets[at + 1]!;
      const length = (octets[at + 2]! << 8) | octets[at + 3]!;
      const next = at + optionHeaderOctets + length;
      if (next > end) return false;
      if (code === EdnsOptionCode.PADDING) {
        // RFC 7830 section 3: once at most.
        if (this.wantsPadding) return false;
        this.wantsPadding = true;
      } else if (code === EdnsOptionCode.TCP_KEEPALIVE) {
        // RFC 7828 section 3.2.1: a client's has no timeout in it.
        if (length !== 0) return false;
        this.wantsKeepalive = true;
      } else if (code === EdnsOptionCode.CLIENT_SUBNET) {
        this.clientSubnetAt = at;
        this.clientSubnetOctets = optionHeaderOctets + length;
      }
      at = next;
    }
    return true;
  }
}

/** The shift lets each bit of the seed count for each octet: without it names that collide by one seed do so by most others. */
function mixed(hash: number, octet: number): number {
  const product = Math.imul(hash ^ octet, 0x01000193);
  return product ^ (product >>> 15);
}
