/**
 * One worker as its parent has it: a process of the same program, and what was last heard of it.
 *
 * `DANCED_WORKER` in its environment says that it is one (worker.ts).
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Spending } from '../../core/acl/budgets.ts';
import type { PrintableRecord } from '../../core/observe/printable.ts';
import type { MetricsSnapshot } from '../../core/observe/snapshot.ts';
import {
  readReport,
  type Readiness,
  type StartFailure,
  type WorkerOrder,
  type WorkerReport,
} from './messages.ts';

/** The variable that has the number of a worker, in its environment alone. */
export const workerVariable = 'DANCED_WORKER';

/** A configuration as workers get it: its text, since the file may have changed when a worker has to be replaced. */
export interface WorkerConfig {
  readonly file: string;
  readonly text: string;
}

/** How a process ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why there was none, if it could not be made; what it said that was not understood. */
  readonly problem?: string | undefined;
}

export interface WorkerEvents {
  /** It listens. */
  readonly onStarted: () => void;
  /** It cannot start, and will end. */
  readonly onFailed: (failure: StartFailure) => void;
  /** Last of all, and always. */
  readonly onEnded: (end: WorkerEnd) => void;
  readonly onDecisions: (events: readonly PrintableRecord[]) => void;
  /** Gives what is left; may throw. */
  readonly onSettle: (budget: string, spendings: readonly Spending[]) => readonly number[];
}

/** What the pool needs of a worker. */
export interface WorkerHandle {
  readonly pid: number | undefined;
  /** What it had counted when it last said so. */
  readonly snapshot: MetricsSnapshot;
  reload(): void;
  stop(withinMs: number): void;
  kill(): void;
  watch(isWatched: boolean): void;
  /** Undefined: no answer in time. With an answer `snapshot` is of this moment. */
  ask(withinMs: number): Promise<Readiness | undefined>;
}

/** Makes a worker. */
export type LaunchWorker = (number: number, config: WorkerConfig, events: WorkerEvents) => WorkerHandle;

/** Starts this program again, as a worker. */
export const launchProcess: LaunchWorker = (number, config, events) => {
  const [, program = '', ...args] = process.argv;
  const child = fork(program, args, {
    env: { ...process.env, [workerVariable]: String(number) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new WorkerProcess(child, config, events);
};

export class WorkerProcess implements WorkerHandle {
  snapshot: MetricsSnapshot = [];
  readonly #child: ChildProcess;
  readonly #config: WorkerConfig;
  readonly #events: WorkerEvents;
  readonly #questions = new Map<number, (readiness: Readiness | undefined) => void>();
  #lastId = 0;
  #end: WorkerEnd | undefined;
  #problem: string | undefined;
  #isEnded = false;

  constructor(child: ChildProcess, config: WorkerConfig, events: WorkerEvents) {
    this.#child = child;
    this.#config = config;
    this.#events = events;
    child.on('message', (message: unknown) => {
      this.#read(message);
    });
    child.on('exit', (code, signal) => {
      this.#end = { code, signal };
      this.#settleEnd();
    });
    // What it said last comes before this, and perhaps after its end.
    child.on('disconnect', () => {
      this.#settleEnd();
    });
    child.on('error', (error) => {
      this.#problem = error.message;
      // It could not be made, or not be reached: then it ends, and that is told as every end.
      if (child.pid === undefined) this.#end = { code: null, signal: null };
      this.#settleEnd();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  reload(): void {
    this.#send({ kind: 'reload' });
  }

  stop(withinMs: number): void {
    this.#send({ kind: 'stop', withinMs });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  watch(isWatched: boolean): void {
    this.#send({ kind: 'watch', isWatched });
  }

  ask(withinMs: number): Promise<Readiness | undefined> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Readiness | undefined>();
    const answer = (readiness: Readiness | undefined): void => {
      clearTimeout(timer);
      this.#questions.delete(id);
      resolve(readiness);
    };
    const timer = setTimeout(() => {
      answer(undefined);
    }, withinMs);
    this.#questions.set(id, answer);
    this.#send({ kind: 'ask', id });
    return promise;
  }

  #read(message: unknown): void {
    const report = readReport(message);
    if (report === undefined) {
      this.#problem = 'it said what its parent does not understand';
      this.kill();
      return;
    }
    this.#take(report);
  }

  #take(report: WorkerReport): void {
    switch (report.kind) {
      case 'awake':
        this.#send({ kind: 'start', ...this.#config });
        break;
      case 'started':
        this.#events.onStarted();
        break;
      case 'failed':
        this.#events.onFailed(report);
        break;
      case 'answer':
        this.snapshot = report.snapshot;
        this.#questions.get(report.id)?.(report);
        break;
      case 'last':
        this.snapshot = report.snapshot;
        break;
      case 'decisions':
        this.#events.onDecisions(report.events);
        break;
      case 'settle':
        this.#send({ kind: 'settled', id: report.id, lefts: this.#settle(report.budget, report.spendings) });
        break;
    }
  }

  #settle(budget: string, spendings: readonly Spending[]): readonly number[] | undefined {
    try {
      return this.#events.onSettle(budget, spendings);
    } catch {
      return undefined;
    }
  }

  #send(order: WorkerOrder): void {
    // One that is about to end needs no more; that it cannot be reached is told by its end.
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }

  /** It has ended, and all that it said has been read. */
  #settleEnd(): void {
    if (this.#isEnded || this.#end === undefined || this.#child.connected) return;
    this.#isEnded = true;
    for (const answer of [...this.#questions.values()]) answer(undefined);
    this.#events.onEnded({ ...this.#end, problem: this.#problem });
  }
}
