/**
 * Takes NOTIFY messages (RFC 1996): in clear from the addresses that may send them, over TLS from clients whose entry of the
 * access list has `notify` for the zone. Both come to the same: somebody says that there is news, and then it is looked up where
 * the zone comes from.
 *
 * In clear anybody can claim to be at such an address. What he gets by that is a look at the primary; the answer, never longer than
 * the message, goes to whoever has the address.
 *
 * A primary that has a key for us may sign what it says in clear (RFC 8945): then the signature must hold, and the answer is
 * signed. What is signed with a key that we do not have is refused, as it is over TLS, where the certificate says who the client is.
 *
 * Limitations: what is not signed is taken all the same: it is worth no more than a look.
 */
import {
  encodeMessage,
  makeResponse,
  parseEndpoint,
  Rcode,
  rcodeName,
  RefusalLog,
  TsigSigner,
  verifyQuery,
  type GateRequest,
  type Log,
  type Message,
  type Metrics,
  type Name,
  type PlainSource,
  type PluginAccess,
  type TsigKey,
  type Sources,
} from '../../../core/index.ts';
import { accessRefusal, notAuthoritative } from '../gate/refusals.ts';
import { formatErrorReply, refusalReply, relayedReply, type ReplyStyle } from '../request/reply.ts';
import type { Refusal } from '../request/request.ts';
import { notifyMetrics, type NotifyMetrics } from './metrics.ts';
import { readNotify, type Notify } from './request.ts';

/** What is done with a NOTIFY: it is taken, answered with a no, or not answered at all. */
export type NotifyVerdict = 'take' | 'ignore' | Refusal;

/** Called for each one that is taken: time to look whether there is a new version. */
export type NotifyListener = (zone: Name, serial: number | undefined) => void;

/** How answers are written. */
export interface NotifyAnswers {
  accepted(message: Message): Buffer;
  refused(message: Message, refusal: Refusal): Buffer;
}

/**
 * Reads a message, has it judged, and gives the answer; undefined for none.
 *
 * @param onRefused is told of what was well-formed DNS and refused, for metrics and log
 */
export async function handleNotify(
  octets: Buffer,
  answers: NotifyAnswers,
  decide: (notify: Notify) => NotifyVerdict | Promise<NotifyVerdict>,
  onNotify: NotifyListener,
  onRefused?: (refusal: Refusal, zone: Name | undefined) => void,
): Promise<Buffer | undefined> {
  const parsed = readNotify(octets);
  if (!parsed.notify) {
    if (!parsed.message) return parsed.formatError ? formatErrorReply(octets) : undefined;
    onRefused?.(parsed.refusal, undefined);
    return answers.refused(parsed.message, parsed.refusal);
  }
  const { zone, serial, message } = parsed.notify;
  const verdict = await decide(parsed.notify);
  if (verdict === 'ignore') return undefined;
  if (verdict === 'take') {
    onNotify(zone, serial);
    return answers.accepted(message);
  }
  onRefused?.(verdict, zone);
  return answers.refused(message, verdict);
}

/** Answers in clear: no option, so that none is longer than its question. */
export const plainAnswers: NotifyAnswers = {
  accepted: (message) => plainAnswer(message, Rcode.NOERROR),
  refused: (message, { rcode }) => plainAnswer(message, rcode),
};

/** Answers over TLS, with what the gate puts into its OPT record. */
export function tlsAnswers(idleTimeMs: number): NotifyAnswers {
  const styleOf = (request: Message): ReplyStyle => ({ request, idleTimeMs });
  return {
    accepted: (message) => {
      const bare = encodeMessage(makeResponse(message, { aa: true }));
      return relayedReply(bare, undefined, styleOf(message))[0] ?? bare;
    },
    refused: (message, refusal) => refusalReply(styleOf(message), refusal),
  };
}

/** RFC 1996 section 4.7: QR and AA, same ID and question. RFC 6891 section 6.1.1: OPT where the question has it. */
function plainAnswer(message: Message, rcode: number): Buffer {
  const { edns } = message;
  const opt = edns && { udpPayloadSize, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };
  // Without OPT there is no room for the upper bits.
  const shown = edns ? rcode : rcode & 0xf;
  return encodeMessage(makeResponse(message, { aa: true, rcode: shown, ...(opt && { edns: opt }) }));
}

const udpPayloadSize = 1232;

export interface NotifyReceiverOptions {
  /** Whether we have the zone, so that there is something to be looked up. */
  readonly isServed: (zone: Name) => boolean;
  readonly onNotify: NotifyListener;
  /** What primaries may sign with in clear, by the keys of their names; none if absent. */
  readonly keys?: () => ReadonlyMap<string, TsigKey>;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** Takes them for one gate or agent. */
export class NotifyReceiver {
  readonly #options: NotifyReceiverOptions;
  readonly #metrics: NotifyMetrics;
  /** One for all strangers: in clear they can come from as many addresses as they like. */
  readonly #refusals: RefusalLog;

