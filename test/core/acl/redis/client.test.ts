import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { maxCommandsUnderWay, RedisScript } from '../../../../core/acl/redis/client.ts';
import { freePort, TestBed } from '../../../support/peers/test-bed.ts';
import { until } from '../../../support/redis/cluster.ts';
import { failureOf, RecordedClient } from '../../../support/redis/recorded-client.ts';
import { TestRedis, type TestRedisOptions } from '../../../support/redis/redis-server.ts';
import { SlowProxy } from '../../../support/redis/slow-proxy.ts';

const echo = new RedisScript('echo', 'return { KEYS[1], ARGV[1], ARGV[2] }');

describe('core/acl/redis/client', () => {
  const bed = new TestBed();
  const toClose: (() => Promise<unknown>)[] = [];

  const serve = (options: TestRedisOptions = {}): Promise<TestRedis> => TestRedis.start(bed, options);

  function connect(options: ConstructorParameters<typeof RecordedClient>[0]): RecordedClient {
    const recorded = new RecordedClient(options);
    toClose.push(() => recorded.client.close());
    return recorded;
  }

  async function proxied(server: TestRedis): Promise<SlowProxy> {
    const proxy = await SlowProxy.start({ path: server.path });
    toClose.push(() => proxy.close());
    return proxy;
  }

  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
  });
  after(() => bed.close());

  describe('with a server that is well', () => {
    let server: TestRedis;
    before(async () => {
      server = await serve({ tcp: true });
    });
    beforeEach(() => server.cli('FLUSHALL'));

    const places: [string, () => ConstructorParameters<typeof RecordedClient>[0]][] = [
      ['a socket', () => ({ servers: [{ path: server.path }] })],
      ['an address', () => ({ servers: [{ host: '127.0.0.1', port: server.port }] })],
      ['a name', () => ({ servers: [{ host: 'localhost', port: server.port }] })],
    ];
    for (const [what, options] of places) {
      it(`connects to ${what}`, async () => {
        const recorded = connect(options());
        await recorded.hears('up');
        expect(await recorded.client.call('SET', 'a', 'b')).to.equal('OK');
        expect(await recorded.client.call('get', 'a')).to.equal('b');
        expect(recorded.events).to.deep.equal(['up']);
      });
    }

    it('gives replies as of RESP2', async () => {
      const { client, ...recorded } = await upAt(server);
      await client.call('HSET', 'h', 'f', 'v');
      expect(await client.call('hgetall', 'h')).to.deep.equal(['f', 'v']);
      expect(await client.call('GET', 'nothing')).to.equal(null);
      expect(await client.call('INCR', 'n')).to.equal(1);
      expect(recorded.events).to.deep.equal(['up']);
    });

    it('runs a script, sending its text only to a server that has not seen it', async () => {
      const { client } = await upAt(server);
      await server.cli('SCRIPT', 'FLUSH');
      const run = (): Promise<unknown> => client.run(echo, ['k'], ['ä', Buffer.from('octets')]);
      expect(await run()).to.deep.equal(['k', 'ä', 'octets']);
      await server.cli('CONFIG', 'RESETSTAT');
      expect(await run()).to.deep.equal(['k', 'ä', 'octets']);
      const stats = await server.cli('INFO', 'commandstats');
      expect(stats).to.contain('cmdstat_evalsha:calls=1').and.not.to.contain('cmdstat_eval:');
    });

    it('does all of a transaction or nothing', async () => {
      const { client } = await upAt(server);
      const replies = await client.transaction([
        ['SET', 'a', 1],
        ['incr', 'a'],
        ['PUBLISH', 'c', 'm'],
      ]);
      expect(replies).to.deep.equal(['OK', 2, 0]);
      expect(await client.transaction([])).to.deep.equal([]);
      const error = await failureOf(client.transaction([['SET', 'a', 'other'], ['NO-SUCH-COMMAND']]));
      expect(error.message).to.contain('unknown command').and.contain('MULTI SET a');
      expect(await client.call('GET', 'a')).to.equal('2');
    });

    it('finds all keys of a pattern', async () => {
      const { client } = await upAt(server);
      await server.cli('DEBUG', 'POPULATE', '5000', 'p:v1:client', '1');
      await server.cli('SET', 'p:v1:other', '1');
      const found = new Set<string>();
      let batches = 0;
      for await (const batch of client.scan('p:v1:client:*')) {
        batches += 1;
        for (const key of batch) found.add(key);
      }
      expect(found.size).to.equal(5000);
      expect(batches).to.be.greaterThan(1);
    });

    it('uses the database that it is told', async () => {
      const { client } = await upAt(server, { database: 3 });
      await client.call('SET', 'a', '1');
      expect(await server.cli('-n', '3', 'GET', 'a')).to.equal('1');
    });

    it('does not work in another database when that one is not there', async () => {
      const recorded = connect({ servers: [{ path: server.path }], database: 99 });
      expect(await recorded.isDownFor(/out of range/)).to.contain('see database under access.redis');
      expect(recorded.client.isUp).to.equal(false);
    });

    it('says what is wrong with a command, and goes on', async () => {
      const recorded = await upAt(server);
      await server.cli('LPUSH', 'list', 'a');
      for (let at = 0; at < 10; at += 1) {
        const error = await failureOf(recorded.client.call('GET', 'list'));
        expect(error).to.include({ code: 'ACL_REDIS', reply: 'WRONGTYPE', isOutage: false });
        expect(error.message).to.contain(server.path).and.contain('GET list').and.contain('DEL it');
      }
      expect(recorded.client.isUp).to.equal(true);
    });

    it('hears what is published, on several channels', async () => {
      const recorded = await upAt(server);
      recorded.client.subscribe('one');
      await recorded.hears('subscribed');
      recorded.client.subscribe('two');
      recorded.client.subscribe('two');
      await recorded.hears('subscribed', 2);
      await recorded.client.call('PUBLISH', 'one', 'a\nb');
      await recorded.client.call('PUBLISH', 'two', 'c');
      await recorded.client.call('PUBLISH', 'three', 'd');
      await until('both messages', () => recorded.messages.length === 2);
      expect(recorded.messages).to.deep.equal([
        ['one', 'a\nb'],
        ['two', 'c'],
      ]);
    });

    it('takes no more than so many commands at once', async () => {
      const proxy = await proxied(server);
      const recorded = connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 5000 });
      await recorded.hears('up');
      proxy.stall();
      const waiting = Array.from({ length: maxCommandsUnderWay }, () => recorded.client.call('PING'));
      const error = await failureOf(recorded.client.call('PING'));
      expect(error.message).to.contain(`${maxCommandsUnderWay} commands wait`);
      proxy.resume();
      expect(new Set(await Promise.all(waiting))).to.deep.equal(new Set(['PONG']));
      expect(await recorded.client.call('PING')).to.equal('PONG');
    });

    it('ends what waits, and its connections, when it is closed', async () => {
      const proxy = await proxied(server);
      const recorded = connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 5000 });
      recorded.client.subscribe('one');
      await recorded.hears('subscribed');
      await recorded.isUp();
      proxy.stall();
      const waiting = failureOf(recorded.client.call('PING'));
      await recorded.client.close();
      expect((await waiting).message).to.contain('clos');
      expect((await failureOf(recorded.client.call('PING'))).message).to.contain('closed');
      recorded.client.connect();
      recorded.client.subscribe('two');
      await until(
        'no connection of it',
        async () => !(await server.cli('CLIENT', 'LIST')).includes('name=danced'),
      );
      expect(recorded.events).not.to.contain('down');
    });
  });

  describe('with a server that fails', () => {
    it('says that nothing listens, and connects when something does', async () => {
      const server = await serve({ tcp: true });
      await server.kill();
      const { path, port } = server;
      const byAddress = connect({ servers: [{ host: '127.0.0.1', port }] });
      const byPath = connect({ servers: [{ path: `${path}x` }] });
      expect(await byAddress.isDownFor(/ECONNREFUSED/))
        .to.contain(`redis at 127.0.0.1:${port}: `)
        .and.contain('is Redis running');
      expect(await byPath.isDownFor(/ENOENT/))
        .to.contain(`redis at ${path}x: `)
        .and.contain('unixsocket');
      const error = await failureOf(byAddress.client.call('GET', 'a'));
      expect(error.message).to.contain('GET a').and.contain('ECONNREFUSED');
      expect(error).to.include({ code: 'ACL_REDIS', blame: 'upstream', isOutage: true, reply: undefined });
      await server.restart();
      await byAddress.hears('up');
      expect(byAddress.events, 'the same reason is told once').to.deep.equal(['down', 'up']);
      expect(await byAddress.client.call('PING')).to.equal('PONG');
    });

    it('says that no sentinel and no node of a cluster listens', async () => {
      const servers = [{ host: '127.0.0.1', port: await freePort() }];
      const options = { servers, master: 'danced-test' };
      for (const mode of ['sentinel', 'cluster'] as const) {
        const why = await connect({ ...options, mode }).isDownFor(/ECONNREFUSED/);
        expect(why).to.contain('is Redis running').and.contain(`127.0.0.1:${servers[0]!.port}: `);
      }
    });

    it('notices kill -9, and finds the server that comes back', async () => {
      const server = await serve();
      const recorded = await upAt(server);
      recorded.client.subscribe('c');
      await recorded.hears('subscribed');
      await recorded.client.call('SET', 'a', '1');
      await server.kill();
      await recorded.hears('down');
      await recorded.hears('unsubscribed');
      expect(recorded.client.isUp).to.equal(false);
      await failureOf(recorded.client.call('GET', 'a'));
      await server.restart();
      await recorded.hears('up', 2);
      await recorded.hears('subscribed', 2);
      expect(await recorded.client.call('GET', 'a'), 'it came back empty').to.equal(null);
      expect(await recorded.client.run(echo, ['k'], ['a', 'b'])).to.deep.equal(['k', 'a', 'b']);
      await recorded.client.call('PUBLISH', 'c', 'm');
      await until('the message', () => recorded.messages.length === 1);
    });

    it('comes back with the data of a server that keeps them', async () => {
      const server = await serve({ settings: ['appendonly yes', 'appendfsync always'] });
      const recorded = await upAt(server);
      await recorded.client.call('SET', 'a', '1');
      await server.kill();
      await server.restart();
      await recorded.hears('up', 2);
      expect(await recorded.client.call('GET', 'a')).to.equal('1');
    });

    it('sends nothing again that may have been done', async () => {
      const server = await serve();
      const proxy = await proxied(server);
      const recorded = connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 5000 });
      await recorded.hears('up');
      proxy.stall();
      const count = failureOf(recorded.client.call('INCR', 'n'));
      await until('it is done', async () => (await server.cli('GET', 'n')) === '1');
      proxy.cut();
      await count;
      proxy.resume();
      await recorded.hears('up', 2);
      await recorded.client.call('PING');
      expect(await server.cli('GET', 'n')).to.equal('1');
    });

    it('waits no longer than it is told, then gives the server a rest, and asks once to see if it is well', async () => {
      const server = await serve();
      const proxy = await proxied(server);
      const recorded = connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 400 });
      await recorded.hears('up');
      proxy.stall();
      const begunMs = performance.now();
      const late = await Promise.all(
        Array.from({ length: 5 }, () => failureOf(recorded.client.call('GET', 'a'))),
      );
      expect(performance.now() - begunMs).to.be.within(390, 2000);
      expect(late[0]?.message).to.contain('no answer within 400 ms').and.contain('GET a');
      expect(recorded.events).to.deep.equal(['up', 'down']);
      expect(recorded.client.isUp).to.equal(false);
      const atOnceMs = performance.now();
      const spared = await failureOf(recorded.client.call('GET', 'a'));
      expect(spared.message).to.contain('given a rest');
      expect(performance.now() - atOnceMs).to.be.lessThan(200);
      proxy.resume();
      await until('an answer', () =>
        recorded.client.call('PING').then(
          () => true,
          () => false,
        ),
      );
      expect(recorded.events).to.deep.equal(['up', 'down', 'up']);
    });

    it('lives with a server that is slow', async () => {
      const server = await serve();
      const proxy = await proxied(server);
      proxy.delayMs = 150;
      const recorded = connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 1000 });
      await recorded.hears('up');
      expect(
        await Promise.all(Array.from({ length: 20 }, () => recorded.client.call('PING'))),
      ).to.have.length(20);
      expect(recorded.events).to.deep.equal(['up']);
    });

    it('leaves a connection on which no answer comes any more', async () => {
      const server = await serve();
      const proxy = await proxied(server);
      const recorded = connect({ servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 300 });
      await recorded.hears('up');
      proxy.stall();
      await failureOf(recorded.client.call('PING'));
      await recorded.isDownFor(/seems dead/);
      proxy.resume();
      await recorded.hears('up', 2);
      expect(proxy.accepted).to.be.greaterThan(1);
    });

    it('takes a frozen server for down, and goes on when it thaws', async () => {
      const server = await serve();
      const recorded = await upAt(server, { timeoutMs: 200 });
      server.freeze();
      await Promise.all(Array.from({ length: 5 }, () => failureOf(recorded.client.call('PING'))));
      await recorded.hears('down');
      server.thaw();
      await until('an answer', () =>
        recorded.client.call('PING').then(
          () => true,
          () => false,
        ),
      );
      expect(recorded.client.isUp).to.equal(true);
    });

    it('waits for a server that loads its data', async () => {
      const server = await serve({ settings: ['appendonly yes'] });
      await server.cli('DEBUG', 'POPULATE', '2000', 'k', '10');
      await server.cli('BGREWRITEAOF');
      await until('the file', async () =>
        (await server.cli('INFO', 'persistence')).includes('aof_rewrite_in_progress:0'),
      );
      // Microseconds for each key: slow enough to be met.
      await server.cli('CONFIG', 'SET', 'key-load-delay', '500');
      await server.cli('CONFIG', 'SET', 'loading-process-events-interval-bytes', '1024');
      await server.cli('CONFIG', 'REWRITE');
      await server.kill();
      server.restartAtOnce();
      const recorded = connect({ servers: [{ path: server.path }] });
      expect(await recorded.isDownFor(/LOADING/)).to.contain('loading its data');
      await recorded.hears('up');
      expect(await recorded.client.call('EXISTS', 'k:1')).to.equal(1);
    });

    it('says that a script keeps the server busy', async () => {
      const server = await serve({ settings: ['busy-reply-threshold 50'] });
      const recorded = await upAt(server, { timeoutMs: 800 });
      const looping = failureOf(recorded.client.run(new RedisScript('loop', 'while true do end'), [], []));
      await sleep(150);
      const other = await upAtAnyState(server);
      expect(await other.isDownFor(/BUSY/)).to.contain('SCRIPT KILL');
      expect((await looping).message)
        .to.contain('loop of no key')
        .and.contain('no answer within 800 ms');
      await server.cli('SCRIPT', 'KILL');
      await other.hears('up');
    });

    it('says that a full server takes no writes, and still reads', async () => {
      const server = await serve();
      const recorded = await upAt(server);
      await recorded.client.call('SET', 'a', '1');
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
      for (let at = 0; at < 6; at += 1) {
        const error = await failureOf(recorded.client.call('SET', 'b', '1'));
        expect(error.reply).to.equal('OOM');
        expect(error.message).to.contain('maxmemory');
      }
      const inTransaction = await failureOf(recorded.client.transaction([['SET', 'b', '1']]));
      expect(inTransaction.message).to.contain('OOM');
      expect(await recorded.client.call('GET', 'a')).to.equal('1');
    });

    it('says that a replica takes no writes, and still reads', async () => {
      const primary = await serve({ tcp: true });
      const replica = await serve({ settings: [`replicaof 127.0.0.1 ${primary.port}`] });
      const recorded = await upAt(replica);
      const error = await failureOf(recorded.client.call('SET', 'a', '1'));
      expect(error.reply).to.equal('READONLY');
      expect(error.message).to.contain('name the primary');
      expect(await recorded.client.call('GET', 'a')).to.equal(null);
      expect(recorded.client.isUp).to.equal(true);
    });

    it('says that a cluster is none, and that none is one', async () => {
      const single = await serve({ tcp: true });
      const node = await serve({ tcp: true, settings: ['cluster-enabled yes'] });
      const asCluster = connect({ mode: 'cluster', servers: [{ host: '127.0.0.1', port: single.port }] });
      expect(await asCluster.isDownFor(/cluster support disabled/)).to.contain('mode: single');
      const asSingle = await upAt(node);
      const slots = Array.from({ length: 16384 }, (_, at) => at);
      await node.cli('CLUSTER', 'ADDSLOTSRANGE', '0', String(slots.length - 1));
      await until('the cluster is well', async () =>
        (await node.cli('CLUSTER', 'INFO')).includes('state:ok'),
      );
      expect(await asSingle.client.call('SET', 'a', '1')).to.equal('OK');
      const error = await failureOf(asSingle.client.call('MGET', 'a', 'b'));
      expect(error.message).to.contain('CROSSSLOT').and.contain('mode: cluster');
    });
  });

  async function upAt(
    server: TestRedis,
    options: Partial<ConstructorParameters<typeof RecordedClient>[0]> = {},
  ): Promise<RecordedClient> {
    const recorded = connect({ servers: [{ path: server.path }], ...options });
    await recorded.hears('up');
    return recorded;
  }

  function upAtAnyState(server: TestRedis): Promise<RecordedClient> {
    return Promise.resolve(connect({ servers: [{ path: server.path }] }));
  }
});
