/** Where the zones of a gate come from when somebody asks for them: kept, or asked for each time. */
import { type GateReply, type Name } from '../../../core/index.ts';
import type { ZoneCache } from '../cache/zone-cache.ts';
import { answerQuery } from '../relay/query.ts';
import { relay, type RelayReport } from '../relay/relay.ts';
import type { ReplyStyle } from '../request/reply.ts';
import type { ZoneRequest } from '../request/request.ts';
import { serveSoa, serveTransfer } from '../serve/serve.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** A request that may be answered. */
export interface Asked {
  readonly request: ZoneRequest;
  readonly style: ReplyStyle;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: (report: RelayReport) => void;
}

export interface Backend {
  /** Of zones that are served, or would be if they were there. */
  has(zone: Name): boolean;
  answer(asked: Asked): GateReply | Promise<GateReply>;
  /** Somebody says that there is news. */
  notify(zone: Name): void;
}

/** Each request goes to the primary. */
export class RelayedZones implements Backend {
  readonly #zones: () => ReadonlySet<string>;
  readonly #upstream: () => Upstream;

  /** @param zones keys of the names */
  constructor(zones: () => ReadonlySet<string>, upstream: () => Upstream) {
    this.#zones = zones;
    this.#upstream = upstream;
  }

  has(zone: Name): boolean {
    return this.#zones().has(zone.key);
  }

  answer(asked: Asked): GateReply | Promise<GateReply> {
    const options = { ...asked, upstream: this.#upstream() };
    return asked.request.kind === 'SOA' ? answerQuery(options) : relay(options);
  }

  notify(): void {
    // Who asks next asks the primary.
  }
}

/** Each version is fetched once. */
export class CachedZones implements Backend {
  readonly #cache: ZoneCache;

  constructor(cache: ZoneCache) {
    this.#cache = cache;
  }

  has(zone: Name): boolean {
    return this.#cache.zone(zone) !== undefined;
  }

  answer(asked: Asked): GateReply | Promise<GateReply> {
    const zone = this.#cache.zone(asked.request.zone);
    // It was there when it was decided about.
    if (zone === undefined) throw new RangeError('a zone that is not kept');
    const options = { ...asked, zone };
    return asked.request.kind === 'SOA' ? serveSoa(options) : serveTransfer(options);
  }

  notify(zone: Name): void {
    this.#cache.zone(zone)?.notify();
  }
}
