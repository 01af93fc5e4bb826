/**
 * `npm run example:recursive-auth`: the gate with the gate.yaml and access.yaml of this folder before a real NSD, the agent of a
 * known resolver beside a real Unbound, and a lab that takes the place of the DNS. Prints what each party sees; then stays up
 * until Ctrl-C, and prints what to try in another terminal. With `--once` it ends there: 0 if everybody saw what they should, 1
 * if not.
 *
 * Keys are made at the first start, in run/, which is not part of the source.
 *
 * Limitations: NSD and Unbound must be installed. The ports are fixed, because the configuration files name them, so that only
 * one can run at a time.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openParty, type Party } from '../../cli/demo/party.ts';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { answerEach, respondTo } from '../../lab/respond.ts';
import { startServer } from '../../lab/servers.ts';
import {
  interrupted,
  printTable,
  printTrials,
  startDaemon,
  startProgram,
  stop,
  writeRunFile,
} from '../programs.ts';
import { ports, trials } from './commands.ts';
import { answeredOf, atTheGate, byResolver } from './sights.ts';

const folder = import.meta.dirname;
const publicZone = 'public.example';
const groupZone = 'group.example';
const stopTimeMs = 1000;
/** Questions at once, of which each network of strangers has some 20 answered in a second. */
const manyQuestions = 200;

interface Sight {
  readonly name: string;
  /** Of clients of the known resolver. */
  readonly clients: string;
  readonly resolver: string;
  readonly strangers: string;
  /** By a resolver that has no agent. */
  readonly world: string;
}

const expected: readonly Sight[] = [
  {
    name: `www.${publicZone}`,
    clients: '192.0.2.80, secure',
    resolver: '192.0.2.80',
    strangers: '192.0.2.80',
    world: '192.0.2.80, secure',
  },
  {
    name: `www.${groupZone}`,
    clients: '192.0.2.10, secure',
    resolver: '192.0.2.10',
    strangers: 'REFUSED',
    world: 'SERVFAIL',
  },
];

const { values: options } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
mkdirSync(join(folder, 'run'), { recursive: true });
const parties = await openParties();
const refuser = await startServer(answerEach((query) => respondTo(query, { rcode: Rcode.REFUSED })));
const lab = await startDns();
const nsd = await startProgram(folder, ['nsd', '-d', '-c', 'nsd.conf'], { port: ports.nsd });
const gate = await startDaemon(folder, 'gate.yaml');
const agent = await startDaemon(folder, 'agent.yaml');
const unbound = await startProgram(folder, ['unbound', '-d', '-c', 'unbound.conf'], { port: ports.unbound });

const isRight = await tellWhatEachSees();
const isFair = await tellWhoIsServed();
if (options.once) {
  process.exitCode = isRight && isFair ? 0 : 1;
} else {
  tellWhatToTry();
  await interrupted();
}
unbound.kill();
await agent.stop(stopTimeMs);
await gate.stop(stopTimeMs);
nsd.kill();
await lab.close();
await refuser.close();

interface Parties {
  readonly gate: Party;
  /** The recursive resolver that the access list has. */
  readonly member: Party;
  /** One with a key and a TLSA record, whom the access list does not have. */
  readonly other: Party;
  /** Somebody with the name of the member and a key of their own. */
  readonly impostor: Party;
}

async function openParties(): Promise<Parties> {
  const open = (name: string, directory: string) => openParty(name, join(folder, 'run', directory));
  return {
    gate: await open('ns1.provider.example', 'gate'),
    member: await open('_domain-s.resolver.member.example', 'member'),
    other: await open('_domain-s.resolver.stranger.example', 'other'),
    impostor: await open('_domain-s.resolver.member.example', 'impostor'),
  };
}

/**
 * The world's DNS, with the TLSA records of all but the impostor. The two zones are signed there and served by NSD; what the
 * world is told of that of the group is REFUSED, by a server that has it for nobody.
 */
async function startDns(): Promise<Lab> {
  const zones = [publicZone, groupZone, 'provider.example', 'member.example', 'stranger.example'];
  const started = await startLab({ zones, ports: { resolver: ports.resolver } }).catch(stop);
  started.publish(`www.${publicZone}`, RrType.A, [encodeA('192.0.2.80')]);
  started.publish(`www.${groupZone}`, RrType.A, [encodeA('192.0.2.10')]);
  for (const { name, tlsa } of [parties.member, parties.other]) started.publishTlsa(name, [tlsa]);
  started.publishTlsa(`_${String(ports.gate)}._tcp.ns1.provider.example`, [parties.gate.tlsa]);
  started.delegate(groupZone, [started.zone(groupZone).key.ds], refuser);
  for (const zone of [publicZone, groupZone]) {
    writeRunFile(folder, `${zone}.zone`, started.zoneFile(zone));
  }
  writeRunFile(folder, 'root.key', `${started.rootAnchor()}\n`);
  writeRunFile(folder, 'root.keys', bindAnchor(started));
  return started;
}

/** The DS record of the root as BIND has it. */
function bindAnchor(from: Lab): string {
  const [, tag, algorithm, digestType, digest] = /(\d+) (\d+) (\d+) (\S+)$/.exec(from.rootAnchor()) ?? [];
  return `trust-anchors { "." static-ds ${[tag, algorithm, digestType].join(' ')} "${digest ?? ''}"; };\n`;
}

/** Prints the table, and gives whether it is as it should be. */
async function tellWhatEachSees(): Promise<boolean> {
  const names = expected.map(({ name }) => name);
  const clients = await Promise.all(names.map((name) => byResolver(ports.unbound, name)));
  const resolver = await atTheGate(names, parties.member, parties.gate);
  const strangers = await atTheGate(names, undefined, parties.gate);
  const world = await Promise.all(names.map((name) => byResolver(ports.resolver, name)));
  const seen = names.map((name, row): Sight => {
    const at = (column: readonly string[]): string => column[row] ?? '';
    return {
      name,
      clients: at(clients),
      resolver: at(resolver),
      strangers: at(strangers),
      world: at(world),
    };
  });
  const others = [parties.other, parties.impostor].map((party) => atTheGate(names, party, parties.gate));
  const areStrangers = (await Promise.all(others)).every((one) => one.join() === strangers.join());
  const allRight = JSON.stringify(seen) === JSON.stringify(expected) && areStrangers;
  const header: Sight = {
    name: '',
    clients: 'clients of the resolver',
    resolver: 'the resolver, at the gate',
    strangers: 'strangers, at the gate',
    world: 'by other resolvers',
  };
  printTable([header, ...seen].map((row) => Object.values(row) as string[]));
  if (!allRight) process.stdout.write('\nThat is not what they should see.\n');
  return allRight;
}

/** Who asks for much, known or not. */
async function tellWhoIsServed(): Promise<boolean> {
  const [known, strangers] = await Promise.all(
    [parties.member, undefined].map((party) => answeredOf(manyQuestions, publicZone, party, parties.gate)),
  );
  const all = String(manyQuestions);
  process.stdout.write(
    `\nOf ${all} questions at once the resolver has ${String(known)} answered, a stranger ${String(strangers)}.\n`,
  );
  return known === manyQuestions && strangers !== undefined && strangers > 0 && strangers < manyQuestions / 2;
}

function tellWhatToTry(): void {
  printTrials(folder, {
    parties: [
      '',
      `The gate listens on 127.0.0.1 port ${String(ports.gate)}, Unbound on port ${String(ports.unbound)}, the agent beside it on port ${String(ports.agent)}.`,
    ],
    trials,
    logs: 'The logs of gate and agent follow',
  });
}
