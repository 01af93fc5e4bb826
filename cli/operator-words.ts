/** Why the daemon cannot start or reload, in words for the operator: errors that he can mend, told without a stack. */
import { ConfigError, formatProblem, maxPrintedProblems } from '../core/config/errors.ts';
import type { Log } from '../core/observe/log.ts';
import { ListenError } from '../core/server/listen-error.ts';
import { IdentityError } from '../core/tls/identity.ts';
import { CommandError, fileErrorWords } from './output.ts';

/** Undefined for an error that only its stack explains. */
export function operatorWords(error: unknown): string | undefined {
  const isOurs =
    error instanceof ConfigError ||
    error instanceof IdentityError ||
    error instanceof ListenError ||
    error instanceof CommandError;
  return isOurs ? error.message : fileErrorWords(error);
}

/** Turns the failures that an operator can mend into words without a stack. */
export async function inWords<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const words = operatorWords(error);
    if (error instanceof CommandError || words === undefined) throw error;
    throw new CommandError(words, { cause: error });
  }
}

/** Says why a configuration was not taken on reload, one line a mistake, as `danced check` prints them. */
export function sayNotReloaded(log: Log, error: unknown): void {
  const problems = error instanceof ConfigError ? error.problems.slice(0, maxPrintedProblems) : [];
  for (const problem of problems) log.error('configuration broken', { problem: formatProblem(problem) });
  const why = problems.length > 0 ? {} : { error };
  log.error('configuration not reloaded', { ...why, kept: 'the old configuration' });
}
