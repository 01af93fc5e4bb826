/**
 * A gate as it is configured, with the ways that lead to it: one for each of its addresses.
 *
 * The addresses of a name need no DNSSEC: whoever answers there has to prove the name before anything is asked.
 *
 * Limitations: addresses of a name are looked up again when their TTL is over, when none of them works, and in another network;
 * not while they are fresh and work.
 */
import {
  RrType,
  parseA,
  parseAaaa,
  parseOrNothing,
  type LookupResult,
  type Name,
} from '../../../core/index.ts';
import type { Resolver, ServerPolicy } from '../../../core/index.ts';
import { GateWay, Standing, type GateLink } from './gate-way.ts';
import type { GateText } from './server-text.ts';

export interface GateTargetOptions {
  readonly gate: GateText;
  readonly policy: ServerPolicy;
  /** Makes a link to one of its addresses. */
  readonly link: (at: { readonly address: string; readonly port: number }) => GateLink;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
  /** Called with what failed, in words. */
  readonly onLookupFailed: (detail: string) => void;
}

/** Addresses of one name that are tried. */
const mostAddresses = 4;
/** Milliseconds that addresses count, whatever their TTL. */
const leastLifeMs = 30_000;
const mostLifeMs = 3_600_000;
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

  get isLookingUp(): boolean {
    return this.#lookup !== undefined;
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

  async #lookUp(): Promise<void> {
    const { resolver, nowMs, onLookupFailed, gate } = this.#options;
    const { name } = gate;
    if (name === undefined) return;
    this.#lookedMs = nowMs();
    const results = await Promise.all([resolver.lookup(name, RrType.AAAA), resolver.lookup(name, RrType.A)]);
    if (this.#isClosed) return;
    const addresses = addressesOf(results);
    if (addresses.length === 0) {
      const detail = whyNone(name, results);
      onLookupFailed(detail);
      if (this.#ways.length === 0) throw new Error(detail);
      return;
    }
    const lives = results.filter(({ records }) => records.length > 0).map(({ ttlSeconds }) => ttlSeconds);
    this.#endsMs = nowMs() + Math.min(Math.max(Math.min(...lives) * 1000, leastLifeMs), mostLifeMs);
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

function addressesOf(results: readonly LookupResult[]): readonly string[] {
  const usable = results.filter(({ status }) => status === 'secure' || status === 'insecure');
  const all = usable
    .flatMap(({ records }) => records)
    .map(({ type, rdata }) => parseOrNothing(rdata, type === RrType.AAAA ? parseAaaa : parseA))
    .filter((address) => address !== undefined);
  // Of both families, if there are more than are tried.
  const six = all.filter((address) => address.includes(':'));
  const four = all.filter((address) => !address.includes(':'));
  const room = Math.max(mostAddresses / 2, mostAddresses - four.length);
  return [...six.slice(0, room), ...four].slice(0, mostAddresses);
}

function whyNone(name: Name, results: readonly LookupResult[]): string {
  const failed = results.find(({ status }) => status === 'bogus' || status === 'indeterminate');
  return failed === undefined
    ? `${name.toString()} has no address`
    : `the address of ${name.toString()} cannot be looked up (${failed.detail})`;
}
