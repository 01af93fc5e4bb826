/**
 * Handshakes: new TLS 1.3 connections with client authentication and one DNS query each, 16 at a time, beside nginx and
 * BIND 9.20; and how soon the first answer comes on a new connection. No session is resumed, anywhere.
 *
 * A relay's figure holds the primary behind it: our gate with its NSD, nginx with the same NSD. Only ours asks the DNS
 * who the client is, and an access list what it may.
 *
 * Limitations: one client, so that its proof is cached but for the first connection; 127.0.0.1 only.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Name } from '../../core/dns/name.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { TestBed } from '../../test/support/peers/test-bed.ts';
import { median, row, type Row } from '../report.ts';
import { Load } from './load.ts';
import { clientName, makeIdentity, publishClient, startOurs } from './ours.ts';
import { startBind, startNginx, startNsd, zoneName, type Server } from './peers.ts';
import { groupCpuSeconds } from '../process-group.ts';
import { Trixie } from '../trixie.ts';

const concurrency = 16;
const loadSeconds = 2;
const firstAnswerSeconds = 0.5;
/** So many our compiler wants to see before it has done its work; they count for nothing. */
const warmUpHandshakes = 8000;
/** Runs after which the warm-up ends in any case, on a machine that is busy with something else. */
const warmUpRuns = 8;
/** Milliseconds after which a server has closed what the load has left. */
const settleMs = 100;

interface Servers {
  readonly ours: Server;
  readonly nginx: Server;
  readonly bind: Server;
}

/** Handshakes per CPU second, and milliseconds to the first answer. */
interface Round {
  readonly x509: number;
  readonly rawKey: number | undefined;
  readonly nginx: number;
  readonly bind: number;
  readonly firstAnswer: number;
  readonly bindFirstAnswer: number;
}

export async function benchHandshake(rounds: number, say: (words: string) => void): Promise<readonly Row[]> {
  const trixie = Trixie.open(say);
  const bed = new TestBed();
  let lab: Lab | undefined;
  try {
    lab = await startLab({ zones: ['ns2.example'], unsignedZones: [] });
    const [client, server] = await Promise.all([makeIdentity(clientName), makeIdentity('gate.example')]);
    publishClient(lab, client);
    const { certificatePem, privateKeyPem: keyPem } = client;
    const zone = Name.parse(zoneName);
    const load = await Load.build(trixie, { name: clientName, certificatePem, keyPem, zone });
    const nsd = await startNsd(bed);
    const servers = {
      ours: await startOurs(bed, lab, server, nsd),
      nginx: await startNginx(bed, trixie, { server, client }, nsd),
      bind: await startBind(bed, trixie, { server, client }),
    };
    const whyNoRawKey = await load.whyNoRawKey(servers.ours.port);
    const withRawKey = whyNoRawKey === undefined;
    await warmUp(load, servers, withRawKey);
    const seen: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const figures = await measureRound(load, servers, withRawKey);
      seen.push(figures);
      say(`round ${String(round)}: ${describe(figures)}`);
    }
    if (whyNoRawKey !== undefined)
      say(
        `The rows of the raw public key are left out: our gate does not negotiate one (${whyNoRawKey}). Is the TLS addon built?`,
      );
    return rows(seen);
  } finally {
    await bed.close();
    await lab?.close();
    trixie.close();
  }
}

async function warmUp(load: Load, { ours, nginx, bind }: Servers, withRawKey: boolean): Promise<void> {
  const order = { port: ours.port, concurrency, seconds: loadSeconds };
  for (let runs = 0, seen = 0; seen < warmUpHandshakes && runs < warmUpRuns; runs += 1)
    seen += (await load.run({ ...order, rawKey: withRawKey && runs % 2 === 1 })).handshakes;
  for (const { port } of [nginx, bind]) await load.run({ port, concurrency, seconds: 1 });
}

async function measureRound(load: Load, { ours, nginx, bind }: Servers, withRawKey: boolean): Promise<Round> {
  return {
    x509: await handshakesPerCpuSecond(load, ours),
    nginx: await handshakesPerCpuSecond(load, nginx),
    rawKey: withRawKey ? await handshakesPerCpuSecond(load, ours, true) : undefined,
    bind: await handshakesPerCpuSecond(load, bind),
    firstAnswer: await firstAnswerMs(load, ours),
    bindFirstAnswer: await firstAnswerMs(load, bind),
  };
}

async function handshakesPerCpuSecond(
  load: Load,
  { port, programs }: Server,
  rawKey = false,
): Promise<number> {
  const used = (): number => programs.reduce((sum, { pid }) => sum + groupCpuSeconds(pid), 0);
  const begun = used();
  const { handshakes, rawKeys } = await load.run({ port, concurrency, seconds: loadSeconds, rawKey });
  if (rawKey && rawKeys !== handshakes) throw new Error('not every connection has used the raw public key');
  await sleep(settleMs);
  return handshakes / (used() - begun);
}

/** One connection after the other, with nothing else under way. */
async function firstAnswerMs(load: Load, { port }: Server): Promise<number> {
  return (await load.run({ port, concurrency: 1, seconds: firstAnswerSeconds })).medianMs;
}

function rows(seen: readonly Round[]): Row[] {
  const of = (figure: keyof Round): number => median(seen.map((round) => round[figure] ?? NaN));
  const unit = 'per CPU second';
  const what = (key: string): string => `handshakes with proof, access list and one query, ${key}`;
  const beside = (peer: string): string => `our gate and its NSD beside ${peer}`;
  const nginx = { name: 'nginx with X.509', figure: of('nginx') };
  const bind = { name: 'BIND 9.20 with X.509', figure: of('bind') };
  const rawKeyRows = [
    row({
      what: `${what('raw public key')}; ${beside('nginx and its NSD')}`,
      unit,
      ours: of('rawKey'),
      peer: nginx,
      aim: { words: "at least the peer's", isMet: (a, b) => a >= b },
    }),
    row({ what: `${what('raw public key')}; ${beside('BIND')}`, unit, ours: of('rawKey'), peer: bind }),
  ];
  return [
    row({
      what: `${what('X.509')}; ${beside('nginx and its NSD')}`,
      unit,
      ours: of('x509'),
      peer: nginx,
      aim: { words: "at least 0.85 of the peer's", isMet: (a, b) => a >= 0.85 * b },
    }),
    row({ what: `${what('X.509')}; ${beside('BIND')}`, unit, ours: of('x509'), peer: bind }),
    ...(seen.some(({ rawKey }) => rawKey !== undefined) ? rawKeyRows : []),
    row({
      what: 'first answer on a new connection, X.509, nothing else running',
      unit: 'milliseconds',
      ours: of('firstAnswer'),
      peer: { name: 'BIND 9.20', figure: of('bindFirstAnswer') },
      aim: { words: "at most the peer's", isMet: (a, b) => a <= b },
    }),
  ];
}

function describe({ x509, rawKey, nginx, bind, firstAnswer, bindFirstAnswer }: Round): string {
  const raw = rawKey === undefined ? '' : `, raw public key ${rawKey.toFixed(0)}`;
  const latency = `${firstAnswer.toFixed(2)} and ${bindFirstAnswer.toFixed(2)} ms`;
  return `X.509 ${x509.toFixed(0)}${raw}, nginx ${nginx.toFixed(0)}, BIND ${bind.toFixed(0)} handshakes per CPU second; first answer of ours and BIND ${latency}`;
}
