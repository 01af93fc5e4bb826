/** A directory that does not outlive the process, however that ends short of SIGKILL: keys are in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, exitCode, fileErrorWords } from '../output.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class ScratchDirectory {
  readonly path = makeDirectory();
  readonly #removeFiles = (): void => {
    rmSync(this.path, { recursive: true, force: true });
  };
  // A signal ends a process without its exit handlers, unless somebody takes it.
  readonly #exit = (): void => {
    process.exit(exitCode.no);
  };

  /** Throws CommandError when there is no room for it. */
  constructor() {
    process.once('exit', this.#removeFiles);
    for (const signal of signals) process.once(signal, this.#exit);
  }

  remove(): void {
    for (const signal of signals) process.off(signal, this.#exit);
    process.off('exit', this.#removeFiles);
    this.#removeFiles();
  }
}

function makeDirectory(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'danced-demo-'));
  } catch (error) {
    const words = fileErrorWords(error);
    throw words === undefined ? error : new CommandError(`${tmpdir()}: ${words}`, { cause: error });
  }
}
