/**
 * `danced verify NAME`: what a gate would say of this client now, step by step.
 *
 * With the file of its certificate it is the whole way: access list, claim, lookup, match, permission. Without, it is
 * whether the client could be identified, and which keys would be accepted.
 *
 * Exit codes: 0 the gate would let it in (without a certificate: there is something that it could show), 1 it would not.
 */
import { Argument, type Command } from 'commander';
import { loadAccessList } from '../../core/acl/list-file.ts';
import type { AccessList } from '../../core/acl/access-list.ts';
import type { Name } from '../../core/dns/name.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import { parseNameArgument } from '../arguments.ts';
import { readCredentials } from '../credentials-file.ts';
import { addLookupOptions, lookupMeans, openFor, type LookupArguments } from '../lookup-means.ts';
import { notesOnMatch } from '../match-notes.ts';
import { asCommandError, exitCode, printFacts, processOutput, type Output } from '../output.ts';
import type { LoadedWithPlugins } from '../plugins.ts';
import { marksFor, style } from '../terminal.ts';
import { readRootsFile } from '../../core/embed/trust-files.ts';
import { verifyClient } from '../verify-client.ts';
import { verifyFacts, verifyInWords } from '../verify-facts.ts';

interface CommandOptions extends LookupArguments {
  readonly chain?: string;
  readonly json?: boolean;
}

/** Adds the command to the program. */
export function registerVerify(program: Command, output: Output = processOutput): void {
  const command = program
    .command('verify')
    .summary('say what a gate would say of a client, step by step')
    .description(
      'Say what a gate would say of a client now: access list (if there is a configuration), TLSA lookup, match, and what it may do.',
    )
    .addArgument(
      new Argument('<name>', 'name of the client: the owner of its TLSA record').argParser(parseNameArgument),
    )
    .option(
      '--chain <file>',
      'what the client shows: its certificate and then its chain (PEM), or the directory of an identity',
    );
  addLookupOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (name: Name, options: CommandOptions) => {
      const peer = options.chain === undefined ? undefined : await readCredentials(options.chain);
      const means = await lookupMeans(options);
      const { list, zones, roots } = gateParts(means.loaded);
      const resolver = openFor(means);
      try {
        const { nowMs } = means;
        const verdict = await verifyClient({ name, peer, list, zones, roots, resolver, nowMs });
        printFacts(output, verifyFacts(name, verdict), options, () =>
          verifyInWords(name, verdict, means.asks, marksFor(process.env), style),
        );
        if (options.json !== true && peer !== undefined && verdict.match !== undefined) {
          const records = verdict.lookup?.records.map(({ rdata }) => rdata) ?? [];
          for (const note of notesOnMatch(records, peer, verdict.match)) output.remark(`note: ${note}`);
        }
        process.exitCode = verdict.ok ? exitCode.done : exitCode.no;
      } finally {
        resolver.close();
      }
    });
}

interface GateParts {
  readonly list: AccessList | undefined;
  readonly zones: readonly Name[];
  readonly roots: readonly Certificate[];
}

/** What the gates of a configuration go by. Throws CommandError for a file that cannot be used. */
function gateParts(loaded: LoadedWithPlugins | undefined): GateParts {
  if (loaded === undefined) return { list: undefined, zones: [], roots: [] };
  const { access, dane } = loaded.config;
  try {
    return {
      list: loadAccessList(access.file),
      zones: zonesOf(loaded),
      roots: dane.roots === undefined ? [] : readRootsFile(dane.roots).roots,
    };
  } catch (error) {
    throw asCommandError(error);
  }
}

/** Every zone of every gate, once. */
function zonesOf({ config, plugins }: LoadedWithPlugins): readonly Name[] {
  const zones = new Map<string, Name>();
  for (const { use, config: own } of config.plugins) {
    for (const upstream of plugins.get(use)?.endpoints(own).upstreams ?? []) {
      for (const zone of upstream.zones) zones.set(zone.key, zone);
    }
  }
  return [...zones.values()];
}
