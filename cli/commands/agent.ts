/**
 * `danced agent`: a resolver for the programs of this machine that asks gates over DNS over TLS, as `danced run` with an agent
 * in its configuration; or, with `--to`, from the command line alone.
 *
 * Limitations: what the arguments cannot say (captive networks, limits, pins) takes a configuration.
 */
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseEndpoint, formatEndpoint, type Endpoint } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { formatServer, type ServerText } from '../../core/config/server-text.ts';
import type { Name } from '../../core/dns/name.ts';
import { resolvConfFile, resolvConfServers } from '../../core/embed/resolv-conf.ts';
import { parseGateText, type GateText } from '../../core/gates/gate-text.ts';
import { systemWord } from '../../core/gates/proof.ts';
import { ListenError } from '../../core/server/listen-error.ts';
import { IdentityError, loadIdentity } from '../../core/tls/identity.ts';
import { dotAgentName } from '../../plugins/dot-resolver/agent/agent.ts';
import { parseNameArgument, parseServerArgument } from '../arguments.ts';
import { defaultConfigFile } from '../config-file.ts';
import { CommandError, exitCode } from '../output.ts';
import { loadConfigAndPlugins } from '../plugins.ts';
import type { CheckedText } from '../workers/parent.ts';
import { runDaemon, runFile } from './run.ts';

export interface AgentArguments {
  readonly config?: string;
  readonly to?: readonly GateText[];
  readonly identity?: string;
  readonly name?: Name;
  readonly listen?: readonly Endpoint[];
  readonly resolver?: readonly ServerText[];
  readonly anchor?: string;
  readonly dane?: 'required' | 'if-published' | 'off';
  readonly roots?: string;
}

const domainPort = 53;
const usualListen: readonly Endpoint[] = [{ address: '127.0.0.1', port: domainPort }];
/** What stands for the name of the file in messages about a configuration that has none. */
const noFile = 'danced agent';

/** Adds the command to the program. */
export function registerAgent(program: Command): void {
  program
    .command('agent')
    .summary('ask a gate for the programs of this machine')
    .description(
      'Run an agent in the foreground: plain DNS for the programs of this machine, DNS over TLS under our identity to gates that prove who they are. With --to no configuration is needed.',
    )
    .option('-c, --config <file>', `the configuration (default without --to: ${defaultConfigFile})`)
    .addOption(
      new Option(
        '--to <gate>',
        'the gate: NAME, or NAME@ADDRESS[:PORT] where its address is known; repeatable, the preferred one first',
      )
        .argParser(parseGateArgument)
        .conflicts('config'),
    )
    .option('--identity <directory>', 'our certificate and key, as danced keygen makes them')
    .addOption(
      new Option(
        '--name <name>',
        'owner name of our TLSA record (default: the only name in the certificate)',
      ).argParser(parseNameArgument),
    )
    .addOption(
      new Option(
        '--listen <address>',
        'ADDRESS[:PORT] for plain DNS; repeatable (default: 127.0.0.1:53)',
      ).argParser(parseListenArgument),
    )
    .addOption(
      new Option(
        '--resolver <server>',
        `by which the gate is found and its TLSA record looked up, ADDRESS[:PORT] or tls://ADDRESS[:PORT]#NAME; repeatable (default: those of ${resolvConfFile})`,
      ).argParser(parseServerArgument),
    )
    .option('--anchor <file>', 'trust anchors: DS or DNSKEY records as in a zone file')
    .addOption(
      new Option('--dane <how>', 'whether the gate must prove its name by a TLSA record')
        .choices(['required', 'if-published', 'off'])
        .default('required'),
    )
    .option('--roots <file>', `authorities (PEM) that may vouch for the gate, or ${systemWord}`)
    .action(async (options: AgentArguments) => {
      await agent(options);
      process.exitCode = exitCode.done;
    });
}

async function agent(options: AgentArguments): Promise<void> {
  if (options.to === undefined) {
    const useless = usedWithoutGate(options);
    if (useless !== undefined)
      throw new CommandError(`${useless} goes with --to: name the gate with it, as --to resolver.example`);
    await runFile(options.config ?? defaultConfigFile);
    return;
  }
  const text = agentConfig(options);
  try {
    await runDaemon(() => readText(text));
  } catch (error) {
    throw withHint(error);
  }
}

