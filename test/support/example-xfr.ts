/** The example examples/xfr as a process, and its folder left as it was. */
import { existsSync, rmSync } from 'node:fs';
import { RunningProgram } from './peers/test-bed.ts';

export const exampleFolder = new URL('../../examples/xfr', import.meta.url).pathname;
const keysFolder = `${exampleFolder}/run`;

/** Starts a program in the folder of the example. */
export function startInExample(command: string, args: readonly string[]): RunningProgram {
  return new RunningProgram(command, args, exampleFolder, undefined);
}

/** Starts the example; what it makes at its first start goes when it is stopped, unless it was there before. */
export function startExample(...args: string[]): {
  readonly program: RunningProgram;
  readonly stop: () => Promise<void>;
} {
  const hadKeys = existsSync(keysFolder);
  const program = startInExample(process.execPath, ['main.ts', ...args]);
  return {
    program,
    stop: async () => {
      await program.stop();
      if (!hadKeys) rmSync(keysFolder, { recursive: true, force: true });
    },
  };
}
