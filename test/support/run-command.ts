/** Runs one command of the command line inside of the test's process. */
import { Command } from 'commander';
import { runProgram } from '../../cli/output.ts';
import type { ExitCode, Output } from '../../cli/output.ts';

export interface CommandRun {
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `danced ARGS`, of which only the registered command exists. */
export async function runCommand(
  register: (program: Command, output: Output) => void,
  args: readonly string[],
): Promise<CommandRun> {
  let stdout = '';
  let stderr = '';
  const output: Output = {
    print: (text) => {
      stdout += `${text}\n`;
    },
    remark: (text) => {
      stderr += `${text}\n`;
    },
  };
  const program = new Command('danced').configureOutput({
    writeOut: (text) => {
      stdout += text;
    },
    writeErr: (text) => {
      stderr += text;
    },
  });
  register(program, output);
  const exitCodeBefore = process.exitCode;
  const exitCode = await runProgram(program, ['node', 'danced', ...args], output);
  process.exitCode = exitCodeBefore;
  return { exitCode, stdout, stderr };
}
