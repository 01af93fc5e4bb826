import { expect } from 'chai';
import type { RedisOptions } from '../../../../core/acl/redis/client.ts';
import { Name } from '../../../../core/dns/name.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { provedClient } from '../../../support/proved-client.ts';
import { until } from '../../../support/redis/cluster.ts';
import { ListWriter, openReadyStore, transferOf } from '../../../support/redis/list-bed.ts';
import { primaryName, TestSentinels } from '../../../support/redis/sentinel.ts';

const transfer = { action: 'transfer', zone: Name.parse('example.com') } as const;

describe('the Redis store with sentinels', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  after(() => bed.close());

  it('comes through a failover, and forgets what the new primary does not have', async () => {
    const sentinels = await TestSentinels.start(bed);
    const options: RedisOptions = {
      mode: 'sentinel',
      servers: sentinels.addresses,
      master: primaryName,
      timeoutMs: 500,
    };
    const writer = await ListWriter.open(options);
    await writer.write({ 'client:a.example': transferOf('*'), 'below:b.example': transferOf('*') });
    const { store, log } = await openReadyStore(options);
    try {
      const reasonOf = async (name: string): Promise<string> =>
        (await store.decide(provedClient(name), transfer)).reason;
      expect(await reasonOf('a.example')).to.equal('allowed');
      await sentinels.primary.cli('WAIT', '1', '2000');
      // What is written from now on never reaches the replica.
      await sentinels.primary.cli('ACL', 'SETUSER', 'default', '-psync', '-sync');
      await sentinels.primary.cli('CLIENT', 'KILL', 'TYPE', 'replica');
      await writer.write({ 'client:lost.example': transferOf('*') });
      await until('the change is known', async () => (await reasonOf('lost.example')) === 'allowed', 2000);
      await sentinels.primary.kill();
      expect(await reasonOf('a.example')).to.equal('allowed');
      await until(
        'the replica is the primary',
        async () => (await reasonOf('x.b.example')) === 'allowed',
        40_000,
      );
      await until(
        'what was lost is forgotten',
        async () => (await reasonOf('lost.example')) === 'no-entry',
        2000,
      );
      expect(
        log.of('access list set back').map(({ fields }) => [fields['from'], fields['to']]),
      ).to.deep.equal([[2, 1]]);
      await until('the writer is connected', () => writer.client.isUp, 20_000);
      await writer.write({ 'client:a.example': undefined });
      await until('a change is in force', async () => (await reasonOf('a.example')) === 'no-entry', 2000);
    } finally {
      await store.close();
      await writer.close();
    }
  });
});
