/** What the checks of agents have in common: which there are, what they use of this machine, and how a gate of theirs is asked. */
import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { NoAnswerError } from '../../core/client/reasons.ts';
import { ServerLink } from '../../core/client/server-link.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import { isLoopback, type Endpoint } from '../../core/config/endpoint.ts';
import { ConfigError, type ConfigPath } from '../../core/config/errors.ts';
import type { Name } from '../../core/dns/name.ts';
import { openResolver } from '../../core/embed/resolution.ts';
import { linkLimits } from '../../core/gates/limits.ts';
import { policyOf, readRoots, type ProofConfig } from '../../core/gates/proof.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import type { Resolver } from '../../core/resolver/resolver.ts';
import { alpnProtocol, TlsAddonMissing } from '../../core/tls/context.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { FindingsAt, type Finding } from './finding.ts';
import { silent } from './gate-zones.ts';

/** By what an agent is checked. */
export interface AgentMeans {
  readonly loaded: LoadedConfig;
  readonly identity: LoadedIdentity;
  readonly resolver: Resolver;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

export interface AgentConfig extends ProofConfig {
  readonly listen: readonly Endpoint[];
  readonly limits: Parameters<typeof linkLimits>[0];
}

/** One agent of the configuration, and what its gates are proved by. */
export interface Agent<Config extends AgentConfig = AgentConfig> {
  readonly config: Config;
  readonly path: ConfigPath;
  readonly roots: readonly Certificate[];
}

type Check<Config extends AgentConfig> = (means: AgentMeans, agent: Agent<Config>) => Promise<Finding[]>;

/** Every agent of a kind. `identity` is undefined when it could not be loaded; then none is checked. */
export async function checkEach<Config extends AgentConfig>(
  kind: string,
  {
    loaded,
    identity,
    nowMs,
  }: Omit<AgentMeans, 'identity' | 'resolver'> & { identity: LoadedIdentity | undefined },
  check: Check<Config>,
): Promise<Finding[]> {
  const agents = loaded.config.plugins.filter(({ use }) => use === kind);
  if (agents.length === 0 || identity === undefined) return [];
  const resolver = openResolver(loaded.config.resolver, { nowMs });
  try {
    const findings = agents.map(({ path, config }) =>
      checkOne({ loaded, identity, resolver, nowMs }, config as Config, path, check),
    );
    return (await Promise.all(findings)).flat();
  } finally {
    resolver.close();
  }
}

async function checkOne<Config extends AgentConfig>(
  means: AgentMeans,
  config: Config,
  path: ConfigPath,
  check: Check<Config>,
): Promise<Finding[]> {
  let roots: readonly Certificate[];
  try {
    roots = readRoots(config, { absolutePath: (file) => absolutePath(means, file), log: silent });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const at = new FindingsAt(means.loaded.document, [...path, 'roots']);
    return error.problems.map(({ file, wrong, right }) =>
      at.misconfigured({ wrong: `${file}: ${wrong}`, right }),
    );
  }
  return check(means, { config, path, roots });
}

/** Of a path as written in the configuration. */
export function absolutePath({ loaded: { document } }: AgentMeans, file: string): string {
  return resolve(dirname(resolve(document.file)), file);
}

/** Where it listens to more than this machine; `risk` says what others can do then. */
export function checkListens(
  { loaded: { document } }: AgentMeans,
  { config, path }: Agent,
  risk: string,
): Finding[] {
  return config.listen.flatMap(({ address }, index) => {
    if (isLoopback(address)) return [];
    const wrong = `${address} can be reached by others: ${risk}`;
    return [
      new FindingsAt(document, [...path, 'listen', index]).warning({ wrong, right: 'listen on 127.0.0.1' }),
    ];
  });
}

/** Whether what is named can be written to a folder. */
export function checkFolder(at: FindingsAt, what: string, folder: string): Finding {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return at.ok(`${what} can be written to ${folder}`);
  } catch {
    return at.misconfigured({
      wrong: `${what} cannot be written to ${folder}`,
      right: 'create it, and let the user that danced runs as write into it',
    });
  }
}

/** What comes of questions to a gate, on a connection as the agent has it; a gate that gives no answer fails. */
export async function askGate(
  { loaded, identity, resolver, nowMs }: AgentMeans,
  { config, roots }: Agent,
  gate: { readonly at: Endpoint; readonly name: Name | undefined },
  at: FindingsAt,
  ask: (link: ServerLink) => Promise<Finding>,
): Promise<Finding> {
  const { identity: own, dane } = loaded.config;
  const link = new ServerLink({
    endpoint: gate.at,
    policy: policyOf(config, gate.name, roots),
    limits: linkLimits(config.limits),
    tls: { dialect: 'draft-13', extensionType: dane.extensionType, recordPadding: 0 },
    credentials: { identity, name: own.name, shows: 'either' },
    ...{ alpnProtocols: [alpnProtocol], needsAlpn: true, nowMs, random: Math.random, resolver },
  });
  try {
    return await ask(link);
  } catch (error) {
    if (error instanceof NoAnswerError) {
      return at.failed({ wrong: error.message, right: 'danced probe shows all steps' });
    }
    return addonMissing(at, error);
  } finally {
    link.close();
  }
}

/** How a gate is proved that it is, by what the connection says. */
export function proofOf({ state }: ServerLink): string {
  return state.kind === 'up' ? state.proof : 'what it showed';
}

/** Throws what is anything else. */
export function addonMissing(at: FindingsAt, error: unknown): Finding {
  if (!(error instanceof TlsAddonMissing)) throw error;
  return at.failed({ wrong: error.message, right: 'npm rebuild danced' });
}
