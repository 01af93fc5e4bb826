/**
 * The access list in Redis or Valkey, for any number of gates.
 *
 * What a gate has been asked about is kept in memory, with what holds for everybody (roles, anonymous), and is kept in step by
 * messages and by looking at the revision (head.ts). So most decisions ask nobody. What is not known costs one round trip.
 *
 * While Redis is away, or has lost the list, what is known counts on: until the `stale-max` of each listener, counted from when it
 * was last known to be right. What is not known is refused at once. After that everything is.
 *
 * A value that is broken is nothing, for its client alone: not the next entry above it.
 *
 * Limitations: the names of a list are not known, only those that were asked about. Two changes that are made at once are seen
 * one after the other. Needs Redis 7.0, or Valkey.
 */
import type { ClientIdentity } from '../../dane/identity.ts';
import { Name } from '../../dns/name.ts';
import {
  everythingChanged,
  type AccessChange,
  type AccessControl,
  type AccessListener,
  type AccessViewer,
} from '../access-control.ts';
import type { SharedLedger } from '../budgets.ts';
import type { AccessRequest, Admission, Decision } from '../model.ts';
import type { Changes } from './changes.ts';
import { RedisClient, type RedisEvents, type RedisOptions } from './client.ts';
import { Clock } from './clock.ts';
import { ColdReads } from './cold-reads.ts';
import type { HeadEvents } from './head-events.ts';
import { ListHead } from './head.ts';
import { RedisKeys } from './keys.ts';
import { KnownNames } from './known-names.ts';
import type { Caller } from './lookup-script.ts';
import { RedisLedger } from './ledger.ts';
import { ListReader } from './list-reader.ts';
import { StoreMeters } from './meters.ts';
import type { ListClient, RedisAccessStoreOptions } from './store-options.ts';
import { OutageReport } from './report.ts';
import { ListView } from './view.ts';

export type { ListClient, RedisAccessStoreOptions } from './store-options.ts';

/** As `stale-max` of a listener. */
const defaultStaleMaxMs = 3_600_000;

export class RedisAccessStore implements AccessControl {
  readonly #options: RedisAccessStoreOptions;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;
  readonly #names: KnownNames;
  readonly #head: ListHead;
  readonly #reads: ColdReads;
  readonly #report: OutageReport;
  readonly #meters: StoreMeters;
  readonly #view: ListView;
  readonly #listeners = new Set<AccessListener>();
  /** Of the views; held by them. */
  #viewers: WeakRef<AccessViewer>[] = [];
  #client: ListClient;
  #poll: NodeJS.Timeout | undefined;

