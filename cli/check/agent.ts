/**
 * Checks the gates of an agent as the agent will meet them: each is found, proves itself, takes us as a client and answers.
 *
 * Limitations: of a name with several addresses the first that takes the connection is tried.
 */
import type { LoadedConfig } from '../../core/config/config.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { openResolver } from '../../core/embed/resolution.ts';
import { readRootsFile, systemRoots } from '../../core/embed/trust-files.ts';
import { linkLimits } from '../../core/gates/limits.ts';
import { policyOf, systemWord } from '../../core/gates/proof.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import type { Resolver } from '../../core/resolver/resolver.ts';
import { TlsAddonMissing } from '../../core/tls/context.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { isLoopback } from '../../core/config/endpoint.ts';
import { dotAgentName } from '../../plugins/dot-resolver/agent/agent.ts';
import type { AgentConfig } from '../../plugins/dot-resolver/agent/config.ts';
import { dirname, resolve } from 'node:path';
import { probeServer, type ProbeResult } from '../probe-server.ts';
import type { ProbeTarget } from '../probe-target.ts';
import { FindingsAt, type Finding } from './finding.ts';

interface Means {
  readonly loaded: LoadedConfig;
  readonly identity: LoadedIdentity;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
}

/** Every gate of every agent of the configuration. `identity` is undefined when it could not be loaded; then none is tried. */
export async function checkAgents(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  const agents = loaded.config.plugins.filter(({ use }) => use === dotAgentName);
  if (agents.length === 0 || identity === undefined) return [];
  const resolver = openResolver(loaded.config.resolver, { nowMs });
  try {
    const findings = agents.map(({ path, config }) =>
      checkAgent({ loaded, identity, resolver, nowMs }, config as AgentConfig, path),
    );
    return (await Promise.all(findings)).flat();
  } finally {
    resolver.close();
  }
}

async function checkAgent(
  means: Means,
  config: AgentConfig,
  path: readonly (string | number)[],
): Promise<Finding[]> {
  const { document } = means.loaded;
  const open = config.listen.flatMap(({ address }, index) => {
    if (isLoopback(address)) return [];
    const wrong = `${address} can be reached by others: whoever asks there asks in the name of this machine`;
    return [
      new FindingsAt(document, [...path, 'listen', index]).warning({ wrong, right: 'listen on 127.0.0.1' }),
    ];
  });
  const at = new FindingsAt(document, [...path, 'roots']);
  let roots: readonly Certificate[];
  try {
    roots = readRoots(config, document.file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ file, wrong, right }) =>
      at.misconfigured({ wrong: `${file}: ${wrong}`, right }),
    );
  }
  const gates = config.servers.map((_, index) => checkGate(means, config, index, roots, path));
  return [...open, ...(await Promise.all(gates))];
}

function readRoots({ roots: from }: AgentConfig, configFile: string): readonly Certificate[] {
  if (from === undefined) return [];
  if (from === systemWord) return systemRoots().roots;
  return readRootsFile(resolve(dirname(resolve(configFile)), from)).roots;
}

async function checkGate(
  { loaded, identity, resolver, nowMs }: Means,
  config: AgentConfig,
  index: number,
  roots: readonly Certificate[],
  path: readonly (string | number)[],
): Promise<Finding> {
  const at = new FindingsAt(loaded.document, [...path, 'servers', index]);
  const gate = config.servers[index];
  if (gate === undefined) throw new RangeError('no such gate');
  const { identity: own, dane } = loaded.config;
  try {
    const result = await probeServer({
      target: targetOf(gate),
      policy: policyOf(config, gate.name, roots),
      credentials: { identity, name: own.name, shows: 'either' },
      tls: { dialect: 'draft-13', extensionType: dane.extensionType, recordPadding: 0 },
      zone: undefined,
      resolver,
      limits: linkLimits(config.limits),
      nowMs,
    });
    return judge(at, gate.text, result);
  } catch (error) {
    if (!(error instanceof TlsAddonMissing)) throw error;
    return at.failed({ wrong: error.message, right: 'npm rebuild danced' });
  }
}

function targetOf({ name, address, port }: AgentConfig['servers'][number]): ProbeTarget {
  if (address !== undefined) return { host: { address }, port };
  if (name === undefined) throw new RangeError('neither name nor address');
  return { host: { name }, port };
}

function judge(at: FindingsAt, gate: string, { ok, steps, verdict, shown }: ProbeResult): Finding {
  if (ok) {
    const name = shown?.name === undefined ? 'no name of ours' : shown.name.toString();
    return at.ok(`${gate} is proved by ${verdict?.proof ?? 'nothing'}, takes us (${name}) and answers`);
  }
  const last = steps.at(-1);
  const wrong = `${gate}: ${last?.step ?? 'probe'}: ${last?.detail ?? 'failed'}`;
  return at.failed({ wrong, right: 'danced probe shows all steps' });
}
