import { expect } from 'chai';
import type { AccessChange } from '../../../../core/acl/access-control.ts';
import type { RedisAccessStore } from '../../../../core/acl/redis/store.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { exampleRedisUser } from '../../../../scripts/generate-docs.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { provedClient } from '../../../support/proved-client.ts';
import { until } from '../../../support/redis/cluster.ts';
import {
  ListWriter,
  openReadyStore,
  openStore,
  singleAt,
  transferOf,
} from '../../../support/redis/list-bed.ts';
import { TestRedis } from '../../../support/redis/redis-server.ts';

const zone = Name.parse('example.com');
const transfer = { action: 'transfer', zone } as const;

describe('the Redis store', () => {
  const bed = new TestBed();
  const stores: RedisAccessStore[] = [];
  let redis: TestRedis;
  let writer: ListWriter;

  before(async () => {
    redis = await TestRedis.start(bed);
    writer = await ListWriter.open(singleAt(redis.path));
  });
  after(async () => {
    await writer.close();
    await bed.close();
  });
  beforeEach(() => redis.cli('FLUSHALL'));
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });

  async function ready(...[options]: [Parameters<typeof openStore>[1]?]) {
    const opened = await openReadyStore(singleAt(redis.path), options);
    stores.push(opened.store);
    return opened;
  }

  async function entryOf(store: RedisAccessStore, name: string): Promise<string> {
    const admission = await store.admit(Name.parse(name));
    return admission.admitted ? admission.entry : admission.reason;
  }

  async function reasonOf(store: RedisAccessStore, name: string): Promise<string> {
    return (await store.decide(provedClient(name), transfer)).reason;
  }

  it('decides by the most specific entry alone', async () => {
    await writer.write({
      'client:a.example': transferOf('example.com'),
      'below:example': transferOf('example.com'),
      'below:deep.example': JSON.stringify({ allow: [] }),
    });
    const { store } = await ready();
    expect(await entryOf(store, 'A.Example')).to.equal('a.example');
    expect(await entryOf(store, 'b.example')).to.equal('*.example');
    expect(await entryOf(store, 'x.y.deep.example')).to.equal('*.deep.example');
    expect(await entryOf(store, 'example')).to.equal('not-admitted');
    expect(await entryOf(store, 'elsewhere.test')).to.equal('not-admitted');
    expect(await reasonOf(store, 'b.example')).to.equal('allowed');
    expect(await reasonOf(store, 'x.y.deep.example')).to.equal('no-rule');
    expect(await reasonOf(store, 'elsewhere.test')).to.equal('no-entry');
  });

  it('does not take the names of servers for clients below a name', async () => {
    await writer.write({ 'below:example': transferOf('*'), 'client:_853._tcp.ns1.example': transferOf('*') });
    const { store } = await ready();
    expect(await entryOf(store, '_25._tcp.mail.example')).to.equal('not-admitted');
    expect(await entryOf(store, '_853._tcp.ns1.example')).to.equal('_853._tcp.ns1.example');
  });

  it('takes octets of a name for nothing but a name', async () => {
    await writer.write({
      'client:a\\046b.example': transferOf('*'),
      'client:\\010\\042.example': transferOf('*'),
    });
    const { store } = await ready();
    expect(await entryOf(store, 'a\\.b.example')).to.equal('a\\.b.example');
    expect(await entryOf(store, '\\010*.example')).to.equal('\\010*.example');
    expect(await entryOf(store, 'a.b.example')).to.equal('not-admitted');
  });

  it('asks Redis once for a name, and once for all who ask at the same time', async () => {
    await writer.write({ 'below:example': transferOf('*') });
    const { store } = await ready({ limits: { 'poll-time': 60_000 } });
    await entryOf(store, 'first.example');
    const asked = async (): Promise<number> => {
      const stats = await redis.cli('INFO', 'commandstats');
      return Number(/cmdstat_mget:calls=(\d+)/.exec(stats)?.[1]);
    };
    const before = await asked();
    const deep = `${'x.'.repeat(60)}example`;
    await Promise.all([entryOf(store, deep), entryOf(store, deep), reasonOf(store, deep)]);
    await entryOf(store, deep);
    await reasonOf(store, deep);
    expect((await asked()) - before).to.equal(1);
  });

  it('has roles and what anonymous clients may do, as they are now', async () => {
    await writer.write({
      'client:a.example': JSON.stringify({ roles: ['secondary'] }),
      'roles secondary': transferOf('example.com'),
    });
    const { store } = await ready();
    expect(await reasonOf(store, 'a.example')).to.equal('allowed');
    expect((await store.decideAnonymous(transfer)).reason).to.equal('no-entry');
    await writer.write({ 'roles secondary': transferOf('other.example'), anonymous: transferOf('*') });
    await until('the roles changed', async () => (await reasonOf(store, 'a.example')) === 'no-rule');
    expect((await store.decideAnonymous(transfer)).reason).to.equal('allowed');
    await writer.write({ 'roles secondary': undefined, anonymous: undefined });
    await until('anonymous changed', async () => !(await store.decideAnonymous(transfer)).allowed);
  });

  for (const telling of ['numbered', 'plain', 'silent'] as const) {
    it(`has a change in force within a second that is told ${telling}`, async () => {
      await writer.write({ 'client:a.example': transferOf('*'), 'below:b.example': transferOf('*') });
      const { store } = await ready();
      expect(await reasonOf(store, 'a.example')).to.equal('allowed');
      expect(await reasonOf(store, 'x.b.example')).to.equal('allowed');
      expect(await reasonOf(store, 'c.example')).to.equal('no-entry');
      const changes: AccessChange[] = [];
      store.onChange((change) => changes.push(change));
      await writer.write(
        { 'client:a.example': undefined, 'below:b.example': undefined, 'below:example': transferOf('*') },
        telling,
      );
      await until(
        'the change is in force',
        async () => (await entryOf(store, 'a.example')) === '*.example',
        1000,
      );
      expect(await entryOf(store, 'x.b.example')).to.equal('*.example');
      expect(await reasonOf(store, 'c.example')).to.equal('allowed');
      for (const name of ['a.example', 'x.b.example', 'c.example']) {
        expect(
          changes.some((change) => change.concerns(Name.parse(name))),
          name,
        ).to.equal(true);
      }
    });
  }

  it('keeps what a numbered change does not concern', async () => {
    await writer.write({ 'client:a.example': transferOf('*'), 'client:b.example': transferOf('*') });
    const metrics = new Metrics();
    const { store } = await ready({ metrics });
    await entryOf(store, 'b.example');
    const changes: AccessChange[] = [];
    store.onChange((change) => changes.push(change));
    const revision = await writer.write({ 'client:a.example': undefined });
    await until('the change is known', () => store.revision === revision);
    expect(changes.map((change) => change.concerns(Name.parse('b.example')))).to.deep.equal([false]);
    await entryOf(store, 'b.example');
    await store.close();
    const text = await metrics.text();
    expect(text).to.match(/danced_access_reads_total\{result="hit"\} 1$/m);
    expect(text).to.match(/danced_access_reads_total\{result="read"\} 1$/m);
    expect(text).to.match(new RegExp(`danced_access_revision ${revision}$`, 'm'));
  });

  it('denies the client of a broken value, and not by the entry above', async () => {
    await writer.write({
      'below:example': transferOf('*'),
      'client:json.example': '{',
      'client:empty.example': '',
      'client:rule.example': JSON.stringify({ allow: [{ action: 'transfr', zones: ['*'] }] }),
      'client:long.example': JSON.stringify({ allow: [], comment: 'x'.repeat(2000) }),
    });
    await redis.cli('RPUSH', 'danced:v1:client:list.example', 'x');
    await redis.cli('HSET', 'danced:v1:below:hash.example', 'x', 'y');
    const { store, log } = await ready({ limits: { 'value-octets': 1024 } });
    const broken = [
      'json.example',
      'empty.example',
      'rule.example',
      'long.example',
      'list.example',
      'x.hash.example',
    ];
    for (const name of [...broken, ...broken]) {
      expect(await entryOf(store, name), name).to.equal('not-admitted');
      const decision = await store.decide(provedClient(name), transfer);
      expect(decision.allowed, name).to.equal(false);
      expect(decision.detail).to.match(/^the value of danced:v1:(client|below):\S+ is broken$/);
    }
    expect(await reasonOf(store, 'good.example')).to.equal('allowed');
    const said = log.of('access value broken').map(({ fields }) => [fields['key'], fields['wrong']]);
    expect(said).to.deep.equal([
      ['danced:v1:client:json.example', 'is not JSON'],
      ['danced:v1:client:empty.example', 'is empty'],
      ['danced:v1:client:rule.example', 'allow[0].action: is the text "transfr"; did you mean transfer?'],
      ['danced:v1:client:long.example', 'has 2025 octets, more than value-octets of access.limits'],
      ['danced:v1:client:list.example', 'is not text: another kind of value is under the key'],
      ['danced:v1:below:hash.example', 'is not text: another kind of value is under the key'],
    ]);
  });

  it('lets a role forbid everything whose value is broken', async () => {
    await writer.write({
      'client:a.example': JSON.stringify({
        roles: ['broken'],
        allow: [{ action: 'transfer', zones: ['*'] }],
      }),
      'client:b.example': JSON.stringify({ roles: ['word'], allow: [{ action: 'transfer', zones: ['*'] }] }),
      'roles broken': '[]',
    });
    const { store, log } = await ready();
    expect(await reasonOf(store, 'a.example')).to.equal('denied');
    expect(await reasonOf(store, 'b.example')).to.equal('allowed');
    expect(log.of('access value broken').map(({ fields }) => fields['key'])).to.deep.equal([
      'danced:v1:roles broken',
    ]);
    await redis.cli('DEL', 'danced:v1:roles');
    await redis.cli('SET', 'danced:v1:roles', 'x');
    await writer.write({}, 'silent');
    await until('no role can be read', async () => (await reasonOf(store, 'b.example')) === 'denied');
    await redis.cli('DEL', 'danced:v1:roles', 'danced:v1:anonymous');
    await redis.cli('HSET', 'danced:v1:anonymous', 'x', 'y');
    await writer.write({}, 'silent');
    await until('roles are well', async () => (await reasonOf(store, 'b.example')) === 'allowed');
    expect((await store.decideAnonymous(transfer)).reason).to.equal('no-entry');
    expect(log.of('access value broken').at(-1)?.fields['key']).to.equal('danced:v1:anonymous');
  });

  it('reads no more roles than a list may have', async () => {
    const roles = Array.from({ length: 1001 }, (_, at) => [`roles r${String(at)}`, transferOf('*')] as const);
    await writer.write({
      ...Object.fromEntries(roles),
      'client:a.example': JSON.stringify({ roles: ['r1'] }),
    });
    const { store, log } = await ready();
    expect(await reasonOf(store, 'a.example')).to.equal('denied');
    expect(log.of('access value broken')[0]?.fields['wrong']).to.equal(
      'has 1001 roles, more than the 1000 that are read',
    );
  });

  it('reads no more of roles than it has room for', async () => {
    const long = JSON.stringify({ comment: 'x' }) + ' '.repeat(1_000_000);
    const roles = Array.from({ length: 17 }, (_, at) => [`roles r${String(at)}`, long] as const);
    await writer.write({
      ...Object.fromEntries(roles),
      'client:a.example': JSON.stringify({ roles: ['r1'] }),
    });
    const { store, log } = await ready();
    expect(await reasonOf(store, 'a.example')).to.equal('denied');
    expect(log.of('access value broken')[0]?.fields['wrong']).to.equal('has more than 16777216 octets');
  });

  it('leaves a value that is too long in Redis when it has seen it once', async () => {
    await writer.write({ 'below:example': `${' '.repeat(100_000)}x`, 'client:a.example': transferOf('*') });
    const { store } = await ready({ limits: { 'value-octets': 1024 } });
    const octetsSent = async (): Promise<number> =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.cli('INFO', 'stats'))?.[1]);
    expect(await entryOf(store, 'b.example')).to.equal('not-admitted');
    const before = await octetsSent();
    expect(await entryOf(store, 'a.example')).to.equal('a.example');
    for (const name of ['c.example', 'd.example']) {
      expect(await entryOf(store, name)).to.equal('not-admitted');
    }
    expect((await octetsSent()) - before).to.be.below(50_000);
  });

  it('admits nobody before there is a list, and says what it waits for', async () => {
    const { store, log } = openStore(singleAt(redis.path), { limits: { 'poll-time': 50 } });
    stores.push(store);
    await until('it is said', () => log.of('access list missing').length > 0);
    expect(await entryOf(store, 'a.example')).to.equal('access-unavailable');
    expect(await reasonOf(store, 'a.example')).to.equal('access-unavailable');
    expect((await store.decideAnonymous(transfer)).reason).to.equal('access-unavailable');
    expect(store.ready().ready).to.equal(false);
    expect(store.ready().waitingFor.join()).to.include('danced access import');
    // A key alone is no list.
    await redis.cli('SET', 'danced:v1:client:a.example', transferOf('*'));
    expect(await entryOf(store, 'a.example')).to.equal('access-unavailable');
    await writer.write({});
    await until('there is a list', async () => (await entryOf(store, 'a.example')) === 'a.example');
    expect(store.ready()).to.deep.equal({ ready: true, waitingFor: [] });
    expect(log.of('access list missing')).to.have.length(1);
  });

  it('takes no identity but a proved one', async () => {
    const { store } = openStore(singleAt(redis.path));
    stores.push(store);
    const forged = { name: Name.parse('a.example') } as unknown as ReturnType<typeof provedClient>;
    const error = await store.decide(forged, transfer).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError);
  });

  for (const told of ['numbered', 'plain'] as const) {
    it(`is not taken in by a list built anew that has come to the same revision, told ${told}`, async () => {
      await writer.write({ 'client:a.example': transferOf('*'), 'client:b.example': transferOf('*') });
      const { store } = await ready();
      expect(await reasonOf(store, 'a.example')).to.equal('allowed');
      const revision = String(store.revision);
      const message =
        told === 'plain' ? 'danced:v1:client:b.example' : `${revision}\ndanced:v1:client:b.example`;
      const script = `redis.call('FLUSHALL') redis.call('SET', 'danced:v1:client:b.example', ARGV[1])
        redis.call('SET', 'danced:v1:revision', ARGV[2]) redis.call('PUBLISH', 'danced:v1:changes', ARGV[3])`;
      await writer.client.call('EVAL', script, 0, transferOf('*'), revision, message);
      await until('it is gone', async () => (await reasonOf(store, 'a.example')) === 'no-entry', 1000);
    });
  }

  it('gives the names with entries of their own, those used last first', async () => {
    await writer.write({
      'client:a.example': transferOf('*'),
      'client:b.example': transferOf('*'),
      'below:example': transferOf('*'),
    });
    const { store } = await ready();
    for (const name of ['a.example', 'b.example', 'c.example', 'd.test']) await entryOf(store, name);
    expect([...store.exactNames()].map(String)).to.deep.equal(['b.example', 'a.example']);
  });

  it('works for a user with the documented rights, who cannot change the list', async () => {
    await writer.write({ 'client:a.example': JSON.stringify({ roles: ['r'] }), 'roles r': transferOf('*') });
    await redis.cli(...exampleRedisUser.replace('PASSWORD', 'secret').split(' '));
    const gate = { ...singleAt(redis.path), username: 'gate', password: 'secret' };
    const { store, log } = await openReadyStore(gate);
    stores.push(store);
    await until('messages come', () => store.hearsOfChanges);
    expect(await reasonOf(store, 'a.example')).to.equal('allowed');
    const revision = await writer.write({ 'client:a.example': undefined });
    await until('the change is in force', () => store.revision === revision, 1000);
    expect(await reasonOf(store, 'a.example')).to.equal('no-entry');
    const spending = { key: 'a', allowance: { perSecond: 1, burst: 10 }, spent: 3 };
    expect(await store.ledger('test').settle([spending])).to.deep.equal([7]);
    expect(log.lines.filter(({ level }) => level !== 'info')).to.deep.equal([]);
    const intruder = await ListWriter.open(gate);
    const error = await intruder.client.call('SET', 'danced:v1:client:a.example', '{}').catch(String);
    const script = ['return redis.call("SET", KEYS[1], "{}")', 1, 'danced:v1:client:a.example'];
    const other = await intruder.client.call('EVAL', ...script).catch(String);
    await intruder.close();
    expect(error).to.include('NOPERM');
    expect(other).to.include('NOPERM');
  });
});
