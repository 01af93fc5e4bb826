/**
 * `danced probe HOST[:PORT]`: connects as a client would and shows each step: who the server proved to be, what it asked
 * of us, whether it let us in, and what it answers.
 *
 * Nothing of ours is shown, and nothing asked, before the server is proved.
 *
 * Exit codes: 0 the server answered other than REFUSED (with --zone: gave the whole zone), 1 it did not, 2 wrong usage or
 * configuration.
 */
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { defaultClientLimits } from '../../core/client/limits.ts';
import { parsePin, type ServerPolicy } from '../../core/client/server-policy.ts';
import type { ServerText } from '../../core/config/server-text.ts';
import type { Name } from '../../core/dns/name.ts';
import { defaultExtensionType, dialects, type Dialect } from '../../core/tls/client-id.ts';
import { TlsAddonMissing } from '../../core/tls/context.ts';
import type { ClientCredentials } from '../../core/tls/dial-context.ts';
import { IdentityError, loadIdentity } from '../../core/tls/identity.ts';
import {
  parseIdentityNameArgument,
  parseNameArgument,
  parseOwnerArgument,
  parseServerArgument,
} from '../arguments.ts';
import { defaultConfigFile } from '../config-file.ts';
import { lookupMeans, openFor, type LookupMeans } from '../lookup-means.ts';
import { asCommandError, CommandError, exitCode, printFacts, processOutput, type Output } from '../output.ts';
import { probeFacts, probeInWords } from '../probe-facts.ts';
import { probeServer } from '../probe-server.ts';
import { parseTargetArgument, type ProbeTarget } from '../probe-target.ts';
import { marksFor, style } from '../terminal.ts';
import { readRootsFile } from '../../core/embed/trust-files.ts';

interface CommandOptions {
  readonly zone?: Name;
  readonly config?: string;
  readonly identity?: string;
  readonly name?: Name;
  readonly serverName?: Name;
  readonly pin?: readonly Buffer[];
  readonly ca?: string;
  readonly rawPublicKey?: boolean;
  readonly dialect: Dialect;
  readonly extensionType?: number;
  readonly resolver?: readonly ServerText[];
  readonly anchor?: string;
  readonly json?: boolean;
}

/** Adds the command to the program. */
export function registerProbe(program: Command, output: Output = processOutput): void {
  program
    .command('probe')
    .summary('connect to a server as a client would, step by step')
    .description(
      'Connect to a server of DNS over TLS as a client would, and show each step. The server must prove its name by TLSA records (DANE), by --ca or by --pin; before that nothing is shown to it and nothing asked.',
    )
    .addArgument(
      new Argument('<server>', 'HOST[:PORT], a name or an address; port 853 if not said').argParser(
        parseTargetArgument,
      ),
    )
    .addOption(
      new Option('--zone <zone>', 'ask for the SOA record of this zone and transfer it').argParser(
        parseOwnerArgument,
      ),
    )
    .option(
      '-c, --config <file>',
      `identity, resolver and dane from here; it must be a whole configuration, and --identity and --resolver do without (default: ${defaultConfigFile} if it is there)`,
    )
    .option('--identity <directory>', 'show this certificate and key, as danced keygen makes them')
    .addOption(
      new Option(
        '--name <name>',
        'our name, for a server that asks (default: of the configuration, or the only one in the certificate)',
      ).argParser(parseNameArgument),
    )
    .addOption(
      new Option('--server-name <name>', 'name that the server must prove (default: HOST)').argParser(
        parseIdentityNameArgument,
      ),
    )
    .addOption(
      new Option(
        '--pin <digest>',
        'SHA-256 of the public key of the server, in base64; repeatable. Without --server-name it is enough',
      ).argParser(parsePinArgument),
    )
    .option(
      '--ca <file>',
      'authorities (PEM) that may vouch for the name where the server has no TLSA record',
    )
    .option('--raw-public-key', 'show the bare key instead of the certificate')
    .addOption(
      new Option('--dialect <dialect>', 'version of the extension dane_clientid')
        .choices([...dialects])
        .default('draft-13'),
    )
    .addOption(
      new Option(
        '--extension-type <number>',
        `number of the extension, also as 0x… (default: of the configuration, or ${String(defaultExtensionType)}, which is 0x${defaultExtensionType.toString(16)})`,
      ).argParser(parseExtensionTypeArgument),
    )
    .addOption(
      new Option(
        '--resolver <server>',
        'ask this resolver, ADDRESS[:PORT] or tls://ADDRESS[:PORT]#NAME; repeatable (default: those of the configuration, else of /etc/resolv.conf)',
      ).argParser(parseServerArgument),
    )
    .option('--anchor <file>', 'trust anchors: DS or DNSKEY records as in a zone file')
    .option('--json', 'print facts as JSON')
    .action((target: ProbeTarget, options: CommandOptions) => probe(target, options, output));
}

