/**
 * The result of one question, put together from what the answer says and how that was judged.
 */
import { Rcode, RrClass, RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { encodeName } from '../dns/rdata.ts';
import { negativeTtl, recordsOf } from './content.ts';
import type { Content } from './content.ts';
import { describe } from './inquiry.ts';
import type { Answer, Fault } from './inquiry.ts';
import type { Hop, ZoneTrust } from './memory.ts';
import type { ValidationReason } from './status.ts';
import type { Inquiry } from './verdict.ts';

/** How an answer was judged that can be given out, with its status. */
export interface Judgement {
  readonly status: 'secure' | 'insecure' | 'indeterminate';
  readonly reason: ValidationReason;
  readonly detail: string;
  readonly trust?: ZoneTrust;
  /** A bound of TTLs; where it is not said, they are as they came. */
  readonly ttlSeconds?: number;
  /** Where it is not said, no signature is involved, and the TTL says all. */
  readonly signedUntilMs?: number;
  /** Of an absence, where it is proved. */
  readonly rcode?: number;
}

/** A hop that gives nothing out. */
export function failedHop(inquiry: Inquiry, fault: Fault, trust?: ZoneTrust): Hop {
  const { status, reason, detail, server } = fault;
  const { name, type } = inquiry;
  const nothing = { rcode: Rcode.SERVFAIL, records: [], expiresMs: 0, signedUntilMs: 0 };
  return {
    name,
    type,
    status,
    reason,
    detail,
    ...nothing,
    ...(trust === undefined ? {} : { trust }),
    ...(server === undefined ? {} : { server }),
  };
}

/** A hop with what the answer says. */
export function makeHop(answer: Answer, content: Content, judgement: Judgement, nowMs: number): Hop {
  const { inquiry, server } = answer;
  const { name, type } = inquiry;
  const { status, reason, detail, trust } = judgement;
  // RFC 4035 section 5.3.3, and for an absence RFC 9077 section 3: the lesser of what came and what was proved.
  const ttlSeconds = Math.min(ttlOf(answer, content, judgement), judgement.ttlSeconds ?? Infinity);
  const ttlEndMs = nowMs + ttlSeconds * 1000;
  const { signedUntilMs = ttlEndMs } = judgement;
  return {
    name,
    type,
    status,
    reason,
    detail,
    ...given(answer, content, judgement, ttlSeconds),
    ...(trust === undefined ? {} : { trust }),
    server,
    expiresMs: Math.min(ttlEndMs, signedUntilMs),
    signedUntilMs,
  };
}

/** What differs with the content; a reason or words here take the place of the judgement's. */
type Given = Pick<Hop, 'rcode' | 'records'> & Partial<Pick<Hop, 'alias' | 'reason' | 'detail'>>;

function given(answer: Answer, content: Content, judgement: Judgement, ttlSeconds: number): Given {
  switch (content.kind) {
    case 'data':
      return { rcode: Rcode.NOERROR, records: recordsOf(content.rrset, ttlSeconds) };
    case 'alias':
      return content.target === undefined
        ? tooLong(answer, judgement)
        : byAlias(answer, content.target, judgement, ttlSeconds);
    case 'none':
      return { rcode: judgement.rcode ?? answer.message.header.rcode, records: [] };
  }
}

function byAlias({ inquiry }: Answer, target: Name, judgement: Judgement, ttl: number): Given {
  const { name, type } = inquiry;
  const detail = `${name.toString()} is an alias of ${target.toString()}: ${judgement.detail}`;
  if (type !== RrType.CNAME) return { rcode: Rcode.NOERROR, records: [], alias: target, detail };
  // RFC 6672 section 3.1: the CNAME that a DNAME stands for, asked for by itself.
  const cname = { name, type, class: RrClass.IN, ttl, rdata: encodeName(target) };
  return { rcode: Rcode.NOERROR, records: [cname], detail };
}

/** RFC 6672 section 2.2: there is no such name, and there cannot be. */
function tooLong({ inquiry }: Answer, { status, reason, detail }: Judgement): Given {
  return {
    rcode: Rcode.YXDOMAIN,
    records: [],
    reason: status === 'secure' ? 'denied' : reason,
    detail: `${detail}; for ${describe(inquiry)} it leads to a name of more than 255 octets`,
  };
}

/** Of an absence without a SOA record nothing is remembered (RFC 2308 section 5), but for what a proof says. */
function ttlOf(answer: Answer, content: Content, { ttlSeconds }: Judgement): number {
  return content.kind === 'none' ? (negativeTtl(answer) ?? ttlSeconds ?? 0) : content.rrset.ttl;
}
