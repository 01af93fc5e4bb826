/**
 * `npm run example:dot-resolver`: the gate with the danced.yaml and access.yaml of this folder before a real Unbound, the
 * agent of a laptop, and a lab that takes the place of the DNS. Prints what each party sees; then stays up until Ctrl-C, and
 * prints what to try in another terminal. With `--once` it ends there: 0 if everybody saw what they should, 1 if not.
 *
 * Keys are made at the first start, in run/, which is not part of the source.
 *
 * Limitations: Unbound must be installed. The ports are fixed, because the configuration files name them, so that only one
 * can run at a time.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Daemon } from '../../cli/daemon.ts';
import { openParty, type Party } from '../../cli/demo/party.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { RrType } from '../../core/dns/constants.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { createLog } from '../../core/observe/log.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { ports, trials } from './commands.ts';
import { atTheGate, noAnswer, throughTheAgent } from './sights.ts';

const folder = import.meta.dirname;
const stopTimeMs = 1000;
/** For Unbound to listen. */
const startTimeMs = 10_000;

/** Names, and what staff and guests should see; strangers see nothing. */
const expected: readonly (readonly [name: string, staff: string, guest: string])[] = [
  ['www.corp.example', '10.0.0.80', '192.0.2.80'],
  ['wiki.corp.example', '10.0.0.10', 'NXDOMAIN'],
  ['intranet.corp.example', '10.0.0.10', 'NXDOMAIN'],
  ['www.shop.example', '192.0.2.90', '192.0.2.90'],
];

const { values: options } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
mkdirSync(join(folder, 'run'), { recursive: true });
const parties = await openParties();
const lab = await startDns();
const unbound = await startUnbound();
const gate = await startDaemon('danced.yaml');
const agent = await startDaemon('agent.yaml');

const isRight = await tellWhatEachSees();
if (options.once) {
  process.exitCode = isRight ? 0 : 1;
} else {
  tellWhatToTry();
  await interrupted();
}
await agent.stop(stopTimeMs);
await gate.stop(stopTimeMs);
unbound.kill();
await lab.close();

interface Parties {
  readonly gate: Party;
  /** Of the staff. */
  readonly laptop: Party;
  /** Of a guest. */
  readonly phone: Party;
  /** Somebody with a key and a TLSA record, whom the access list does not have. */
  readonly stranger: Party;
  /** Somebody with the name of the laptop and a key of their own. */
  readonly impostor: Party;
}

async function openParties(): Promise<Parties> {
  const open = (name: string, directory: string) => openParty(name, join(folder, 'run', directory));
  return {
    gate: await open('resolver.corp.example', 'gate'),
    laptop: await open('laptop1.staff.corp.example', 'laptop'),
    phone: await open('phone1.guest.corp.example', 'phone'),
    stranger: await open('laptop.stranger.example', 'stranger'),
    impostor: await open('laptop1.staff.corp.example', 'impostor'),
  };
}

/** The world's DNS: what everybody sees, and the TLSA records of all but the impostor. */
async function startDns(): Promise<Lab> {
  const zones = ['corp.example', 'shop.example', 'stranger.example'];
  const started = await startLab({ zones, ports: { resolver: ports.resolver } }).catch(stop);
  started.publish('www.corp.example', RrType.A, [encodeA('192.0.2.80')]);
  started.publish('www.shop.example', RrType.A, [encodeA('192.0.2.90')]);
  for (const { name, tlsa } of [parties.laptop, parties.phone, parties.stranger]) {
    started.publishTlsa(name, [tlsa]);
  }
  started.publishTlsa(`_${String(ports.gate)}._tcp.resolver.corp.example`, [parties.gate.tlsa]);
  writeFileSync(join(folder, 'run', 'root.key'), `${started.rootAnchor()}\n`);
  return started;
}

/** Unbound with the configuration of this folder. */
async function startUnbound(): Promise<ChildProcess> {
  // Servers live in sbin, which a plain user's PATH leaves out.
  const path = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin'].join(delimiter);
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const child = spawn('unbound', ['-d', '-c', 'unbound.conf'], {
    cwd: folder,
    env: { ...process.env, PATH: path },
    stdio: [...stdio],
  });
  child.once('error', () =>
    stop(new Error('Unbound is not installed, and it stands behind the gate: apt-get install unbound')),
  );
  process.once('exit', () => child.kill());
  const until = Date.now() + startTimeMs;
  while (!(await takesConnections(ports.unbound))) {
    if (child.exitCode !== null || Date.now() > until) stop(new Error('Unbound does not start'));
    await sleep(50);
  }
  return child;
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** As `danced run -c FILE` does. */
async function startDaemon(file: string): Promise<Daemon> {
  try {
    const loaded = await loadConfigAndPlugins(join(folder, file));
    const { level, format } = loaded.config.observe;
    return await Daemon.start({ loaded, log: createLog({ level, format }) });
  } catch (error) {
    return stop(error);
  }
}

/** What can be mended, as a port in use, in words; the servers that stand already end with the process. */
function stop(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}

/** Prints the table, and gives whether it is as it should be. */
async function tellWhatEachSees(): Promise<boolean> {
  const names = expected.map(([name]) => name);
  const see = (party: Party) => atTheGate(names, party, parties.gate);
  const staff = await see(parties.laptop);
  const agents = await Promise.all(names.map(throughTheAgent));
  const guest = await see(parties.phone);
  const strangers = await see(parties.stranger);
  const forged = await see(parties.impostor);
  const allRight = expected.every(
    ([, inside, outside], row) =>
      [staff[row], agents[row], guest[row]].join() === [inside, inside, outside].join() &&
      [strangers[row], forged[row]].every((seen) => seen === noAnswer),
  );
  const rows = [
    ['', 'a laptop of the staff', 'through its agent', 'the phone of a guest', 'strangers'],
    ...names.map((name, row) => [name, ...[staff, agents, guest, strangers].map((seen) => seen[row] ?? '')]),
  ];
  const widthOf = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widthOf(column))).join('  '));
  process.stdout.write(`\n${lines.map((line) => line.trimEnd()).join('\n')}\n`);
  if (!allRight) process.stdout.write('\nThat is not what they should see.\n');
  return allRight;
}

function tellWhatToTry(): void {
  const lines = [
    '',
    `The gate listens on 127.0.0.1 port ${String(ports.gate)}, the agent of the laptop on port ${String(ports.agent)}.`,
    'Try in another terminal:',
    `  cd ${relative(process.cwd(), folder) || '.'}`,
    ...trials.flatMap(({ words, commands }) => ['', words, ...commands.map((command) => `  ${command}`)]),
    '',
    'Change access.yaml meanwhile: it counts at once. The logs of gate and agent follow; Ctrl-C ends everything.',
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
