/**
 * Checks the gates of an xot agent as the agent will meet them: each proves itself, takes us as a client, and has the zones that
 * are to come from it.
 *
 * Limitations: of many zones the first are asked for; nothing is transferred; members of catalogs are not looked at.
 */
import type { LoadedConfig } from '../../core/config/config.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { xotAgentName } from '../../plugins/xot/agent/agent.ts';
import type { XotAgentConfig } from '../../plugins/xot/agent/config.ts';
import { gatesOf, type GatePlace } from '../../plugins/xot/agent/gate-lists.ts';
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
import { askSoa } from './gate-zones.ts';

/** Zones that one gate is asked for. */
const mostZones = 20;

/** Every xot agent of the configuration. `identity` is undefined when it could not be loaded; then no gate is tried. */
export function checkXotAgents(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  return checkEach<XotAgentConfig>(xotAgentName, { loaded, identity, nowMs }, async (means, agent) => {
    const gates = agent.config.gates.places.map((place) => checkGate(means, agent, place));
    return [...checkOwn(means, agent), ...(await Promise.all(gates))];
  });
}

/** What is on this machine. */
function checkOwn(means: AgentMeans, agent: Agent<XotAgentConfig>): Finding[] {
  const { config: whole, document } = means.loaded;
  const { notify, write } = agent.config;
  const risk = 'zones can be had there in clear, by whoever can claim an address of allow';
  const found = checkListens(means, agent, risk);
  if (notify !== undefined && notify.listen.length > 0 && whole.access === undefined) {
    const at = new FindingsAt(document, [...agent.path, 'notify', 'listen']);
    const wrong = 'takes NOTIFY by the access list, and there is none: nobody may send one';
    found.push(at.misconfigured({ wrong, right: 'write access: { store: file, file: access.yaml }' }));
  }
  if (write !== undefined) {
    const at = new FindingsAt(document, [...agent.path, 'write', 'directory']);
    found.push(checkFolder(at, 'zone files', absolutePath(means, write.directory)));
  }
  return found;
}

function checkGate(
  means: AgentMeans,
  agent: Agent<XotAgentConfig>,
  { path: place, gate }: GatePlace,
): Promise<Finding> {
  const { config, path } = agent;
  const at = new FindingsAt(means.loaded.document, [...path, 'gates', ...place]);
  const zones = [...config.zones, ...config.catalogs].filter((zone) =>
    gatesOf(config.gates, zone)?.some(({ text }) => text === gate.text),
  );
  return askGate(means, agent, gate, at, async (link) => {
    const noes: string[] = [];
    for (const zone of zones.slice(0, mostZones)) {
      const no = await askSoa(link, zone);
      if (no !== undefined) noes.push(no);
    }
    if (noes.length > 0) {
      const own = means.loaded.config.identity.name.toString();
      const wrong = `${gate.text}: ${noes.join('; ')}`;
      const right = `let ${own} transfer it there (danced access add), or take the zone out here; the log of the gate says more`;
      return at.failed({ wrong, right });
    }
    const asked = Math.min(zones.length, mostZones);
    const which =
      asked < zones.length ? `the first ${String(asked)} of ${String(zones.length)}` : String(asked);
    return at.ok(`${gate.text} is proved by ${proofOf(link)}, takes us and has ${which} of our zones`);
  });
}
