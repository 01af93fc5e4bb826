/**
 * `danced run`: the daemon in the foreground, as systemd and containers want it.
 *
 *     SIGHUP            read configuration, identity and access list again
 *     SIGTERM, SIGINT   finish what is under way, at most `stopTimeMs`; a second one ends at once
 */
import type { Command } from 'commander';
import type { LoadedConfig } from '../../core/config/config.ts';
import { ConfigError, formatProblem, maxPrintedProblems } from '../../core/config/errors.ts';
import { createLog } from '../../core/observe/log.ts';
import { ListenError } from '../../core/server/gate.ts';
import { IdentityError } from '../../core/tls/identity.ts';
import { defaultConfigFile } from '../config-file.ts';
import { Daemon } from '../daemon.ts';
import { CommandError, exitCode, fileErrorWords } from '../output.ts';
import { loadConfigAndPlugins } from '../plugins.ts';

/** Milliseconds; systemd gives 90 seconds before it kills. */
const stopTimeMs = 30_000;

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
      await run(config);
      process.exitCode = exitCode.done;
    });
}

async function run(file: string): Promise<void> {
  // From the beginning: a SIGHUP that comes while we start would end the process.
  let reloadNow = (): void => undefined;
  process.on('SIGHUP', () => {
    reloadNow();
  });
  const loaded = await inWords(() => loadConfigAndPlugins(file));
  const { level, format } = loaded.config.observe;
  const log = createLog({ level, format });
  // The last lines before a crash are those that explain it.
  process.on('uncaughtExceptionMonitor', (error) => {
    log.error('crash', { error });
    log.flush();
  });
  const daemon = await inWords(() => Daemon.start({ loaded, log }));
  log.info('running', { config: file, node: process.version, pid: process.pid });
  reloadNow = (): void => void reload(daemon, file, log);
  const signal = await stopSignal();
  log.info('stopping', { signal, withinMs: stopTimeMs });
  for (const again of ['SIGTERM', 'SIGINT'] as const) {
    process.once(again, () => {
      log.warn('stopped at once', { signal: again, cut: 'replies under way' });
      process.exit(exitCode.no);
    });
  }
  await daemon.stop(stopTimeMs);
  log.info('stopped');
  log.flush();
}

async function reload(daemon: Daemon, file: string, log: ReturnType<typeof createLog>): Promise<void> {
  let loaded: LoadedConfig | undefined;
  try {
    loaded = await loadConfigAndPlugins(file);
  } catch (error) {
    // One line a mistake, as `danced check` prints them.
    const problems = error instanceof ConfigError ? error.problems.slice(0, maxPrintedProblems) : [];
    for (const problem of problems) log.error('configuration broken', { problem: formatProblem(problem) });
    log.error('configuration not reloaded', {
      ...(problems.length > 0 ? {} : { error }),
      kept: 'the old configuration',
    });
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

/** Turns the failures that an operator can mend into words without a stack. */
async function inWords<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof IdentityError || error instanceof ListenError) {
      throw new CommandError(error.message, { cause: error });
    }
    const words = fileErrorWords(error);
    if (words !== undefined) throw new CommandError(words, { cause: error });
    throw error;
  }
}
