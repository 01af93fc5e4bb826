import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { FileList } from '../../../../core/acl/file-list.ts';
import { differences } from '../../../../core/acl/list-diff.ts';
import { entriesInOrder, sortedKeys } from '../../../../core/acl/list-order.ts';
import {
  ListChangedError,
  ListError,
  makeEntry,
  unreadable,
  type ListChange,
  type ListFault,
  type ListStore,
} from '../../../../core/acl/list-store.ts';
import { listText } from '../../../../core/acl/list-text.ts';
import { readClientPattern } from '../../../../core/acl/patterns.ts';
import { RedisList } from '../../../../core/acl/redis/redis-list.ts';
import { rightsSchema, roleSchema } from '../../../../core/acl/schema.ts';
import { Name } from '../../../../core/dns/name.ts';
import { anyAccessList, textOf } from '../../../support/access-lists.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { TestCluster, until } from '../../../support/redis/cluster.ts';
import { RecordedClient } from '../../../support/redis/recorded-client.ts';
import { TestRedis } from '../../../support/redis/redis-server.ts';

describe('RedisList', () => {
  const bed = new TestBed();
  const toClose: (() => Promise<unknown>)[] = [];
  let server: TestRedis;
  let faults: ListFault[] = [];

  before(async () => {
    server = await TestRedis.start(bed);
  });
  beforeEach(async () => {
    faults = [];
    await server.cli('FLUSHALL');
  });
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
  });
  after(() => bed.close());

  async function open(): Promise<RedisList> {
    const list = await RedisList.open({
      redis: { mode: 'single', servers: [{ path: server.path }], timeoutMs: 5000 },
      prefix: 'danced',
      onFault: (fault) => faults.push(fault),
    });
    toClose.push(() => list.close());
    return list;
  }

  const put = (pattern: string, value: unknown = { roles: ['a'] }): ListChange => ({
    put: makeEntry(readClientPattern(pattern), rightsSchema.parse(value)),
  });
  const remove = (pattern: string): ListChange => ({ remove: readClientPattern(pattern) });
  const role = (word: string, value: unknown = { allow: [{ action: 'query' }] }): ListChange => ({
    role: word,
    rules: roleSchema(word).parse(value),
  });

  /** All changes that make the one list of the other, which is empty. */
  async function* changesFrom(list: ListStore): AsyncGenerator<ListChange, void> {
    for (const [word, rules] of await list.roles()) yield { role: word, rules };
    const anonymous = await list.anonymous();
    if (anonymous !== undefined) yield { anonymous };
    for await (const entry of list.entries()) yield { put: entry };
  }

  async function exported(list: ListStore): Promise<string> {
    const [roles, anonymous, keys] = [await list.roles(), await list.anonymous(), await sortedKeys(list)];
    let text = '';
    for await (const piece of listText({ roles, anonymous, entries: entriesInOrder(list, keys) }))
      text += piece;
    return text;
  }

  it('has what a file has: file, Redis, file again are the same octets', async function () {
    this.timeout(60_000);
    const list = await open();
    const { client, ...plain } = new RecordedClient({ servers: [{ path: server.path }] });
    toClose.push(() => client.close());
    await until('a connection', () => plain.events.includes('up'));
    const file = bed.write('whole.yaml', '');
    await fc.assert(
      fc.asyncProperty(anyAccessList, async (model) => {
        await client.call('FLUSHALL');
        fs.writeFileSync(file, await textOf(model));
        const source = await FileList.open(file);
        await list.apply(changesFrom(source));
        const first = await exported(source);
        expect(await exported(list)).to.equal(first);
        fs.writeFileSync(file, first);
        expect(await exported(await FileList.open(file))).to.equal(first);
        for await (const difference of differences(source, list)) expect.fail(JSON.stringify(difference));
        expect(faults).to.deep.equal([]);
      }),
      { numRuns: 30 },
    );
  });

  it('writes the keys that are documented, and JSON of the same form as in a file', async () => {
    const list = await open();
    const anonymous: ListChange = { anonymous: rightsSchema.parse({ allow: [] }) };
    await list.apply([put('NS2.Example'), put('*.a\\.b.example'), role('secondary'), anonymous]);
    expect((await server.cli('KEYS', '*')).split('\n').sort()).to.deep.equal([
      'danced:v1:anonymous',
      'danced:v1:below:a\\046b.example',
      'danced:v1:client:ns2.example',
      'danced:v1:revision',
      'danced:v1:roles',
    ]);
    expect(await server.cli('GET', 'danced:v1:client:ns2.example')).to.equal('{"roles":["a"]}');
    expect(await server.cli('HGET', 'danced:v1:roles', 'secondary')).to.equal(
      '{"allow":[{"action":"query"}]}',
    );
    expect(await server.cli('GET', 'danced:v1:revision')).to.equal('1');
  });

  it('tells gates of each change in the same step: the revision, and the keys', async () => {
    const watcher = new RecordedClient({ servers: [{ path: server.path }] });
    toClose.push(() => watcher.client.close());
    watcher.client.subscribe('danced:v1:changes');
    await watcher.hears('subscribed');
    const list = await open();
    expect((await list.apply([put('ns2.example'), role('x')])).revision).to.equal(1);
    expect((await list.apply([remove('ns2.example')])).revision).to.equal(2);
    await until('two messages', () => watcher.messages.length === 2);
    expect(watcher.messages).to.deep.equal([
      ['danced:v1:changes', '1\ndanced:v1:client:ns2.example\ndanced:v1:roles'],
      ['danced:v1:changes', '2\ndanced:v1:client:ns2.example'],
    ]);
    expect(await list.state()).to.deep.equal({ isThere: true, stamp: '2', revision: 2 });
  });

  it('makes a first list one only with its last batch, and counts every batch of a later one', async () => {
    const list = await open();
    const many = Array.from({ length: 1200 }, (_, at) => put(`c${String(at)}.example`));
    const seen: boolean[] = [];
    const other = await open();
    async function* watched(): AsyncGenerator<ListChange, void> {
      for (const [at, change] of many.entries()) {
        if (at % 400 === 399) seen.push((await other.state()).isThere);
        yield change;
      }
    }
    const done: number[] = [];
    expect((await list.apply(watched(), { onProgress: (count) => done.push(count) })).revision).to.equal(1);
    expect(seen).to.deep.equal([false, false, false]);
    expect(done).to.deep.equal([500, 1000, 1200]);
    expect((await list.apply(many)).revision).to.equal(4);
  });

  it('does nothing when the list has changed since it was looked at', async () => {
    const list = await open();
    await list.apply([put('a.example')]);
    const expected = await list.state();
    await (await open()).apply([put('b.example')]);
    const failure = await list.apply([put('c.example')], { expected }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ListChangedError);
    expect(await list.entry(readClientPattern('c.example'))).to.equal(undefined);
    const empty = { isThere: false, stamp: '' };
    expect(
      await list.apply([put('c.example')], { expected: empty }).catch((error: unknown) => error),
    ).to.be.instanceOf(ListChangedError);
  });

  it('names what cannot be read, and goes on with the rest', async () => {
    const list = await open();
    await list.apply([put('a.example'), put('*.example'), role('x')]);
    await server.cli('SET', 'danced:v1:client:json.example', '{');
    await server.cli('SET', 'danced:v1:client:rule.example', '{"allow":[{"action":"transfer"}]}');
    await server.cli('SADD', 'danced:v1:client:type.example', 'x');
    await server.cli('SET', 'danced:v1:client:UPPER.example', '{"roles":["a"]}');
    await server.cli('HSET', 'danced:v1:roles', 'broken', '[]');
    await server.cli('SADD', 'danced:v1:anonymous', 'x');
    const patterns: string[] = [];
    for await (const { pattern } of list.entries()) patterns.push(pattern);
    expect(patterns.sort()).to.deep.equal(['*.example', 'a.example']);
    expect(await list.entryFor(Name.parse('type.example'))).to.equal(unreadable);
    expect((await list.roles()).get('broken')?.deny).to.have.length.above(0);
    expect(await list.anonymous()).to.equal(undefined);
    const words = faults.map(({ place, wrong }) => `${place} ${wrong}`).sort();
    expect(words.map((text) => text.split(' ', 1)[0])).to.deep.equal([
      'danced:v1:anonymous',
      'danced:v1:client:UPPER.example',
      'danced:v1:client:json.example',
      'danced:v1:client:rule.example',
      'danced:v1:client:type.example',
      'danced:v1:roles',
    ]);
    expect(words.join('\n')).to.include('allow[0].zones: missing').and.to.include('is not JSON');
  });

  it('changes nothing where something else is under the keys of the list', async () => {
    const list = await open();
    await server.cli('SET', 'danced:v1:roles', 'x');
    const failure = await list.apply([put('a.example'), role('x')]).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ListError);
    expect(String(failure)).to.include('danced:v1:roles').and.to.include('delete it');
    expect(await server.cli('KEYS', '*')).to.equal('danced:v1:roles');
    await server.cli('DEL', 'danced:v1:roles');
    await server.cli('SET', 'danced:v1:revision', 'x');
    expect(String(await list.apply([put('a.example')]).catch((error: unknown) => error))).to.include(
      'danced:v1:revision',
    );
    expect(await server.cli('KEYS', '*')).to.equal('danced:v1:revision');
  });

  it('does all of a change or nothing, where its user of Redis lacks a right', async () => {
    const usual = '+@connection +@read +@scripting +set +del +incr +hset +hdel';
    const openAs = async (...rules: string[]): Promise<RedisList> => {
      await server.cli('ACL', 'SETUSER', 'tool', 'reset', 'on', '>secret', '~danced:v1:*', ...rules);
      const list = await RedisList.open({
        redis: {
          mode: 'single',
          servers: [{ path: server.path }],
          username: 'tool',
          password: 'secret',
          timeoutMs: 5000,
        },
        prefix: 'danced',
        onFault: (fault) => faults.push(fault),
      });
      toClose.push(() => list.close());
      return list;
    };
    const without = await openAs('&danced:v1:changes', ...usual.split(' '));
    const failure = await without.apply([put('a.example')]).catch((error: unknown) => error);
    expect(String(failure)).to.include('NOPERM').and.to.include('PUBLISH on the channel danced:v1:changes');
    expect(await server.cli('KEYS', '*')).to.equal('');
    const whole = await openAs('&danced:v1:changes', '+publish', ...usual.split(' '));
    expect((await whole.apply([put('a.example'), role('x'), remove('b.example')])).revision).to.equal(1);
    for await (const { pattern } of whole.entries()) expect(pattern).to.equal('a.example');
    expect((await whole.roles()).size).to.equal(1);
  });

  it('finds the entry that decides, as a gate does', async () => {
    const list = await open();
    await list.apply([put('*.example'), put('*.b.example'), put('a.b.example')]);
    const found = async (name: string): Promise<unknown> => {
      const entry = await list.entryFor(Name.parse(name));
      return entry === undefined || entry === unreadable ? entry : entry.pattern;
    };
    expect(await found('A.B.example')).to.equal('a.b.example');
    expect(await found('x.a.b.example')).to.equal('*.b.example');
    expect(await found('b.example')).to.equal('*.example');
    expect(await found('_853._tcp.b.example')).to.equal(undefined);
    expect(await found('example')).to.equal(undefined);
  });

  it('says why it cannot be opened', async () => {
    const failure = await RedisList.open({
      redis: { mode: 'single', servers: [{ path: path.join(bed.directory, 'nothing') }], timeoutMs: 500 },
      prefix: 'danced',
      onFault: () => undefined,
      connectMs: 300,
    }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ListError);
    expect(String(failure)).to.include('there is no such socket; is Redis running');
  });

  it('keeps all keys of a list in one slot of a cluster', async function () {
    this.timeout(60_000);
    const cluster = await TestCluster.start(bed);
    const servers = cluster.primaries.map(({ server: { port } }) => ({ host: '127.0.0.1', port }));
    const list = await RedisList.open({
      redis: { mode: 'cluster', servers, timeoutMs: 5000 },
      prefix: 'danced',
      onFault: (fault) => faults.push(fault),
    });
    toClose.push(() => list.close());
    const many = Array.from({ length: 1200 }, (_, at) => put(`c${String(at)}.example`));
    await list.apply([role('x'), ...many]);
    await list.apply([remove('c0.example'), put('*.example')]);
    let count = 0;
    for await (const { pattern } of list.entries()) count += pattern.endsWith('.example') ? 1 : 0;
    expect([count, faults]).to.deep.equal([1200, []]);
  });
});
