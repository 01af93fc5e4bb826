/**
 * The answer to one question as it grows: the aliases that local zones led through, and what stands at their end. It is a
 * resolver's answer: RA set, AA and AD not, whatever the zone file or the resolver behind says of itself.
 */
import {
  DnsFormatError,
  EdeCode,
  EdnsOptionCode,
  encodeMessage,
  Name,
  parseMessage,
  parseName,
  Rcode,
  RrClass,
  RrType,
  type Message,
  type ResourceRecord,
} from '../../../core/index.ts';
import { substitute, type Found, type LocalZone, type ZoneRrset } from './local-zone.ts';
import type { ViewAnswer, ViewQuery } from './query.ts';

/** Aliases that are followed for one question, so that a circle of them ends (RFC 1034 section 5.2.2). */
export const maxAliases = 8;

/** Where a step leads: the answer, another name to look for, or out of the zone. */
export type Step = ViewAnswer | { readonly next: Name } | undefined;

export class LocalAnswer {
  readonly #query: ViewQuery;
  readonly #answers: ResourceRecord[] = [];
  #aliases = 0;

  constructor(query: ViewQuery) {
    this.#query = query;
  }

  /** Whether nothing was found in local zones yet. */
  get isEmpty(): boolean {
    return this.#answers.length === 0;
  }

  /** Takes what a zone has for a name; undefined if only the resolver behind knows. */
  take(found: Found, name: Name, zone: LocalZone): Step {
    switch (found.kind) {
      case 'delegated':
        return undefined;
      case 'answer':
        this.#add(name, found.rrset);
        return this.finish(Rcode.NOERROR);
      case 'alias':
        this.#add(name, found.rrset);
        return this.#follow(targetOf(found.rrset));
      case 'below-dname':
        return this.#substitute(name, found);
      case 'no-data':
        return this.finish(Rcode.NOERROR, [zone.denial]);
      case 'no-name':
        // RFC 6604 section 3: the code is that of the last name of a chain of aliases.
        return this.finish(Rcode.NXDOMAIN, [zone.denial]);
    }
  }

  /** The whole message. */
  finish(
    rcode: number,
    authorities: readonly ResourceRecord[] = [],
    ede: Pick<ViewAnswer, 'infoCode' | 'text'> = {},
  ): ViewAnswer {
    const answers = rcode === Rcode.REFUSED || rcode === Rcode.SERVFAIL ? [] : this.#answers;
    return { octets: encodeMessage(this.#message({ rcode, answers, authorities, additionals: [] })), ...ede };
  }

  /**
   * Puts what the resolver behind said of the last alias's target after the aliases. Its Extended DNS Errors come along
   * (RFC 8914 section 3). Throws DnsFormatError for octets that are no message.
   */
  merge(octets: Buffer): ViewAnswer {
    const { header, answers, authorities, additionals, edns } = parseMessage(octets);
    const options = edns?.options.filter(({ code }) => code === EdnsOptionCode.EXTENDED_ERROR);
    const message = this.#message({
      rcode: header.rcode,
      answers: [...this.#answers, ...answers],
      authorities,
      additionals,
    });
    const whole = edns === undefined ? message : { ...message, edns: { ...edns, options: options ?? [] } };
    // Where 64 KiB are too few, what the question did not ask for is left out first (RFC 2181 section 9).
    const octetsOrNone = tryEncode(whole) ?? tryEncode({ ...whole, authorities: [], additionals: [] });
    if (octetsOrNone !== undefined) return { octets: octetsOrNone };
    return this.finish(Rcode.SERVFAIL, [], { infoCode: EdeCode.OTHER, text: 'answer too long' });
  }

  #add(name: Name, { type, ttl, rdatas }: ZoneRrset): void {
    for (const rdata of rdatas) this.#answers.push({ name, type, class: RrClass.IN, ttl, rdata });
  }

  /** RFC 1034 section 3.6.2: a question for CNAME itself is answered by it, which `Found` has as an answer. */
  #follow(target: Name): Step {
    this.#aliases += 1;
    if (this.#aliases <= maxAliases) return { next: target };
    return this.finish(Rcode.SERVFAIL, [], { infoCode: EdeCode.OTHER, text: 'CNAME chain too long' });
  }

  /** RFC 6672 section 3.2: the DNAME record, and a CNAME record made of it for the name, with its TTL. */
  #substitute(name: Name, { rrset, ownerAt }: Extract<Found, { kind: 'below-dname' }>): Step {
    const owner = Name.fromWire(name.wire.subarray(ownerAt));
    this.#add(owner, rrset);
    const target = substitute(name, ownerAt, targetOf(rrset));
    if (target === undefined) return this.finish(Rcode.YXDOMAIN);
    this.#add(name, { type: RrType.CNAME, ttl: rrset.ttl, rdatas: [target.wire] });
    if (this.#query.type === RrType.CNAME || this.#query.type === RrType.ANY)
      return this.finish(Rcode.NOERROR);
    return this.#follow(target);
  }

  #message({
    rcode,
    ...sections
  }: Pick<Message, 'answers' | 'authorities' | 'additionals'> & { readonly rcode: number }): Message {
    const { type, class: rrClass, checkingDisabled } = this.#query;
    const header = { ...resolverFlags, cd: checkingDisabled, rcode };
    return { header, questions: [{ name: this.#query.name(), type, class: rrClass }], ...sections };
  }
}

const resolverFlags = {
  id: 0,
  qr: true,
  opcode: 0,
  aa: false,
  tc: false,
  rd: true,
  ra: true,
  ad: false,
} as const;

/** The name in a CNAME or DNAME record, of which there is one; the zone file's reader made sure. */
function targetOf({ rdatas: [rdata] }: ZoneRrset): Name {
  return rdata === undefined ? Name.root : parseName(rdata);
}

function tryEncode(message: Message): Buffer | undefined {
  try {
    return encodeMessage(message);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}
