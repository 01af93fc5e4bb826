/**
 * The composition root: the command line, one file a command.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerAccess } from './commands/access.ts';
import { registerAgent } from './commands/agent.ts';
import { registerDemo } from './commands/demo.ts';
import { registerCheck } from './commands/check.ts';
import { registerKeygen } from './commands/keygen.ts';
import { registerLookup } from './commands/lookup.ts';
import { registerMatch } from './commands/match.ts';
import { registerProbe } from './commands/probe.ts';
import { registerRun } from './commands/run.ts';
import { registerTlsa } from './commands/tlsa.ts';
import { registerVerify } from './commands/verify.ts';
import { runProgram } from './output.ts';

const program = new Command('danced')
  .description(
    'DNS servers that know each other by domain name: TLS client authentication by DNSSEC-signed TLSA records',
  )
  .version(version(), '--version', 'print the version')
  .helpOption('--help', 'print this help')
  .helpCommand(false)
  .addHelpText('after', '\nExit status: 0 yes or done, 1 no, 2 wrong usage or configuration.');
for (const register of [
  registerRun,
  registerAgent,
  registerCheck,
  registerKeygen,
  registerTlsa,
  registerLookup,
  registerMatch,
  registerVerify,
  registerProbe,
  registerAccess,
  registerDemo,
]) {
  register(program);
}

process.exitCode = await runProgram(program, process.argv);

/** From package.json, which is one folder up from the sources and two from what is built. */
function version(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        version: string;
      };
      return version;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new Error('package.json is missing');
}
