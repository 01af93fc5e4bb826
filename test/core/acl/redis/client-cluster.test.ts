import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisKeys } from '../../../../core/acl/redis/keys.ts';
import { RedisScript, type RedisServer } from '../../../../core/acl/redis/client.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { TestCluster, until, type ClusterNode } from '../../../support/redis/cluster.ts';
import { failureOf, RecordedClient } from '../../../support/redis/recorded-client.ts';
import { Name } from '../../../../core/dns/name.ts';

const keys = new RedisKeys({ prefix: 'danced', inCluster: true });
const one = keys.client(Name.parse('one.example'));
const two = keys.client(Name.parse('two.example'));
const getBoth = new RedisScript('get both', 'return redis.call("MGET", KEYS[1], KEYS[2])');
const getOne = new RedisScript('get one', 'return redis.call("GET", KEYS[1])');

/** All that the client and these tests need. */
const rights =
  'user danced on >cluster-password resetkeys ~{danced}:v1:* resetchannels &{danced}:v1:changes -@all ' +
  '+client|setname +cluster|slots +cluster|info +readonly +asking +ping +subscribe +eval +evalsha +multi +exec +scan ' +
  '+get +mget +set +incr +publish';

describe('core/acl/redis/client in a cluster', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let cluster: TestCluster;
  let recorded: RecordedClient;
  let slot: number;
  let from: ClusterNode;
  let to: ClusterNode;

  before(async () => {
    cluster = await TestCluster.start(bed, { replicas: true, settings: [rights] });
    const holder = await cluster.holderOf(keys.revision);
    slot = holder.slot;
    from = holder.node;
    to = cluster.primaries[(holder.at + 1) % 3]!;
  });
  beforeEach(async () => {
    recorded = connect();
    await recorded.hears('up');
  });
  afterEach(() => recorded.client.close());
  after(async () => {
    await cluster.stop();
    await bed.close();
  });

  function connect(timeoutMs = 2000): RecordedClient {
    return connectTo(cluster.addresses.slice(0, 1), timeoutMs);
  }

  function connectTo(servers: readonly RedisServer[], timeoutMs: number): RecordedClient {
    return new RecordedClient({
      mode: 'cluster',
      servers,
      username: 'danced',
      password: 'cluster-password',
      timeoutMs,
    });
  }

  it('finds the node of its keys', async () => {
    const { client } = recorded;
    expect(
      await client.transaction([
        ['SET', one, '1'],
        ['SET', two, '2'],
        ['INCR', keys.revision],
      ]),
    ).to.deep.equal(['OK', 'OK', 1]);
    expect(await client.run(getBoth, [one, two], [])).to.deep.equal(['1', '2']);
    expect(await from.server.cli('DBSIZE')).to.equal('3');
    const found: string[] = [];
    for await (const batch of client.scan('{danced}:v1:client:*')) found.push(...batch);
    expect(found.sort()).to.deep.equal([one, two]);
  });

  it('says of keys of several slots that they cannot be asked for together', async () => {
    const error = await failureOf(
      recorded.client.transaction([
        ['SET', 'a', '1'],
        ['SET', 'b', '1'],
      ]),
    );
    expect(error.message).to.contain('same slot');
    expect(recorded.client.isUp).to.equal(true);
  });

  it('hears what is published on another node', async () => {
    recorded.client.subscribe(keys.changes);
    await recorded.hears('subscribed');
    for (const { server } of cluster.primaries) await server.cli('PUBLISH', keys.changes, 'm');
    await until('the messages', () => recorded.messages.length === 3);
    await recorded.client.call('PUBLISH', keys.changes, 'n');
    await until('ours', () => recorded.messages.length === 4);
  });

  it('follows ASK, TRYAGAIN and MOVED of a slot that is moved, without a wrong answer', async () => {
    const { client } = recorded;
    await client.call('SET', one, '1');
    await client.call('SET', two, '2');
    await cluster.beginMove(slot, from, to);
    await cluster.moveKeys([one], from, to);
    // ASK: on the other side already, where only the first question for it may be answered.
    await to.server.cli('CONFIG', 'RESETSTAT');
    await to.server.cli('SCRIPT', 'FLUSH');
    expect(await client.call('GET', one)).to.equal('1');
    expect(await client.run(getOne, [one], [])).to.equal('1');
    expect(await to.server.cli('INFO', 'commandstats')).to.contain('cmdstat_asking');
    expect(await client.call('GET', two)).to.equal('2');
    // TRYAGAIN: the keys lie on both sides. No answer is better than one of half the keys.
    const short = connect(400);
    await short.hears('up');
    const error = await failureOf(short.client.run(getBoth, [one, two], []));
    expect(error.message).to.match(/no answer within|wait until that is done/);
    const inTransaction = await failureOf(
      short.client.transaction([
        ['SET', one, '3'],
        ['INCR', keys.revision],
      ]),
    );
    expect(inTransaction.message).to.match(/no answer within|wait until that is done/);
    await short.client.close();
    expect(await from.server.cli('GET', keys.revision)).to.equal('1');
    // It waits for the rest to arrive.
    const waiting = client.run(getBoth, [one, two], []);
    await cluster.moveKeys([two, keys.revision], from, to);
    expect(await waiting).to.deep.equal(['1', '2']);
    expect(
      await client.transaction([
        ['SET', one, '3'],
        ['INCR', keys.revision],
      ]),
      'MULTI by ASK',
    ).to.deep.equal(['OK', 2]);
    await cluster.endMove(slot, from, to);
    // MOVED
    expect(await client.run(getBoth, [one, two], [])).to.deep.equal(['3', '2']);
    expect(await client.transaction([['INCR', keys.revision]])).to.deep.equal([3]);
    expect(recorded.events).to.deep.equal(['up']);
    [from, to] = [to, from];
  });

  it('follows the slots for transactions that meet MOVED first', async () => {
    const { client } = recorded;
    await client.call('SET', one, '1');
    await cluster.beginMove(slot, from, to);
    await cluster.moveKeys([one, two, keys.revision], from, to);
    await cluster.endMove(slot, from, to);
    expect(
      await client.transaction([
        ['SET', one, '2'],
        ['GET', one],
      ]),
    ).to.deep.equal(['OK', '2']);
    [from, to] = [to, from];
  });

  it('ends quietly while it asks a node that does not answer', async () => {
    await cluster.beginMove(slot, from, to);
    const other = connect(5000);
    await other.hears('up');
    to.server.freeze();
    const asking = failureOf(other.client.call('GET', keys.client(Name.parse('not-there.example'))));
    await sleep(200);
    await other.client.close();
    expect((await asking).message).to.contain('closed');
    to.server.thaw();
    await sleep(100);
    for (const { server } of [from, to]) await server.cli('CLUSTER', 'SETSLOT', String(slot), 'STABLE');
  });

  it('goes on with the replica of a node that was killed', async () => {
    const { client } = recorded;
    const at = cluster.primaries.indexOf(from);
    client.subscribe(keys.changes);
    await recorded.hears('subscribed');
    await client.call('SET', one, 'kept');
    await client.run(getOne, [one], []);
    const replica = cluster.replicas[at]!;
    const writtenUpTo = await offsetOf(from);
    await until('its replica has it', async () => (await offsetOf(replica)) >= writtenUpTo);
    await from.server.kill();
    const error = await failureOf(client.call('GET', one));
    expect(error.isOutage).to.equal(true);
    await until('an answer of the replica', () =>
      client.call('GET', one).then(
        (value) => value === 'kept',
        () => false,
      ),
    );
    expect(
      await client.transaction([
        ['SET', one, 'new'],
        ['GET', one],
      ]),
    ).to.deep.equal(['OK', 'new']);
    expect(await client.run(getOne, [one], [])).to.equal('new');
    expect(await replica.server.cli('GET', one)).to.equal('new');
    expect(client.isUp).to.equal(true);
    await until('a message', async () => {
      await client.call('PUBLISH', keys.changes, 'm');
      return recorded.messages.length > 0;
    });
    // A client that begins now, with an address of which the node is gone, does not find it; with another it does.
    const late = connectTo(cluster.addresses.toReversed(), 2000);
    await late.hears('up');
    expect(await late.client.call('GET', one)).to.equal('new');
    await late.client.close();
    await from.server.restart();
  });

  it('says that the whole cluster is gone, and finds it again', async () => {
    const { client } = recorded;
    const all = [...cluster.primaries, ...cluster.replicas];
    await client.call('GET', one);
    for (const { server } of all) await server.kill();
    await until('no answer', async () => {
      await failureOf(client.call('GET', one));
      return !client.isUp;
    });
    expect(await recorded.isDownFor(/ECONNREFUSED/)).to.contain('redis cluster 127.0.0.1:');
    for (const { server } of all) await server.restart();
    await recorded.hears('up', 2, 20_000);
    await until('an answer', () =>
      client.call('GET', one).then(
        () => true,
        () => false,
      ),
    );
  });
});

/** How far in the stream of replication a node is. */
async function offsetOf({ server }: ClusterNode): Promise<number> {
  const info = await server.cli('INFO', 'replication');
  return Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1]);
}
