/**
 * The workers of a daemon: so many places, and in each a process that serves. One that ends unasked is replaced; with a new
 * configuration one after the other is.
 *
 * A place keeps the configuration that its process took, so that one which crashes is replaced by its like, whatever stands in the
 * file meanwhile.
 *
 * Limitations: while one is replaced there is one more than configured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Spending } from '../../core/acl/budgets.ts';
import type { Log } from '../../core/observe/log.ts';
import type { Metrics } from '../../core/observe/metrics.ts';
import type { PrintableRecord } from '../../core/observe/printable.ts';
import type { MetricsSnapshot } from '../../core/observe/snapshot.ts';
import { nextBackoff } from './backoff.ts';
import { workerBounds, type WorkerBounds } from './bounds.ts';
import type { Readiness, StartFailure } from './messages.ts';
import { WorkerStartError } from './start-error.ts';
import type { LaunchWorker, WorkerConfig, WorkerEnd, WorkerHandle } from './worker-process.ts';

export interface PoolOptions {
  readonly launch: LaunchWorker;
  readonly log: () => Log;
  readonly metrics: Metrics;
  readonly onDecision: (worker: number, event: PrintableRecord) => void;
  readonly settle: (budget: string, spendings: readonly Spending[]) => readonly number[];
  /** Told of each worker that has ended: what it had counted. */
  readonly onCounted: (snapshot: MetricsSnapshot) => void;
  readonly isWatched: () => boolean;
  readonly bounds?: WorkerBounds;
}

/** One process. */
interface Worker {
  readonly number: number;
  readonly handle: WorkerHandle;
  readonly startedMs: number;
  state: 'starting' | 'running' | 'stopping';
  /** Rejects with WorkerStartError. */
  readonly started: Promise<unknown>;
  readonly ended: Promise<unknown>;
  /** Polls in a row that it did not answer. */
  silentPolls: number;
  /** It has said why it cannot start. */
  failure?: StartFailure;
}

interface Place {
  readonly number: number;
  config: WorkerConfig;
  worker: Worker | undefined;
  backoffMs: number;
  timer?: NodeJS.Timeout | undefined;
}

