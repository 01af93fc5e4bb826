/**
 * What all commands share: how they print, how they fail, and with which code the process ends.
 *
 * Facts go to standard output, as text or with `--json` as one JSON document; everything else goes to standard error.
 */
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { ConfigError } from '../core/config/errors.ts';
import { printableText } from '../core/observe/printable.ts';

/** The three ways for a command to end. */
export const exitCode = {
  /** Yes, or done. */
  done: 0,
  /** No: the verdict is negative. */
  no: 1,
  /** Wrong usage or configuration, or the machine does not let us. */
  usage: 2,
} as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** A command cannot do what it was asked; the message is for the operator and needs no stack. */
export class CommandError extends Error {
  readonly code = 'CLI_COMMAND';
  readonly blame = 'config';
  readonly exitCode: ExitCode;

  constructor(message: string, options?: ErrorOptions & { readonly exitCode?: ExitCode }) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = options?.exitCode ?? exitCode.usage;
  }
}

/** What is wrong with a file or a configuration as an error that a command ends with; any other error as it is. */
export function asCommandError(error: unknown): unknown {
  return error instanceof ConfigError ? new CommandError(error.message, { cause: error }) : error;
}

/** Where a command's words go. */
export interface Output {
  /** Facts: a line or more, without the last line break. */
  print(text: string): void;
  /** Remarks and errors. */
  remark(text: string): void;
}

export const processOutput: Output = {
  print: (text) => {
    process.stdout.write(`${text}\n`);
  },
  remark: (text) => {
    process.stderr.write(`${text}\n`);
  },
};

/** Prints facts, as JSON if that was asked for. */
export function printFacts(
  output: Output,
  facts: unknown,
  options: { json?: boolean },
  text: () => string,
): void {
  output.print(options.json === true ? JSON.stringify(facts, undefined, 2) : text());
}

/** Rows as text with aligned columns; the first row may be a heading. Cells are made fit to be shown. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printableText(cell)));
  const widths = cells.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * Runs the command that the arguments name and gives the code to end the process with: what the command's action put
 * into `process.exitCode`, or 2 for wrong usage, with the reason on standard error. Other errors are bugs and thrown.
 */
export async function runProgram(
  program: Command,
  argv: readonly string[],
  output: Output = processOutput,
): Promise<ExitCode> {
  if (output === processOutput) ignoreClosedPipes();
  throwInsteadOfExit(program);
  try {
    await program.parseAsync(argv);
    return toExitCode(process.exitCode);
  } catch (error) {
    // Commander has said what is wrong already; its own code for that would be 1, which is a verdict here.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    if (error instanceof CommandError) {
      // Every line of a ConfigError is one problem, and quotes what it shows of the file.
      const lines = error.cause instanceof ConfigError ? error.message.split('\n') : [error.message];
      for (const line of lines) output.remark(`${program.name()}: ${printableText(line)}`);
      return error.exitCode;
    }
    throw error;
  }
}

/** What went wrong with a file, in words; undefined if it is not an error of the operating system. */
export function fileErrorWords(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return fileErrors.get(error.code) ?? (isSystemError(error) ? error.message : undefined);
}

const fileErrors: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file or directory'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'the operation is not permitted'],
  ['EEXIST', 'it exists already'],
  ['EISDIR', 'it is a directory'],
  ['ENOTDIR', 'a part of the path is not a directory'],
  ['ENOSPC', 'no space is left on the disk'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EFBIG', 'the file would be too large'],
  ['EROFS', 'the file system is read-only'],
  ['ENAMETOOLONG', 'the path is too long'],
]);

function isSystemError(error: Error): boolean {
  return 'syscall' in error && 'errno' in error;
}

/** Whoever reads our output may have read enough (`danced check | head -1`); that is no error. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  // It quotes the arguments, and a script may have those from anywhere. The line breaks are its own.
  command.configureOutput({
    outputError: (text, write) => {
      write(
        `${text
          .trimEnd()
          .split('\n')
          .map((line) => printableText(line, Infinity))
          .join('\n')}\n`,
      );
    },
  });
  for (const subcommand of command.commands) throwInsteadOfExit(subcommand);
}

function toExitCode(code: number | string | null | undefined): ExitCode {
  return code === exitCode.no || code === exitCode.usage ? code : exitCode.done;
}
