/**
 * Checks the gates before authoritative servers (plugins/recursive-auth/gate) as they will meet what they name: every server is
 * asked for the SOA record of each zone of the classes, in the way of the gate; one that offers recursion to the gate resolves
 * any name for whoever may ask the gate for any; and every class is a role that somebody has.
 *
 * Limitations: where classes name no zone, a server is asked for the root, and any answer will do. Names that are not the apex of
 * a zone are asked for like zones. An access list in Redis is not gone through.
 */
import type { AccessList } from '../../core/acl/access-list.ts';
import { loadAccessList } from '../../core/acl/list-file.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import { formatEndpoint } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { Rcode, rcodeName, RrType } from '../../core/dns/constants.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { Forwarder } from '../../core/forward/forwarder.ts';
import type { ForwardFailure, ForwardServer } from '../../core/forward/server.ts';
import { createLog } from '../../core/observe/log.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { strangersWord, type RecursiveAuthGateConfig } from '../../plugins/recursive-auth/gate/config.ts';
import { recursiveAuthGate } from '../../plugins/recursive-auth/gate/gate.ts';
import { FindingsAt, type Finding } from './finding.ts';

type Path = readonly (string | number)[];

/** Zones that a server is asked for. */
const mostZones = 50;

/** Every gate of this kind in the configuration. */
export async function checkClasses(loaded: LoadedConfig): Promise<Finding[]> {
  const gates = loaded.config.plugins.filter(({ use }) => use === recursiveAuthGate.name);
  const findings = gates.map(async ({ path, config }) => {
    const own = config as RecursiveAuthGateConfig;
    const servers = await Promise.all(
      own.upstreams.map((server, index) => checkServer(loaded, [...path, 'upstreams', index], server, own)),
    );
    return [...servers.flat(), ...unusedClasses(loaded, path, own)];
  });
  return (await Promise.all(findings)).flat();
}

async function checkServer(
  { document }: LoadedConfig,
  path: Path,
  server: ForwardServer,
  config: RecursiveAuthGateConfig,
): Promise<Finding[]> {
  const at = new FindingsAt(document, path);
  const { transport } = config;
  const who = `the server ${formatEndpoint(server)}`;
  const forwarder = new Forwarder({
    servers: [{ ...server, transport }],
    limits: config.limits,
    label: 'check',
    noun: 'server',
    log: createLog({ level: 'error', destination: { write: () => true } }),
    metrics: new Metrics(),
    nowMs: Date.now,
    proxyProtocol: config['proxy-protocol'],
  });
  try {
    const zones = zonesOf(config);
    if (zones.length === 0) {
      const answer = await ask(forwarder, Name.root);
      if (isFailure(answer)) return [unreachable(at, answer)];
      return [
        at.ok(`${who} answers, by ${transport.toUpperCase()}`),
        ...recursion(at, who, answer.header.ra, config),
      ];
    }
    const findings: Finding[] = [];
    let isRecursive = false;
    for (const zone of zones) {
      const answer = await ask(forwarder, zone);
      // A server that cannot be talked to will not be any better for the next zone.
      if (isFailure(answer)) return [...findings, unreachable(at, answer)];
      findings.push(judge(at, who, zone, answer));
      isRecursive ||= answer.header.ra;
    }
    return [...findings, ...recursion(at, who, isRecursive, config)];
  } finally {
    forwarder.close();
  }
}

/** Those that any class names, each once. */
function zonesOf({ classes }: RecursiveAuthGateConfig): readonly Name[] {
  const all = [...classes.values()].flatMap(({ zones = [], except }) => [...zones, ...except]);
  const byKey = new Map(all.map((zone) => [zone.key, zone]));
  byKey.delete(Name.root.key);
  return [...byKey.values()].slice(0, mostZones);
}

async function ask(forwarder: Forwarder, name: Name): Promise<Message | ForwardFailure> {
  const query = encodeMessage(makeQuery({ id: 0, name, type: RrType.SOA, rd: false }));
  const { promise, resolve } = Promise.withResolvers<Buffer | ForwardFailure>();
  forwarder.ask(query, resolve);
  const outcome = await promise;
  if (!Buffer.isBuffer(outcome)) return outcome;
  try {
    return parseMessage(outcome);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    const failure = `its answer for ${name.toString()} is malformed: ${error.message}`;
    return { failure, isTimeout: false, kind: 'unusable' };
  }
}

function isFailure(answer: Message | ForwardFailure): answer is ForwardFailure {
  return 'failure' in answer;
}

function unreachable(at: FindingsAt, { failure }: ForwardFailure): Finding {
  return at.failed({ wrong: failure, right: 'start it, or correct address, port or transport' });
}

function judge(at: FindingsAt, who: string, zone: Name, { header }: Message): Finding {
  const name = zone.toString();
  if (header.rcode === Rcode.REFUSED || header.rcode === Rcode.NOTAUTH) {
    const right = 'load the zone there, let it answer this machine, or correct the classes';
    return at.failed({ wrong: `${who} answers ${rcodeName(header.rcode)} for ${name}`, right });
  }
  if (header.rcode !== Rcode.NOERROR && header.rcode !== Rcode.NXDOMAIN) {
    const wrong = `${who} answers ${rcodeName(header.rcode)} for ${name}`;
    return at.failed({ wrong, right: 'look in its log: the zone failed to load or expired' });
  }
  if (!header.aa) {
    const wrong = `${who} answers for ${name} without authority`;
    return at.failed({
      wrong,
      right: 'give an authoritative server, not a resolver, and load the zone there',
    });
  }
  return at.ok(`${who} has ${name}`);
}

/** RFC 1035 section 4.1.1: RA says, of any answer, that the server would recurse for who asks; for it that is the gate. */
function recursion(
  at: FindingsAt,
  who: string,
  isRecursive: boolean,
  { classes }: RecursiveAuthGateConfig,
): readonly Finding[] {
  const free = [...classes].flatMap(([name, { zones }]) => (zones === undefined ? [name] : []));
  if (!isRecursive || free.length === 0) return [];
  const wrong = `${who} offers recursion (RA), so that it resolves any name for class ${free.join(', ')}, which may ask for every name`;
  const right = `forbid it recursion for the address of the gate (BIND: recursion no), or give zones to the class`;
  return [at.warning({ wrong, right })];
}

/** Nothing where the list cannot be read: `checkAccess` says why. */
function unusedClasses(
  { config, document }: LoadedConfig,
  path: Path,
  own: RecursiveAuthGateConfig,
): Finding[] {
  if (config.access?.store !== 'file') return [];
  let list: AccessList;
  try {
    list = loadAccessList(config.access.file);
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
  const unused = new Set(own.classes.keys());
  unused.delete(strangersWord);
  for (const role of list.anonymous?.roles ?? []) unused.delete(role);
  for (const { rights } of list.entries()) {
    if (unused.size === 0) break;
    for (const role of rights.roles) unused.delete(role);
  }
  const wrong = 'nobody in the access list has this role, so that nobody is of this class';
  return [...unused].map((name) =>
    new FindingsAt(document, [...path, 'classes', name]).warning({
      wrong,
      right: 'correct the word, or take it out',
    }),
  );
}
