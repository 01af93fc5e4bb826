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
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openParty, type Party } from '../../cli/demo/party.ts';
import { RrType } from '../../core/dns/constants.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import {
  interrupted,
  printTable,
  printTrials,
  startDaemon,
  startProgram,
  stop,
  writeRunFile,
} from '../programs.ts';
import { noAnswer } from '../questions.ts';
import { ports, trials } from './commands.ts';
import { atTheGate, throughTheAgent } from './sights.ts';

const folder = import.meta.dirname;
const stopTimeMs = 1000;

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
const unbound = await startProgram(folder, ['unbound', '-d', '-c', 'unbound.conf'], {
  port: ports.unbound,
  name: 'Unbound',
  role: ', and it stands behind the gate',
});
const gate = await startDaemon(folder, 'danced.yaml');
const agent = await startDaemon(folder, 'agent.yaml');

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
  writeRunFile(folder, 'root.key', `${started.rootAnchor()}\n`);
  return started;
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
  printTable([
    ['', 'a laptop of the staff', 'through its agent', 'the phone of a guest', 'strangers'],
    ...names.map((name, row) => [name, ...[staff, agents, guest, strangers].map((seen) => seen[row] ?? '')]),
  ]);
  if (!allRight) process.stdout.write('\nThat is not what they should see.\n');
  return allRight;
}

function tellWhatToTry(): void {
  printTrials(folder, {
    parties: [
      '',
      `The gate listens on 127.0.0.1 port ${String(ports.gate)}, the agent of the laptop on port ${String(ports.agent)}.`,
    ],
    trials,
    logs: 'The logs of gate and agent follow',
  });
}
