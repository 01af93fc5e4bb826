import { chmodSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { openAccessStore, type OpenAccessStore } from '../../../core/acl/open-store.ts';
import { redisLimits } from '../../../core/acl/redis/limits.ts';
import type { RedisAccessConfig, RedisConfig } from '../../../core/config/access-config.ts';
import { ConfigError } from '../../../core/config/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import { limitsOf } from '../../support/limits.ts';
import { memoryLog, type MemoryLog } from '../../support/memory-log.ts';
import { TestBed } from '../../support/peers/test-bed.ts';
import { until } from '../../support/redis/cluster.ts';
import { ListWriter, singleAt, transferOf } from '../../support/redis/list-bed.ts';
import { TestRedis } from '../../support/redis/redis-server.ts';
import { provedClient } from '../../support/proved-client.ts';

describe('opening an access list', () => {
  const bed = new TestBed();
  let redis: TestRedis;
  let log: MemoryLog;
  let opened: OpenAccessStore | undefined;

  before(async () => {
    redis = await TestRedis.start(bed, { settings: ['requirepass first'], password: 'first' });
    const writer = await ListWriter.open({ ...singleAt(redis.path), password: 'first' });
    await writer.write({ 'client:a.example': transferOf('*') });
    await writer.close();
  });
  after(() => bed.close());
  beforeEach(() => {
    log = memoryLog();
  });
  afterEach(() => opened?.close());

  function configOf(more: Partial<RedisConfig>): RedisAccessConfig {
    const whole = {
      mode: 'single',
      servers: [{ path: redis.path }],
      database: 0,
      prefix: 'danced',
      ...more,
    } as const;
    return { store: 'redis', redis: whole, limits: limitsOf(redisLimits) };
  }
  const open = (more: Partial<RedisConfig>): OpenAccessStore =>
    (opened = openAccessStore(configOf(more), { log, nowMs: Date.now }));
  const admits = async (name: string): Promise<boolean | undefined> =>
    (await opened?.access.admit(Name.parse(name)))?.admitted;

  it('reads the password from a file, and again when it is told to', async () => {
    const passwordFile = bed.write('password', 'first\nof no interest\n', 0o600);
    open({ passwordFile });
    await until('the list is there', () => opened?.ready().ready === true);
    expect(await admits('a.example')).to.equal(true);
    expect(log.of('access list')).to.deep.equal([]);
    await redis.cli('CONFIG', 'SET', 'requirepass', 'second');
    opened?.reload();
    expect(log.of('access list connects anew')).to.deep.equal([]);
    writeFileSync(passwordFile, 'second');
    opened?.reload();
    expect(log.of('access list connects anew')).to.have.length(1);
    await until('it can be asked', async () => (await admits('b.example')) === false);
    writeFileSync(passwordFile, '\n');
    opened?.reload();
    expect(log.of('access list not connected anew')[0]?.fields['problem']).to.equal(
      `${passwordFile}:1:1: its first line is empty; write the password there`,
    );
    expect(await admits('a.example')).to.equal(true);
  });

  it('warns of a password that others may read, and of a way that others may read', () => {
    const passwordFile = bed.write('open-password', 'first', 0o600);
    chmodSync(passwordFile, 0o644);
    open({ passwordFile, servers: [{ host: '192.0.2.1', port: 6379 }] });
    const warnings = log.of('access list').map(({ fields }) => String(fields['warning']));
    expect(warnings[0]).to.include(`${passwordFile} has mode 644`);
    expect(warnings[1]).to.include('the way to Redis at 192.0.2.1 is in clear');
  });

  it('refuses files that cannot be used, with their place', () => {
    const broken = bed.write(
      'broken.pem',
      '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
      0o600,
    );
    const cases: readonly (readonly [Partial<RedisConfig>, RegExp])[] = [
      [{ passwordFile: `${bed.directory}/none` }, /none:1:1: there is no such file; create it/],
      [{ tls: { ca: broken } }, /broken\.pem:1:1: the TLS library cannot read it: /],
      [{ tls: { certificate: broken, key: broken } }, /broken\.pem:1:1: the TLS library cannot read it: /],
    ];
    for (const [more, says] of cases) expect(() => open(more)).to.throw(ConfigError, says);
  });

  it('knows nobody without a configuration', async () => {
    const store = openAccessStore(undefined, { log, nowMs: () => 0 });
    const request = { action: 'resolve', zone: Name.parse('example') } as const;
    expect(await store.access.admit(Name.parse('a.example'))).to.include({ admitted: false });
    expect(await store.access.decide(provedClient('a.example'), request)).to.include({ allowed: false });
    expect(await store.access.decideAnonymous(request)).to.include({ allowed: false });
    expect([store.ready().ready, [...store.exactNames()]]).to.deep.equal([true, []]);
    await store.close();
  });

  it('opens a Redis that is not there, and says what it waits for', async () => {
    open({ servers: [{ path: `${bed.directory}/nobody` }] });
    await until('it was tried', () => opened?.ready().waitingFor.join().includes('ENOENT') === true);
    expect(opened?.ready().waitingFor[0]).to.match(
      /^access list in redis at \S+\/nobody: no access list has been read yet: redis at .*\(there is no such socket/,
    );
    expect(await opened?.access.admit(Name.parse('a.example'))).to.deep.include({
      admitted: false,
      reason: 'access-unavailable',
    });
  });
});
