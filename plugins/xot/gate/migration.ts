/**
 * The migration mode of RFC 9103 sections 12 and 13: for secondaries that do not speak XoT yet, plain DNS with TSIG (RFC 8945) beside
 * the gate, each key for the zones that it names. It is for a while: as long as it is on, the transfer group does not have what
 * XoT gives it, since what goes in clear can be read on the way.
 *
 * A request without a signature that is right gets an answer from its header and question alone, and nobody's zone. By UDP there are
 * SOA answers and nothing else.
 *
 * Limitations: with `serve: relayed` a message of the primary that is as long as a message can be has no room for a signature, and ends
 * the transfer. A request that was heard can be said again for as long as its time counts. Who holds a key is known by the key's name and not by a domain name of the access list.
 */
import {
  encodeMessage,
  FrameReader,
  makeResponse,
  Places,
  RefusalLog,
  TsigSigner,
  verifyQuery,
  type GateReply,
  type Log,
  type Name,
  type PlainReply,
  type PlainSource,
  type ReplyBatch,
  type TsigKey,
} from '../../../core/index.ts';
import type { TransferLimits } from '../limits.ts';
import type { RelayReport } from '../relay/report.ts';
import { formatErrorReply, refusalReply, type ReplyStyle } from '../request/reply.ts';
import { readRequest, type ZoneRequest } from '../request/request.ts';
import { fitted, udpOctets, unencrypted } from '../request/udp-reply.ts';
import type { Asked } from './backend.ts';
import { notAuthoritative, notThisKey, tooMany } from './refusals.ts';

/** A secondary that has not moved yet. */
export interface KeyHolder {
  readonly key: TsigKey;
  readonly zones: readonly Name[];
}

export interface MigrationOptions {
  readonly holders: () => readonly KeyHolder[];
  readonly limits: () => TransferLimits;
  readonly zones: { has(zone: Name): boolean; answer(asked: Asked): GateReply | Promise<GateReply> };
  readonly log: Log;
  readonly nowMs: () => number;
}

/** Of a TSIG record with a name of usual length and the longest MAC. */
const signatureOctets = 200;
/** By UDP nobody can be seen to go. */
const never = new AbortController().signal;

export class Migration {
  readonly #options: MigrationOptions;
  readonly #transfers = new Places();
  readonly #queries = new Places();
  readonly #refusals: RefusalLog;

  constructor(options: MigrationOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options);
  }

  /** The handler of the plain listener. */
  readonly handle = (octets: Buffer, from: PlainSource, reply: PlainReply): void => {
    const { holders, nowMs } = this.#options;
    const all = holders();
    const keys = new Map(all.map(({ key }) => [key.name.key, key]));
    const verified = verifyQuery(octets, keys, Math.floor(nowMs() / 1000));
    if ('error' in verified) {
      this.#no(from, verified.keyName, verified.reason);
      reply(verified.error);
      return;
    }
    const holder = all.find(({ key }) => key === verified.key);
    const signer = new TsigSigner(verified);
    const sign = (message: Buffer): Buffer => signer.sign(message, Math.floor(nowMs() / 1000));
    const parsed = readRequest(verified.message);
    if (!parsed.request) {
      if (!parsed.message) {
        reply(parsed.formatError ? sign(formatErrorReply(octets)) : undefined);
        return;
      }
      const style = { request: unencrypted(parsed.message, from), idleTimeMs: from.idleTimeMs };
      reply(sign(fit(refusalReply(style, parsed.refusal), style, from)));
      return;
    }
    this.#serve(parsed.request, holder, from, sign).then(reply, (error: unknown) => {
      this.#options.log.error('defect', { doing: 'request in migration mode', error });
      reply(undefined);
    });
  };

  async #serve(
    request: ZoneRequest,
    holder: KeyHolder | undefined,
    from: PlainSource,
    sign: (message: Buffer) => Buffer,
  ): Promise<Buffer | AsyncIterable<ReplyBatch> | undefined> {
    const { limits, zones } = this.#options;
    const message = unencrypted(request.message, from);
    const style: ReplyStyle = { request: message, idleTimeMs: from.idleTimeMs };
    const key = holder?.key.name;
    if (holder?.zones.some((zone) => zone.equals(request.zone)) !== true) {
      this.#no(from, key, 'zone-not-for-key', request);
      return sign(fit(refusalReply(style, notThisKey), style, from));
    }
    if (!zones.has(request.zone)) {
      this.#no(from, key, 'zone-not-served', request);
      return sign(fit(refusalReply(style, notAuthoritative), style, from));
    }
    const isTransfer = request.kind !== 'SOA';
    // RFC 5936 section 4.2: no transfer by UDP; TC makes the client come by TCP.
    if (isTransfer && !from.isStream) return sign(encodeMessage(makeResponse(request.message, { tc: true })));
    const place = holder.key.name.key;
    const places = isTransfer ? this.#transfers : this.#queries;
    const { [isTransfer ? 'transfers' : 'queries']: total } = limits();
    const { [isTransfer ? 'transfers-per-client' : 'queries-per-client']: perClient } = limits();
    if (!places.take(place, total, perClient)) {
      this.#no(from, key, 'too-many-at-once', request);
      return sign(fit(refusalReply(style, tooMany), style, from));
    }
    const onEnd = (report: RelayReport): void => {
      places.free(place);
      this.#report(from, holder, request, report);
    };
    const signal = from.signal ?? never;
    const answer = await zones.answer({ request: { ...request, message }, style, signal, onEnd });
    if (answer === undefined) return undefined;
    return Buffer.isBuffer(answer) ? sign(fit(answer, style, from)) : signed(answer, sign);
  }

  #report(
    { remote }: PlainSource,
    { key }: KeyHolder,
    { kind, zone, clientSerial }: ZoneRequest,
    { outcome, reason, form, serial, records, octets }: RelayReport,
  ): void {
    const isGood = outcome === 'complete' || outcome === 'cut';
    const level = kind === 'SOA' ? 'debug' : isGood ? 'info' : 'warn';
    this.#options.log[level]('transfer in migration mode', {
      ...{ remote, key: key.name.toString(), kind, zone: zone.toString(), clientSerial },
      ...{ outcome, reason: reason || undefined, form, serial, records, octets },
    });
  }

  #no({ remote }: PlainSource, key: Name | undefined, reason: string, request?: ZoneRequest): void {
    // One bound for all: in clear anybody can come from anywhere.
    const fields = {
      remote,
      key: key?.toString(),
      kind: request?.kind,
      zone: request?.zone.toString(),
      reason,
    };
    this.#refusals.write('info', 'request in migration mode refused', '', fields);
  }
}

/** What fits into a datagram, with its signature. */
function fit(reply: Buffer, style: ReplyStyle, { isStream, udpOctets: most }: PlainSource): Buffer {
  return isStream ? reply : fitted(reply, style, udpOctets(style.request, most) - signatureOctets);
}

/** RFC 8945 section 5.3.1: every message of the stream is signed. */
async function* signed(
  stream: AsyncIterable<ReplyBatch>,
  sign: (message: Buffer) => Buffer,
): AsyncGenerator<readonly Buffer[], void, undefined> {
  for await (const batch of stream) {
    const messages = Buffer.isBuffer(batch) ? new FrameReader().push(batch) : batch;
    yield messages.map(sign);
  }
}
