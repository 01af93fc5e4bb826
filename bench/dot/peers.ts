/**
 * The peers, each on the CPU that is measured and with no session to resume: nginx (stream) that verifies client certificates
 * before the upstream on plain TCP, BIND 9.20 that verifies them itself, dnsdist with its packet cache, which cannot, and NSD
 * as the upstream of them all.
 *
 * Limitations: nginx and BIND know each member's certificate as its own authority; they ask no DNS who it is.
 */
import { freePort, type RunningProgram, type TestBed } from '../../test/support/peers/test-bed.ts';
import { pinned, preferred, serverCpu } from '../processes.ts';
import type { CommandLine, Trixie } from '../trixie.ts';

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
  /** Certificates of all members in PEM. */
  readonly members: string;
}

export const zoneName = 'names.example';
/** So many names have a record of their own; the others below the zone get that of the wildcard. */
export const namesInZone = 1000;
/** Starts NSD 4.12 on plain TCP, and on UDP for those who ask so. */
export async function startNsd({ bed, trixie }: Pick<PeerParts, 'bed' | 'trixie'>): Promise<Server> {
  const port = await freePort();
  const config = trixie.write(
    'nsd.conf',
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
  # Half of the places taken makes its times short.
  tcp-count: 25000
  tcp-timeout: 3600
  tcp-reject-overflow: no
  minimal-responses: yes
  username: ""
  zonesdir: "${trixie.path('')}"
  pidfile: "${trixie.path('nsd.pid')}"
  logfile: "${trixie.path('nsd.log')}"
  xfrdfile: "${trixie.path('xfrd.state')}"
  xfrdir: "${trixie.path('')}"
  zonelistfile: "${trixie.path('zone.list')}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${zoneName}
  zonefile: "${writeZone(trixie)}"
`,
  );
  const program = start(bed, trixie, trixie.inside('/usr/sbin/nsd', ['-d', '-c', config]), 'nsd.log');
  await program.waitForPort(port);
  return { port, front: program, behind: [] };
}

/** Starts nginx before an upstream. */
export async function startNginx(parts: PeerParts, upstream: Server, workers = 1): Promise<Server> {
  const { bed, trixie, server, members } = parts;
  const port = await freePort();
  const log = trixie.path('nginx.log');
  const config = trixie.write(
    `nginx-${port}.conf`,
    `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
user root;
daemon off;
worker_processes ${workers};
pid ${trixie.path(`nginx-${port}.pid`)};
error_log ${log};
events { worker_connections 25000; }
stream {
  server {
    listen 127.0.0.1:${port} ssl backlog=2048 reuseport;
    ssl_protocols TLSv1.3;
    ssl_alpn dot;
    ssl_certificate ${trixie.write('nginx.pem', server.certificatePem)};
    ssl_certificate_key ${trixie.write('nginx.key', server.privateKeyPem)};
    ssl_verify_client on;
    ssl_client_certificate ${trixie.write('nginx-members.pem', members)};
    ssl_session_tickets off;
    ssl_session_cache off;
    tcp_nodelay on;
    proxy_timeout 1h;
    proxy_pass 127.0.0.1:${upstream.port};
  }
}
`,
  );
  const program = start(
    bed,
    trixie,
    trixie.inside('/usr/sbin/nginx', ['-e', log, '-c', config]),
    'nginx.log',
  );
  await program.waitForPort(port);
  return { port, front: program, behind: [upstream.front] };
}

/** Starts BIND with the zone. */
export async function startBind({ bed, trixie, server, members }: PeerParts): Promise<Server> {
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
  tcp-clients 5000;
  tcp-listen-queue 1000;
  listen-on port ${port} tls mutual { 127.0.0.1; };
  listen-on-v6 { none; };
};
tls mutual {
  cert-file "${trixie.write('bind.pem', server.certificatePem)}";
  key-file "${trixie.write('bind.key', server.privateKeyPem)}";
  ca-file "${trixie.write('bind-members.pem', members)}";
  protocols { TLSv1.3; };
  session-tickets no;
};
controls {};
logging { channel file { file "${trixie.path('named.log')}"; severity info; }; category default { file; }; };
zone "${zoneName}" { type primary; file "${writeZone(trixie)}"; };
`,
  );
  const line = trixie.inside('/usr/sbin/named', ['-f', '-n', '1', '-c', config]);
  const program = start(bed, trixie, line, 'named.log');
  await program.waitForPort(port);
  return { port, front: program, behind: [] };
}

/** Starts dnsdist with a packet cache before an upstream, which it asks over UDP. */
export async function startDnsdist(
  { bed, trixie, server }: Omit<PeerParts, 'members'>,
  upstream: Server,
): Promise<Server> {
  const [port, plainPort] = [await freePort(), await freePort()];
  const certificate = trixie.write('dnsdist.pem', server.certificatePem);
  const key = trixie.write('dnsdist.key', server.privateKeyPem);
  const config = trixie.write(
    'dnsdist.conf',
    `setLocal("127.0.0.1:${plainPort}")
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
newServer({address="127.0.0.1:${upstream.port}", checkName="00000000.${zoneName}.", checkType="A", maxInFlight=1000, sockets=4})
addTLSLocal("127.0.0.1:${port}", "${certificate}", "${key}", {minTLSVersion="tls1.3", maxInFlight=1000, sessionTickets=false, tcpListenQueueSize=1000})
setMaxTCPClientThreads(1)
setMaxTCPConnectionsPerClient(0)
setTCPRecvTimeout(60)
getPool(""):setCache(newPacketCache(10000, {maxTTL=86400, minTTL=0}))
`,
  );
  const line = trixie.inside('/usr/bin/dnsdist', ['--supervised', '--disable-syslog', '-C', config]);
  const program = start(bed, trixie, line);
  await program.waitForPort(port);
  return { port, front: program, behind: [upstream.front] };
}

function start(bed: TestBed, trixie: Trixie, line: CommandLine, log?: string): RunningProgram {
  const [command, args] = pinned(serverCpu, ...preferred(line));
  return bed.start(command, args, log === undefined ? undefined : trixie.outerPath(log));
}

function writeZone(trixie: Trixie): string {
  const names = Array.from({ length: namesInZone }, (_, number) => {
    const label = number.toString(16).padStart(8, '0');
    return `${label}.${zoneName}. 3600 IN A 192.0.2.${number & 255}\n`;
  });
  return trixie.write(
    'zone',
    `${zoneName}. 3600 IN SOA ns1.${zoneName}. hostmaster.${zoneName}. 1 3600 600 86400 300
${zoneName}. 3600 IN NS ns1.${zoneName}.
ns1.${zoneName}. 3600 IN A 127.0.0.1
*.${zoneName}. 3600 IN A 192.0.2.1
${names.join('')}`,
  );
}
