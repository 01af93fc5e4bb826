/**
 * Checks the gates of an xot agent as the agent will meet them: each proves itself, takes us as a client, and has the zones that
 * are to come from it.
 *
 * Limitations: of many zones the first are asked for; nothing is transferred; members of catalogs are not looked at.
 */
import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { NoAnswerError } from '../../core/client/reasons.ts';
import { ServerLink } from '../../core/client/server-link.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import { isLoopback } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { openResolver } from '../../core/embed/resolution.ts';
import { linkLimits } from '../../core/gates/limits.ts';
import { policyOf, readRoots } from '../../core/gates/proof.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import type { Resolver } from '../../core/resolver/resolver.ts';
import { alpnProtocol, TlsAddonMissing } from '../../core/tls/context.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';
import { xotAgentName } from '../../plugins/xot/agent/agent.ts';
import type { XotAgentConfig } from '../../plugins/xot/agent/config.ts';
import { gatesOf, type GatePlace } from '../../plugins/xot/agent/gate-lists.ts';
import { FindingsAt, type Finding } from './finding.ts';
import { askSoa, silent } from './gate-zones.ts';

interface Means {
  readonly loaded: LoadedConfig;
  readonly identity: LoadedIdentity;
  readonly resolver: Resolver;
  readonly nowMs: () => number;
}

/** Zones that one gate is asked for. */
const mostZones = 20;

/** Every xot agent of the configuration. `identity` is undefined when it could not be loaded; then no gate is tried. */
export async function checkXotAgents(
  loaded: LoadedConfig,
  identity: LoadedIdentity | undefined,
  nowMs: () => number,
): Promise<Finding[]> {
  const agents = loaded.config.plugins.filter(({ use }) => use === xotAgentName);
  if (agents.length === 0 || identity === undefined) return [];
  const resolver = openResolver(loaded.config.resolver, { nowMs });
  try {
    const findings = agents.map(({ path, config }) =>
      checkAgent({ loaded, identity, resolver, nowMs }, config as XotAgentConfig, path),
    );
    return (await Promise.all(findings)).flat();
  } finally {
    resolver.close();
  }
}

async function checkAgent(
  means: Means,
  config: XotAgentConfig,
  path: readonly (string | number)[],
): Promise<Finding[]> {
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
  const gates = config.gates.places.map((place) => checkGate(means, config, place, roots, path));
  return [...checkOwn(means, config, path, absolutePath), ...(await Promise.all(gates)).flat()];
}

/** What is on this machine. */
function checkOwn(
  { loaded: { config: whole, document } }: Means,
  { listen, notify, write }: XotAgentConfig,
  path: readonly (string | number)[],
  absolutePath: (file: string) => string,
): Finding[] {
  const found = listen.flatMap(({ address }, index) => {
    if (isLoopback(address)) return [];
    const wrong = `${address} can be reached by others: zones can be had there in clear, by whoever can claim an address of allow`;
    return [
      new FindingsAt(document, [...path, 'listen', index]).warning({ wrong, right: 'listen on 127.0.0.1' }),
    ];
  });
  if (notify !== undefined && notify.listen.length > 0 && whole.access === undefined) {
    const at = new FindingsAt(document, [...path, 'notify', 'listen']);
    const wrong = 'takes NOTIFY by the access list, and there is none: nobody may send one';
    found.push(at.misconfigured({ wrong, right: 'write access: { store: file, file: access.yaml }' }));
  }
  if (write !== undefined) {
    const at = new FindingsAt(document, [...path, 'write', 'directory']);
    const folder = absolutePath(write.directory);
    found.push(
      isWritable(folder)
        ? at.ok(`zone files can be written to ${folder}`)
        : at.misconfigured({
            wrong: `zone files cannot be written to ${folder}`,
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

async function checkGate(
  { loaded, identity, resolver, nowMs }: Means,
  config: XotAgentConfig,
  { path: place, gate }: GatePlace,
  roots: readonly Certificate[],
  path: readonly (string | number)[],
): Promise<Finding[]> {
  const at = new FindingsAt(loaded.document, [...path, 'gates', ...place]);
  const zones = [...config.zones, ...config.catalogs].filter((zone) =>
    gatesOf(config.gates, zone)?.some(({ text }) => text === gate.text),
  );
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
    const noes: string[] = [];
    for (const zone of zones.slice(0, mostZones)) {
      const no = await askSoa(link, zone);
      if (no !== undefined) noes.push(no);
    }
    const proof = link.state.kind === 'up' ? link.state.proof : 'what it showed';
    if (noes.length > 0) {
      const wrong = `${gate.text}: ${noes.join('; ')}`;
      const right = `let ${own.name.toString()} transfer it there (danced access add), or take the zone out here; the log of the gate says more`;
      return [at.failed({ wrong, right })];
    }
    const asked = Math.min(zones.length, mostZones);
    const which =
      asked < zones.length ? `the first ${String(asked)} of ${String(zones.length)}` : String(asked);
    return [at.ok(`${gate.text} is proved by ${proof}, takes us and has ${which} of our zones`)];
  } catch (error) {
    if (error instanceof NoAnswerError) {
      return [at.failed({ wrong: error.message, right: 'danced probe shows all steps' })];
    }
    if (!(error instanceof TlsAddonMissing)) throw error;
    return [at.failed({ wrong: error.message, right: 'npm rebuild danced' })];
  } finally {
    link.close();
  }
}
