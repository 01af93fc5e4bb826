/**
 * Stub resolvers and forwarders of others on loopback, in front of an agent or of a gate: Stubby, Unbound and BIND; and dnsperf,
 * which asks many questions at once. systemd-resolved is in systemd-resolved.ts.
 *
 * Limitations: none of these versions can show a certificate of its own when it asks: getdns, which Stubby is made of, Unbound, BIND
 * 9.18, which forwards in clear alone, and dnsperf.
 */
import { pathOf, freePort, runProgram, type RunningProgram, type TestBed } from './test-bed.ts';

/** Where plain DNS is asked. */
export interface PlainServer {
  readonly address: string;
  readonly port: number;
}

/** Where Stubby asks over TLS: strictly, since it knows the pin of the server's key (base64 of SHA-256 of the SPKI). */
export interface PinnedServer extends PlainServer {
  readonly pin: string;
}

export interface Forwarder extends PlainServer {
  readonly program: RunningProgram;
}

const address = '127.0.0.1';

/** Stubby: with a pin over TLS, otherwise over this plain transport. */
export async function startStubby(
  bed: TestBed,
  server: PlainServer | PinnedServer,
  transport: 'UDP' | 'TCP' = 'UDP',
): Promise<Forwarder> {
  const port = await freePort();
  const name = `stubby-${String(port)}`;
  const upstream =
    'pin' in server
      ? `    tls_port: ${String(server.port)}
    tls_pubkey_pinset:
      - digest: "sha256"
        value: ${server.pin}
`
      : `    port: ${String(server.port)}\n`;
  const config = bed.write(
    `${name}/stubby.yml`,
    `resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list:
  - GETDNS_TRANSPORT_${'pin' in server ? 'TLS\ntls_authentication: GETDNS_AUTHENTICATION_REQUIRED' : transport}
listen_addresses:
  - ${address}@${String(port)}
upstream_recursive_servers:
  - address_data: ${server.address}
${upstream}`,
  );
  const program = bed.start(pathOf('stubby'), ['-C', config, '-l']);
  await program.waitForPort(port);
  return { program, address, port };
}

/** Unbound as a forwarder for everything, which validates what it gets from this anchor down. */
export async function startUnboundForwarder(
  bed: TestBed,
  server: PlainServer,
  anchor: string,
): Promise<Forwarder> {
  const port = await freePort();
  const name = `unbound-forwarder-${String(port)}`;
  const folder = bed.folder(name);
  const config = bed.write(
    `${name}/unbound.conf`,
    `server:
  interface: ${address}@${String(port)}
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  do-daemonize: no
  trust-anchor: "${anchor}"
  cache-max-ttl: 0
  ede: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: ${server.address}@${String(server.port)}
`,
  );
  const program = bed.start(pathOf('unbound'), ['-d', '-c', config]);
  await program.waitForPort(port);
  return { program, address, port };
}

/** BIND as a forwarder for everything, which validates what it gets from this anchor down. */
export async function startBindForwarder(
  bed: TestBed,
  server: PlainServer,
  anchor: string,
): Promise<Forwarder> {
  const port = await freePort();
  const name = `bind-forwarder-${String(port)}`;
  const folder = bed.folder(name);
  const [tag, algorithm, digestType, digest] = anchor.split(' ').slice(-4);
  const config = bed.write(
    `${name}/named.conf`,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${String(port)} { ${address}; }; listen-on-v6 { none; };
  recursion yes; allow-query { 127.0.0.0/8; };
  forward only; forwarders { ${server.address} port ${String(server.port)}; };
  dnssec-validation yes; empty-zones-enable no;
  max-cache-ttl 1; max-ncache-ttl 1; servfail-ttl 0;
};
controls { };
trust-anchors { . static-ds ${tag!} ${algorithm!} ${digestType!} "${digest!}"; };
logging { channel all { stderr; severity info; print-category yes; }; category default { all; }; };
`,
  );
  const program = bed.start(pathOf('named'), ['-f', '-n', '1', '-c', config]);
  await program.waitForPort(port);
  return { program, address, port };
}

export interface DnsperfResult {
  readonly sent: number;
  readonly completed: number;
  /** How many answers had each response code, by its name. */
  readonly rcodes: Readonly<Record<string, number>>;
  readonly output: string;
}

/** Asks each question (`NAME TYPE`, in this order) so many times, many at once. */
export async function dnsperf(
  bed: TestBed,
  server: PlainServer,
  transport: 'udp' | 'tcp' | 'dot',
  questions: readonly string[],
  rounds: number,
): Promise<DnsperfResult> {
  const file = bed.write(`dnsperf-${String(await freePort())}`, `${questions.join('\n')}\n`);
  const to = ['-s', server.address, '-p', String(server.port), '-m', transport];
  const load = ['-d', file, '-n', String(rounds), '-c', '4', '-q', '100', '-t', '10'];
  const { stdout, stderr } = await runProgram(pathOf('dnsperf'), [...to, ...load]);
  const count = (what: string): number => Number(new RegExp(`${what}: +(\\d+)`).exec(stdout)?.[1] ?? NaN);
  const line = /Response codes: +(.*)/.exec(stdout)?.[1] ?? '';
  const rcodes = [...line.matchAll(/(\w+) (\d+)/g)].map(([, rcode, number]) => [rcode!, Number(number)]);
  return {
    sent: count('Queries sent'),
    completed: count('Queries completed'),
    rcodes: Object.fromEntries(rcodes) as Record<string, number>,
    output: stdout + stderr,
  };
}
