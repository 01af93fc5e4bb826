/**
 * A gate as it is configured, with the ways that lead to it: one for each of its addresses.
 *
 * The addresses of a name need no DNSSEC: whoever answers there has to prove the name before anything is asked.
 *
 * Limitations: addresses of a name are looked up again when their TTL is over, when none of them works, and in another network;
 * not while they are fresh and work.
 */
import type { Name } from '../dns/name.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { findAddresses } from './addresses.ts';
import { GateWay, Standing, type GateLink } from './gate-way.ts';
import type { GateText } from './gate-text.ts';

export interface GateTargetOptions {
  readonly gate: GateText;
  /** Makes a link to one of its addresses. */
  readonly link: (at: { readonly address: string; readonly port: number }) => GateLink;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
  /** Called with what failed, in words. */
  readonly onLookupFailed: (detail: string) => void;
}

/** Between two lookups because none of the addresses works. */
const againAfterMs = 10_000;

export class GateTarget {
  readonly gate: GateText;
  readonly #options: GateTargetOptions;
  #ways: readonly GateWay[] = [];
  #endsMs = Infinity;
  #lookedMs = -Infinity;
  #lookup: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: GateTargetOptions) {
    this.gate = options.gate;
    this.#options = options;
    const { address } = options.gate;
    if (address !== undefined) this.#ways = [this.#way(address)];
  }

  /** Those that are known; with addresses that are to be looked up, none at first. */
  get ways(): readonly GateWay[] {
    return this.#ways;
  }

  /** Whether its addresses, or its TLSA records, may be looked up at this moment. */
  get isLooking(): boolean {
    return this.#lookup !== undefined || this.#isOpening;
  }

  /** The names that are, or may be, looked up for it at this moment. */
  namesLookedFor(): readonly Name[] {
    const { name, port } = this.gate;
    if (name === undefined) return [];
    // RFC 8310 section 8.2: where its TLSA records are.
    const records = this.#isOpening ? [name.prepend('_tcp').prepend(`_${String(port)}`)] : [];
    return this.#lookup === undefined ? records : [name, ...records];
  }

  /** Looks for addresses where that would help, and waits for nothing. */
  refresh(): void {
    if (this.gate.address !== undefined) return;
    const nowMs = this.#options.nowMs();
    const isOld = nowMs >= this.#endsMs;
    // Of none, too, there is none that works.
    const failsAll = this.#ways.every(({ standing }) => standing === Standing.RESTING);
    if (!isOld && !failsAll) return;
    if (Math.abs(nowMs - this.#lookedMs) >= againAfterMs) void this.lookUp().catch(() => undefined);
  }

  /** Resolves when there are ways; rejects with Error in words when no address is found and none was known. */
  lookUp(): Promise<void> {
    this.#lookup ??= this.#lookUp().finally(() => {
      this.#lookup = undefined;
    });
    return this.#lookup;
  }

  /** As if nothing had been tried yet. */
  reset(why: string): void {
    this.#lookedMs = -Infinity;
    if (this.gate.address === undefined) this.#endsMs = -Infinity;
    for (const way of this.#ways) way.reset(why);
  }

  close(): void {
    this.#isClosed = true;
    for (const way of this.#ways) way.close();
  }

  get #isOpening(): boolean {
    return this.#ways.some(({ state }) => state.kind === 'opening');
  }

  async #lookUp(): Promise<void> {
    const { resolver, nowMs, onLookupFailed, gate } = this.#options;
    const { name } = gate;
    if (name === undefined) return;
    this.#lookedMs = nowMs();
    const { addresses, lifeMs, detail } = await findAddresses(name, resolver);
    if (this.#isClosed) return;
    if (addresses.length === 0) {
      onLookupFailed(detail);
      if (this.#ways.length === 0) throw new Error(detail);
      return;
    }
    this.#endsMs = nowMs() + lifeMs;
    this.#use(addresses);
  }

  /** Ways to addresses that are still there stay as they are. */
  #use(addresses: readonly string[]): void {
    const before = this.#ways;
    this.#ways = addresses.map(
      (address) => before.find(({ at }) => at.address === address) ?? this.#way(address),
    );
    for (const way of before) if (!this.#ways.includes(way)) way.close();
  }

  #way(address: string): GateWay {
    const { link, nowMs, gate } = this.#options;
    const at = { address, port: gate.port };
    return new GateWay(at, link(at), nowMs);
  }
}
