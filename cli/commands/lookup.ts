/**
 * `danced lookup NAME [TYPE]`: one validated lookup, and why its status is what it is, from the trust anchor down.
 *
 * danced validates by itself, whatever the configuration says of `validation`: what a resolver says of its own answers
 * explains nothing.
 *
 * Exit codes: 0 the status is secure, also where the absence of the record is proved; 1 it is anything else.
 */
import { Argument, type Command } from 'commander';
import type { Name } from '../../core/dns/name.ts';
import { RrType } from '../../core/dns/constants.ts';
import { parseOwnerArgument, parseTypeArgument } from '../arguments.ts';
import { lookupFacts, lookupInWords } from '../lookup-facts.ts';
import {
  addLookupOptions,
  asValidated,
  lookupMeans,
  openFor,
  type LookupArguments,
} from '../lookup-means.ts';
import { exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { marksFor, style } from '../terminal.ts';

interface CommandOptions extends LookupArguments {
  readonly json?: boolean;
}

/** Adds the command to the program. */
export function registerLookup(program: Command, output: Output = processOutput): void {
  const command = program
    .command('lookup')
    .summary('look up a name, validate the answer and explain the verdict')
    .description(
      'Look up records and validate them by DNSSEC, from the trust anchor down. Ends with 0 when the answer, or the proof that there is none, is secure.',
    )
    .addArgument(new Argument('<name>', 'owner of the records').argParser(parseOwnerArgument))
    .addArgument(
      new Argument('[type]', 'their type').argParser(parseTypeArgument).default(RrType.TLSA, 'TLSA'),
    );
  addLookupOptions(command)
    .option('--json', 'print facts as JSON')
    .action(async (name: Name, type: number, options: CommandOptions) => {
      const means = asValidated(await lookupMeans(options));
      const resolver = openFor(means);
      try {
        const { verdict } = await resolver.lookup(name, type);
        if (verdict === undefined) throw new TypeError('a validating resolver gives a verdict');
        printFacts(output, lookupFacts(verdict), options, () =>
          lookupInWords(verdict, means.asks, marksFor(process.env), style),
        );
        process.exitCode = verdict.status === 'secure' ? exitCode.done : exitCode.no;
      } finally {
        resolver.close();
      }
    });
}
