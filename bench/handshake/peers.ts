/**
 * The peers, each on the CPU that is measured and with no session to resume: nginx (stream) that verifies client certificates
 * before a primary on plain TCP, BIND 9.20 that does it itself, and NSD as that primary, which stands behind our gate too.
 *
 * Limitations: nginx and BIND know the client's certificate as its own authority; they ask no DNS who it is.
 */
import { freePort, pathOf, type RunningProgram, type TestBed } from '../../test/support/peers/test-bed.ts';
import { numberedZone } from '../../test/support/peers/zone-text.ts';
import { pinned, serverCpu } from '../processes.ts';
import type { Trixie } from '../trixie.ts';

/** A server that the load is sent to. */
export interface Server {
  readonly port: number;
  /** All that works for it, each the first of a process group of its own. */
  readonly programs: readonly RunningProgram[];
}

/** A certificate and its key in PEM. */
export interface Credentials {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** What a server over TLS needs: its own certificate, and the only client that it knows. */
export interface MutualTls {
  readonly server: Credentials;
  readonly client: Credentials;
}

export const zoneName = 'example.com';
const zone = numberedZone(zoneName, 1, 100);

/** Starts Debian's NSD on plain TCP, of the Debian that this machine has. */
export async function startNsd(bed: TestBed): Promise<Server> {
  const port = await freePort();
  const folder = bed.folder('nsd');
  const config = bed.write(
    'nsd/nsd.conf',
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
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
  name: ${zone.apex}
  zonefile: "${bed.write('nsd/zone', zone.text)}"
`,
  );
  const program = bed.start(...pinned(serverCpu, pathOf('nsd'), ['-d', '-c', config]), `${folder}/log`);
  await program.waitForPort(port);
  return { port, programs: [program] };
}

/** Starts nginx before a primary. */
export async function startNginx(
  bed: TestBed,
  trixie: Trixie,
  tls: MutualTls,
  primary: Server,
): Promise<Server> {
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
events {}
stream {
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols TLSv1.3;
    ssl_alpn dot;
    ssl_certificate ${trixie.write('nginx.pem', tls.server.certificatePem)};
    ssl_certificate_key ${trixie.write('nginx.key', tls.server.privateKeyPem)};
    ssl_verify_client on;
    ssl_client_certificate ${trixie.write('nginx-clients.pem', tls.client.certificatePem)};
    ssl_session_tickets off;
    ssl_session_cache off;
    proxy_pass 127.0.0.1:${primary.port};
  }
}
`,
  );
  const line = trixie.inside('/usr/sbin/nginx', ['-e', log, '-c', config]);
  const program = bed.start(...pinned(serverCpu, ...line), trixie.outerPath('nginx.log'));
  await program.waitForPort(port);
  return { port, programs: [program, ...primary.programs] };
}

/** Starts BIND with the zone. */
export async function startBind(bed: TestBed, trixie: Trixie, tls: MutualTls): Promise<Server> {
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
  minimal-responses yes;
  // 10 by default: the connections that come at the same time would have to come again.
  tcp-listen-queue 511;
  listen-on port ${port} tls mutual { 127.0.0.1; };
  listen-on-v6 { none; };
};
tls mutual {
  cert-file "${trixie.write('bind.pem', tls.server.certificatePem)}";
  key-file "${trixie.write('bind.key', tls.server.privateKeyPem)}";
  ca-file "${trixie.write('bind-clients.pem', tls.client.certificatePem)}";
  protocols { TLSv1.3; };
  session-tickets no;
};
controls {};
logging { channel file { file "${trixie.path('named.log')}"; severity info; }; category default { file; }; };
zone "${zone.apex}" { type primary; file "${trixie.write('zone', zone.text)}"; };
`,
  );
  const line = trixie.inside('/usr/sbin/named', ['-f', '-n', '1', '-c', config]);
  const program = bed.start(...pinned(serverCpu, ...line), trixie.outerPath('named.log'));
  await program.waitForPort(port);
  return { port, programs: [program] };
}
