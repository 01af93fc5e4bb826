import { expect } from 'chai';
import type { RedisOptions } from '../../../../core/acl/redis/client.ts';
import { RedisKeys } from '../../../../core/acl/redis/keys.ts';
import type { RedisAccessStore } from '../../../../core/acl/redis/store.ts';
import { Name } from '../../../../core/dns/name.ts';
import type { MemoryLog } from '../../../support/memory-log.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { provedClient } from '../../../support/proved-client.ts';
import { TestCluster, until } from '../../../support/redis/cluster.ts';
import { ListWriter, openReadyStore, transferOf } from '../../../support/redis/list-bed.ts';

const transfer = { action: 'transfer', zone: Name.parse('example.com') } as const;
const keys = new RedisKeys({ prefix: 'danced', inCluster: true });

describe('the Redis store in a cluster', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let cluster: TestCluster;
  let options: RedisOptions;
  let writer: ListWriter;
  let store: RedisAccessStore;
  let log: MemoryLog;

  before(async () => {
    cluster = await TestCluster.start(bed, { replicas: true });
    options = { mode: 'cluster', servers: cluster.addresses, timeoutMs: 1000 };
    writer = await ListWriter.open(options, '{danced}:v1:');
    await writer.write({ 'client:a.example': transferOf('*'), 'below:b.example': transferOf('*') });
    ({ store, log } = await openReadyStore(options, { limits: { 'answer-time': 1000 } }));
  });
  after(async () => {
    await store.close();
    await writer.close();
    await cluster.stop();
    await bed.close();
  });

  const reasonOf = async (name: string): Promise<string> =>
    (await store.decide(provedClient(name), transfer)).reason;

  it('decides, and has changes in force within a second', async () => {
    expect(await reasonOf('a.example')).to.equal('allowed');
    expect(await reasonOf('x.y.b.example')).to.equal('allowed');
    await writer.write({ 'client:a.example': undefined });
    await until('the change is in force', async () => (await reasonOf('a.example')) === 'no-entry', 1000);
    await writer.write({ 'client:a.example': transferOf('*') }, 'silent');
    await until('the silent one is', async () => (await reasonOf('a.example')) === 'allowed', 1000);
  });

  it('goes on while its slot is moved to another node, through ASK and MOVED', async () => {
    const { slot, at, node: from } = await cluster.holderOf(keys.revision);
    const to = cluster.primaries[(at + 1) % 3]!;
    const all = (await from.server.cli('KEYS', '*')).split('\n');
    await cluster.beginMove(slot, from, to);
    // Every key is there: ASK for all of them.
    await cluster.moveKeys(all, from, to);
    expect(await reasonOf('new1.b.example')).to.equal('allowed');
    await cluster.endMove(slot, from, to);
    expect(await reasonOf('new2.b.example')).to.equal('allowed');
    await writer.write({ 'client:a.example': undefined });
    await until(
      'a change after that is in force',
      async () => (await reasonOf('a.example')) === 'no-entry',
      1500,
    );
    expect(log.of('access list set back')).to.deep.equal([]);
    await cluster.beginMove(slot, to, from);
    await cluster.moveKeys((await to.server.cli('KEYS', '*')).split('\n'), to, from);
    await cluster.endMove(slot, to, from);
    expect(await reasonOf('new3.b.example')).to.equal('allowed');
  });

  it('comes through the loss of the node that has the list', async () => {
    await writer.write({ 'client:a.example': transferOf('*') });
    await until('the change is in force', async () => (await reasonOf('a.example')) === 'allowed', 1500);
    const { node } = await cluster.holderOf(keys.revision);
    await node.server.cli('WAIT', '1', '2000');
    await node.server.kill();
    // What is known counts meanwhile.
    expect(await reasonOf('a.example')).to.equal('allowed');
    await until(
      'another node has the list',
      async () => (await reasonOf('fresh.b.example')) === 'allowed',
      30_000,
    );
    await until('the writer is connected', async () => {
      return await writer.write({ 'client:a.example': undefined }).then(
        () => true,
        () => false,
      );
    });
    await until('a change is in force', async () => (await reasonOf('a.example')) === 'no-entry', 3000);
  });
});
