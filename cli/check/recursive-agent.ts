/**
 * Checks the zones of a recursive-auth agent as the agent will meet them: the servers of each are found, the gates of strict zones
 * prove themselves, take us as a client and have the zone.
 *
 * Limitations: of many zones the first are looked at; of a gate's addresses, the first; servers of opportunistic zones are found,
 * and not asked.
 */
import { dirname } from 'node:path';
import type { LoadedConfig } from '../../core/config/config.ts';
import type { ConfigPath } from '../../core/config/errors.ts';
import { findAddresses } from '../../core/gates/addresses.ts';
import { dotPort, type GateText } from '../../core/gates/gate-text.ts';
import type { Resolver } from '../../core/resolver/resolver.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { recursiveAgentName } from '../../plugins/recursive-auth/agent/agent.ts';
import type { RecursiveAgentConfig, ZoneConfig } from '../../plugins/recursive-auth/agent/config.ts';
import { NameServers } from '../../plugins/recursive-auth/agent/name-servers.ts';
import {
  absolutePath,
  askGate,
  checkEach,
  checkFolder,
  checkListens,
  proofOf,
  type Agent,
  type AgentMeans,
} from './agent-gates.ts';
import { FindingsAt, type Finding } from './finding.ts';
import { askSoa, silent } from './gate-zones.ts';

/** Zones of one agent that are looked at. */
const mostZones = 50;

/** Every agent of the configuration. `identity` is undefined when it could not be loaded; then no gate is tried. */
export function checkRecursiveAgents(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  return checkEach<RecursiveAgentConfig>(
    recursiveAgentName,
    { loaded, identity, nowMs },
    async (means, agent) => {
      const { config, path } = agent;
      const zones = config.zones
        .slice(0, mostZones)
        .map((zone, index) =>
          zone.mode === 'strict'
            ? checkStrict(means, agent, zone, [...path, 'zones', index])
            : checkOpportunistic(means, zone, [...path, 'zones', index]),
        );
      return [...checkOwn(means, agent), ...(await Promise.all(zones)).flat()];
    },
  );
}

/** What is on this machine. */
function checkOwn(means: AgentMeans, agent: Agent<RecursiveAgentConfig>): Finding[] {
  const risk = 'whoever can claim an address of allow asks in the name of this machine';
  const found = checkListens(means, agent, risk);
  const written = agent.config['state-file'];
  if (written !== undefined) {
    const at = new FindingsAt(means.loaded.document, [...agent.path, 'state-file']);
    found.push(checkFolder(at, 'the state file', dirname(absolutePath(means, written))));
  }
  return found;
}

async function checkStrict(
  means: AgentMeans,
  agent: Agent,
  zone: ZoneConfig,
  path: ConfigPath,
): Promise<Finding[]> {
  const { document } = means.loaded;
  if (zone.gates !== undefined) {
    const gates = zone.gates.map((gate, index) =>
      checkGate(means, agent, zone, gate, new FindingsAt(document, [...path, 'gates', index])),
    );
    return Promise.all(gates);
  }
  const at = new FindingsAt(document, [...path, 'zone']);
  try {
    const names = await nameServers(means, zone).names();
    const gates = names.map((name) =>
      checkGate(means, agent, zone, { text: name.toString(), name, address: undefined, port: dotPort }, at),
    );
    return await Promise.all(gates);
  } catch (error) {
    return [noServers(at, zone, error)];
  }
}

async function checkOpportunistic(means: AgentMeans, zone: ZoneConfig, path: ConfigPath): Promise<Finding[]> {
  if (zone.servers !== undefined) return [];
  const at = new FindingsAt(means.loaded.document, [...path, 'zone']);
  try {
    const servers = await nameServers(means, zone).find();
    const names = servers.map(({ name }) => name.toString()).join(', ');
    return [at.ok(`the servers of ${zone.zone.toString()} are ${names}, and need not prove themselves`)];
  } catch (error) {
    return [noServers(at, zone, error)];
  }
}

function nameServers({ resolver, nowMs }: AgentMeans, { zone, mode }: ZoneConfig): NameServers {
  return new NameServers({ zone, resolver, nowMs, needsProof: mode === 'strict', keptMs: 0, log: silent });
}

function noServers(at: FindingsAt, { zone }: ZoneConfig, error: unknown): Finding {
  const wrong = error instanceof Error ? error.message : String(error);
  return at.failed({ wrong, right: `danced lookup ${zone.toString()} NS shows how far it gets` });
}

async function checkGate(
  means: AgentMeans,
  agent: Agent,
  { zone }: ZoneConfig,
  gate: GateText,
  at: FindingsAt,
): Promise<Finding> {
  const { addresses, detail } = await addressesOf(gate, means.resolver);
  const [address] = addresses;
  if (address === undefined)
    return at.failed({
      wrong: `${gate.text}: ${detail}`,
      right: 'write ADDRESS#NAME, or publish its address',
    });
  const { name, port } = gate;
  return askGate(means, agent, { at: { address, port }, name }, at, async (link) => {
    const no = await askSoa(link, zone);
    if (no === undefined)
      return at.ok(`${gate.text} is proved by ${proofOf(link)}, takes us and has ${zone.toString()}`);
    const own = means.loaded.config.identity.name.toString();
    const right = `let ${own} query it there (danced access add), or write another gate here; the log of the gate says more`;
    return at.failed({ wrong: `${gate.text}: ${no}`, right });
  });
}

async function addressesOf({ address, name }: GateText, resolver: Resolver) {
  if (address !== undefined) return { addresses: [address], detail: '' };
  return name === undefined ? { addresses: [], detail: 'it has no name' } : findAddresses(name, resolver);
}
