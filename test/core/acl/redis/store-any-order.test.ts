import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { decideAnonymousBy, decideBy } from '../../../../core/acl/access-control.ts';
import { AccessList } from '../../../../core/acl/access-list.ts';
import { readClientPattern } from '../../../../core/acl/patterns.ts';
import { redisLimits } from '../../../../core/acl/redis/limits.ts';
import { RedisAccessStore } from '../../../../core/acl/redis/store.ts';
import { rightsSchema, roleSchema } from '../../../../core/acl/schema.ts';
import { Name } from '../../../../core/dns/name.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { provedClient } from '../../../support/proved-client.ts';
import { MemoryRedis } from '../../../support/redis/memory-redis.ts';
import { transferOf } from '../../../support/redis/list-bed.ts';

const names = ['a.example', 'b.example', 'x.b.example', 'y.x.b.example', 'c.test'].map((text) =>
  Name.parse(text),
);
const transfer = { action: 'transfer', zone: Name.parse('example.com') } as const;

const rights = fc.constantFrom(
  undefined,
  transferOf('*'),
  transferOf('other.example'),
  JSON.stringify({ roles: ['one'] }),
  JSON.stringify({ roles: ['two', 'one'] }),
  JSON.stringify({ allow: [] }),
);
const rules = fc.constantFrom(
  undefined,
  transferOf('*'),
  transferOf('other.example'),
  JSON.stringify({ deny: [{ action: 'transfer' }] }),
);
const key = fc.constantFrom(
  ...names.map((name) => `client:${name.toString()}`),
  'below:example',
  'below:b.example',
  'below:x.b.example',
  'below:test',
);
const change = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(key, rights) },
  fc.tuple(fc.constantFrom('roles one', 'roles two'), rules),
  fc.tuple(fc.constant('anonymous'), rights),
);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
      telling: fc.constantFrom('numbered' as const, 'numbered' as const, 'plain' as const, 'lost' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      name: fc.constantFrom(...names),
      waits: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(12) }) },
  fc.record({
    do: fc.constantFrom('cut' as const, 'reconnect' as const, 'unsubscribe' as const, 'subscribe' as const),
  }),
  fc.record({ do: fc.constantFrom('save' as const, 'restore' as const, 'empty' as const) }),
);

/** What the data of a Redis says, by the code for files. */
function listIn(redis: MemoryRedis): AccessList {
  const list = new AccessList();
  for (const [full, value] of redis.data) {
    const at = full.slice('danced:v1:'.length);
    if (value instanceof Map) {
      for (const [role, text] of value) list.defineRole(role, roleSchema(role).parse(JSON.parse(text)));
    } else if (at === 'anonymous') {
      list.anonymous = rightsSchema.parse(JSON.parse(value));
    } else if (at !== 'revision') {
      const pattern = at.replace(/^client:/, '').replace(/^below:/, '*.');
      list.add(readClientPattern(pattern), { pattern, rights: rightsSchema.parse(JSON.parse(value)) });
    }
  }
  return list;
}

describe('the Redis store, whatever happens in whatever order', function () {
  this.timeout(120_000);

  it('decides, after the next look, as a list in memory with the same content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(fc.nat(5), { minLength: 1, maxLength: 20 }),
        async (steps, delays) => {
          const redis = new MemoryRedis();
          let drawn = 0;
          redis.delay = () => delays[drawn++ % delays.length] ?? 0;
          redis.change({ 'below:example': transferOf('*') }, 'lost');
          const store = RedisAccessStore.open({
            redis: { mode: 'single', servers: [{ path: '/none' }], timeoutMs: 100 },
            prefix: 'danced',
            limits: { ...limitsOf(redisLimits), 'poll-time': 5, 'answer-time': 100 },
            log: memoryLog(),
            nowMs: Date.now,
            openClient: redis.open,
          });
          let saved = new Map(redis.data);
          const asked: Promise<unknown>[] = [];
          for (const one of steps) {
            if (one.do === 'change') redis.change(Object.fromEntries(one.changes), one.telling);
            else if (one.do === 'ask') {
              const answer = store.decide(provedClient(one.name), transfer);
              asked.push(answer);
              if (one.waits) await answer;
            } else if (one.do === 'wait') for (let turns = one.turns; turns > 0; turns -= 1) await turn();
            else if (one.do === 'cut') redis.setUp(false);
            else if (one.do === 'reconnect') redis.setUp(true);
            else if (one.do === 'unsubscribe') redis.setSubscribed(false);
            else if (one.do === 'subscribe') redis.setSubscribed(true);
            else if (one.do === 'save') saved = new Map(redis.data);
            else if (one.do === 'restore') redis.replace(new Map(saved));
            else redis.replace(new Map());
          }
          redis.setUp(true);
          if (!redis.data.has('danced:v1:revision')) redis.change({}, 'lost');
          // Longer than a message may lag, and a look.
          await sleep(80);
          await Promise.all(asked);
          const list = listIn(redis);
          for (const name of names) {
            const decision = await store.decide(provedClient(name), transfer);
            expect(decision, name.toString()).to.deep.equal(
              decideBy(list, provedClient(name), transfer, Date.now()),
            );
          }
          expect(await store.decideAnonymous(transfer)).to.deep.equal(
            decideAnonymousBy(list.anonymous, list.roles, transfer, Date.now()),
          );
          await store.close();
        },
      ),
      { numRuns: 100 },
    );
  });
});
