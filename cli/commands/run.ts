/**
 * `danced run`: the daemon in the foreground, as systemd and containers want it.
 *
 *     SIGHUP            read configuration, identity and access list again
 *     SIGTERM, SIGINT   finish what is under way, at most `stopTimeMs`; a second one ends at once
 *
 * With `workers` in the configuration it is the parent of so many processes that do the work (cli/workers).
 */
import type { Command } from 'commander';
import type { LoadedConfig } from '../../core/config/config.ts';
import { configBounds } from '../../core/config/limits-table.ts';
import { readTextFile } from '../../core/config/text-file.ts';
import { inheritedSockets, type InheritedSockets } from '../../core/do53/inherited.ts';
import { createLog } from '../../core/observe/log.ts';
import { defaultConfigFile } from '../config-file.ts';
import { Daemon } from '../daemon.ts';
import { inWords, sayNotReloaded } from '../operator-words.ts';
import { CommandError, exitCode } from '../output.ts';
import { loadConfigAndPlugins } from '../plugins.ts';
import { workerBounds } from '../workers/bounds.ts';
import { WorkerParent, type CheckedText } from '../workers/parent.ts';
import { runWorker, workerNumber } from '../workers/worker.ts';

/** Adds the command to the program. */
export function registerRun(program: Command): void {
  program
    .command('run')
    .summary('run the daemon')
    .description(
      'Run the daemon in the foreground. SIGHUP reloads; SIGTERM stops after the replies under way, at most 30 s later; a second one stops at once.',
    )
    .option('-c, --config <file>', 'the configuration', defaultConfigFile)
    .action(async ({ config }: { config: string }) => {
      const worker = workerNumber();
      await (worker === undefined ? runFile(config) : runWorker(worker));
      process.exitCode = exitCode.done;
    });
}

type ProcessLog = ReturnType<typeof createLog>;

/** What the process runs: one daemon, or the parent of several. */
interface Running {
  log(): ProcessLog;
  reload(): void;
  stop(withinMs: number): Promise<void>;
  /** Ends other processes at once; this one ends by itself. */
  kill(): void;
}

type ReadNow = () => Promise<CheckedText>;

/** Runs the configuration of a file. */
export async function runFile(file: string): Promise<void> {
  await runDaemon(() => read(file));
}

/** Runs the configuration that `readNow` gives, at first and after each SIGHUP, until a signal ends it. Rejects with CommandError. */
export async function runDaemon(readNow: ReadNow): Promise<void> {
  // From the beginning: a SIGHUP that comes while we start would end the process. It is heeded when we have.
  const early = { isReloadWanted: false };
  let reloadNow = (): void => {
    early.isReloadWanted = true;
  };
  process.on('SIGHUP', () => {
    reloadNow();
  });
  const [first, inherited] = await inWords(
    async () => [await readNow(), inheritedSockets(process.env, process.pid)] as const,
  );
  const { file } = first;
  const { workers } = first.loaded.config;
  if (workers > 1 && inherited.left.length > 0) {
    throw new CommandError(
      'the sockets of a socket unit are for one process: take `workers` out, or run without the unit',
    );
  }
  const running = workers > 1 ? await runWorkers(first, readNow) : await runAlone(first, inherited, readNow);
  running.log().info('running', {
    config: file,
    node: process.version,
    pid: process.pid,
    ...(workers > 1 && { workers }),
  });
  reloadNow = () => {
    running.reload();
  };
  if (early.isReloadWanted) reloadNow();
  const signal = await stopSignal();
  const { stopTimeMs } = workerBounds;
  running.log().info('stopping', { signal, withinMs: stopTimeMs });
  for (const again of ['SIGTERM', 'SIGINT'] as const) {
    process.once(again, () => {
      running.log().warn('stopped at once', { signal: again, cut: 'replies under way' });
      running.kill();
      process.exit(exitCode.no);
    });
  }
  await running.stop(stopTimeMs);
  running.log().info('stopped');
  running.log().flush();
}

async function read(file: string): Promise<CheckedText> {
  const text = readTextFile(file, configBounds.documentOctets);
  return { file, text, loaded: await loadConfigAndPlugins(file, undefined, text) };
}

async function runAlone(
  { loaded }: CheckedText,
  inherited: InheritedSockets,
  readNow: ReadNow,
): Promise<Running> {
  const { level, format } = loaded.config.observe;
  const log = createLog({ level, format });
  minding(() => log);
  const daemon = await inWords(() => Daemon.start({ loaded, log, inherited }));
  return {
    log: () => log,
    reload: () => void reload(daemon, readNow, log),
    stop: (withinMs) => daemon.stop(withinMs),
    kill: () => undefined,
  };
}

async function runWorkers(first: CheckedText, readNow: ReadNow): Promise<Running> {
  const parent = await inWords(() => WorkerParent.start(first, { read: readNow }));
  minding(() => parent.log);
  return {
    log: () => parent.log,
    reload: () => {
      parent.reload();
    },
    stop: (withinMs) => parent.stop(withinMs),
    kill: () => {
      parent.kill();
    },
  };
}

/** The last lines before a crash are those that explain it. */
function minding(log: () => ProcessLog): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    log().error('crash', { error });
    log().flush();
  });
}

async function reload(daemon: Daemon, readNow: ReadNow, log: ProcessLog): Promise<void> {
  let loaded: LoadedConfig | undefined;
  try {
    ({ loaded } = await readNow());
  } catch (error) {
    sayNotReloaded(log, error);
  }
  try {
    daemon.reload(loaded);
  } catch (error) {
    log.error('defect', { doing: 'reload', error });
  }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