async function probe(target: ProbeTarget, options: CommandOptions, output: Output): Promise<void> {
  const { zone, dialect, resolver: server, anchor, config } = options;
  const means = await lookupMeans({
    ...(server && { server }),
    ...(anchor !== undefined && { anchor }),
    ...(config !== undefined && { config }),
  });
  const policy = policyFor(target, options, means);
  const credentials = credentialsFor(options, means);
  const extensionType =
    options.extensionType ?? means.loaded?.config.dane.extensionType ?? defaultExtensionType;
  const resolver = openFor(means);
  try {
    const result = await probeServer({
      target,
      policy,
      credentials,
      tls: { dialect, extensionType, recordPadding: 0 },
      zone,
      resolver,
      limits: defaultClientLimits,
      nowMs: means.nowMs,
    });
    // A name that is only said to the server is not one that it has proved.
    const name = policy.dane === 'off' ? undefined : policy.name;
    const facts = probeFacts({ name, port: target.port }, result);
    const asks = means.asks.replace('(from --server)', '(from --resolver)');
    const { host } = target;
    const hostText = 'name' in host ? host.name.toString() : host.address;
    // An address whose pins decide needs no lookup.
    const asked = 'address' in host && policy.dane === 'off' ? undefined : asks;
    printFacts(output, facts, options, () =>
      probeInWords(facts, hostText, asked, marksFor(process.env), style),
    );
    process.exitCode = result.ok ? exitCode.done : exitCode.no;
  } catch (error) {
    // A number that OpenSSL has itself, a name that is too long, a Node without the addon.
    if (error instanceof TlsAddonMissing || error instanceof RangeError)
      throw new CommandError(error.message, { cause: error });
    throw error;
  } finally {
    resolver.close();
  }
}

/** What the server must prove. Throws CommandError if nothing was given that it could be proved by. */
function policyFor({ host }: ProbeTarget, options: CommandOptions, { loaded }: LookupMeans): ServerPolicy {
  const { serverName, pin: pins, ca } = options;
  const file = ca ?? loaded?.config.dane.roots;
  let roots: ServerPolicy['roots'];
  try {
    roots = file === undefined ? undefined : readRootsFile(file).roots;
  } catch (error) {
    throw asCommandError(error);
  }
  const name = serverName ?? ('name' in host ? host.name : undefined);
  if (pins !== undefined && serverName === undefined) return { name, dane: 'off', pins };
  if (name === undefined) {
    throw new CommandError(
      'an address says nothing about who is there: give the name that the server must prove with --server-name, or the digest of its key with --pin',
    );
  }
  // Roots of the configuration are for TLSA records of PKIX usages; they vouch for nobody by themselves.
  return { name, dane: ca === undefined ? 'required' : 'if-published', roots, pins };
}

/** Who we are: what the arguments say, else the configuration; nobody if neither does. Throws CommandError. */
function credentialsFor(options: CommandOptions, { loaded }: LookupMeans): ClientCredentials | undefined {
  const { identity: given, rawPublicKey, name: said } = options;
  const configured = loaded?.config.identity;
  const directory = given ?? configured?.directory;
  if (directory === undefined) {
    const useless = rawPublicKey === true ? '--raw-public-key' : said === undefined ? undefined : '--name';
    if (useless === undefined) return undefined;
    throw new CommandError(`${useless} needs a key: give the directory of an identity with --identity`);
  }
  try {
    const identity = loadIdentity(directory);
    const [only, ...others] = identity.dnsNames;
    const own = given === undefined ? configured?.name : undefined;
    const name = said ?? own ?? (others.length === 0 ? only : undefined);
    const shows = rawPublicKey === true ? 'raw-public-key' : 'certificate';
    return { identity, shows, ...(name !== undefined && { name }) };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    throw new CommandError(error.message, { cause: error });
  }
}

function parsePinArgument(text: string, before: readonly Buffer[] = []): Buffer[] {
  try {
    return [...before, parsePin(text)];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`It ${error.message}.`);
  }
}

function parseExtensionTypeArgument(text: string): number {
  const value = /^(?:0x[\da-f]{1,4}|\d{1,5})$/i.test(text) ? Number(text) : 0;
  if (value < 1 || value > 0xffff) {
    throw new InvalidArgumentError('A whole number from 1 to 65535 would be right, also as 0xff5b.');
  }
  return value;
}
