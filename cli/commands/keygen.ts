/**
 * `danced keygen NAME`: a key, its certificate, and the TLSA record to publish.
 *
 * The record is DANE-EE SPKI SHA2-256, which RFC 7671 section 5.1 recommends: it speaks of the key alone, so that a
 * certificate renewed for the same key needs no change in the DNS.
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { Argument, Option } from 'commander';
import type { Command } from 'commander';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import type { Name } from '../../core/dns/name.ts';
import { printableText } from '../../core/observe/printable.ts';
import { dnsNameFromName } from '../../core/pki/dns-name.ts';
import { IdentityNameError } from '../../core/pki/errors.ts';
import { algorithmTitle, identityAlgorithms, issueIdentity } from '../../core/pki/issue.ts';
import type { IdentityAlgorithm } from '../../core/pki/issue.ts';
import { parseIdentityNameArgument, parseNumberArgument } from '../arguments.ts';
import { writeIdentity } from '../identity-directory.ts';
import { exitCode, printFacts, processOutput } from '../output.ts';
import type { Output } from '../output.ts';
import { describeRecord } from '../tlsa-record.ts';
import type { RecordFacts } from '../tlsa-record.ts';

export interface KeygenRequest {
  readonly name: Name;
  /** Where the two files go; a directory named after the name if absent. */
  readonly out?: string;
  readonly alg: IdentityAlgorithm;
  readonly days: number;
  /** Replace what is there. */
  readonly force?: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** What was made, as `--json` prints it. */
export interface KeygenResult {
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly algorithm: IdentityAlgorithm;
  readonly notAfter: string;
  readonly tlsa: RecordFacts;
  /** Base64 of the SHA-256 of the SubjectPublicKeyInfo (RFC 7858 section 4.2), for peers that pin the key. */
  readonly pin: string;
}

/** Ten years. DANE-EE ignores the date (RFC 7671 section 5.1): a key is withdrawn in the DNS. Others may look at it. */
const defaultDays = 3650;
const maxDays = 36_500;
const dayMs = 86_400_000;
/** The certificate is valid from an hour ago, so that a peer whose clock is behind does not stumble. */
const clockSkewMs = 3_600_000;

/** Adds the command to the program. */
export function registerKeygen(program: Command, output: Output = processOutput): void {
  program
    .command('keygen')
    .summary('make a key and the TLSA record to publish')
    .description(
      'Make a private key and a certificate for a name, and print the TLSA record that publishes the key.',
    )
    .addArgument(
      new Argument('<name>', 'the name to be known by, as _xfr.ns2.example.net').argParser(
        parseIdentityNameArgument,
      ),
    )
    .option('--out <dir>', 'where key.pem and certificate.pem go (default: a directory named after NAME)')
    .addOption(new Option('--alg <algorithm>', 'kind of key').choices(identityAlgorithms).default('p256'))
    .addOption(
      new Option('--days <n>', 'days until the certificate expires')
        .argParser(parseNumberArgument(1, maxDays))
        .default(defaultDays),
    )
    .option('--force', 'replace a key that is there')
    .option('--json', 'print facts as JSON')
    .action(async (name: Name, options: Omit<KeygenRequest, 'name' | 'nowMs'> & { json?: boolean }) => {
      const result = await keygen({ ...options, name, nowMs: Date.now() });
      printFacts(output, result, options, () => inWords(result));
      process.exitCode = exitCode.done;
    });
}

/** Makes the identity. Throws CommandError if a file cannot be written, IdentityNameError for an unfit name. */
export async function keygen(request: KeygenRequest): Promise<KeygenResult> {
  const dnsName = dnsNameFromName(request.name);
  if (dnsName === undefined) throw new IdentityNameError('the name cannot stand in a certificate');
  const notAfterMs = request.nowMs + request.days * dayMs;
  const identity = await issueIdentity({
    name: request.name,
    algorithm: request.alg,
    notBeforeMs: request.nowMs - clockSkewMs,
    notAfterMs,
  });
  // A dNSName has no slash and never starts with a dot or a hyphen, so it is a safe name for a directory.
  const directory = request.out ?? dnsName.toLowerCase();
  const files = await writeIdentity(directory, identity, { force: request.force ?? false });
  const tlsa = tlsaFor(identity, { usage: 3, selector: 1, matchingType: 1 });
  return {
    ...files,
    algorithm: request.alg,
    notAfter: new Date(notAfterMs).toISOString(),
    tlsa: describeRecord(request.name, tlsa),
    pin: createHash('sha256').update(identity.subjectPublicKeyInfo).digest('base64'),
  };
}

function inWords(result: KeygenResult): string {
  const { owner, record, kind } = result.tlsa;
  const day = result.notAfter.slice(0, 10);
  return [
    `Private key: ${printableText(result.keyFile)} (${algorithmTitle(result.algorithm)}; keep it on this server and copy it nowhere)`,
    `Certificate: ${printableText(result.certificateFile)} (until ${day})`,
    '',
    `Publish this record (${kind}) in the zone that holds ${owner}, which must be signed with DNSSEC:`,
    '',
    record,
    '',
    'Then',
    `  1. see that the world has it: danced lookup ${owner} says that it is secure, or where the chain breaks;`,
    '  2. give both files, readable by its user, to the name server of this name, as its TLS certificate and key;',
    `  3. have ${owner} put into the access list of the other side.`,
    `Who connects to this name as a server proves it by the same data at _853._tcp.${owner}`,
    `(danced tlsa ${printableText(dirname(result.certificateFile))} --name _853._tcp.${owner}), or by the pin of the key: ${result.pin}`,
    'To withdraw the key, take the record out of the zone; it counts until the TTL has passed.',
  ].join('\n');
}
