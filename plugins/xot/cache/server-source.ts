/**
 * A server as the source of zones: SOA queries, then IXFR or AXFR (RFC 5936, RFC 1995), each with the EXPIRE option (RFC 7314).
 *
 * RFC 9103 section 7.10.2: after an IXFR that failed the zone is asked for by AXFR, on the connection that is open.
 */
import { randomInt } from 'node:crypto';
import {
  EdnsOptionCode,
  encodeMessage,
  expireOf,
  findOption,
  makeQuery,
  parseExtendedError,
  parseMessage,
  Rcode,
  RrClass,
  RrType,
  TransferReader,
  TransferRefusedError,
  type Name,
  type ResourceRecord,
  type Store,
  type ZoneVersion,
} from '../../../core/index.ts';
import { UpstreamError, type Upstream } from '../upstream/upstream.ts';
import type { CacheLimits } from './limits.ts';
import type { CheckedSoa, Fetched, ZoneSource } from './source.ts';

const udpPayloadSize = 1232;

export class ServerSource implements ZoneSource {
  readonly #upstream: Upstream;
  readonly #limits: () => Pick<CacheLimits, 'zone-octets' | 'zone-records'>;

  constructor(upstream: Upstream, limits: () => Pick<CacheLimits, 'zone-octets' | 'zone-records'>) {
    this.#upstream = upstream;
    this.#limits = limits;
  }

  get label(): string {
    return this.#upstream.label;
  }

  async check(zone: Name, signal: AbortSignal): Promise<CheckedSoa> {
    const message = parseMessage(await this.#upstream.ask(query(zone, RrType.SOA), signal));
    const { rcode, aa } = message.header;
    if (rcode !== Rcode.NOERROR) {
      const option = findOption(message.edns, EdnsOptionCode.EXTENDED_ERROR);
      throw new TransferRefusedError(rcode, option === undefined ? '' : parseExtendedError(option).text);
    }
    const soa = message.answers.find(
      ({ type, class: rrClass, name }) => type === RrType.SOA && rrClass === RrClass.IN && name.equals(zone),
    );
    // What is not authoritative may be anybody's old copy.
    if (soa === undefined || !aa) {
      throw new UpstreamError('unusable', `${this.label} is not authoritative for ${zone.toString()}`);
    }
    return { soa, expireSeconds: expireOf(message.edns) };
  }

  async fetch(
    zone: Name,
    have: ZoneVersion | undefined,
    store: Store,
    signal: AbortSignal,
  ): Promise<Fetched> {
    if (have === undefined) return this.#transfer(zone, undefined, store, signal);
    try {
      return await this.#transfer(zone, have.soa, store, signal);
    } catch (error) {
      // A server that knows no IXFR, or whose differences do not fit: the whole zone mends both.
      if (signal.aborted || !(error instanceof Error) || error instanceof UpstreamError) throw error;
      return this.#transfer(zone, undefined, store, signal);
    }
  }

  async #transfer(
    zone: Name,
    have: ResourceRecord | undefined,
    store: Store,
    signal: AbortSignal,
  ): Promise<Fetched> {
    const limits = this.#limits();
    const reader = new TransferReader({
      ...{ zone, have, store },
      maxOctets: limits['zone-octets'],
      maxRecords: limits['zone-records'],
    });
    const stream = this.#upstream.transfer(
      query(zone, have === undefined ? RrType.AXFR : RrType.IXFR, have),
      signal,
    );
    for await (const messages of stream) {
      try {
        for (const message of messages) reader.take(message);
      } catch (error) {
        // A no is a whole answer: the connection may serve for what is asked next.
        if (error instanceof TransferRefusedError) stream.finish();
        throw error;
      }
      if (!reader.ended) continue;
      stream.finish();
      return { ...reader.result(), expireSeconds: reader.expireSeconds };
    }
    throw new UpstreamError('broken', `${this.label} ended the transfer of ${zone.toString()} early`);
  }
}

function query(zone: Name, type: number, have?: ResourceRecord): Buffer {
  const options = [{ code: EdnsOptionCode.EXPIRE, data: Buffer.alloc(0) }];
  const edns = { udpPayloadSize, version: 0, dnssecOk: false, extendedRcode: 0, options };
  const message = makeQuery({ id: randomInt(0x10000), name: zone, type, edns });
  return encodeMessage({ ...message, authorities: have === undefined ? [] : [have] });
}
