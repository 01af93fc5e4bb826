/** Unbound as the validating resolver beside a gate: one trust anchor, and every zone by the server it is told. */
import { pathOf, freePort, type RunningProgram, type TestBed } from './test-bed.ts';

export interface UnboundOptions {
  /** A DS record of the root as a zone file line: the only anchor. */
  readonly anchor: string;
  /** Where each zone is served. */
  readonly zones: readonly { readonly name: string; readonly address: string; readonly port: number }[];
  /** PEM of the certificate and the key with which it serves DNS over TLS, on another port. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Whether it has one more port, for those who say by the PROXY protocol who asks. */
  readonly takesProxy?: boolean;
}

export interface Resolver {
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
  /** Of DNS over TLS; 0 without. */
  readonly tlsPort: number;
  /** Where it takes the PROXY protocol, version 2; 0 without. */
  readonly proxyPort: number;
}

/** Starts Unbound on 127.0.0.1. Answers are not kept for long, so that a withdrawn record is soon seen to be gone. */
export async function startUnbound(bed: TestBed, options: UnboundOptions): Promise<Resolver> {
  const { anchor, zones, tls, takesProxy = false } = options;
  const port = await freePort();
  const name = `unbound-${port}`;
  const folder = bed.folder(name);
  const tlsPort = tls ? await freePort() : 0;
  const tlsLines = tls
    ? `  interface: 127.0.0.1@${tlsPort}
  tls-port: ${tlsPort}
  tls-service-pem: "${bed.write(`${name}/certificate.pem`, tls.certificate)}"
  tls-service-key: "${bed.write(`${name}/key.pem`, tls.key, 0o600)}"
`
    : '';
  const proxyPort = takesProxy ? await freePort() : 0;
  const proxyLines = takesProxy
    ? `  interface: 127.0.0.1@${proxyPort}\n  proxy-protocol-port: ${proxyPort}\n`
    : '';
  const stubs = zones.map(
    (zone) =>
      `stub-zone:\n  name: "${zone.name}"\n  stub-addr: ${zone.address}@${zone.port}\n  stub-no-cache: yes\n`,
  );
  const config = bed.write(
    `${name}/unbound.conf`,
    `server:
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  val-log-level: 2
  log-queries: yes
  do-daemonize: no
  module-config: "validator iterator"
  trust-anchor: "${anchor}"
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
  val-bogus-ttl: 1
  ede: yes
${tlsLines}${proxyLines}remote-control:
  control-enable: no
${stubs.join('')}`,
  );
  const program = bed.start(pathOf('unbound'), ['-d', '-c', config]);
  await program.waitForPort(port);
  if (tls) await program.waitForPort(tlsPort);
  return { program, address: '127.0.0.1', port, tlsPort, proxyPort };
}
