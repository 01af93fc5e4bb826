import { expect } from 'chai';
import { RedisScript } from '../../../../core/acl/redis/client.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { until } from '../../../support/redis/cluster.ts';
import { failureOf, RecordedClient } from '../../../support/redis/recorded-client.ts';
import { primaryName, TestSentinels } from '../../../support/redis/sentinel.ts';

const get = new RedisScript('get', 'return redis.call("GET", KEYS[1])');
const password = 'of-the-servers';
const sentinelPassword = 'of-the-sentinels';

describe('core/acl/redis/client with sentinels', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let sentinels: TestSentinels;

  before(async () => {
    sentinels = await TestSentinels.start(bed, { password, sentinelPassword });
  });
  after(() => bed.close());

  function connect(options: Partial<ConstructorParameters<typeof RecordedClient>[0]> = {}): RecordedClient {
    return new RecordedClient({
      mode: 'sentinel',
      servers: sentinels.addresses,
      master: primaryName,
      password,
      sentinelPassword,
      ...options,
    });
  }

  it('asks the sentinels where the primary is', async () => {
    const recorded = connect();
    await recorded.hears('up');
    await recorded.client.call('SET', 'a', '1');
    expect(await sentinels.primary.cli('GET', 'a')).to.equal('1');
    await recorded.client.close();
  });

  const wrong: [string, Parameters<typeof connect>[0], RegExp, string][] = [
    [
      'a primary that no sentinel knows',
      { master: 'other' },
      /knows no primary/,
      'see master under access.redis',
    ],
    [
      'the password of the sentinels',
      { sentinelPassword: 'x-wrong-1' },
      /WRONGPASS/,
      'see username and password',
    ],
    [
      'no password of the sentinels',
      { sentinelPassword: undefined },
      /NOAUTH/,
      'sentinel-password-file under access.redis',
    ],
    ['the password of the servers', { password: 'x-wrong-2' }, /WRONGPASS/, 'see username and password'],
  ];
  for (const [what, options, words, advice] of wrong) {
    it(`says that it is wrong: ${what}`, async () => {
      const recorded = connect(options);
      const why = await recorded.isDownFor(words);
      expect(why)
        .to.contain(`redis "${options?.master ?? primaryName}" of sentinels 127.0.0.1:`)
        .and.contain(advice);
      expect(why).not.to.match(/x-wrong|of-the-/);
      await recorded.client.close();
    });
  }

  it('says that a server is no sentinel', async () => {
    const recorded = connect({
      servers: [{ host: '127.0.0.1', port: sentinels.primary.port }],
      sentinelPassword: password,
    });
    expect(await recorded.isDownFor(/unknown command/)).to.contain('it is no sentinel');
    await recorded.client.close();
  });

  it('goes on with one sentinel of three, the first of which is gone', async () => {
    await sentinels.stopSentinel(0);
    const recorded = connect();
    await recorded.hears('up');
    await recorded.client.close();
  });
});

describe('core/acl/redis/client, when sentinels fail over', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let sentinels: TestSentinels;

  before(async () => {
    sentinels = await TestSentinels.start(bed);
  });
  after(() => bed.close());

  it('goes over to the new primary while the old one lives on', async () => {
    const { primary, replica } = sentinels;
    const recorded = new RecordedClient({
      mode: 'sentinel',
      servers: sentinels.addresses,
      master: primaryName,
    });
    const { client } = recorded;
    client.subscribe('c');
    await recorded.hears('subscribed');
    await recorded.hears('up');
    await client.call('SET', 'a', '1');
    await until('the replica has it', async () => (await replica.cli('GET', 'a')) === '1');
    expect(await sentinels.failOver()).to.equal('OK');
    await recorded.isDownFor(/another server the primary/);
    await recorded.hears('up', 2);
    await recorded.hears('subscribed', 2);
    expect(await primary.cli('ROLE'), 'nobody has told the old one').to.contain('master');
    await client.call('SET', 'a', '2');
    expect(await replica.cli('GET', 'a')).to.equal('2');
    await replica.cli('PUBLISH', 'c', 'm');
    await until('the message', () => recorded.messages.length === 1);
    await client.close();
  });

  it('goes on with the replica when the primary is killed', async () => {
    const [primary, replica] = [sentinels.replica, sentinels.primary];
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port));
    await until('it follows', async () =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    );
    const recorded = new RecordedClient({
      mode: 'sentinel',
      servers: sentinels.addresses,
      master: primaryName,
    });
    const { client } = recorded;
    client.subscribe('c');
    await recorded.hears('subscribed');
    await recorded.hears('up');
    await client.call('SET', 'a', '3');
    expect(await client.run(get, ['a'], [])).to.equal('3');
    await until('the replica has it', async () => (await replica.cli('GET', 'a')) === '3');
    await primary.kill();
    await recorded.hears('down');
    expect((await failureOf(client.call('GET', 'a'))).isOutage).to.equal(true);
    await recorded.hears('up', 2, 25_000);
    expect(await sentinels.primaryPort()).to.equal(replica.port);
    expect(await client.run(get, ['a'], [])).to.equal('3');
    expect(await client.call('SET', 'a', '4')).to.equal('OK');
    await recorded.hears('subscribed', 2);
    await replica.cli('PUBLISH', 'c', 'm');
    await until('the message', () => recorded.messages.length === 1);
    await client.close();
  });

  it('leaves a primary that has become a replica without a word', async () => {
    const recorded = new RecordedClient({
      mode: 'sentinel',
      servers: sentinels.addresses,
      master: primaryName,
    });
    await recorded.hears('up');
    const { client } = recorded;
    // As of the network between: the connection stays.
    await sentinels.primary.cli('REPLICAOF', '127.0.0.1', '1');
    const error = await failureOf(client.call('SET', 'a', '4'));
    expect(error.reply).to.equal('READONLY');
    await recorded.isDownFor(/READONLY|not the primary/);
    await client.close();
  });
});
