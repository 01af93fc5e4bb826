/**
 * A worker: the daemon in a process that another `danced run` has started and minds (parent.ts).
 *
 * It gets its configuration from there, listens on the same ports as the others, and has no admin server of its own. It ends when its
 * parent says so, on SIGTERM and SIGINT as `danced run` does, and when its parent is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../../core/config/errors.ts';
import { FeedReader } from '../../core/observe/feed.ts';
import { createLog } from '../../core/observe/log.ts';
import { Daemon } from '../daemon.ts';
import { CommandError, exitCode } from '../output.ts';
import { loadConfigAndPlugins } from '../plugins.ts';
import { operatorWords } from '../operator-words.ts';
import { workerBounds } from './bounds.ts';
import { LedgerLink } from './ledger-link.ts';
import { firstProblems, fitting, readOrder, type WorkerOrder, type WorkerReport } from './messages.ts';
import { workerVariable } from './worker-process.ts';

/** The number of the worker that this process is to be; undefined: it is none. Throws CommandError for one without a parent. */
export function workerNumber(): number | undefined {
  const text = process.env[workerVariable];
  if (text === undefined) return undefined;
  // Not for the programs that we start.
  Reflect.deleteProperty(process.env, workerVariable);
  const number = Number(text);
  if (process.send === undefined || !Number.isSafeInteger(number) || number < 1) {
    throw new CommandError(`${workerVariable} is what danced sets for processes of its own; unset it`);
  }
  return number;
}

type Log = ReturnType<typeof createLog>;

/** Serves till it is to end; then the process is to end too. */
export async function runWorker(number: number): Promise<void> {
  const orders = new Orders();
  const { file, text } = await orders.start();
  let log: Log | undefined;
  let daemon: Daemon;
  const link = new LedgerLink((question) => {
    report({ kind: 'settle', ...question });
  });
  try {
    const loaded = await loadConfigAndPlugins(file, undefined, text);
    const { level, format } = loaded.config.observe;
    const shared = createLog({ level, format, isShared: true });
    const flush = (): void => {
      shared.flush();
    };
    log = Object.assign(shared.child({ worker: number }), { flush });
    minding(log);
    daemon = await Daemon.start({ loaded, log, asWorker: { ledger: (kind) => link.of(kind) } });
  } catch (error) {
    await sayWhyNot(error);
    log?.flush();
    process.exit(exitCode.usage);
  }
  log.info('running', { config: file, node: process.version, pid: process.pid });
  const told = new Told(daemon);
  orders.follow((order) => {
    obey(order, { daemon, told, link, log });
  });
  report({ kind: 'started' });
  const { why, withinMs } = await orders.untilStop;
  log.info('stopping', { why, withinMs });
  told.watch(false);
  await daemon.stop(withinMs);
  log.info('stopped');
  log.flush();
  await reported({ kind: 'last', snapshot: await daemon.metrics.snapshot() });
  process.exit(exitCode.done);
}

function obey(
  order: WorkerOrder,
  { daemon, told, link, log }: { daemon: Daemon; told: Told; link: LedgerLink; log: Log },
): void {
  switch (order.kind) {
    case 'ask':
      void daemon.metrics.snapshot().then((snapshot) => {
        report({ kind: 'answer', id: order.id, snapshot, ...daemon.ready() });
      });
      break;
    case 'settled':
      link.answered(order.id, order.lefts);
      break;
    case 'watch':
      told.watch(order.isWatched);
      break;
    case 'reload':
      try {
        daemon.reload(undefined);
      } catch (error) {
        log.error('defect', { doing: 'reload', error });
      }
      break;
    case 'start':
    case 'stop':
      break;
  }
}

/** What is decided, told to the parent while somebody watches there. */
class Told {
  readonly #daemon: Daemon;
  #reader: FeedReader | undefined;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  watch(isWatched: boolean): void {
    if (isWatched === (this.#reader !== undefined)) return;
    this.#reader?.close();
    this.#reader = isWatched ? new FeedReader(this.#daemon.feed) : undefined;
    if (this.#reader) void tell(this.#reader);
  }
}

/** The next batch is sent when the channel has taken the one before; meanwhile the reader drops what is too much. */
async function tell(reader: FeedReader): Promise<void> {
  for await (const events of reader) await reported({ kind: 'decisions', events });
}

/** Why this process is to stop. */
interface Stop {
  readonly why: string;
  readonly withinMs: number;
}

/** What the parent says, and whoever sends signals. */
class Orders {
  readonly untilStop: Promise<Stop>;
  readonly #stop: (stop: Stop) => void;
  #follow: ((order: WorkerOrder) => void) | undefined;
  #started: ((order: WorkerOrder & { kind: 'start' }) => void) | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Stop>();
    this.untilStop = promise;
    this.#stop = (stop) => {
      // Nothing is under way yet.
      if (this.#follow === undefined) process.exit(exitCode.done);
      resolve(stop);
    };
    process.on('message', (message: unknown) => {
      const order = readOrder(message);
      if (order === undefined) throw new TypeError('the parent process said what is no order');
      if (order.kind === 'stop') this.#stop({ why: 'the parent process says so', withinMs: order.withinMs });
      else if (order.kind === 'start') this.#started?.(order);
      else this.#follow?.(order);
    });
    const withinMs = workerBounds.stopTimeMs;
    process.once('disconnect', () => {
      this.#stop({ why: 'the parent process is gone', withinMs });
    });
    // Those of a terminal go to all of its processes; so may those of a supervisor.
    process.on('SIGHUP', () => undefined);
    let signals = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (signals++ > 0) process.exit(exitCode.no);
        this.#stop({ why: signal, withinMs });
      });
    }
  }

  /** The configuration. Rejects with CommandError if none comes. */
  async start(): Promise<WorkerOrder & { kind: 'start' }> {
    const { promise, resolve } = Promise.withResolvers<WorkerOrder & { kind: 'start' }>();
    this.#started = resolve;
    report({ kind: 'awake' });
    const order = await Promise.race([promise, sleep(workerBounds.parentMs, undefined, { ref: false })]);
    if (order) return order;
    throw new CommandError(`${workerVariable} is what danced sets for processes of its own; unset it`);
  }

  /** From now on orders go there, and it can be stopped. */
  follow(take: (order: WorkerOrder) => void): void {
    this.#follow = take;
  }
}

/** The last lines before a crash are those that explain it. */
function minding(log: Log): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    log.error('crash', { error });
    log.flush();
  });
}

async function sayWhyNot(error: unknown): Promise<void> {
  const words = operatorWords(error);
  const problems = error instanceof ConfigError ? firstProblems(error.problems) : [];
  // What nobody can mend is a bug, and is shown with its stack.
  const message = words ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  await reported({ kind: 'failed', message: fitting(message), problems });
}

function report(message: WorkerReport): void {
  void reported(message);
}

/** Resolves when it has been sent, or never can be. */
function reported(message: WorkerReport): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve();
    else
      process.send(message, undefined, {}, () => {
        resolve();
      });
  });
}
