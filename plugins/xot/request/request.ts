/**
 * What a client asks for: the strict form of the requests that a gate relays (RFC 5936 section 2.1, RFC 1995 section 3),
 * and the refusal for everything else.
 *
 * Pure.
 */
import {
  EdeCode,
  Opcode,
  parseMessage,
  parseOrNothing,
  parseSoa,
  Rcode,
  RrClass,
  RrType,
  type Message,
  type Name,
} from '../../../core/index.ts';

/** A request that the gate relays if the access list allows it. */
export interface ZoneRequest {
  readonly kind: 'SOA' | 'AXFR' | 'IXFR';
  readonly zone: Name;
  readonly message: Message;
  /** IXFR: serial of the version that the client has. */
  readonly clientSerial?: number;
}

/** An answer without relaying: a response code with an Extended DNS Error (RFC 8914). */
export interface Refusal {
  readonly rcode: number;
  readonly infoCode?: number;
  /** For the client's operator; says nothing about us that the response code does not. */
  readonly text: string;
}

export type ParsedRequest =
  | { readonly request: ZoneRequest }
  | { readonly request?: undefined; readonly message: Message; readonly refusal: Refusal }
  /** Not to be answered: a response, or octets whose header is all that can be read. */
  | { readonly request?: undefined; readonly message?: undefined; readonly formatError: boolean };

const notSupported: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.NOT_SUPPORTED,
  text: 'only SOA, AXFR and IXFR are served here',
};

/** Reads one request. Total. */
export function readRequest(octets: Buffer): ParsedRequest {
  const message = parseOrNothing(octets, parseMessage);
  // A response gets no response, or two gates could keep each other busy for ever.
  if (!message) return { formatError: octets.length >= 3 && (octets.readUInt8(2) & 0x80) === 0 };
  if (message.header.qr) return { formatError: false };
  const refuse = (refusal: Refusal): ParsedRequest => ({ message, refusal });

  // RFC 6891 section 6.1.3: BADVERS for a version that we do not speak.
  if (message.edns && message.edns.version > 0)
    return refuse({ rcode: Rcode.BADVERS, text: 'EDNS version 0 is spoken here' });
  // RFC 9103 section 7.8: what is not wanted on this connection is REFUSED with Not Supported.
  if (message.header.opcode !== Opcode.QUERY) return refuse(notSupported);
  const [question] = message.questions;
  if (!question || message.questions.length !== 1) return refuse(malformed('one question is expected'));
  const kind = kinds.get(question.type);
  if (!kind || question.class !== RrClass.IN) return refuse(notSupported);
  if (message.additionals.some((rr) => rr.type === RrType.TSIG)) {
    return refuse({
      ...notSupported,
      text: 'TSIG is not used here',
    });
  }
  // RFC 5936 section 2.1.1: nothing in the answer section; authority only carries the client's SOA of an IXFR.
  if (message.answers.length > 0) return refuse(malformed('a request with answers in it'));
  if (kind !== 'IXFR') {
    if (message.authorities.length > 0) return refuse(malformed('a request with authority records in it'));
    return { request: { kind, zone: question.name, message } };
  }
  const [soa] = message.authorities;
  // Of class IN: in class ANY or NONE an SOA may be empty (RFC 2136).
  if (
    soa?.type !== RrType.SOA ||
    soa.class !== RrClass.IN ||
    message.authorities.length !== 1 ||
    !soa.name.equals(question.name)
  ) {
    return refuse(malformed('IXFR needs the SOA record of the version that the client has'));
  }
  return { request: { kind, zone: question.name, message, clientSerial: parseSoa(soa.rdata).serial } };
}

const kinds: ReadonlyMap<number, ZoneRequest['kind']> = new Map([
  [RrType.SOA, 'SOA'],
  [RrType.AXFR, 'AXFR'],
  [RrType.IXFR, 'IXFR'],
]);

function malformed(text: string): Refusal {
  return { rcode: Rcode.FORMERR, text };
}
