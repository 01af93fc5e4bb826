/**
 * Where answers about zones come from: from a gate for each request (`relayed`), or from versions that are kept (`cached`).
 */
import type { Name, ReplyBatch } from '../../../core/index.ts';
import type { ZoneCache } from '../cache/zone-cache.ts';
import { answerQuery } from '../relay/query.ts';
import { relay } from '../relay/relay.ts';
import type { RelayReport } from '../relay/report.ts';
import type { ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import { serveSoa, serveTransfer } from '../serve/serve.ts';
import type { Gates } from './gates.ts';

export interface ZoneQuestion {
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly signal: AbortSignal;
  /** Called once, however it ends, with the gate that was asked for it, if one was. */
  readonly onEnd: (report: RelayReport, from: string | undefined) => void;
}

/** Answers; requests are about zones that `has` knows. */
export interface Zones {
  has(zone: Name): boolean;
  /** The answer to an SOA query; undefined when the client has gone. */
  soa(question: ZoneQuestion): Promise<Buffer | undefined>;
  /** That to AXFR or IXFR. */
  transfer(question: ZoneQuestion): AsyncIterable<ReplyBatch>;
}

export class RelayedZones implements Zones {
  readonly #gates: () => Gates;
  readonly #zones: () => ReadonlySet<string>;

  /** @param zones keys of those that are relayed (Name.key) */
  constructor(gates: () => Gates, zones: () => ReadonlySet<string>) {
    this.#gates = gates;
    this.#zones = zones;
  }

  has(zone: Name): boolean {
    return this.#zones().has(zone.key);
  }

  soa(question: ZoneQuestion): Promise<Buffer | undefined> {
    return answerQuery(this.#options(question));
  }

  transfer(question: ZoneQuestion): AsyncIterable<ReplyBatch> {
    return relay(this.#options(question));
  }

  #options({ onEnd, ...question }: ZoneQuestion) {
    const upstream = this.#gates().for(question.request.zone);
    return {
      ...question,
      upstream,
      onEnd: (report: RelayReport) => {
        onEnd(report, upstream.used);
      },
    };
  }
}

export class CachedZones implements Zones {
  readonly #cache: ZoneCache;

  constructor(cache: ZoneCache) {
    this.#cache = cache;
  }

  has(zone: Name): boolean {
    return this.#cache.zone(zone) !== undefined;
  }

  soa(question: ZoneQuestion): Promise<Buffer | undefined> {
    return serveSoa(this.#options(question));
  }

  transfer(question: ZoneQuestion): AsyncIterable<ReplyBatch> {
    return serveTransfer(this.#options(question));
  }

  #options({ onEnd, ...question }: ZoneQuestion) {
    const zone = this.#cache.zone(question.request.zone);
    if (zone === undefined) throw new RangeError(`${question.request.zone.toString()} is not kept`);
    return {
      ...question,
      zone,
      onEnd: (report: RelayReport) => {
        onEnd(report, undefined);
      },
    };
  }
}
