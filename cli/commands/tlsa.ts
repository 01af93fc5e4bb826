/**
 * `danced tlsa FILE`: the TLSA record that publishes a certificate or a public key (RFC 6698 section 2.1).
 *
 * FILE is a certificate (PEM or DER; of a chain, the first), a public key (PEM), or the directory of an identity.
 */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import {
  describeTlsa,
  matchingFromText,
  selectorFromText,
  tlsaFor,
  TlsaParameterError,
  usageFromText,
} from '../../core/dane/tlsa.ts';
import type { TlsaParameters, TlsaSubject } from '../../core/dane/tlsa.ts';
import type { Name } from '../../core/dns/name.ts';
import { presentTlsa } from '../../core/dns/present.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import type { Tlsa } from '../../core/dns/rdata.ts';
import { parseNameArgument } from '../arguments.ts';
import { CommandError, exitCode, printFacts, processOutput } from '../output.ts';
import type { Output } from '../output.ts';
import { describeRecord } from '../tlsa-record.ts';
import type { RecordFacts } from '../tlsa-record.ts';
import { readTlsaSubject } from '../tlsa-subject.ts';

export interface TlsaRequest extends TlsaParameters {
  readonly file: string;
  /** Owner of the record; the dNSNames of the certificate if absent. */
  readonly name?: Name;
}

/** What `--json` prints. */
export interface TlsaResult {
  readonly subject: 'certificate' | 'public key';
  /** In the words of RFC 7218, as 'DANE-EE SPKI SHA2-256'. */
  readonly kind: string;
  /** As '3 1 1 5f2c…'. */
  readonly rdata: string;
  /** One for each owner; none if no name is known. */
  readonly records: readonly RecordFacts[];
  /** What the publisher of such a record should know. */
  readonly notes: readonly string[];
}

/** Adds the command to the program. */
export function registerTlsa(program: Command, output: Output = processOutput): void {
  program
    .command('tlsa')
    .summary('print the TLSA record for a certificate or key')
    .description('Print the TLSA record that publishes a certificate or a public key.')
    .argument('<file>', 'certificate (PEM or DER), public key (PEM), or directory of an identity')
    .addOption(
      new Option('--name <name>', 'owner of the record (default: the dNSNames of the certificate)').argParser(
        parseNameArgument,
      ),
    )
    .addOption(
      numberOrWord(
        '--usage <usage>',
        usageFromText,
        3,
        'PKIX-TA (0), PKIX-EE (1), DANE-TA (2) or DANE-EE (3)',
      ),
    )
    .addOption(numberOrWord('--selector <selector>', selectorFromText, 1, 'Cert (0) or SPKI (1)'))
    .addOption(
      numberOrWord('--matching <type>', matchingFromText, 1, 'Full (0), SHA2-256 (1) or SHA2-512 (2)'),
    )
    .option('--json', 'print facts as JSON')
    .action(async (file: string, options: CommandOptions) => {
      const { usage, selector, matching: matchingType, name } = options;
      const result = await tlsa({
        file,
        usage,
        selector,
        matchingType,
        ...(name === undefined ? {} : { name }),
      });
      printFacts(output, result, options, () => inWords(result));
      for (const note of options.json === true ? [] : result.notes) output.remark(`note: ${note}`);
      process.exitCode = exitCode.done;
    });
}

interface CommandOptions {
  readonly name?: Name;
  readonly usage: number;
  readonly selector: number;
  readonly matching: number;
  readonly json?: boolean;
}

/** Reads the file and makes the record. Throws CommandError if there is nothing in it to publish. */
export async function tlsa(request: TlsaRequest): Promise<TlsaResult> {
  const { file, name } = request;
  const subject = await readTlsaSubject(file);
  const record = makeRecord(subject, request);
  const owners = name === undefined ? subject.names : [name];
  return {
    subject: subject.certificate === undefined ? 'public key' : 'certificate',
    kind: describeTlsa(record),
    rdata: presentTlsa(encodeTlsa(record)),
    records: owners.map((owner) => describeRecord(owner, record)),
    notes: [...subject.notes, ...notesOn(record)],
  };
}

/** One line for each owner; without an owner, the data alone. */
function inWords(result: TlsaResult): string {
  if (result.records.length === 0) return result.rdata;
  return result.records.map(({ record }) => record).join('\n');
}

function makeRecord(subject: TlsaSubject, request: TlsaRequest): Tlsa {
  try {
    return tlsaFor(subject, request);
  } catch (error) {
    if (!(error instanceof TlsaParameterError)) throw error;
    throw new CommandError(`${request.file}: ${error.message}`, { cause: error });
  }
}

/** What RFC 7671 says to the publisher of such a record. */
function notesOn({ usage, selector, matchingType }: TlsaParameters): string[] {
  const notes: string[] = [];
  if (usage < 2) notes.push('PKIX usages need a public CA as well; DANE-EE does not (RFC 7671 section 4)');
  if (usage === 2) notes.push('the server must send this certificate in its chain (RFC 7671 section 5.2)');
  if (usage === 3 && selector === 0) notes.push('the record must change whenever the certificate is renewed');
  if (matchingType === 0) notes.push('the answer is large; a digest is not (RFC 7671 section 10.1.2)');
  if (matchingType === 2)
    notes.push('publish SHA2-256 beside it: not everybody knows SHA2-512 (RFC 7671 section 2)');
  return notes;
}

function numberOrWord(
  flags: string,
  read: (text: string) => number | undefined,
  byDefault: number,
  words: string,
) {
  return new Option(flags, words).default(byDefault).argParser((text) => {
    const value = read(text);
    if (value === undefined) throw new InvalidArgumentError(`One of ${words} would be right.`);
    return value;
  });
}