  constructor(options: NotifyReceiverOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options);
    this.#metrics = notifyMetrics(options.metrics);
  }

  /**
   * One that came in clear; undefined: no answer. RFC 1996 section 3.10: what comes from elsewhere than `sources` is ignored
   * and told in the log.
   */
  async takePlain(
    octets: Buffer,
    from: Pick<PlainSource, 'remote'>,
    sources: Sources,
  ): Promise<Buffer | undefined> {
    const { remote } = from;
    if (!sources.has(parseEndpoint(remote, 0).address)) {
      this.#ignored({ remote, zone: zoneOf(octets)?.toString() }, 'not-a-source');
      return undefined;
    }
    const isSigned = readNotify(octets).notify?.isSigned === true;
    return isSigned ? this.#takeSigned(octets, remote) : this.#takeBare(octets, remote);
  }

  async #takeSigned(octets: Buffer, remote: string): Promise<Buffer | undefined> {
    const nowSeconds = (): number => Math.floor(this.#options.nowMs() / 1000);
    const verified = verifyQuery(octets, this.#options.keys?.() ?? noKeys, nowSeconds());
    if ('error' in verified) {
      const { reason, keyName, error } = verified;
      this.#metrics.received.add({ outcome: 'refused' });
      this.#tell({ remote, reason: `tsig-${reason}`, key: keyName?.toString() });
      return error;
    }
    const reply = await this.#takeBare(verified.message, remote);
    return reply && new TsigSigner(verified).sign(reply, nowSeconds());
  }

  #takeBare(octets: Buffer, remote: string): Promise<Buffer | undefined> {
    return handleNotify(
      octets,
      plainAnswers,
      ({ zone }) => this.#isServed(zone),
      (zone, serial) => {
        this.#taken(zone, serial, { remote });
      },
      (refusal, zone) => {
        this.#refused(refusal, { remote, zone: zone?.toString() });
      },
    );
  }

  /** One that came over TLS; undefined: no answer. The access list must allow `notify` for the zone. */
  async takeProved(request: GateRequest, access: Pick<PluginAccess, 'ask'>): Promise<Buffer | undefined> {
    const { client, connection } = request;
    const who = { connection: connection.id, remote: connection.remote, client: client?.name.toString() };
    let decided: Readonly<Record<string, unknown>> = {};
    return handleNotify(
      request.octets,
      tlsAnswers(request.idleTimeMs),
      async ({ zone, isSigned }) => {
        if (isSigned) return notSigned;
        const grant = await access.ask(request, { action: 'notify', zone });
        // There is nothing that takes time.
        grant.release();
        const { allowed, reason, entry, rule, detail } = grant.decision;
        decided = { entry, rule, detail, reason: allowed ? undefined : reason };
        return allowed ? this.#isServed(zone) : mayNotNotify(accessRefusal(reason));
      },
      (zone, serial) => {
        this.#taken(zone, serial, { ...who, ...decided });
      },
      (refusal, zone) => {
        this.#refused(refusal, { ...who, zone: zone?.toString(), ...decided });
      },
    );
  }

  #isServed(zone: Name): NotifyVerdict {
    return this.#options.isServed(zone) ? 'take' : notAuthoritative;
  }

  #taken(zone: Name, serial: number | undefined, from: Readonly<Record<string, unknown>>): void {
    const { log, onNotify } = this.#options;
    this.#metrics.received.add({ outcome: 'taken' });
    log.debug('notified', { ...from, zone: zone.toString(), serial });
    onNotify(zone, serial);
  }

  #refused({ rcode, text }: Refusal, fields: Readonly<Record<string, unknown>>): void {
    this.#metrics.received.add({ outcome: 'refused' });
    this.#tell({ ...fields, rcode: rcodeName(rcode), detail: text });
  }

  #ignored(fields: Readonly<Record<string, unknown>>, reason: string): void {
    this.#metrics.received.add({ outcome: 'ignored' });
    this.#tell({ ...fields, reason });
  }

  #tell(fields: Readonly<Record<string, unknown>>): void {
    this.#refusals.write('warn', 'notify not taken', '', fields);
  }
}

const noKeys: ReadonlyMap<string, TsigKey> = new Map();

/** For the line about a stranger, who can say what he likes. */
function zoneOf(octets: Buffer): Name | undefined {
  const parsed = readNotify(octets);
  return parsed.notify?.zone;
}

const notSigned: Refusal = { rcode: Rcode.NOTAUTH, text: 'TSIG is not used here' };

function mayNotNotify(refusal: Refusal): Refusal {
  return refusal.rcode === Rcode.REFUSED
    ? { ...refusal, text: 'this client may not tell of changes of this zone' }
    : refusal;
}
