/**
 * The peers: NSD 4.12 and BIND 9.20 with the zone, each with TLS 1.3 that asks for a client certificate, NSD as the primary on
 * plain TCP, and nginx 1.26 (stream) before it. No session is resumed.
 *
 * Limitations: they know each secondary's certificate as its own authority, and give the zone to whoever has one of these; they ask no
 * DNS who it is.
 */
import { freePort, type RunningProgram, type TestBed } from '../../test/support/peers/test-bed.ts';
import { pinned, preferred, serverCpu } from '../processes.ts';
import type { CommandLine, Trixie } from '../trixie.ts';
import type { Secondary } from './load.ts';

/** A server that the load is sent to. */
export interface Server {
  readonly port: number;
  /** What takes the load: the first of a process group of its own. */
  readonly front: RunningProgram;
  /** What the front asks in its turn. */
  readonly behind: readonly RunningProgram[];
}

/** A certificate and its key in PEM. */
export interface Credentials {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** What the peers are made of. */
export interface PeerParts {
  readonly bed: TestBed;
  readonly trixie: Trixie;
  readonly server: Credentials;
  readonly secondaries: readonly Secondary[];
}

/** How NSD serves the zone. */
export interface NsdOptions {
  readonly zone: { readonly apex: string; readonly inside: string };
  /** TLS for those whose certificate it has, or plain TCP for all of this machine. */
  readonly transport: 'tls' | 'tcp' | 'both';
  readonly cpu?: number;
  /** Keeps the differences when it reads the zone file again. */
  readonly keepsChanges?: boolean;
}

/** An NSD; `tlsPort` is `port` when it serves nothing but TLS. */
export interface NsdServer extends Server {
  readonly tlsPort: number;
}

/** Starts NSD; it has not read its zone yet when this resolves. */
export async function startNsd(parts: PeerParts, options: NsdOptions): Promise<NsdServer> {
  const { bed, trixie, server, secondaries } = parts;
  const { zone, transport, cpu = serverCpu, keepsChanges = false } = options;
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const name = `nsd-${String(tlsPort)}`;
  const own = (end: string): string => trixie.path(`${name}.${end}`);
  const plain = transport === 'tls' ? '' : `  ip-address: 127.0.0.1@${String(plainPort)}\n`;
  const tls = `  ip-address: 127.0.0.1@${String(tlsPort)}
  tls-auth-port: ${String(tlsPort)}
  tls-service-key: "${trixie.write('nsd.key', server.privateKeyPem)}"
  tls-service-pem: "${trixie.write('nsd.pem', server.certificatePem)}"
  tls-cert-bundle: "${trixie.write('nsd-secondaries.pem', certificatesOf(secondaries))}"
`;
  const changes = '  store-ixfr: yes\n  create-ixfr: yes\n';
  const config = trixie.write(
    `${name}.conf`,
    `server:
  server-count: 1
${plain}${transport === 'tcp' ? '' : tls}${transport === 'tls' ? '  tls-auth-xfr-only: yes\n' : ''}  tcp-count: 2000
  tcp-timeout: 600
  username: ""
  zonesdir: "${trixie.path('')}"
  pidfile: "${own('pid')}"
  logfile: "${own('log')}"
  xfrdfile: "${own('xfrd')}"
  xfrdir: "${trixie.path('')}"
  zonelistfile: "${own('list')}"
  xfrd-reload-timeout: 0
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${zone.apex}
  zonefile: "${zone.inside}"
  provide-xfr: 127.0.0.0/8 NOKEY
${keepsChanges ? changes : ''}`,
  );
  const line = trixie.inside('/usr/sbin/nsd', ['-d', '-c', config]);
  const front = start({ bed, trixie, line, cpu, log: `${name}.log` });
  return { port: transport === 'tls' ? tlsPort : plainPort, tlsPort, front, behind: [] };
}

/** Starts nginx before a primary. */
export async function startNginx(parts: PeerParts, primary: Server): Promise<Server> {
  const { bed, trixie, server, secondaries } = parts;
  const port = await freePort();
  const log = trixie.path('nginx.log');
  const config = trixie.write(
    'nginx.conf',
    `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
user root;
daemon off;
worker_processes 1;
pid ${trixie.path('nginx.pid')};
error_log ${log};
events { worker_connections 4096; }
stream {
  server {
    listen 127.0.0.1:${String(port)} ssl backlog=2048;
    ssl_protocols TLSv1.3;
    ssl_alpn dot;
    ssl_certificate ${trixie.write('nginx.pem', server.certificatePem)};
    ssl_certificate_key ${trixie.write('nginx.key', server.privateKeyPem)};
    ssl_verify_client on;
    ssl_client_certificate ${trixie.write('nginx-secondaries.pem', certificatesOf(secondaries))};
    ssl_session_tickets off;
    ssl_session_cache off;
    tcp_nodelay on;
    proxy_buffer_size 64k; # 16k by default; with 64k it is at its best
    proxy_pass 127.0.0.1:${String(primary.port)};
  }
}
`,
  );
  const line = trixie.inside('/usr/sbin/nginx', ['-e', log, '-c', config]);
  const front = start({ bed, trixie, line, log: 'nginx.log' });
  await front.waitForPort(port);
  return { port, front, behind: [primary.front] };
}

/** Starts BIND; it may not have read its zone yet when this resolves. */
export async function startBind(parts: PeerParts, zone: NsdOptions['zone']): Promise<Server> {
  const { bed, trixie, server, secondaries } = parts;
  const port = await freePort();
  const config = trixie.write(
    'named.conf',
    `options {
  directory "${trixie.path('')}";
  pid-file none;
  session-keyfile none;
  recursion no;
  dnssec-validation no;
  notify no;
  allow-transfer { any; };
  transfers-out 1000;
  tcp-clients 5000;
  tcp-listen-queue 1000;
  listen-on port ${String(port)} tls mutual { 127.0.0.1; };
  listen-on-v6 { none; };
};
tls mutual {
  cert-file "${trixie.write('bind.pem', server.certificatePem)}";
  key-file "${trixie.write('bind.key', server.privateKeyPem)}";
  ca-file "${trixie.write('bind-secondaries.pem', certificatesOf(secondaries))}";
  protocols { TLSv1.3; };
  session-tickets no;
};
controls {};
logging { channel file { file "${trixie.path('named.log')}"; severity info; }; category default { file; }; };
zone "${zone.apex}" { type primary; file "${zone.inside}"; };
`,
  );
  const line = trixie.inside('/usr/sbin/named', ['-f', '-n', '1', '-c', config]);
  const front = start({ bed, trixie, line, log: 'named.log' });
  await front.waitForPort(port);
  return { port, front, behind: [] };
}

function certificatesOf(secondaries: readonly Secondary[]): string {
  return secondaries.map(({ certificatePem }) => `${certificatePem.trimEnd()}\n`).join('');
}

interface Started {
  readonly bed: TestBed;
  readonly trixie: Trixie;
  readonly line: CommandLine;
  readonly cpu?: number;
  readonly log: string;
}

function start({ bed, trixie, line, cpu = serverCpu, log }: Started): RunningProgram {
  const [command, args] = pinned(cpu, ...preferred(line));
  return bed.start(command, args, trixie.outerPath(log));
}
