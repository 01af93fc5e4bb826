/**
 * Real recursive resolvers as upstreams of a gate, each validating from the lab's root key down: BIND and PowerDNS Recursor
 * ask the lab's authoritative server from the root on, Knot Resolver forwards to the lab's resolver. Unbound is in unbound.ts.
 *
 * All answer on UDP and TCP of one port; BIND and Knot Resolver on another over TLS as well.
 *
 * Limitations: Knot Resolver asks servers on port 53 only, unless it forwards, which is why it does.
 */
import type { Lab } from '../../../lab/lab.ts';
import { endEntity, sharedKey } from '../certificate-factory.ts';
import { dotAuthority, pemOf } from '../dot-server.ts';
import { freePort, pathOf, type RunningProgram, type TestBed } from './test-bed.ts';
import { startUnbound, type Resolver } from './unbound.ts';

/** A zone that is asked for at another server than the lab's, as at an agent. */
export interface ElsewhereZone {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** BIND alone: as static-stub, which follows delegations; the port must be that of the lab's authoritative server. */
  readonly isStub?: boolean;
}

/** Zones of `elsewhere` are sent where it says; Knot Resolver does not validate them, since it does so of forwarders alone. */
export type StartRecursive = (
  bed: TestBed,
  lab: Lab,
  elsewhere?: readonly ElsewhereZone[],
) => Promise<Resolver>;

/** The name in the certificate of each that serves DNS over TLS; its CA is `dotAuthority`. */
export const upstreamName = 'resolver.example';

const address = '127.0.0.1';
/** So that nobody asks the servers of the real root. */
const rootHints = '. 3600 IN NS ns.example.\nns.example. 3600 IN A 127.0.0.1\n';

/** By the name that people know it by. */
export const recursiveServers: Readonly<Record<string, StartRecursive>> = {
  Unbound: startUnboundOf,
  BIND: startBind,
  'Knot Resolver': startKnotResolver,
  'PowerDNS Recursor': startPowerdns,
};

/** Unbound, which asks the lab's authoritative server for each zone. */
export function startUnboundOf(
  bed: TestBed,
  lab: Lab,
  elsewhere: readonly ElsewhereZone[] = [],
): Promise<Resolver> {
  const zones = zonesOf(lab, elsewhere);
  return startUnbound(bed, { anchor: lab.rootAnchor(), zones, tls: serverKey(), takesProxy: true });
}

/** BIND as a recursive resolver. Its option `port` is the port that it asks others at. */
export async function startBind(
  bed: TestBed,
  lab: Lab,
  elsewhere: readonly ElsewhereZone[] = [],
): Promise<Resolver> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const name = `bind-recursive-${String(port)}`;
  const folder = bed.folder(name);
  const { certificate, key } = writeServerKey(bed, name);
  const [tag, algorithm, digestType, digest] = rootDs(lab);
  const config = bed.write(
    `${name}/named.conf`,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  port ${String(lab.authoritative.port)};
  listen-on port ${String(port)} { ${address}; }; listen-on-v6 { none; };
  listen-on port ${String(tlsPort)} tls own { ${address}; };
  recursion yes; allow-query { 127.0.0.0/8; };
  dnssec-validation yes; empty-zones-enable no; qname-minimization off;
};
controls { };
logging { channel all { stderr; severity info; print-category yes; }; category default { all; }; };
trust-anchors { . static-ds ${tag} ${algorithm} ${digestType} "${digest}"; };
tls own { cert-file "${certificate}"; key-file "${key}"; };
zone "." { type hint; file "${bed.write(`${name}/root.hints`, rootHints)}"; };
${elsewhere.map(bindZone).join('')}`,
  );
  const program = bed.start(pathOf('named'), ['-f', '-n', '1', '-c', config]);
  return whenListening(program, { port, tlsPort });
}

function bindZone({ name, address: server, port, isStub = false }: ElsewhereZone): string {
  const how = isStub
    ? `type static-stub; server-addresses { ${server}; };`
    : `type forward; forward only; forwarders { ${server} port ${String(port)}; };`;
  return `zone "${name}" { ${how} };\n`;
}

/** Knot Resolver, one process that keeps its cache in its folder. With and without a PROXY header it has one port. */
export async function startKnotResolver(
  bed: TestBed,
  lab: Lab,
  elsewhere: readonly ElsewhereZone[] = [],
): Promise<Resolver> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const name = `kresd-${String(port)}`;
  const folder = bed.folder(name);
  const { certificate, key } = writeServerKey(bed, name);
  const anchor = bed.write(`${name}/root.keys`, `${lab.rootAnchor()}\n`);
  const config = bed.write(
    `${name}/kresd.conf`,
    `net.listen('${address}', ${String(port)}, { kind = 'dns' })
