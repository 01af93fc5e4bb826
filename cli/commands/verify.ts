/**
 * `danced verify NAME`: what a gate would say of this client now, step by step.
 *
 * With the file of its certificate it is the whole way: access list, claim, lookup, match, permission. Without, it is
 * whether the client could be identified, and which keys would be accepted.
 *
 * Exit codes: 0 the gate would let it in (without a certificate: there is something that it could show), 1 it would not.
 */
import { Argument, type Command } from 'commander';
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
import { askGates } from '../verify-gates.ts';
import { openJudgedList, type JudgedList } from '../verify-list.ts';

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
      const { list, zones, roots } = await gateParts(means.loaded);
      const resolver = openFor(means);
      try {
        const { nowMs } = means;
        const verdict = await verifyClient({
          ...{ name, peer, list, zones, roots, resolver, nowMs },
          askGates: (entry) =>
            means.loaded === undefined || list === undefined
              ? []
              : askGates(means.loaded, list, { name, peer, entry, nowMs: nowMs() }),
        });
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
        await list?.close();
      }
    });
}

interface GateParts {
  readonly list: JudgedList | undefined;
  readonly zones: readonly Name[];
  readonly roots: readonly Certificate[];
}

/** What the gates of a configuration go by. Rejects with CommandError for a file or a Redis that cannot be used. */
async function gateParts(loaded: LoadedWithPlugins | undefined): Promise<GateParts> {
  if (loaded === undefined) return { list: undefined, zones: [], roots: [] };
  const { access, dane } = loaded.config;
  try {
    const roots = dane.roots === undefined ? [] : readRootsFile(dane.roots).roots;
    // The last, since it is the one that must be closed.
    return { zones: zonesOf(loaded), roots, list: access && (await openJudgedList(access)) };
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