/** The configuration that the arguments stand for, as text. Throws CommandError. */
export function agentConfig(options: AgentArguments, resolvConf = resolvConfFile): string {
  const { to: gates = [], identity, listen = usualListen, anchor, dane = 'required', roots } = options;
  if (identity === undefined) {
    throw new CommandError(
      'who we are is missing: give the directory of our key with --identity; danced keygen NAME --out DIRECTORY makes one',
    );
  }
  if (dane !== 'required' && roots === undefined) {
    throw new CommandError(
      `--dane ${dane} needs authorities that vouch for the gate: give --roots ${systemWord}, or leave --dane out`,
    );
  }
  const config = {
    version: 1,
    identity: { name: ownName(identity, options.name).toString(), directory: resolve(identity) },
    resolver: {
      servers: resolvers(options.resolver, listen, resolvConf),
      ...(anchor !== undefined && { 'trust-anchors': resolve(anchor) }),
    },
    observe: { format: 'text' },
    plugins: [
      {
        use: dotAgentName,
        listen: listen.map(formatEndpoint),
        servers: gates.map(({ text }) => text),
        dane,
        ...(roots !== undefined && { roots: roots === systemWord ? roots : resolve(roots) }),
      },
    ],
  };
  // JSON is YAML, but `version` has to begin the first line.
  return Object.entries(config)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');
}

/** Throws CommandError for an identity that cannot be used, or does not say whose it is. */
function ownName(directory: string, said: Name | undefined): Name {
  try {
    const { dnsNames } = loadIdentity(directory);
    if (said !== undefined) return said;
    const [only, ...others] = dnsNames;
    if (only !== undefined && others.length === 0) return only;
    const there = only === undefined ? 'no name' : `the names ${dnsNames.map(String).join(', ')}`;
    throw new CommandError(`the certificate in ${directory} has ${there}: say which one we are with --name`);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    throw new CommandError(error.message, { cause: error });
  }
}

/** Those that were given, else those of the machine; the agent itself is none of them. Throws CommandError. */
function resolvers(
  given: readonly ServerText[] | undefined,
  listen: readonly Endpoint[],
  resolvConf: string,
): readonly string[] {
  // Whether one of those that were given is the agent is found with the rest of the configuration.
  if (given !== undefined) return given.map(formatServer);
  const own = new Set(listen.map(formatEndpoint));
  const servers = resolvConfServers(resolvConf).filter((server) => !own.has(formatEndpoint(server)));
  if (servers.length > 0) return servers.map(formatServer);
  throw new CommandError(
    `${resolvConf} names this agent itself, which would ask itself for the gate: give another resolver with --resolver ADDRESS, as that of the network; it need not be trusted, since the gate proves who it is`,
  );
}

function usedWithoutGate(options: AgentArguments): string | undefined {
  const { identity, name, listen, resolver, anchor, roots } = options;
  const given = { identity, name, listen, resolver, anchor, roots };
  const found = Object.entries(given).find(([, value]) => value !== undefined);
  return found && `--${found[0]}`;
}

async function readText(text: string): Promise<CheckedText> {
  try {
    return { file: noFile, text, loaded: await loadConfigAndPlugins(noFile, undefined, text) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Where it stands in a text that nobody has written helps nobody.
    const words = error.problems.map(({ wrong, right }) => `${wrong}; ${right}`).join('. ');
    throw new CommandError(words, { cause: error });
  }
}

/** What an operator can do who may not listen on port 53. */
function withHint(error: unknown): unknown {
  if (!(error instanceof CommandError) || !(error.cause instanceof ListenError)) return error;
  const { cause } = error.cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const hint = hints.get(String(code));
  return hint === undefined ? error : new CommandError(`${error.message}; ${hint}`, { cause: error.cause });
}

const hints: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'or listen elsewhere: --listen 127.0.0.1:5353'],
  ['EADDRINUSE', 'or listen elsewhere: --listen 127.0.0.2, which is this machine as well'],
]);

/** NAME[:PORT], or NAME@ADDRESS[:PORT], which the configuration has as ADDRESS[:PORT]#NAME. */
function parseGateArgument(text: string, before: readonly GateText[] = []): GateText[] {
  const at = text.indexOf('@');
  try {
    const gate = parseGateText(at === -1 ? text : `${text.slice(at + 1)}#${text.slice(0, at)}`);
    if (gate.name !== undefined) return [...before, gate];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new InvalidArgumentError(
    'NAME or NAME@ADDRESS[:PORT] would be right, as resolver.example@192.0.2.1.',
  );
}

function parseListenArgument(text: string, before: readonly Endpoint[] = []): Endpoint[] {
  try {
    return [...before, parseEndpoint(text, domainPort)];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`It ${error.message}.`);
  }
}