net.listen('${address}', ${String(tlsPort)}, { kind = 'tls' })
net.tls('${certificate}', '${key}')
net.proxy_allowed('${address}')
trust_anchors.add_file('${anchor}', true)
cache.size = 10 * MB
modules.unload('priming')
modules.unload('ta_update')
modules.unload('ta_signal_query')
${elsewhere
  .map(
    ({ name: zone, address: server, port: at }) =>
      `policy.add(policy.suffix(policy.STUB('${server}@${String(at)}'), policy.todnames({'${zone}.'})))\n`,
  )
  .join('')}policy.add(policy.all(policy.FORWARD('${lab.resolver.address}@${String(lab.resolver.port)}')))
`,
  );
  const program = bed.start(pathOf('kresd'), ['--noninteractive', '--config', config, folder]);
  return whenListening(program, { port, tlsPort, proxyPort: port });
}

/** PowerDNS Recursor; version 4.8 serves no DNS over TLS. */
export async function startPowerdns(
  bed: TestBed,
  lab: Lab,
  elsewhere: readonly ElsewhereZone[] = [],
): Promise<Resolver> {
  const port = await freePort();
  const name = `pdns-recursor-${String(port)}`;
  const folder = bed.folder(name);
  const zones = zonesOf(lab, elsewhere).map((zone) => `${zone.name}=${zone.address}:${String(zone.port)}`);
  const script = bed.write(`${name}/anchors.lua`, `clearTA()\naddTA('.', "${rootDs(lab).join(' ')}")\n`);
  bed.write(
    `${name}/recursor.conf`,
    `local-address=${address}
local-port=${String(port)}
socket-dir=${folder}
daemon=no
disable-syslog=yes
threads=1
dont-query=
dnssec=validate
extended-resolution-errors=yes
hint-file=${bed.write(`${name}/root.hints`, rootHints)}
security-poll-suffix=
lua-config-file=${script}
forward-zones=${zones.join(',')}
`,
  );
  const program = bed.start(pathOf('pdns_recursor'), [`--config-dir=${folder}`]);
  return whenListening(program, { port });
}

/** Each zone, and who is asked for it. */
function zonesOf(lab: Lab, elsewhere: readonly ElsewhereZone[]): readonly ElsewhereZone[] {
  const { address: server, port } = lab.authoritative;
  const names = new Set(elsewhere.map(({ name }) => name));
  const own = lab.zoneNames().map((zone) => ({ name: zone.toString(), address: server, port }));
  return [...own.filter(({ name }) => !names.has(name)), ...elsewhere];
}

async function whenListening(
  program: RunningProgram,
  { port, tlsPort = 0, proxyPort = 0 }: { port: number; tlsPort?: number; proxyPort?: number },
): Promise<Resolver> {
  await program.waitForPort(port);
  if (tlsPort > 0) await program.waitForPort(tlsPort);
  return { program, address, port, tlsPort, proxyPort };
}

/** Key tag, algorithm, digest type and digest of the root's key. */
function rootDs(lab: Lab): readonly [string, string, string, string] {
  const [tag, algorithm, digestType, digest] = lab.rootAnchor().split(' ').slice(-4);
  return [tag!, algorithm!, digestType!, digest!];
}

/** PEM of the certificate and the key of a server of DNS over TLS. */
function serverKey(): { readonly certificate: string; readonly key: string } {
  const key = sharedKey('upstream');
  const certificate = pemOf(endEntity({ key, issuer: dotAuthority, names: [upstreamName] }));
  return { certificate, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function writeServerKey(
  bed: TestBed,
  folder: string,
): { readonly certificate: string; readonly key: string } {
  const { certificate, key } = serverKey();
  return {
    certificate: bed.write(`${folder}/certificate.pem`, certificate),
    key: bed.write(`${folder}/key.pem`, key, 0o600),
  };
}