/** What a worker answers, or not. */
export interface AskedWorker {
  readonly number: number;
  /** Of this moment, or of an earlier one if it is silent. */
  readonly snapshot: MetricsSnapshot;
  readonly isSilent: boolean;
  /** Undefined for one that is silent, or is to end. */
  readonly readiness: Readiness | undefined;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #bounds: WorkerBounds;
  readonly #places: Place[] = [];
  /** All that have not ended, also those that are being replaced. */
  readonly #workers = new Set<Worker>();
  readonly #restarts;
  readonly #silences;
  #poll: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? workerBounds;
    const { metrics } = options;
    const gauge = metrics.gauge('workers', 'Worker processes, by what they do.', ['state']);
    for (const state of ['starting', 'running', 'stopping'] as const) {
      gauge.follow({ state }, () => [...this.#workers].filter((worker) => worker.state === state).length);
    }
    this.#restarts = metrics.counter(
      'worker_restarts_total',
      'Workers that ended unasked and were started again.',
      [],
    );
    this.#restarts.add({}, 0);
    this.#silences = metrics.counter(
      'worker_silences_total',
      'Times that a worker did not answer in time: its gauges are missing in the sum then.',
      [],
    );
    this.#silences.add({}, 0);
  }

  /** Starts `count` workers at once. Rejects with WorkerStartError when one of them cannot, and then none is left. */
  async start(config: WorkerConfig, count: number): Promise<void> {
    const workers = Array.from({ length: count }, (_, index) => this.#launch(index + 1, config));
    for (const worker of workers) {
      this.#places.push({ number: worker.number, config, worker, backoffMs: 0 });
    }
    try {
      await Promise.all(workers.map(({ started }) => started));
    } catch (error) {
      this.kill();
      await Promise.all([...this.#workers].map(({ ended }) => ended));
      throw error;
    }
    this.#poll = setInterval(() => {
      void this.#lookAfterAll();
    }, this.#bounds.pollMs).unref();
    // One that has ended already, while the others started.
    for (const place of this.#places) if (place.worker === undefined) this.#comeAgain(place, 0);
  }

  /**
   * Gives each place a new process with this configuration, one after the other, and ends those that are too many. Resolves with false when a
   * new one cannot start: then those that were not replaced yet stay.
   */
  async replaceAll(config: WorkerConfig, count: number): Promise<boolean> {
    for (let number = 1; number <= count; number++) {
      if (this.#isStopping) return false;
      if (!(await this.#replace(number, config))) return false;
    }
    while (this.#places.length > count && !this.#isStopping) {
      const place = this.#places.pop();
      if (place === undefined) break;
      clearTimeout(place.timer);
      await this.#end(place.worker);
    }
    return true;
  }

  /** Lets all of them read the access list and our identity again. */
  reload(): void {
    for (const { handle } of this.#workers) handle.reload();
  }

  watch(isWatched: boolean): void {
    for (const { handle, state } of this.#workers) if (state !== 'starting') handle.watch(isWatched);
  }

  /** What all that have started count, and whether they are ready. Never rejects. */
  async ask(): Promise<readonly AskedWorker[]> {
    const asked = [...this.#workers].filter(({ state }) => state !== 'starting');
    const answers = await Promise.all(asked.map((worker) => this.#ask(worker, this.#bounds.answerMs)));
    // Who has ended meanwhile is counted with those that have.
    const there = answers.filter(({ worker }) => this.#workers.has(worker));
    return there.map(({ worker: { number, handle, state }, readiness }) => ({
      number,
      snapshot: handle.snapshot,
      isSilent: readiness === undefined,
      readiness: state === 'running' ? readiness : undefined,
    }));
  }

  /** Ends all of them; replies under way may finish till `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#poll);
    for (const place of this.#places) clearTimeout(place.timer);
    await Promise.all([...this.#workers].map((worker) => this.#end(worker, withinMs)));
  }

  /** Ends all of them at once. */
  kill(): void {
    this.#isStopping = true;
    clearInterval(this.#poll);
    for (const place of this.#places) clearTimeout(place.timer);
    for (const { handle } of this.#workers) handle.kill();
  }

  async #replace(number: number, config: WorkerConfig): Promise<boolean> {
    const { log } = this.#options;
    const candidate = this.#launch(number, config);
    try {
      await candidate.started;
    } catch (error) {
      if (this.#isStopping) return false;
      if (!(error instanceof WorkerStartError)) throw error;
      for (const problem of error.lines) log().error('worker not replaced', { worker: number, problem });
      return false;
    }
    const known = this.#places.find((place) => place.number === number);
    const before = known?.worker;
    const place: Place = known ?? { number, config, worker: candidate, backoffMs: 0 };
    if (known === undefined) this.#places.push(place);
    clearTimeout(place.timer);
    Object.assign(place, { config, worker: candidate, backoffMs: 0, timer: undefined });
    // It may have ended in this very moment, before it had its place.
    if (!this.#workers.has(candidate)) this.#comeAgain(place, 0);
    await this.#end(before);
    return true;
  }

  #launch(number: number, config: WorkerConfig): Worker {
    const { promise: started, resolve: onStarted, reject: onNotStarted } = Promise.withResolvers<undefined>();
    const { promise: ended, resolve: onEnded } = Promise.withResolvers<undefined>();
    // Who waits for it hears of it; nobody has to.
    started.catch(() => undefined);
    const tooLate = setTimeout(() => {
      worker.failure ??= { message: `it did not listen within ${this.#bounds.readyMs} ms`, problems: [] };
      worker.handle.kill();
    }, this.#bounds.readyMs).unref();
    const handle = this.#options.launch(number, config, {
      onStarted: () => {
        clearTimeout(tooLate);
        if (worker.state === 'starting') worker.state = 'running';
        if (this.#options.isWatched()) handle.watch(true);
        onStarted(undefined);
      },
      onFailed: (failure) => {
        worker.failure = failure;
      },
      onEnded: (end) => {
        clearTimeout(tooLate);
        this.#workers.delete(worker);
        this.#options.onCounted(handle.snapshot);
        onNotStarted(new WorkerStartError(number, worker.failure, end));
        onEnded(undefined);
        this.#afterEnd(worker, end);
      },
      onDecisions: (events) => {
        for (const event of events) this.#options.onDecision(number, event);
      },
      onSettle: this.#options.settle,
    });
    const worker: Worker = {
      number,
      handle,
      startedMs: performance.now(),
      state: 'starting',
      started,
      ended,
      silentPolls: 0,
    };
    this.#workers.add(worker);
    return worker;
  }

  /** What a process leaves behind that nobody asked to end. */
  #afterEnd(worker: Worker, { code, signal, problem }: WorkerEnd): void {
    if (worker.state === 'stopping' || this.#isStopping) return;
    const place = this.#places.find((one) => one.worker === worker);
    const fields = { worker: worker.number, pid: worker.handle.pid, code, signal, problem };
    if (worker.state === 'running') this.#options.log().error('worker ended', fields);
    // Of those that are to replace another it is told there, and of those of the first start by the end of all.
    if (place === undefined) return;
    if (worker.state === 'starting' && this.#poll !== undefined) {
      const { lines } = new WorkerStartError(worker.number, worker.failure, { code, signal, problem });
      for (const line of lines) {
        this.#options.log().error('worker cannot start', { worker: worker.number, problem: line });
      }
    }
    this.#comeAgain(place, performance.now() - worker.startedMs);
  }

  #comeAgain(place: Place, livedMs: number): void {
    place.worker = undefined;
    // While they start for the first time, one that cannot ends all others.
    if (this.#poll === undefined) return;
    place.backoffMs = nextBackoff(place.backoffMs, livedMs, this.#bounds);
    place.timer = setTimeout(() => {
      this.#restarts.add();
      place.worker = this.#launch(place.number, place.config);
    }, place.backoffMs);
  }

  async #end(worker: Worker | undefined, withinMs: number = this.#bounds.stopTimeMs): Promise<void> {
    if (worker === undefined) return;
    worker.state = 'stopping';
    worker.handle.stop(withinMs);
    const end = new AbortController();
    const late = sleep(withinMs + this.#bounds.killGraceMs, undefined, end).then(
      () => {
        worker.handle.kill();
      },
      () => undefined,
    );
    await worker.ended;
    end.abort();
    await late;
  }

  /** Keeps what they counted at hand, and ends those that do nothing any more. */
  async #lookAfterAll(): Promise<void> {
    const asked = [...this.#workers].filter(({ state }) => state === 'running');
    for (const { worker, readiness } of await Promise.all(
      asked.map((one) => this.#ask(one, this.#bounds.pollMs)),
    )) {
      worker.silentPolls = readiness === undefined ? worker.silentPolls + 1 : 0;
      if (worker.silentPolls < this.#bounds.pollsUntilHung || worker.state !== 'running') continue;
      this.#options.log().error('worker hangs', { worker: worker.number, pid: worker.handle.pid });
      worker.handle.kill();
    }
  }

  async #ask(
    worker: Worker,
    withinMs: number,
  ): Promise<{ worker: Worker; readiness: Readiness | undefined }> {
    const readiness = await worker.handle.ask(withinMs);
    if (readiness === undefined && this.#workers.has(worker)) this.#silences.add();
    return { worker, readiness };
  }
}
