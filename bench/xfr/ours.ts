/**
 * Our side: `danced run` with one xot gate, proof and access list on. The secondaries' TLSA records are in the lab's signed DNS,
 * which runs in this process, on the CPU of the load.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import type { Lab } from '../../lab/lab.ts';
import { freePort, type RunningProgram, type TestBed } from '../../test/support/peers/test-bed.ts';
import { makeIdentity } from '../dot/ours.ts';
import { groupCpuSeconds } from '../process-group.ts';
import { pinned, preferred, serverCpu } from '../processes.ts';
import type { Secondary } from './load.ts';
import type { Credentials, Server } from './peers.ts';

/** The zone of the secondaries' names, which the lab must have. */
export const secondaryZone = 'members.example';
export const gateName = 'gate.example';

/** What a gate is made of. */
export interface GateParts {
  readonly bed: TestBed;
  readonly lab: Lab;
  readonly server: Credentials;
  /** Path of the program. */
  readonly danced: string;
}

/** What it serves. */
export interface GateOptions {
  readonly zone: string;
  /** Lines of the gate's configuration that say where zones come from and how they are served. */
  readonly lines: readonly string[];
  readonly limits?: Readonly<Record<string, string | number>>;
}

/** A gate that has begun. */
export interface Gate extends Server {
  /** Resolves when it listens: moment by performance.now(), and CPU seconds used so far. */
  readonly listening: Promise<Usage>;
}

export interface Usage {
  readonly atMs: number;
  readonly cpuSeconds: number;
}

/** The records are looked up once, and stay cached. */
const tlsaTtlSeconds = 86_400;
const startTimeMs = 30_000;
const lookMs = 2;

/** Makes so many secondaries, and puts their TLSA records into the DNS. */
export async function makeSecondaries(lab: Lab, count: number): Promise<Secondary[]> {
  const names = Array.from({ length: count }, (_, number) => `ns${String(number)}.${secondaryZone}`);
  return Promise.all(
    names.map(async (name) => {
      const identity = await makeIdentity(name);
      publishKey(lab, name, identity);
      return { name, ...identity };
    }),
  );
}

/** Puts the TLSA record of a key into the DNS. */
export function publishKey(lab: Lab, name: string, identity: IssuedIdentity): void {
  const record = tlsaFor(identity, { usage: 3, selector: 1, matchingType: 1 });
  lab.publishTlsa(name, [encodeTlsa(record)], tlsaTtlSeconds);
}

/** Begins the daemon; its log goes to a file. */
export async function beginGate(parts: GateParts, options: GateOptions): Promise<Gate> {
  const { bed, lab, server, danced } = parts;
  const { zone, lines, limits = {} } = options;
  const port = await freePort();
  const folder = `ours-${String(port)}`;
  bed.write(`${folder}/gate/certificate.pem`, server.certificatePem);
  bed.write(`${folder}/gate/key.pem`, server.privateKeyPem, 0o600);
  bed.write(`${folder}/root.key`, `${lab.rootAnchor()}\n`);
  bed.write(
    `${folder}/access.yaml`,
    `version: 1
clients:
  "*.${secondaryZone}": { roles: [secondary], allow: [{ action: transfer, zones: [${zone}] }] }
`,
  );
  // All secondaries have one address here, and their names are of one domain.
  const bounds = {
    connections: 2000,
    'connections-per-address': 2000,
    'handshakes-per-second': 100_000,
    'proofs-per-domain': 256,
    transfers: 1000,
    'transfers-per-client': 100,
    ...limits,
  };
  const config = bed.write(
    `${folder}/danced.yaml`,
    `version: 1
identity: { name: ${gateName}, directory: gate }
resolver:
  servers: ["127.0.0.1:${String(lab.resolver.port)}"]
  trust-anchors: root.key
access: { store: file, file: access.yaml }
plugins:
  - use: xot/gate
    listen: ["127.0.0.1:${String(port)}"]
${lines.map((line) => `    ${line}\n`).join('')}    limits:
${Object.entries(bounds)
  .map(([key, value]) => `      ${key}: ${String(value)}\n`)
  .join('')}`,
  );
  const log = bed.write(`${folder}/log`, '');
  const [command, args] = pinned(
    serverCpu,
    ...preferred([process.execPath, [...execArgv(), danced, 'run', '-c', config]]),
  );
  // The shell opens the file, and becomes the program.
  const front = bed.start('sh', ['-c', 'exec "$@" 2>"$0"', log, command, ...args], log);
  const listening = untilListening(front, log);
  // Whoever waits for it is told; others go on.
  listening.catch(() => undefined);
  return { port, front, behind: [], listening };
}

/** Looks at the log every few milliseconds. */
async function untilListening(gate: RunningProgram, log: string): Promise<Usage> {
  const until = Date.now() + startTimeMs;
  while (!readFileSync(log, 'utf8').includes('listening')) {
    await sleep(lookMs);
    // It ended, or takes too long: says so with its log.
    if (gate.hasEnded || Date.now() > until) await gate.waitFor('listening', () => false, 0);
  }
  return { atMs: performance.now(), cpuSeconds: groupCpuSeconds(gate.pid) };
}

/** Options of Node for whoever looks for what takes the time: DANCED_BENCH_NODE, as `--cpu-prof --cpu-prof-dir=prof`. */
function execArgv(): string[] {
  return (process.env['DANCED_BENCH_NODE'] ?? '').split(' ').filter((word) => word !== '');
}
