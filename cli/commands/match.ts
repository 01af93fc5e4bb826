/**
 * `danced match`: does one of these TLSA records vouch for this certificate, chain or public key? (RFC 6698, RFC 7671)
 *
 * The same code as the gate's judges; only the DNS is left out, and so is DNSSEC: the records are taken as given.
 *
 * Exit codes: 0 a record matches, 1 none does.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { matchTlsa, type MatchResult } from '../../core/dane/match.ts';
import type { PeerCredentials } from '../../core/dane/types.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { parseTlsaText } from '../../core/dns/record-text.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import { parseNameArgument, parseTimeArgument } from '../arguments.ts';
import { readCredentials } from '../credentials-file.ts';
import { matchFacts, matchInWords } from '../match-facts.ts';
import { notesOnMatch } from '../match-notes.ts';
import { asCommandError, exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { marksFor, style } from '../terminal.ts';
import { readRootsFile } from '../../core/embed/trust-files.ts';

interface CommandOptions {
  /** RDATA of each. */
  readonly tlsa: readonly Buffer[];
  readonly chain: string;
  readonly name?: Name;
  readonly roots?: string;
  readonly at?: number;
  readonly purpose: 'client' | 'server';
  readonly json?: boolean;
}

/** Adds the command to the program. */
export function registerMatch(program: Command, output: Output = processOutput): void {
  program
    .command('match')
    .summary('match a certificate or key with TLSA records')
    .description(
      'Say whether a TLSA record vouches for a certificate with its chain, or for a public key. The records are taken as given: nothing is looked up.',
    )
    .addOption(
      new Option('--tlsa <record>', 'a record as "3 1 1 8d02…", or its whole line; repeatable')
        .argParser(parseTlsaArgument)
        .makeOptionMandatory(),
    )
    .requiredOption(
      '--chain <file>',
      'what the peer shows: its certificate and then its chain (PEM), a public key (PEM or DER), or the directory of an identity',
    )
    .addOption(
      new Option(
        '--name <name>',
        'name that the certificate must have, for usages 0 to 2 (default: any that it has)',
      ).argParser(parseNameArgument),
    )
    .option(
      '--roots <file>',
      'authorities for PKIX-TA and PKIX-EE (PEM); without, these records are unusable',
    )
    .addOption(
      new Option(
        '--at <time>',
        'judge dates as of this time (2026-12-01T12:00:00Z, seconds, YYYYMMDDHHmmSS)',
      ).argParser(parseTimeArgument),
    )
    .addOption(
      new Option('--purpose <purpose>', 'what the chain of usages 0 to 2 must be good for')
        .choices(['client', 'server'])
        .default('client'),
    )
    .option('--json', 'print facts as JSON')
    .action(async (options: CommandOptions) => {
      const peer = await readCredentials(options.chain);
      const result = match(peer, options);
      printFacts(output, matchFacts(result), options, () =>
        matchInWords(result, marksFor(process.env), style),
      );
      const howToGiveRoots = options.roots === undefined ? '--roots FILE' : undefined;
      const notes = options.json === true ? [] : notesOnMatch(options.tlsa, peer, result, howToGiveRoots);
      for (const note of notes) output.remark(`note: ${note}`);
      process.exitCode = result.matched ? exitCode.done : exitCode.no;
    });
}

function match(peer: PeerCredentials, { tlsa, name, roots, at, purpose }: CommandOptions): MatchResult {
  return matchTlsa(tlsa, peer, {
    name: name ?? ownName(peer),
    nowMs: at ?? Date.now(),
    purpose,
    roots: roots === undefined ? [] : readRoots(roots),
  });
}

function readRoots(file: string): readonly Certificate[] {
  try {
    return readRootsFile(file).roots;
  } catch (error) {
    throw asCommandError(error);
  }
}

/** A name that the certificate has, so that the check of the name says nothing; the root, which none has, otherwise. */
function ownName({ dnsNames }: PeerCredentials): Name {
  return dnsNames[0] ?? Name.root;
}

function parseTlsaArgument(text: string, before: readonly Buffer[] = []): Buffer[] {
  try {
    // A whole line, as danced tlsa and dig print it, has the same four fields at its end.
    return [...before, encodeTlsa(parseTlsaText(text.replace(/^.*\sTLSA\s+/is, '')))];
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    throw new InvalidArgumentError(
      `It is not a TLSA record: ${error.message}. Usage, selector, matching type and hex would be right.`,
    );
  }
}
