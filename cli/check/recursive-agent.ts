/**
 * Checks the zones of a recursive-auth agent as the agent will meet them: the servers of each are found, the gates of strict zones
 * prove themselves, take us as a client and have the zone.
 *
 * Limitations: of many zones the first are looked at; of a gate's addresses, the first; servers of opportunistic zones are found,
 * and not asked.
 */
import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { NoAnswerError } from '../../core/client/reasons.ts';
import { ServerLink } from '../../core/client/server-link.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import { isLoopback } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { openResolver } from '../../core/embed/resolution.ts';
import { findAddresses } from '../../core/gates/addresses.ts';
import { dotPort, type GateText } from '../../core/gates/gate-text.ts';
import { linkLimits } from '../../core/gates/limits.ts';
import { policyOf, readRoots } from '../../core/gates/proof.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import type { Resolver } from '../../core/resolver/resolver.ts';
import { alpnProtocol, TlsAddonMissing } from '../../core/tls/context.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { recursiveAgentName } from '../../plugins/recursive-auth/agent/agent.ts';
import type { RecursiveAgentConfig, ZoneConfig } from '../../plugins/recursive-auth/agent/config.ts';
import { NameServers } from '../../plugins/recursive-auth/agent/name-servers.ts';
import { FindingsAt, type Finding } from './finding.ts';
import { askSoa, silent } from './gate-zones.ts';

interface Means {
  readonly loaded: LoadedConfig;
  readonly identity: LoadedIdentity;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
}

type Path = readonly (string | number)[];

/** One agent of the configuration, and what its gates are proved by. */
interface Agent {
  readonly config: RecursiveAgentConfig;
  readonly path: Path;
  readonly roots: readonly Certificate[];
}

/** Zones of one agent that are looked at. */
const mostZones = 50;

/** Every agent of the configuration. `identity` is undefined when it could not be loaded; then no gate is tried. */
export async function checkRecursiveAgents(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  const agents = loaded.config.plugins.filter(({ use }) => use === recursiveAgentName);
  if (agents.length === 0 || identity === undefined) return [];
  const resolver = openResolver(loaded.config.resolver, { nowMs });
  try {
    const findings = agents.map(({ path, config }) =>
      checkAgent({ loaded, identity, resolver, nowMs }, config as RecursiveAgentConfig, path),
    );
    return (await Promise.all(findings)).flat();
  } finally {
    resolver.close();
  }
}

async function checkAgent(means: Means, config: RecursiveAgentConfig, path: Path): Promise<Finding[]> {
  const { document } = means.loaded;
  const absolutePath = (file: string): string => resolve(dirname(resolve(document.file)), file);
  let roots: readonly Certificate[];
  try {
    roots = readRoots(config, { absolutePath, log: silent });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const at = new FindingsAt(document, [...path, 'roots']);
    return error.problems.map(({ file, wrong, right }) =>
      at.misconfigured({ wrong: `${file}: ${wrong}`, right }),
    );
  }
  const agent = { config, path, roots };
  const zones = config.zones
    .slice(0, mostZones)
    .map((zone, index) =>
      zone.mode === 'strict'
        ? checkStrict(means, agent, zone, [...path, 'zones', index])
        : checkOpportunistic(means, zone, [...path, 'zones', index]),
    );
  return [...checkOwn(means, agent, absolutePath), ...(await Promise.all(zones)).flat()];
}

/** What is on this machine. */
function checkOwn(
  { loaded: { document } }: Means,
  { config, path }: Agent,
  absolutePath: (file: string) => string,
): Finding[] {
  const found = config.listen.flatMap(({ address }, index) => {
    if (isLoopback(address)) return [];
    const wrong = `${address} can be reached by others: whoever can claim an address of allow asks in the name of this machine`;
    return [
      new FindingsAt(document, [...path, 'listen', index]).warning({ wrong, right: 'listen on 127.0.0.1' }),
    ];
  });
  const written = config['state-file'];
  if (written !== undefined) {
    const at = new FindingsAt(document, [...path, 'state-file']);
    const folder = dirname(absolutePath(written));
    found.push(
      isWritable(folder)
        ? at.ok(`the state file can be written to ${folder}`)
        : at.misconfigured({
            wrong: `the state file cannot be written to ${folder}`,
            right: 'create it, and let the user that danced runs as write into it',
          }),
    );
  }
  return found;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function checkStrict(means: Means, agent: Agent, zone: ZoneConfig, path: Path): Promise<Finding[]> {
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

async function checkOpportunistic(means: Means, zone: ZoneConfig, path: Path): Promise<Finding[]> {
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

function nameServers({ resolver, nowMs }: Means, { zone, mode }: ZoneConfig): NameServers {
  return new NameServers({ zone, resolver, nowMs, needsProof: mode === 'strict', keptMs: 0, log: silent });
}

function noServers(at: FindingsAt, { zone }: ZoneConfig, error: unknown): Finding {
  const wrong = error instanceof Error ? error.message : String(error);
  return at.failed({ wrong, right: `danced lookup ${zone.toString()} NS shows how far it gets` });
}

async function checkGate(
  { loaded, identity, resolver, nowMs }: Means,
  { config, roots }: Agent,
  { zone }: ZoneConfig,
  gate: GateText,
  at: FindingsAt,
): Promise<Finding> {
  const { identity: own, dane } = loaded.config;
  const { addresses, detail } = await addressesOf(gate, resolver);
  const [address] = addresses;
  if (address === undefined)
    return at.failed({
      wrong: `${gate.text}: ${detail}`,
      right: 'write ADDRESS#NAME, or publish its address',
    });
  const link = new ServerLink({
    endpoint: { address, port: gate.port },
    policy: policyOf(config, gate.name, roots),
    limits: linkLimits(config.limits),
    tls: { dialect: 'draft-13', extensionType: dane.extensionType, recordPadding: 0 },
    credentials: { identity, name: own.name, shows: 'either' },
    ...{ alpnProtocols: [alpnProtocol], needsAlpn: true, nowMs, random: Math.random, resolver },
  });
  try {
    const no = await askSoa(link, zone);
    const proof = link.state.kind === 'up' ? link.state.proof : 'what it showed';
    if (no === undefined)
      return at.ok(`${gate.text} is proved by ${proof}, takes us and has ${zone.toString()}`);
    const right = `let ${own.name.toString()} query it there (danced access add), or write another gate here; the log of the gate says more`;
    return at.failed({ wrong: `${gate.text}: ${no}`, right });
  } catch (error) {
    if (error instanceof NoAnswerError) {
      return at.failed({ wrong: error.message, right: 'danced probe shows all steps' });
    }
    if (!(error instanceof TlsAddonMissing)) throw error;
    return at.failed({ wrong: error.message, right: 'npm rebuild danced' });
  } finally {
    link.close();
  }
}

async function addressesOf({ address, name }: GateText, resolver: Resolver) {
  if (address !== undefined) return { addresses: [address], detail: '' };
  return name === undefined ? { addresses: [], detail: 'it has no name' } : findAddresses(name, resolver);
}
