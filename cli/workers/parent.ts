/**
 * `danced run` with several workers: the process that starts them, replaces them, and speaks for them. It serves metrics and health and keeps
 * the budgets that they share, and sees nothing of what strangers send.
 *
 *     SIGHUP            read the configuration; each worker is replaced by one that has it, one after the other
 *     SIGTERM, SIGINT   all of them finish what is under way, at most `stopTimeMs`; a second one ends them at once
 *
 * Limitations: the module of a plugin of others is loaded once, so the parent checks a configuration by the one that was there first.
 */
import { readFileSync } from 'node:fs';
import { startAdminServer, type AdminServer } from '../../core/observe/admin.ts';
import type { DancedConfig } from '../../core/config/config.ts';
import type { Endpoint } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { createLog } from '../../core/observe/log.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { sayNotReloaded } from '../operator-words.ts';
import { CommandError } from '../output.ts';
import type { LoadedWithPlugins } from '../plugins.ts';
import { checkListens, listensOf, newListens } from './listen-check.ts';
import { LedgerTable } from './ledger-table.ts';
import type { Readiness } from './messages.ts';
import { WorkerPool, type AskedWorker } from './pool.ts';
import { RelayFeed } from './relay-feed.ts';
import { WorkerStartError } from './start-error.ts';
import { WorkerTotals } from './totals.ts';
import { launchProcess, type LaunchWorker } from './worker-process.ts';

/** A configuration that has been checked, with the text that workers get. */
export interface CheckedText {
  readonly file: string;
  readonly text: string;
  readonly loaded: LoadedWithPlugins;
}

export interface ParentOptions {
  /** Reads the file again. Rejects with ConfigError. */
  readonly read: () => Promise<CheckedText>;
  readonly launch?: LaunchWorker;
}

type ParentLog = ReturnType<typeof createLog>;

export class WorkerParent {
  readonly #read: ParentOptions['read'];
  readonly #metrics = new Metrics();
  readonly #pool: WorkerPool;
  readonly #totals: WorkerTotals;
  readonly #feed: RelayFeed;
  #log: ParentLog;
  #config: DancedConfig;
  #listens: readonly Endpoint[] = [];
  #admin: AdminServer | undefined;
  #reloading: Promise<void> | undefined;
  #isToReload = false;

