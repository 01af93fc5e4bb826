/**
 * Our side: `danced run` with one gate of dot-resolver before the upstream: mutual TLS, the proof of every member, an access
 * list whose rule has a rate, limits, metrics, and a log at the level that it has by default. The members' TLSA records are in
 * the lab's signed DNS, which runs in this process, on the CPU of the load.
 *
 * Limitations: the limits are as high as the load needs them, the times as long as a run; each is counted all the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { issueIdentity, type IssuedIdentity } from '../../core/pki/issue.ts';
import type { Lab } from '../../lab/lab.ts';
import { freePort, type TestBed } from '../../test/support/peers/test-bed.ts';
import { pinned, preferred, serverCpu } from '../processes.ts';
import { zoneName, type Credentials, type Server } from './peers.ts';

/** The zone of the members' names, which the lab must have. */
export const memberZone = 'members.example';

/** A member: its name, and its key with a certificate. */
export interface Member extends IssuedIdentity {
  /** Presentation format without the dot at the end. */
  readonly name: string;
}

/** What the gate is made of. */
export interface GateParts {
  readonly bed: TestBed;
  readonly lab: Lab;
  readonly server: Credentials;
  readonly upstream: Server;
  /** Processes that share the port; 1 if not said. */
  readonly workers?: number;
  /** CPUs that they may run on; the one that is measured if not said. */
  readonly cpus?: readonly number[];
  /** dot-resolver if not said. */
  readonly kind?: GateKind;
}

/** Which gate it is: before a resolver, or, with classes, before an authoritative server. */
export type GateKind = 'dot-resolver' | 'recursive-auth';

const hourMs = 3_600_000;
/** The records are looked up once, and stay cached. */
const tlsaTtlSeconds = 86_400;
const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
/** Milliseconds for all workers to be there. */
const startTimeMs = 30_000;

/** Makes a P-256 key with a certificate for the name. */
export function makeIdentity(name: string): Promise<IssuedIdentity> {
  const nowMs = Date.now();
  const validity = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + 24 * hourMs };
  return issueIdentity({ name: Name.parse(name), algorithm: 'p256', ...validity });
}

/** Makes so many members, and puts their TLSA records into the DNS. */
export async function makeMembers(lab: Lab, count: number): Promise<Member[]> {
  const names = Array.from({ length: count }, (_, number) => `laptop-${String(number)}.${memberZone}`);
  return Promise.all(
    names.map(async (name) => {
      const identity = await makeIdentity(name);
      const record = tlsaFor(identity, { usage: 3, selector: 1, matchingType: 1 });
      lab.publishTlsa(name, [encodeTlsa(record)], tlsaTtlSeconds);
      return { name, ...identity };
    }),
  );
}

/** Starts the daemon; its log goes to a file. Resolves when it is ready. */
export async function startOurs(parts: GateParts): Promise<Server> {
  const { bed, lab, server, upstream, workers = 1, cpus = [serverCpu], kind = 'dot-resolver' } = parts;
  const [port, observePort] = [await freePort(), await freePort()];
  const folder = `ours-${port}`;
  bed.write(`${folder}/gate/certificate.pem`, server.certificatePem);
  bed.write(`${folder}/gate/key.pem`, server.privateKeyPem, 0o600);
  bed.write(`${folder}/root.key`, `${lab.rootAnchor()}\n`);
  bed.write(
    `${folder}/access.yaml`,
    `version: 1
clients:
  "*.${memberZone}":
    roles: [member]
    allow: [{ action: resolve, rate: 10000000/s }, { action: query }]
`,
  );
  const config = bed.write(
    `${folder}/danced.yaml`,
    `version: 1
${workers > 1 ? `workers: ${workers}\n` : ''}identity: { name: gate.example, directory: gate }
resolver:
  servers: ["127.0.0.1:${lab.resolver.port}"]
  trust-anchors: root.key
access: { store: file, file: access.yaml }
observe: { listen: "127.0.0.1:${observePort}" }
plugins:
  - use: ${kind}/gate
    listen: ["127.0.0.1:${port}"]
${(kind === 'dot-resolver' ? views : classes)(upstream.port)}
    limits:
      connections: 20000
      connections-per-address: 20000
      handshakes-per-second: 100000
      proofs-per-domain: 256 # all members are of one
      idle-time: 1h
`,
  );
  const log = bed.write(`${folder}/log`, '');
  const run: [string, string[]] = [process.execPath, [...execArgv(), main, 'run', '-c', config]];
  const [command, args] = pinned(serverCpu, ...preferred(run));
  // taskset(1) takes a list; pinned() gives one CPU.
  args[1] = cpus.join(',');
  // The shell opens the file, and becomes the program.
  const program = bed.start('sh', ['-c', 'exec "$@" 2>"$0"', log, command, ...args], log);
  await program.waitForPort(port);
  await program.waitFor('ready', () => isReady(observePort), startTimeMs);
  // Workers share the port: the first to listen is not the last.
  if (workers > 1) await sleep(1000);
  return { port, front: program, behind: [upstream.front] };
}

function views(upstreamPort: number): string {
  return `    views:
      default: { upstreams: ["127.0.0.1:${upstreamPort}"], transport: tcp }
    default-view: default`;
}

/** A class with everything that it can have, and strangers. */
function classes(upstreamPort: number): string {
  return `    upstreams: ["127.0.0.1:${upstreamPort}"]
    transport: tcp
    classes:
      first: { weight: 100 }
      member:
        weight: 10
        rate: 10000000/s
        total-rate: 100000000/s
        requests-at-once: 10000
        zones: [${zoneName}]
        except: [inside.${zoneName}]
      strangers: { rate: 100/s, zones: [${zoneName}], shed: drop }`;
}

async function isReady(observePort: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${observePort}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** Options of Node for whoever looks for what takes the time: DANCED_BENCH_NODE, as `--cpu-prof --cpu-prof-dir=prof`. */
function execArgv(): string[] {
  return (process.env['DANCED_BENCH_NODE'] ?? '').split(' ').filter((word) => word !== '');
}
