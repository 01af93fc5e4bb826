/**
 * The process that is measured: a store of the access list in Redis, and a client of the same kind for bare GETs.
 */
import { generateKeyPairSync, hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisClient, type RedisOptions } from '../../core/acl/redis/client.ts';
import { defaultRedisLimits } from '../../core/acl/redis/limits.ts';
import { RedisAccessStore } from '../../core/acl/redis/store.ts';
import type { ClientIdentity } from '../../core/dane/identity.ts';
import { proveClient } from '../../core/dane/prove.ts';
import { Name } from '../../core/dns/name.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { memoryLog } from '../../test/support/memory-log.ts';
import { answerOrders } from '../measured-process.ts';
import { clientName, type ColdFigures, type Order, type Percentiles, type Place } from './orders.ts';

const megabyte = 1024 * 1024;
const settleMs = 3_000;
const settleRounds = 5;
const cachedRounds = 200_000;
const zone = Name.parse('role1.example');
const request = { action: 'transfer', zone } as const;

let store: RedisAccessStore | undefined;
let bare: RedisClient | undefined;
let clients = 0;

answerOrders(fulfil, () => {
  void store?.close();
  void bare?.close();
});

async function fulfil(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'open':
      await open(order);
      return rssMib();
    case 'cold':
      return cold(identitiesOf(order));
    case 'cached':
      return cached(identitiesOf(order));
    case 'warm':
      for (const [index, name] of namesOf(order).entries()) {
        await opened().decide(identityOf(name), request);
        if (index % 1000 === 0) await sleep(0);
      }
      return settledRssMib();
  }
}

async function open({ socket, clients: all }: Place): Promise<void> {
  clients = all;
  const redis: RedisOptions = { mode: 'single', servers: [{ path: socket }], timeoutMs: 5000 };
  const common = { log: memoryLog(), nowMs: Date.now, metrics: new Metrics() };
  store = RedisAccessStore.open({ redis, prefix: 'danced', limits: defaultRedisLimits, ...common });
  const up = Promise.withResolvers<undefined>();
  bare = new RedisClient(redis, {
    onUp: () => {
      up.resolve(undefined);
    },
    onDown: (why) => {
      up.reject(new Error(why));
    },
    onMessage: nothing,
    onSubscribed: nothing,
    onUnsubscribed: nothing,
  });
  bare.connect();
  await up.promise;
  for (let tries = 0; !store.ready().ready; tries += 1) {
    if (tries === 500) throw new Error(store.ready().waitingFor.join(', '));
    await sleep(10);
  }
}

/** In turns, so that whatever slows the machine slows both. */
async function cold(identities: readonly ClientIdentity[]): Promise<ColdFigures> {
  const gets: number[] = [];
  const decisions: number[] = [];
  for (const [index, identity] of identities.entries()) {
    const key = `danced:v1:client:${identity.name.toString()}`;
    const getFirst = index % 2 === 0;
    if (getFirst) gets.push(await timed(() => bare?.call('GET', key)));
    decisions.push(await timed(() => decideCold(identity)));
    if (!getFirst) gets.push(await timed(() => bare?.call('GET', key)));
  }
  return { get: percentiles(gets), decision: percentiles(decisions) };
}

async function decideCold(identity: ClientIdentity): Promise<void> {
  const { reason } = await opened().decide(identity, request);
  if (reason !== 'allowed' && reason !== 'no-rule') throw new Error(`${identity.name.toString()}: ${reason}`);
}

async function cached(identities: readonly ClientIdentity[]): Promise<number> {
  const begun = process.hrtime.bigint();
  for (let round = 0; round < cachedRounds; round += 1) {
    const identity = identities[round % identities.length];
    if (identity !== undefined) await opened().decide(identity, request);
  }
  return Number(process.hrtime.bigint() - begun) / 1000 / cachedRounds;
}

/** Microseconds. */
async function timed(work: () => unknown): Promise<number> {
  const begun = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - begun) / 1000;
}

function percentiles(figures: number[]): Percentiles {
  figures.sort((a, b) => a - b);
  const at = (part: number): number => figures[Math.floor(figures.length * part)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

interface Range {
  readonly first: number;
  readonly count: number;
}

function namesOf({ first, count }: Range): Name[] {
  // Spread over the whole list.
  return Array.from({ length: count }, (_, at) => Name.parse(clientName(((first + at) * 7919) % clients)));
}

function identitiesOf(range: Range): ClientIdentity[] {
  return namesOf(range).map(identityOf);
}

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const subjectPublicKeyInfo = publicKey.export({ format: 'der', type: 'spki' });
const record = Buffer.from([3, 1, 1, ...hash('sha256', subjectPublicKeyInfo, 'buffer')]);
const peer = { subjectPublicKeyInfo, dnsNames: [], chain: [] };
const answer = { status: 'secure', ttlSeconds: 3600, detail: '', records: [record] } as const;

/** Made as a gate makes it. */
function identityOf(name: Name): ClientIdentity {
  const { identity } = proveClient(name, answer, peer, {
    nowMs: Date.now(),
    longestMs: 3_600_000,
    roots: [],
  });
  if (identity === undefined) throw new TypeError('not proved');
  return identity;
}

function rssMib(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss() / megabyte;
}

/** What V8 needed to read them it gives back in its own time, some of it with each collection that a gate makes as it works. */
async function settledRssMib(): Promise<number> {
  for (let round = 0; round < settleRounds; round += 1) {
    globalThis.gc?.();
    await sleep(settleMs);
  }
  return process.memoryUsage.rss() / megabyte;
}

function opened(): RedisAccessStore {
  if (store === undefined) throw new Error('no store was opened');
  return store;
}

function nothing(): void {
  // The client's events that do not matter here.
}
