/**
 * Whom a command asks, from which trust anchors, and as of when: what its arguments say, else the configuration, else
 * /etc/resolv.conf and the keys of the root that are built in.
 */
import { existsSync } from 'node:fs';
import { Option, type Command } from 'commander';
import {
  localValidation,
  type LocalValidation,
  type ResolverConfig,
} from '../core/config/resolver-config.ts';
import { formatServer, type ServerText } from '../core/config/server-text.ts';
import { parseServerArgument, parseTimeArgument } from './arguments.ts';
import { defaultConfigFile } from './config-file.ts';
import { asCommandError, CommandError } from './output.ts';
import { loadConfigAndPlugins, type LoadedWithPlugins } from './plugins.ts';
import { openResolver, type OpenResolver } from '../core/embed/resolution.ts';
import { resolvConfFile, resolvConfServers } from '../core/embed/resolv-conf.ts';

/** What `addLookupOptions` puts among the options of a command. */
export interface LookupArguments {
  readonly server?: readonly ServerText[];
  readonly anchor?: string;
  readonly at?: number;
  readonly config?: string;
}

/** Adds the options that all commands which look something up have. */
export function addLookupOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--server <server>',
        'ask this resolver, ADDRESS[:PORT] or tls://ADDRESS[:PORT]#NAME; repeatable (default: those of the configuration, else of /etc/resolv.conf)',
      ).argParser(parseServerArgument),
    )
    .option('--anchor <file>', 'trust anchors: DS or DNSKEY records as in a zone file')
    .addOption(
      new Option(
        '--at <time>',
        'judge as of this time (2026-12-01T12:00:00Z, seconds, YYYYMMDDHHmmSS)',
      ).argParser(parseTimeArgument),
    )
    .option('-c, --config <file>', `the configuration (default: ${defaultConfigFile} if it is there)`);
}

/** Everything that a lookup needs. */
export interface LookupMeans {
  /** The configuration, if one was read. */
  readonly loaded?: LoadedWithPlugins;
  readonly resolver: ResolverConfig;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Whom it asks and who said so, in words. */
  readonly asks: string;
}

/** Where it is written whom to ask, when the arguments do not say. */
export interface UsualPlaces {
  readonly config: string;
  readonly resolvConf: string;
}

const usualPlaces: UsualPlaces = { config: defaultConfigFile, resolvConf: resolvConfFile };

/** Reads the files that the arguments name. Rejects with CommandError. */
export async function lookupMeans(args: LookupArguments, usual = usualPlaces): Promise<LookupMeans> {
  const { server, anchor, at } = args;
  const loaded = await readConfig(args, usual.config);
  const isOwnAnchor = anchor !== undefined;
  const configured = loaded?.config.resolver;
  const { servers, from }: { readonly servers: readonly ServerText[]; readonly from: string } =
    server !== undefined
      ? { servers: server, from: '--server' }
      : configured !== undefined
        ? { servers: configured.servers, from: args.config ?? usual.config }
        : { servers: resolvConfServers(usual.resolvConf), from: usual.resolvConf };
  if (servers.some(({ tls }) => (tls !== undefined) !== (servers[0]?.tls !== undefined))) {
    throw new CommandError('servers with and without TLS cannot be mixed: write all with tls://, or none');
  }
  // Who is asked by --server need not be on this machine, and no AD bit is of another time or another anchor.
  const isTrusting =
    configured?.validation === 'trust-ad' && server === undefined && !isOwnAnchor && at === undefined;
  const resolver = isTrusting ? configured : { ...asLocal(configured, servers), servers };
  return {
    ...(loaded === undefined ? {} : { loaded }),
    resolver:
      isOwnAnchor && resolver.validation === 'local' ? { ...resolver, trustAnchors: anchor } : resolver,
    nowMs: at === undefined ? Date.now : () => at,
    asks: `${servers.map(formatServer).join(', ')} (from ${from})`,
  };
}

/** The same means, but validated here, whatever the configuration says. */
export function asValidated(means: LookupMeans): LookupMeans & { readonly resolver: LocalValidation } {
  return { ...means, resolver: asLocal(means.resolver, means.resolver.servers) };
}

/** Opens the resolver. Throws CommandError for a file that cannot be used. */
export function openFor({ resolver, nowMs }: LookupMeans): OpenResolver {
  try {
    return openResolver(resolver, { nowMs });
  } catch (error) {
    throw asCommandError(error);
  }
}

function asLocal(config: ResolverConfig | undefined, servers: readonly ServerText[]): LocalValidation {
  if (config?.validation === 'local') return config;
  const local = localValidation(servers);
  return config === undefined ? local : { ...local, timeoutMs: config.timeoutMs };
}

/** None when it was not asked for and is not there; nor when the servers are given, which is all that it would say. */
async function readConfig(
  { config, server }: LookupArguments,
  usual: string,
): Promise<LoadedWithPlugins | undefined> {
  if (config === undefined && (server !== undefined || !existsSync(usual))) return undefined;
  try {
    return await loadConfigAndPlugins(config ?? usual);
  } catch (error) {
    throw asCommandError(error);
  }
}
