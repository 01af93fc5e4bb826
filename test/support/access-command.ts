/** `danced access …` run in the test's process, on a list in a temporary folder. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { registerAccess } from '../../cli/commands/access.ts';
import { runCommand, type CommandRun } from './run-command.ts';

export class AccessCommand {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'danced-access-'));
  /** The list. */
  readonly file = path.join(this.folder, 'access.yaml');

  /** Runs a subcommand on the list of `file`. */
  run(...args: string[]): Promise<CommandRun> {
    return this.raw(...args, '--file', this.file);
  }

  /** Runs a subcommand; which list is the arguments' business. */
  raw(...args: string[]): Promise<CommandRun> {
    return runCommand(registerAccess, ['access', ...args]);
  }

  /** Writes a file of the folder; the list if no other is named. */
  write(text: string, name = 'access.yaml'): string {
    const file = path.join(this.folder, name);
    fs.writeFileSync(file, text);
    return file;
  }

  /** The text of the list. */
  get text(): string {
    return fs.readFileSync(this.file, 'utf8');
  }

  close(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
