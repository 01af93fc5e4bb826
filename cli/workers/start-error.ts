import { formatProblem } from '../../core/config/errors.ts';
import type { StartFailure } from './messages.ts';
import type { WorkerEnd } from './worker-process.ts';

/** A worker that ended before it listened; the message is what the worker said of it, for the operator. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';
  readonly code = 'CLI_WORKER';
  readonly blame = 'config';
  readonly failure: StartFailure | undefined;

  constructor(number: number, failure: StartFailure | undefined, { code, signal, problem }: WorkerEnd) {
    const how = problem ?? (signal === null ? `exit status ${String(code)}` : `signal ${signal}`);
    super(failure?.message ?? `worker ${number} ended before it listened: ${how}`);
    this.failure = failure;
  }

  /** One for each thing that is wrong. */
  get lines(): readonly string[] {
    const problems = this.failure?.problems ?? [];
    return problems.length > 0 ? problems.map(formatProblem) : [this.message];
  }
}
