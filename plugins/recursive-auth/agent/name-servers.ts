/**
 * The servers of a zone by its NS records (RFC 1034 section 4.2.1), which are looked up when they are needed, kept for their TTL,
 * and looked up again beside the questions.
 *
 * Where servers have to prove themselves the records must be secure: whoever could write them could name himself, prove it, and
 * get our questions and our name.
 *
 * Limitations: what the resolver of the configuration says is taken, so it must not ask the agent for this zone: the two would
 * wait for each other. `isLookedFor` is for finding that out.
 */
import {
  dnsNameFromName,
  findAddresses,
  lifeMsOf,
  parseName,
  parseOrNothing,
  RrType,
  type Log,
  type LookupResult,
  type Name,
  type Resolver,
} from '../../../core/index.ts';

export interface NameServer {
  readonly name: Name;
  readonly addresses: readonly string[];
}

export interface NameServersOptions {
  readonly zone: Name;
  readonly resolver: Resolver;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Whether the NS records must be secure. */
  readonly needsProof: boolean;
  /** Milliseconds that names are used after their TTL while they cannot be looked up. */
  readonly keptMs: number;
  readonly log: Log;
}

/** Servers of one zone that are used. */
const mostNames = 16;
/** Milliseconds between two lookups of what is missing. */
const againAfterMs = 10_000;

interface Kept<T> {
  readonly value: T;
  readonly freshUntilMs: number;
}

export class NameServers {
  readonly #options: NameServersOptions;
  #names: Kept<readonly Name[]> | undefined;
  #lookup: Promise<readonly Name[]> | undefined;
  #failure: { readonly message: string; readonly untilMs: number } | undefined;
  readonly #addresses = new Map<string, Kept<readonly string[]>>();
  readonly #addressLookups = new Map<string, { readonly name: Name; readonly done: Promise<void> }>();

  constructor(options: NameServersOptions) {
    this.#options = options;
  }

  /** How many names are known. */
  get known(): number {
    return this.#names?.value.length ?? 0;
  }