  private constructor(options: RedisAccessStoreOptions) {
    const { prefix, limits, log, nowMs, metrics, steadyMs } = options;
    this.#options = options;
    this.#keys = new RedisKeys({ prefix, inCluster: options.redis.mode === 'cluster' });
    this.#clock = new Clock(nowMs, steadyMs);
    const clock = this.#clock;
    this.#names = new KnownNames(limits);
    this.#client = this.#openClient(options.redis);
    this.#report = new OutageReport({ log, clock, where: this.#client.where });
    // The client may be replaced.
    const redis: Caller = {
      call: (command, ...args) => this.#client.call(command, ...args),
      callTogether: (commands) => this.#client.callTogether(commands),
    };
    const inCluster = options.redis.mode === 'cluster';
    const reader = new ListReader({
      redis,
      keys: this.#keys,
      valueOctets: limits['value-octets'],
      inCluster,
    });
    const common = { reader, keys: this.#keys };
    this.#head = new ListHead({ ...common, clock, events: this.#headEvents() });
    this.#reads = new ColdReads({
      ...common,
      head: this.#head,
      names: this.#names,
      onBroken: (key, fault) => {
        this.#noteBroken(key, fault);
      },
    });
    this.#meters = new StoreMeters(metrics, {
      isUp: () => clock.ageMs(this.#report.inStep) <= Math.max(1000, 3 * limits['poll-time']),
      revision: () => this.#head.revision ?? 0,
      ageSeconds: () => clock.ageMs(this.#report.inStepOrStart) / 1000,
      clients: () => this.#names.clients,
      others: () => this.#names.others,
    });
    this.#view = this.#viewFor({ staleMaxMs: () => options.staleMaxMs ?? defaultStaleMaxMs });
  }

  /** Begins to connect. Throws RangeError for options that cannot be, and never for a Redis that cannot be reached. */
  static open(options: RedisAccessStoreOptions): RedisAccessStore {
    const store = new RedisAccessStore(options);
    store.#start();
    return store;
  }

  /** Where Redis is, for messages. */
  get where(): string {
    return this.#client.where;
  }

  /** Of the list that is in force; undefined before there is one. */
  get revision(): number | undefined {
    return this.#head.revision;
  }

  /** Whether messages of changes come. */
  get hearsOfChanges(): boolean {
    return this.#head.isSubscribed;
  }

  /** The channel of those messages. */
  get channel(): string {
    return this.#keys.changes;
  }

  admit(name: Name): Promise<Admission> {
    return this.#view.admit(name);
  }

  decide(identity: ClientIdentity, request: AccessRequest): Promise<Decision> {
    return this.#view.decide(identity, request);
  }

  decideAnonymous(request: AccessRequest): Promise<Decision> {
    return this.#view.decideAnonymous(request);
  }

  onChange(listener: AccessListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  seenBy(viewer: AccessViewer): AccessControl {
    this.#viewers = [...this.#viewers.filter((other) => other.deref() !== undefined), new WeakRef(viewer)];
    return this.#viewFor(viewer);
  }

  /** Not ready before a list has been read, nor when it is too old for a listener. */
  ready(): { readonly ready: boolean; readonly waitingFor: readonly string[] } {
    const ageMs = this.#clock.ageMs(this.#report.inStep);
    const ready = this.#staleMaxes().every((staleMaxMs) => ageMs <= Math.max(1000, staleMaxMs));
    return { ready, waitingFor: ready ? [] : [`access list in ${this.where}: ${this.#report.detail}`] };
  }

  /** The names in memory that have an entry of their own, those used last first. */
  *exactNames(): Generator<Name, void, undefined> {
    for (const key of this.#names.exactKeys()) yield Name.fromWire(Buffer.from(key, 'latin1'));
  }

  /** Where budgets of a kind are shared with the other gates. */
  ledger(kind: string): SharedLedger {
    const redis = {
      run: (...[script, keys, args]: Parameters<ListClient['run']>) => this.#client.run(script, keys, args),
    };
    return new RedisLedger({ redis, keys: this.#keys, kind });
  }

  /** Looks at everything anew; with other options (a changed password) on other connections. */
  reload(redis?: RedisOptions): void {
    if (redis !== undefined) {
      void this.#client.close();
      this.#client = this.#openClient(redis);
      this.#connect();
    }
    this.#head.noteConnected();
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    clearTimeout(this.#poll);
    this.#poll = undefined;
    this.#listeners.clear();
    this.#head.close();
    this.#meters.handOn();
    await this.#client.close();
  }

  #start(): void {
    this.#connect();
    const look = (): void => {
      this.#poll = setTimeout(look, this.#options.limits['poll-time']).unref();
      this.#head.confirm().catch((error: unknown) => {
        this.#report.noteFailure(error);
      });
      this.#report.look(this.#staleMaxes());
      this.#meters.handOn();
    };
    this.#poll = setTimeout(look, this.#options.limits['poll-time']).unref();
  }

  #connect(): void {
    this.#client.connect();
    this.#client.subscribe(this.#keys.changes);
  }

  #openClient(options: RedisOptions): ListClient {
    const { openClient = openRedisClient } = this.#options;
    // What one says that has been replaced does not count.
    const isCurrent = (): boolean => this.#client === client;
    const client: ListClient = openClient(options, {
      onUp: () => {
        if (isCurrent()) this.#head.noteConnected();
      },
      onDown: (why) => {
        if (isCurrent()) this.#report.noteFailure(why);
      },
      onMessage: (channel, message) => {
        if (isCurrent() && channel === this.#keys.changes) this.#head.noteMessage(message);
      },
      onSubscribed: () => {
        if (!isCurrent()) return;
        this.#report.noteDeaf(undefined);
        this.#head.noteSubscribed(true);
      },
      onUnsubscribed: (why) => {
        if (!isCurrent()) return;
        this.#report.noteDeaf(why);
        this.#head.noteSubscribed(false);
      },
    });
    return client;
  }

  #headEvents(): HeadEvents {
    return {
      onEntries: (changes: Changes, revision) => {
        this.#names.forget(changes);
        this.#reads.overrun(changes, revision);
        this.#meters.changed('entries');
        this.#tell(changes);
      },
      onEverything: (isOther) => {
        if (isOther) this.#names.clear();
        else this.#names.beginGeneration(this.#report.inStep);
        this.#reads.overrun(undefined, undefined);
        this.#meters.changed('everything');
        this.#tell(everythingChanged);
      },
      onHead: () => {
        this.#meters.changed('head');
        this.#tell(everythingChanged);
      },
      onInStep: (since) => {
        this.#report.noteInStep(since, this.#head.revision);
      },
      onMissing: (fault, before) => {
        this.#report.missing(fault, before);
      },
      onSetBack: (from, to) => {
        this.#report.setBack(from, to);
      },
      onBroken: (at, fault) => {
        this.#noteBroken(at, fault);
      },
    };
  }

  #tell(change: AccessChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #noteBroken(key: string, fault: string): void {
    if (this.#report.broken(key, fault)) this.#meters.broken();
  }

  /** Of everybody who looks. */
  #staleMaxes(): number[] {
    const viewers = this.#viewers.flatMap((viewer) => viewer.deref() ?? []);
    if (viewers.length === 0) return [this.#options.staleMaxMs ?? defaultStaleMaxMs];
    return viewers.map(({ staleMaxMs }) => staleMaxMs());
  }

  #viewFor(viewer: AccessViewer): ListView {
    return new ListView(
      {
        head: this.#head,
        names: this.#names,
        reads: this.#reads,
        report: this.#report,
        meters: this.#meters,
        clock: this.#clock,
        answerMs: this.#options.limits['answer-time'],
        onChange: (listener) => this.onChange(listener),
      },
      viewer,
    );
  }
}

function openRedisClient(options: RedisOptions, events: RedisEvents): ListClient {
  return new RedisClient(options, events);
}
