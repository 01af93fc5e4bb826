/**
 * The lab's validating resolver: what a stub or a gate with `validation: trust-ad` asks. It sets AD only for what it
 * has validated from the root key down, and answers SERVFAIL with an Extended DNS Error for what is bogus
 * (RFC 4035 section 3.2, RFC 8914).
 *
 * AD is set for positive answers and for denials: the NSEC proof of "no such name" and "no such type" is checked.
 *
 * Limitations: see chain.ts; every question is answered afresh. A query without RD is answered like one with it.
 */
import { EdeCode, Opcode, Rcode, RrType } from '../core/dns/constants.ts';
import { extendedError } from '../core/dns/edns.ts';
import type { Message, ResourceRecord } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';
import { resolve } from './chain.ts';
import type { ResolverView } from './chain.ts';
import { answerEach, respondTo } from './respond.ts';
import { startServer } from './servers.ts';
import type { Endpoint, RunningServer } from './servers.ts';
import { BogusError } from './validator.ts';

/** A question that the resolver got. */
export interface LoggedQuery {
  readonly name: Name;
  readonly type: number;
}

/** Where validation begins and where each zone is served. */
export interface ResolverSources {
  /** RDATA of the DS records of the root. */
  readonly anchors: readonly Buffer[];
  readonly serverOf: ResolverView['serverOf'];
  readonly nowMs: () => number;
}

/** A running resolver, with the knobs that make it a bad one. */
export class LabResolver implements Endpoint {
  /** Every question that arrived, also while the resolver was dead, in order. */
  readonly queries: LoggedQuery[] = [];
  /** Whether it leaves every query unanswered. */
  isDead = false;
  /** How long it waits before each answer. */
  delayMs = 0;
  readonly #sources: ResolverSources;
  #server: RunningServer | undefined;

  private constructor(sources: ResolverSources) {
    this.#sources = sources;
  }

  static async start(sources: ResolverSources, port?: number): Promise<LabResolver> {
    const resolver = new LabResolver(sources);
    resolver.#server = await startServer(
      answerEach((query) => resolver.#respond(query)),
      port,
    );
    return resolver;
  }

  get address(): string {
    return this.#running.address;
  }

  get port(): number {
    return this.#running.port;
  }

  async close(): Promise<void> {
    await this.#running.close();
  }

  get #running(): RunningServer {
    if (this.#server === undefined) throw new Error('the resolver has not been started');
    return this.#server;
  }

  async #respond(query: Message): Promise<Message | undefined> {
    const [question] = query.questions;
    if (question === undefined) return respondTo(query, { rcode: Rcode.FORMERR });
    this.queries.push({ name: question.name, type: question.type });
    if (this.isDead) return undefined;
    if (this.delayMs > 0) await new Promise((resume) => setTimeout(resume, this.delayMs));
    if (query.header.opcode !== Opcode.QUERY) return respondTo(query, { rcode: Rcode.NOTIMP });
    try {
      return await this.#answer(query, question);
    } catch (error) {
      const text = error instanceof Error ? error.message : 'failure';
      const ede = error instanceof BogusError ? error.ede : EdeCode.NO_REACHABLE_AUTHORITY;
      return respondTo(query, { rcode: Rcode.SERVFAIL, ra: true, ednsOptions: [extendedError(ede, text)] });
    }
  }

  async #answer(query: Message, { name, type }: LoggedQuery): Promise<Message> {
    const { anchors, serverOf, nowMs } = this.#sources;
    const dnssecOk = query.edns?.dnssecOk === true;
    const { cd, ad } = query.header;
    // RFC 4035 section 3.2.2: with CD set the asker validates, so nothing is withheld and nothing is vouched for.
    const view: ResolverView = {
      anchors: cd ? [] : anchors,
      serverOf,
      nowSeconds: Math.floor(nowMs() / 1000),
    };
    const found = await resolve(view, name, type);
    return respondTo(query, {
      rcode: found.rcode,
      ra: true,
      // RFC 6840 section 5.8: AD is for those who ask for it, by AD or by DO.
      ad: found.isSecure && (ad || dnssecOk),
      answers: found.answers.filter((record) => dnssecOk || !isDnssec(record, type)),
      authorities: found.authorities.filter((record) => dnssecOk || !isDnssec(record, type)),
    });
  }
}

/** RFC 4035 section 3.2.1: DNSSEC records go only to those who say DO, unless they are what was asked for. */
function isDnssec(record: ResourceRecord, asked: number): boolean {
  const types: readonly number[] = [RrType.RRSIG, RrType.NSEC, RrType.DNSKEY];
  return types.includes(record.type) && record.type !== asked;
}
