/**
 * `danced access from-config FILE`: an access list by names, made of what the configuration of BIND, NSD or Knot DNS allows by
 * TSIG keys and addresses, and what is still to be done at each end.
 *
 * Exit codes: 0 nothing is left to decide, 1 peers have no name, zones are open, or something was not understood, 2 the file
 * cannot be read or is broken.
 */
import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { presentClientPattern, readClientPattern } from '../../core/acl/patterns.ts';
import { accessYaml } from '../from-config/access-yaml.ts';
import { readBind } from '../from-config/bind.ts';
import { kindOf } from '../from-config/kind.ts';
import { readKnot } from '../from-config/knot.ts';
import { readNsd } from '../from-config/nsd.ts';
import { OldConfigError, type OldConfig, type OldKind } from '../from-config/old-config.ts';
import { normalOld, planAccess } from '../from-config/plan.ts';
import { isComplete, kindTitles, planFacts, planInWords } from '../from-config/report.ts';
import { SourceFiles } from '../from-config/source-files.ts';
import { CommandError, exitCode, fileErrorWords, printFacts, processOutput, type Output } from '../output.ts';

interface CommandOptions {
  readonly kind?: OldKind;
  readonly view?: string;
  readonly name?: ReadonlyMap<string, string>;
  readonly without?: ReadonlySet<string>;
  readonly root?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Adds the command to its parent, `danced access`. */
export function registerFromConfig(parent: Command, output: Output = processOutput): void {
  parent
    .command('from-config')
    .summary('make an access list of the TSIG keys and addresses of another server')
    .description(
      'Make an access list of what named.conf, nsd.conf or knot.conf allows by TSIG keys and addresses, and say what is left to do. Secrets are not kept.',
    )
    .argument('<file>', 'configuration of the primary')
    .addOption(
      new Option('--kind <kind>', 'whose configuration it is, if it does not show').choices([
        'bind',
        'nsd',
        'knot',
      ]),
    )
    .addOption(
      new Option(
        '--name <old=name>',
        'the domain name of an address, prefix, key, acl or remote (repeatable), as 192.0.2.2=_xfr.ns2.example.net',
      ).argParser(parseNaming),
    )
    .addOption(
      new Option(
        '--without <old>',
        'an address, prefix, key, acl or remote that gets no entry (repeatable)',
      ).argParser(parseOld),
    )
    .option('--view <view>', 'BIND: read the zones of this view only')
    .option('--root <dir>', 'folder that absolute paths in the files are below, as of named -t')
    .option('--out <file>', 'where the access list goes (default: standard output)')
    .option('--force', 'replace a file that is there')
    .option('--json', 'print facts as JSON')
    .action((file: string, options: CommandOptions) => {
      process.exitCode = fromConfig(file, options, output);
    });
}

/** Throws CommandError for what cannot be read or written. */
function fromConfig(file: string, options: CommandOptions, output: Output) {
  const files = new SourceFiles(options.root);
  const config = readConfig(file, options, files);
  const plan = planAccess(config, {
    names: options.name ?? new Map(),
    without: options.without ?? new Set(),
  });
  const yaml = accessYaml(plan, `Made by danced access from-config of ${file} (${kindTitles[config.kind]})`);
  if (options.out !== undefined) write(options.out, `${yaml}\n`, options.force === true);
  if (options.json === true || options.out === undefined) {
    printFacts(output, planFacts(file, config, plan), options, () => yaml);
  }
  if (options.json !== true) {
    for (const line of planInWords(file, config, plan)) output.remark(line);
    for (const trouble of files.troubles) output.remark(`cannot be read: ${trouble}`);
  }
  return isComplete(config, plan) ? exitCode.done : exitCode.no;
}

function readConfig(file: string, options: CommandOptions, files: SourceFiles): OldConfig {
  const text = files.readFirst(file);
  if (text === undefined) throw new CommandError(files.troubles.join('; '));
  const kind = options.kind ?? kindOf(file, text);
  if (kind === undefined) {
    throw new CommandError(
      `${file}: it does not show whose configuration it is; say --kind bind, nsd or knot`,
    );
  }
  if (options.view !== undefined && kind !== 'bind')
    throw new CommandError('--view is about BIND; leave it out');
  // The file itself is not below the root; what it names is.
  const read = (path: string): string | undefined => (path === file ? text : files.read(path));
  try {
    if (kind === 'nsd') return readNsd(file, read, files.list);
    if (kind === 'knot') return readKnot(file, read, files.list);
    return readBind(file, read, files.list, { view: options.view });
  } catch (error) {
    if (!(error instanceof OldConfigError)) throw error;
    throw new CommandError(error.message, { cause: error });
  }
}

function write(file: string, text: string, isForced: boolean): void {
  try {
    writeFileSync(file, text, { flag: isForced ? 'w' : 'wx' });
  } catch (error) {
    const words = fileErrorWords(error);
    if (words === undefined) throw error;
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new CommandError(`${file}: ${words}${isThere ? '; --force replaces it' : ''}`, { cause: error });
  }
}

/** One OLD=NAME, added to those before it. */
function parseNaming(
  text: string,
  before: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('OLD=NAME would be right, as 192.0.2.2=_xfr.ns2.example.net.');
  const old = normalOld(text.slice(0, at));
  if (before.has(old)) throw new InvalidArgumentError(`${old} has two names.`);
  try {
    return new Map([...before, [old, presentClientPattern(readClientPattern(text.slice(at + 1)))]]);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`The name after = ${error.message}.`);
  }
}

/** One OLD, added to those before it. */
function parseOld(text: string, before: ReadonlySet<string> = new Set()): ReadonlySet<string> {
  return new Set([...before, normalOld(text)]);
}
