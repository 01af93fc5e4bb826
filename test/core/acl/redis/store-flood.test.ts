import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { defaultRedisLimits, redisBounds } from '../../../../core/acl/redis/limits.ts';
import { RedisAccessStore } from '../../../../core/acl/redis/store.ts';
import { Name } from '../../../../core/dns/name.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { until } from '../../../support/redis/cluster.ts';
import { MemoryRedis } from '../../../support/redis/memory-redis.ts';

describe('the Redis store under a flood of messages', () => {
  let store: RedisAccessStore;
  let flood: NodeJS.Immediate | undefined;
  afterEach(async () => {
    clearImmediate(flood);
    await store.close();
  });

  for (const message of ['danced:v1:roles', 'nonsense', 'danced:v1:client:other.example']) {
    it(`still looks up who is not known: ${message}`, async () => {
      const redis = new MemoryRedis();
      redis.delay = () => 3;
      redis.change({ 'client:a.example': '{"allow":[]}' }, 'lost');
      store = RedisAccessStore.open({
        redis: { mode: 'single', servers: [{ path: '/nowhere' }], timeoutMs: 100 },
        prefix: 'danced',
        limits: defaultRedisLimits,
        log: memoryLog(),
        nowMs: Date.now,
        // One in each turn of the event loop, so that there is no answer without one before it.
        openClient: (options, events) => {
          const publish = (): void => {
            events.onMessage('danced:v1:changes', message);
            flood = setImmediate(publish);
          };
          const client = redis.open(options, events);
          setImmediate(publish);
          return client;
        },
      });
      await until('the list has been read', () => Promise.resolve(store.ready().ready));
      // Till messages are gathered.
      await sleep(2 * redisBounds.burstMs);
      expect((await store.admit(Name.parse('a.example'))).admitted).to.equal(true);
      expect((await store.admit(Name.parse('b.example'))).admitted).to.equal(false);
    });
  }
});
