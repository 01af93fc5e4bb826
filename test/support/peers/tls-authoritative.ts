/**
 * Real authoritative servers with one zone, on UDP and TCP of one port and on TLS of another, with a certificate that has
 * expired and that nobody knows the issuer of: as servers are that a resolver meets without having heard of them.
 *
 * Limitations: Knot DNS is not among them, whose version 3.2 serves no TLS. Unbound answers from a copy of the zone.
 */
import { endEntity, sharedKey } from '../certificate-factory.ts';
import { dotAuthority, pemOf } from '../dot-server.ts';
import { freePort, pathOf, type RunningProgram, type TestBed } from './test-bed.ts';

export interface TlsAuthoritative {
  readonly address: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly program: RunningProgram;
}

interface At {
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly apex: string;
  readonly zone: string;
  readonly certificate: string;
  readonly key: string;
}

interface Kind {
  readonly configuration: (at: At) => string;
  readonly start: (bed: TestBed, config: string, folder: string) => RunningProgram;
}

const address = '127.0.0.1';

const kinds = {
  BIND: {
    configuration: ({ folder, port, tlsPort, apex, zone, certificate, key }) => `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${String(port)} { ${address}; }; listen-on-v6 { none; };
  listen-on port ${String(tlsPort)} tls own { ${address}; };
  recursion no; dnssec-validation no;
};
controls { };
tls own { cert-file "${certificate}"; key-file "${key}"; };
zone "${apex}" { type primary; file "${zone}"; };
`,
    start: (bed, config) => bed.start(pathOf('named'), ['-g', '-n', '1', '-c', config]),
  },
  NSD: {
    configuration: ({ folder, port, tlsPort, apex, zone, certificate, key }) => `server:
  server-count: 1
  ip-address: ${address}@${String(port)}
  ip-address: ${address}@${String(tlsPort)}
  tls-port: ${String(tlsPort)}
  tls-service-key: "${key}"
  tls-service-pem: "${certificate}"
  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
remote-control:
  control-enable: no
zone:
  name: ${apex}
  zonefile: "${zone}"
`,
    start: (bed, config, folder) => bed.start(pathOf('nsd'), ['-d', '-c', config], `${folder}/log`),
  },
  Unbound: {
    configuration: ({ folder, port, tlsPort, apex, zone, certificate, key }) => `server:
  interface: ${address}@${String(port)}
  interface: ${address}@${String(tlsPort)}
  tls-port: ${String(tlsPort)}
  tls-service-key: "${key}"
  tls-service-pem: "${certificate}"
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  do-ip6: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  do-daemonize: no
  module-config: "iterator"
remote-control:
  control-enable: no
auth-zone:
  name: "${apex}"
  zonefile: "${zone}"
  for-downstream: yes
  for-upstream: no
  fallback-enabled: no
`,
    start: (bed, config) => bed.start(pathOf('unbound'), ['-d', '-c', config]),
  },
} as const satisfies Readonly<Record<string, Kind>>;

/** What these servers are called. */
export type TlsAuthoritativeName = keyof typeof kinds;

export async function startTlsAuthoritative(
  bed: TestBed,
  which: TlsAuthoritativeName,
  { apex, text }: { readonly apex: string; readonly text: string },
): Promise<TlsAuthoritative> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const name = `${which.toLowerCase()}-tls-${String(port)}`;
  const folder = bed.folder(name);
  const ownKey = sharedKey('tls authoritative');
  const issued = endEntity({
    ...{ key: ownKey, issuer: dotAuthority, names: ['elsewhere.example'] },
    notAfterMs: Date.now() - 86_400_000,
  });
  const kind: Kind = kinds[which];
  const config = bed.write(
    `${name}/conf`,
    kind.configuration({
      ...{ folder, port, tlsPort, apex },
      zone: bed.write(`${name}/zone`, text),
      certificate: bed.write(`${name}/certificate.pem`, pemOf(issued)),
      key: bed.write(`${name}/key.pem`, ownKey.privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600),
    }),
  );
  const program = kind.start(bed, config, folder);
  await program.waitForPort(port);
  await program.waitForPort(tlsPort);
  return { address, port, tlsPort, program };
}
