/**
 * Checks the gates of an agent as the agent will meet them: each is found, proves itself, takes us as a client and answers.
 *
 * Limitations: of a name with several addresses the first that takes the connection is tried.
 */
import type { LoadedConfig } from '../../core/config/config.ts';
import { linkLimits } from '../../core/gates/limits.ts';
import { policyOf } from '../../core/gates/proof.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { dotAgentName } from '../../plugins/dot-resolver/agent/agent.ts';
import type { AgentConfig } from '../../plugins/dot-resolver/agent/config.ts';
import { probeServer, type ProbeResult } from '../probe-server.ts';
import type { ProbeTarget } from '../probe-target.ts';
import { addonMissing, checkEach, checkListens, type Agent, type AgentMeans } from './agent-gates.ts';
import { FindingsAt, type Finding } from './finding.ts';

/** Every gate of every agent of the configuration. `identity` is undefined when it could not be loaded; then none is tried. */
export function checkAgents(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  return checkEach<AgentConfig>(dotAgentName, { loaded, identity, nowMs }, async (means, agent) => {
    const risk = 'whoever asks there asks in the name of this machine';
    const gates = agent.config.servers.map((gate, index) => checkGate(means, agent, gate, index));
    return [...checkListens(means, agent, risk), ...(await Promise.all(gates))];
  });
}

type Gate = AgentConfig['servers'][number];

async function checkGate(
  { loaded, identity, resolver, nowMs }: AgentMeans,
  { config, roots, path }: Agent,
  gate: Gate,
  index: number,
): Promise<Finding> {
  const at = new FindingsAt(loaded.document, [...path, 'servers', index]);
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
    return addonMissing(at, error);
  }
}

function targetOf({ name, address, port }: Gate): ProbeTarget {
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
