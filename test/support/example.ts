/** An example as a process, and its folder left as it was. */
import { existsSync, rmSync } from 'node:fs';
import { RunningProgram } from './peers/test-bed.ts';

export interface StartedExample {
  readonly program: RunningProgram;
  readonly stop: () => Promise<void>;
}

export interface Example {
  readonly folder: string;
  /** Starts a program in the folder of the example. */
  readonly startIn: (command: string, args: readonly string[]) => RunningProgram;
  /** Starts the example; what it makes at its first start goes when it is stopped, unless it was there before. */
  readonly start: (...args: string[]) => StartedExample;
}

/** The example in a folder of examples/, which keeps what it makes in run/. */
export function exampleOf(name: string): Example {
  const folder = new URL(`../../examples/${name}`, import.meta.url).pathname;
  const made = `${folder}/run`;
  const startIn: Example['startIn'] = (command, args) => new RunningProgram(command, args, folder, undefined);
  return {
    folder,
    startIn,
    start: (...args) => {
      const hadFiles = existsSync(made);
      const program = startIn(process.execPath, ['main.ts', ...args]);
      return {
        program,
        stop: async () => {
          await program.stop();
          if (!hadFiles) rmSync(made, { recursive: true, force: true });
        },
      };
    },
  };
}
