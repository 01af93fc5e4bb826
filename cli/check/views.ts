/**
 * Checks the views of resolver gates (plugins/dot-resolver/gate) as the gate will meet them: their files are read, and every
 * upstream is asked by itself, in the way of its view, for the SOA record of the root.
 *
 * Limitations: of the files of a view the first that is wrong is told. One question says that an upstream answers us, and not
 * that it validates, or that it is the right one for the view.
 */
import { dirname, resolve } from 'node:path';
import type { LoadedConfig } from '../../core/config/config.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { readTextFile } from '../../core/config/text-file.ts';
import { Rcode, rcodeName, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { Forwarder } from '../../core/forward/forwarder.ts';
import { labelOf, type ForwardEnd, type ForwardServer } from '../../core/forward/server.ts';
import { createLog } from '../../core/observe/log.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import type { DotGateConfig } from '../../plugins/dot-resolver/gate/config.ts';
import { dotGate } from '../../plugins/dot-resolver/gate/gate.ts';
import { View, type ViewForwarder } from '../../plugins/dot-resolver/view/view.ts';
import { FindingsAt, findingOf, type Finding } from './finding.ts';

type Path = readonly (string | number)[];

/** Every view of every resolver gate of the configuration. */
export async function checkViews(loaded: LoadedConfig): Promise<Finding[]> {
  const gates = loaded.config.plugins.filter(({ use }) => use === dotGate.name);
  const findings = gates.flatMap(({ path, config }) => {
    const { views, limits } = config as DotGateConfig;
    return Object.entries(views).map(([name, view]) =>
      checkView(loaded, [...path, 'views', name], view, limits),
    );
  });
  return (await Promise.all(findings)).flat();
}

async function checkView(
  { document }: LoadedConfig,
  path: Path,
  view: DotGateConfig['views'][string],
  limits: DotGateConfig['limits'],
): Promise<Finding[]> {
  const at = new FindingsAt(document, path);
  const folder = dirname(resolve(document.file));
  const readText = (file: string, maxOctets: number): string =>
    readTextFile(resolve(folder, file), maxOctets);
  const quiet = createLog({ level: 'error', destination: { write: () => true } });
  const parts = { name: String(path.at(-1)), log: quiet, nowMs: Date.now, limits };
  let servers: readonly ForwardServer[] = [];
  try {
    // With its authorities read; the view asks nobody while it is made.
    const openForwarder = (given: readonly ForwardServer[]): ViewForwarder => {
      servers = given;
      return { ask: () => () => undefined, isDown: false, close: () => undefined };
    };
    new View(view, { ...parts, metrics: new Metrics(), readText, openForwarder }).close();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.code === 'CFG_INVALID') return error.problems.map(findingOf);
    return error.problems.map(({ file, wrong, right }) =>
      at.misconfigured({ wrong: `${file}: ${wrong}`, right }),
    );
  }
  const count = view.zones.length + view.blocked.length + view.allowed.length;
  const files = count === 0 ? [] : [at.ok(`its ${String(count)} file${count === 1 ? '' : 's'} can be used`)];
  const asked = servers.map((server, index) => {
    const one = { ...parts, servers: [server], label: parts.name, metrics: new Metrics() };
    const open = (): Forwarder => new Forwarder({ ...one, proxyProtocol: view['proxy-protocol'] });
    return checkUpstream(new FindingsAt(document, [...path, 'upstreams', index]), server, open);
  });
  return [...files, ...(await Promise.all(asked))];
}

async function checkUpstream(at: FindingsAt, server: ForwardServer, open: () => Forwarder): Promise<Finding> {
  const who = `the resolver ${labelOf(server)}`;
  const correct =
    server.tls === undefined
      ? 'start it, or correct address, port or transport'
      : 'start it, or correct address, port, the name after #, or ca; nothing is asked in clear instead (RFC 8310 section 5)';
  let forwarder: Forwarder;
  try {
    forwarder = open();
  } catch (error) {
    const wrong = `${who} cannot be asked: ${error instanceof Error ? error.message : String(error)}`;
    return at.misconfigured({ wrong, right: 'let ca be a PEM file of certificates' });
  }
  const query = encodeMessage(makeQuery({ id: 0, name: Name.root, type: RrType.SOA, rd: true }));
  const { promise, resolve: end } = Promise.withResolvers<Parameters<ForwardEnd>[0]>();
  forwarder.ask(query, end);
  const outcome = await promise.finally(() => forwarder.close());
  if (!Buffer.isBuffer(outcome)) return at.failed({ wrong: outcome.failure, right: correct });
  const { header } = parseMessage(outcome);
  if (header.rcode === Rcode.REFUSED) {
    const right =
      'let it answer this machine (Unbound: access-control; BIND: allow-query and allow-recursion)';
    return at.failed({ wrong: `${who} refuses to answer us`, right });
  }
  if (!header.ra) {
    const wrong = `${who} answers, but does not recurse`;
    return at.warning({
      wrong,
      right: 'name a recursive resolver; authoritative servers know their zones alone',
    });
  }
  if (header.rcode !== Rcode.NOERROR) {
    const wrong = `${who} answers, but ${rcodeName(header.rcode)} when asked for the root`;
    return at.warning({ wrong, right: 'look in its log, unless it is for zones of its own alone' });
  }
  return at.ok(`${who} answers, by ${server.transport.toUpperCase()}`);
}