  /** The names whose records are looked up at this moment. */
  namesLookedFor(): readonly Name[] {
    const zone = this.#lookup === undefined ? [] : [this.#options.zone];
    return [...zone, ...[...this.#addressLookups.values()].map(({ name }) => name)];
  }

  /** The names: old ones at once, while new ones are looked up. Rejects with Error, in words, when there are none. */
  async names(): Promise<readonly Name[]> {
    const nowMs = this.#options.nowMs();
    const known = this.#names;
    if (known === undefined || this.#isTooOld(known, nowMs)) return this.#lookUp(nowMs);
    // A clock that was set back must not keep them for ever.
    const isFresh = nowMs < known.freshUntilMs && known.freshUntilMs - nowMs <= lifeMsOf(Infinity);
    if (!isFresh) this.#lookUp(nowMs).catch(() => undefined);
    return known.value;
  }

  /** The servers with their addresses; those without one are left out. Rejects with Error, in words, when none has any. */
  async find(): Promise<readonly NameServer[]> {
    const names = await this.names();
    for (const key of this.#addresses.keys())
      if (!names.some((name) => name.key === key)) this.#addresses.delete(key);
    const nowMs = this.#options.nowMs();
    const missing = names.filter(
      (name) => (this.#addresses.get(name.key)?.freshUntilMs ?? -Infinity) <= nowMs,
    );
    const lookups = missing.map((name) => this.#findAddresses(name));
    const known = this.#known(names);
    if (known.length > 0) return known;
    await Promise.all(lookups);
    const found = this.#known(names);
    if (found.length > 0) return found;
    throw new Error(`no server of ${this.#options.zone.toString()} has an address that can be found`);
  }

  /** The next question looks everything up again; what is known is used until then. */
  expire(): void {
    this.#failure = undefined;
    if (this.#names !== undefined) this.#names = { ...this.#names, freshUntilMs: this.#options.nowMs() };
    this.#addresses.clear();
  }

  #known(names: readonly Name[]): readonly NameServer[] {
    return names.flatMap((name) => {
      const addresses = this.#addresses.get(name.key)?.value ?? [];
      return addresses.length > 0 ? [{ name, addresses }] : [];
    });
  }

  #isTooOld({ freshUntilMs }: Kept<unknown>, nowMs: number): boolean {
    return nowMs - freshUntilMs > this.#options.keptMs;
  }

  #lookUp(nowMs: number): Promise<readonly Name[]> {
    if (this.#lookup !== undefined) return this.#lookup;
    const failure = this.#failure;
    if (failure !== undefined && nowMs < failure.untilMs && failure.untilMs - nowMs <= againAfterMs)
      return Promise.reject(new Error(failure.message));
    this.#lookup = this.#lookUpNow().finally(() => {
      this.#lookup = undefined;
    });
    return this.#lookup;
  }

  async #lookUpNow(): Promise<readonly Name[]> {
    const { zone, resolver, nowMs, needsProof, log } = this.#options;
    const result = await resolver.lookup(zone, RrType.NS);
    const names = namesOf(result, zone);
    const problem = problemOf(result, names, zone, needsProof);
    if (problem === undefined) {
      this.#failure = undefined;
      const value = inOrder(names, this.#names?.value ?? []);
      this.#names = { value, freshUntilMs: nowMs() + lifeMsOf(result.ttlSeconds) };
      return value;
    }
    const message = `the servers of ${zone.toString()} are not known: ${problem.words}`;
    // Until a lookup says otherwise those that are known stay; one that says, and proves, that they are none ends them.
    if (problem.isFinal) this.#names = undefined;
    if (this.#failure === undefined)
      log.warn('servers of a zone not found', { zone: zone.toString(), detail: problem.words });
    this.#failure = { message, untilMs: nowMs() + againAfterMs };
    throw new Error(message);
  }

  #findAddresses(name: Name): Promise<void> {
    const { resolver, nowMs } = this.#options;
    const underWay = this.#addressLookups.get(name.key);
    if (underWay !== undefined) return underWay.done;
    const done = findAddresses(name, resolver)
      .then(({ addresses, lifeMs }) => {
        const isFound = addresses.length > 0;
        const before = this.#addresses.get(name.key)?.value ?? [];
        const value = isFound ? addresses : before;
        this.#addresses.set(name.key, { value, freshUntilMs: nowMs() + (isFound ? lifeMs : againAfterMs) });
      })
      .finally(() => {
        this.#addressLookups.delete(name.key);
      });
    this.#addressLookups.set(name.key, { name, done });
    return done;
  }
}

/** Those that are names of hosts, each once. */
function namesOf({ records }: LookupResult, zone: Name): readonly Name[] {
  const names = new Map<string, Name>();
  for (const { type, name, rdata } of records) {
    // An alias of the zone would lead to the servers of another.
    if (type !== RrType.NS || !name.equals(zone)) continue;
    const server = parseOrNothing(rdata, parseName);
    if (server !== undefined && dnsNameFromName(server) !== undefined) names.set(server.key, server);
  }
  return [...names.values()].slice(0, mostNames);
}

/** Why they cannot be used; final if that was proved, or nothing has to be. */
function problemOf(
  { status, detail, records }: LookupResult,
  names: readonly Name[],
  zone: Name,
  needsProof: boolean,
): { readonly words: string; readonly isFinal: boolean } | undefined {
  if (status === 'bogus' || status === 'indeterminate')
    return { words: `its NS records cannot be looked up (${detail})`, isFinal: false };
  if (needsProof && status !== 'secure') {
    const words = `its NS records are not protected by DNSSEC (${detail}), so anybody could have named himself; write gates: in the configuration`;
    return { words, isFinal: true };
  }
  if (names.length > 0) return undefined;
  const words =
    records.length > 0
      ? `no NS record of ${zone.toString()} names a host`
      : `${zone.toString()} has no NS records; if it is no zone of its own, write the zone above it`;
  return { words, isFinal: true };
}

/** Those that stay keep their places, so that the same server is asked first. */
function inOrder(names: readonly Name[], before: readonly Name[]): readonly Name[] {
  const isIn = (list: readonly Name[], name: Name): boolean => list.some((one) => one.equals(name));
  return [...before.filter((name) => isIn(names, name)), ...names.filter((name) => !isIn(before, name))];
}
