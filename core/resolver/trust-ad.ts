/**
 * Lookups that rest on the AD bit of a validating resolver on this machine (RFC 4035 section 4.9.3).
 *
 * The AD bit says "I validated this". It is believed only from a loopback address, because anybody on the way from a
 * resolver elsewhere could set it. No cache: the resolver beside us has one, and caps its TTLs by the signatures'
 * end (RFC 4035 section 5.3.3). Equal questions under way at the same time share one query.
 *
 * Limitations: no validation of our own; transports are UDP, and TCP after a truncated answer.
 */
import { setTimeout } from 'node:timers/promises';
import type { Endpoint } from '../config/endpoint.ts';
import { EdeCode, EdnsOptionCode, RrClass, RrType, Rcode, rcodeName, rrTypeName } from '../dns/constants.ts';
import { parseExtendedError, type EdnsOption } from '../dns/edns.ts';
import type { Message, ResourceRecord } from '../dns/message.ts';
import { encodeMessage, makeQuery } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import type { LookupCost, LookupResult, Resolver } from './resolver.ts';
import { exchange } from './upstream/exchange.ts';
import { udpPayloadSize } from './upstream/query.ts';
import { describeServer, type ExchangeFailure } from './upstream/server.ts';

export interface TrustAdOptions {
  /** Validating resolvers on loopback, asked in this order. */
  readonly servers: readonly Endpoint[];
  /** Milliseconds for the whole lookup. */
  readonly timeoutMs: number;
}

/** CNAMEs followed inside one answer: the resolver has followed them already, this only bounds our reading. */
const maximumAliases = 8;
/** RFC 9520 section 3.1 asks for at most 3 tries per server and transport; a resolver on loopback gets 2. */
const triesPerServer = 2;

export class TrustAdResolver implements Resolver {
  readonly #servers: readonly Endpoint[];
  readonly #timeoutMs: number;
  readonly #underWay = new Map<string, Promise<LookupResult>>();

  constructor(options: TrustAdOptions) {
    this.#servers = options.servers;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Looks up one RRset. Never rejects for anything that the network does: that is a status with its detail. */
  lookup(name: Name, type: number): Promise<LookupResult> {
    const key = questionKey(name, type);
    const running = this.#underWay.get(key);
    if (running) return running;
    const lookup = this.#lookup(name, type).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, lookup);
    return lookup;
  }

  /** What `lookup` would take at this moment. What the resolver beside us has in its memory cannot be known. */
  costOf(name: Name, type: number): LookupCost {
    return this.#underWay.has(questionKey(name, type)) ? 'wait' : 'query';
  }

  async #lookup(name: Name, type: number): Promise<LookupResult> {
    const query = (id: number): Buffer =>
      encodeMessage(
        makeQuery({
          id,
          name,
          type,
          rd: true,
          // RFC 6840 section 5.7: AD in a query asks for the AD bit; DO as well, for resolvers that look only at it.
          ad: true,
          edns: { udpPayloadSize, version: 0, dnssecOk: true, extendedRcode: 0, options: [] },
        }),
      );
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    const roundMs = this.#timeoutMs / triesPerServer;
    const begunMs = performance.now();
    const failures: string[] = [];
    for (let round = 0; round < triesPerServer && !deadline.aborted; round++) {
      // A resolver that restarts refuses at once; the second round gives it time to come back.
      await pause(begunMs + round * roundMs - performance.now(), deadline);
      for (const server of this.#servers) {
        const answer = await exchange({
          server,
          query,
          question: { name, type },
          deadline,
          udpTimeoutMs: roundMs / this.#servers.length,
        });
        if (isFailure(answer)) failures.push(answer.failure);
        else if (isServersFault(answer))
          failures.push(`${describeServer(server)} answered ${rcodeName(answer.header.rcode)}`);
        else return judge(answer, name, type, server);
      }
    }
    const what = [...new Set(failures)].join('; ');
    return {
      status: 'indeterminate',
      rcode: Rcode.SERVFAIL,
      records: [],
      ttlSeconds: 0,
      detail: what || 'no time left',
    };
  }
}