  private constructor(first: CheckedText, { read, launch = launchProcess }: ParentOptions) {
    this.#read = read;
    this.#config = first.loaded.config;
    this.#log = logOf(this.#config);
    this.#feed = new RelayFeed(Date.now, (isWatched) => {
      this.#pool.watch(isWatched);
    });
    const ledger = new LedgerTable(Date.now);
    this.#metrics
      .gauge('shared_budget_keys', 'Buckets of addresses and names that the workers share.', [])
      .follow({}, () => ledger.size);
    this.#pool = new WorkerPool({
      launch,
      log: () => this.#log,
      metrics: this.#metrics,
      onDecision: (worker, event) => {
        this.#feed.say({ ...event, worker });
      },
      settle: (budget, spendings) => ledger.settle(budget, spendings),
      onCounted: (snapshot) => {
        this.#totals.bury(snapshot);
      },
      isWatched: () => this.#feed.isWatched,
    });
    this.#totals = new WorkerTotals(this.#metrics, () => this.#pool.ask());
  }

  /** Rejects with CommandError, ConfigError or ListenError when they cannot all start; then none is left. */
  static async start(first: CheckedText, options: ParentOptions): Promise<WorkerParent> {
    const parent = new WorkerParent(first, options);
    try {
      await parent.#start(first);
    } catch (error) {
      await parent.#admin?.close();
      throw error instanceof WorkerStartError ? inOperatorWords(error) : error;
    }
    return parent;
  }

  get log(): ParentLog {
    return this.#log;
  }

  /** What comes while one is under way is one more, after it. Never rejects. */
  reload(): void {
    this.#isToReload = true;
    this.#reloading ??= this.#reloadAll().finally(() => {
      this.#reloading = undefined;
    });
  }

  async stop(withinMs: number): Promise<void> {
    this.#isToReload = false;
    await this.#pool.stop(withinMs);
    await this.#reloading;
    await this.#admin?.close();
  }

  /** Ends all workers at once. */
  kill(): void {
    this.#pool.kill();
  }

  async #start({ file, text, loaded }: CheckedText): Promise<void> {
    this.#listens = listensOf(loaded);
    await checkListens(this.#listens);
    this.#admin = await this.#serve(loaded.config);
    await this.#pool.start({ file, text }, loaded.config.workers);
    sayWhatIsReset(this.#log);
  }

  async #reloadAll(): Promise<void> {
    while (this.#isToReload) {
      this.#isToReload = false;
      try {
        await this.#reloadOnce();
      } catch (error) {
        sayNotReloaded(this.#log, error);
        // As one process does: the list and our identity are read again whatever the configuration is like.
        this.#pool.reload();
      }
    }
  }

  async #reloadOnce(): Promise<void> {
    const { file, text, loaded } = await this.#read();
    const listens = listensOf(loaded);
    await checkListens(newListens(this.#listens, listens));
    await this.#moveAdmin(loaded.config);
    this.#config = loaded.config;
    this.#log.flush();
    this.#log = logOf(loaded.config);
    const isDone = await this.#pool.replaceAll({ file, text }, loaded.config.workers);
    // What was left as it was listens where it did.
    this.#listens = isDone ? listens : [...this.#listens, ...newListens(this.#listens, listens)];
    if (isDone) this.#log.info('configuration reloaded', { workers: loaded.config.workers });
    else this.#log.error('configuration not reloaded', { kept: 'the workers that were not replaced' });
  }

  async #moveAdmin(config: DancedConfig): Promise<void> {
    if (JSON.stringify(config.observe.listen) === JSON.stringify(this.#config.observe.listen)) return;
    const admin = await this.#serve(config);
    await this.#admin?.close();
    this.#admin = admin;
  }

  async #serve({ observe: { listen } }: DancedConfig): Promise<AdminServer | undefined> {
    if (listen === undefined) return undefined;
    return startAdminServer({
      listen,
      metrics: this.#totals,
      ready: async () => readinessOf(await this.#pool.ask()),
      decisions: this.#feed,
    });
  }
}

/** One that is ready is enough: it answers, also while the others are replaced. */
export function readinessOf(workers: readonly AskedWorker[]): Readiness {
  if (workers.some(({ readiness }) => readiness?.ready)) return { ready: true, waitingFor: [] };
  const waitingFor = workers.flatMap(({ number, isSilent, readiness }) =>
    isSilent ? [`an answer of worker ${number}`] : (readiness?.waitingFor ?? []),
  );
  return { ready: false, waitingFor: waitingFor.length > 0 ? [...new Set(waitingFor)] : ['a worker'] };
}

function logOf({ observe: { level, format } }: DancedConfig): ParentLog {
  return createLog({ level, format, isShared: true });
}

function inOperatorWords(error: WorkerStartError): CommandError {
  const problems = error.failure?.problems ?? [];
  const cause = problems.length > 0 ? new ConfigError(problems) : error;
  return new CommandError(cause.message, { cause });
}

/** See docs/commands.md: what the system does with connections that a listener leaves behind. */
const migrateFile = '/proc/sys/net/ipv4/tcp_migrate_req';

function sayWhatIsReset(log: ParentLog): void {
  let value;
  try {
    value = readFileSync(migrateFile, 'utf8').trim();
  } catch {
    return;
  }
  if (value !== '0') return;
  log.info('a reload resets some new connections', {
    why: 'those that a worker has not accepted yet when it is replaced',
    advice: 'set net.ipv4.tcp_migrate_req to 1 (sysctl)',
  });
}