function isFailure(answer: Message | ExchangeFailure): answer is ExchangeFailure {
  return 'failure' in answer;
}

/** REFUSED, NOTIMP and the like say something about the server, so the next one is asked. */
function isServersFault(answer: Message): boolean {
  const { rcode } = answer.header;
  return rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN && rcode !== Rcode.SERVFAIL;
}

/** The status that the answer gives the RRset. */
function judge(answer: Message, name: Name, type: number, server: Endpoint): LookupResult {
  const from = describeServer(server);
  const { rcode, ad } = answer.header;
  if (rcode === Rcode.SERVFAIL) return { ...nothing(rcode), ...whyServfail(answer, from) };

  const records = recordsAtEndOfAliases(answer.answers, name, type);
  const ttlSeconds = records.length > 0 ? Math.min(...answer.answers.map((rr) => rr.ttl)) : 0;
  const what = `${rrTypeName(type)} of ${name.toString()}`;
  if (!ad) {
    const detail = `${from} gave the ${what} without the AD bit: the zone is not signed, or the resolver does not validate`;
    return { status: 'insecure', rcode, records, ttlSeconds, detail };
  }
  const detail =
    records.length > 0
      ? `${what}, validated by ${from}`
      : `${from} says, validated: no ${what} (${rcodeName(rcode)})`;
  return { status: 'secure', rcode, records, ttlSeconds, detail };
}

function questionKey(name: Name, type: number): string {
  return `${String(type)} ${name.key}`;
}

function nothing(rcode: number): { rcode: number; records: []; ttlSeconds: 0 } {
  return { rcode, records: [], ttlSeconds: 0 };
}

/** EDE codes by which a resolver says that validation failed (RFC 8914 sections 4.2 to 4.13). */
const bogusCodes: ReadonlySet<number> = new Set([
  EdeCode.DNSSEC_BOGUS,
  EdeCode.SIGNATURE_EXPIRED,
  EdeCode.SIGNATURE_NOT_YET_VALID,
  EdeCode.DNSKEY_MISSING,
  EdeCode.RRSIGS_MISSING,
  EdeCode.NO_ZONE_KEY_BIT_SET,
  EdeCode.NSEC_MISSING,
]);

/** SERVFAIL is bogus or a failure; only the Extended DNS Error (RFC 8914) tells. Either way nobody is let in. */
function whyServfail(answer: Message, from: string): Pick<LookupResult, 'status' | 'detail'> {
  for (const option of answer.edns?.options ?? []) {
    const error = readExtendedError(option);
    if (error && bogusCodes.has(error.code)) {
      const text = error.text ? `: ${error.text}` : '';
      return {
        status: 'bogus',
        detail: `${from} answered SERVFAIL with Extended DNS Error ${String(error.code)}${text}`,
      };
    }
  }
  return { status: 'indeterminate', detail: `${from} answered SERVFAIL` };
}

function readExtendedError(option: EdnsOption): { code: number; text: string } | undefined {
  return option.code === EdnsOptionCode.EXTENDED_ERROR && option.data.length >= 2
    ? parseExtendedError(option)
    : undefined;
}

/** Follows CNAMEs from `name` in the answer section; AD covers every record there, so every hop is secure. */
function recordsAtEndOfAliases(
  answers: readonly ResourceRecord[],
  name: Name,
  type: number,
): readonly ResourceRecord[] {
  let owner = name;
  for (let hops = 0; hops <= maximumAliases; hops++) {
    const here = answers.filter((rr) => rr.class === RrClass.IN && rr.name.equals(owner));
    const records = here.filter((rr) => rr.type === type);
    if (records.length > 0) return records;
    const alias = here.find((rr) => rr.type === RrType.CNAME);
    if (!alias) return [];
    owner = Name.fromWire(alias.rdata);
  }
  return [];
}

async function pause(ms: number, deadline: AbortSignal): Promise<void> {
  // The deadline cuts it short.
  if (ms > 0) await setTimeout(ms, undefined, { signal: deadline }).catch(() => undefined);
}
