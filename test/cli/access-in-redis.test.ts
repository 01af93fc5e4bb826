import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { check } from '../../cli/commands/check.ts';
import { registerVerify } from '../../cli/commands/verify.ts';
import { Daemon } from '../../cli/daemon.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { transfer } from '../../lab/secondary.ts';
import { makeIdentity, tlsaRdata } from '../support/gate.ts';
import { memoryLog } from '../support/memory-log.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { until } from '../support/redis/cluster.ts';
import { ListWriter, singleAt, transferOf } from '../support/redis/list-bed.ts';
import { TestRedis } from '../support/redis/redis-server.ts';
import { runCommand } from '../support/run-command.ts';

const client = '_xfr.ns2.example';

describe('an access list in Redis', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;
  let redis: TestRedis;
  let writer: ListWriter;
  let identity: Awaited<ReturnType<typeof makeIdentity>>;
  let config: string;

  before(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 10 } });
    redis = await TestRedis.start(bed);
    writer = await ListWriter.open(singleAt(redis.path));
    identity = await makeIdentity(client);
    lab.publishTlsa(client, [tlsaRdata(identity)]);
    const own = await makeIdentity('gate.example');
    lab.publishTlsa('gate.example', [tlsaRdata(own)]);
    bed.write('certificate.pem', own.certificatePem);
    bed.write('key.pem', own.privateKeyPem, 0o600);
    bed.write('client.pem', identity.certificatePem);
    config = write(redis.path);
  });
  after(async () => {
    await writer.close();
    await lab.close();
    await bed.close();
  });
  beforeEach(() => redis.cli('FLUSHALL'));

  function write(socket: string, file = 'danced.yaml'): string {
    return bed.write(
      file,
      `version: 1
identity: { name: gate.example, directory: . }
resolver: { validation: trust-ad, servers: ["127.0.0.1:${lab.resolver.port}"] }
access: { store: redis, redis: { servers: ["unix:${socket}"] } }
plugins:
  - { use: xot/gate, listen: ["127.0.0.1:0"], primary: "127.0.0.1:${lab.primary.port}", zones: [example.com] }
`,
    );
  }

  describe('with danced check', () => {
    async function findings(file = config): Promise<string[]> {
      const result = await check({ config: file, timeoutMs: 500 });
      return result.findings
        .filter(({ path }) => path[0] === 'access')
        .map((finding) =>
          finding.severity === 'ok'
            ? finding.fact
            : `${finding.severity}: ${finding.wrong}; ${finding.right}`,
        );
    }

    it('is well, or says which values are broken', async () => {
      await writer.write({ [`client:${client}`]: transferOf('*'), 'below:example.net': transferOf('*') });
      const well = [`redis at ${redis.path} has an access list, revision 1`, 'the list has 2 clients'];
      expect(await findings()).to.deep.equal(well);
      await redis.cli('RPUSH', 'danced:v1:client:x.example', 'x');
      const [, , broken] = await findings();
      expect(broken).to.equal(
        'error: danced:v1:client:x.example is not text: another kind of value is under the key; mend it or delete it; whom it is for is refused until then',
      );
    });

    it('says which roles are broken where the user may not look through the entries', async () => {
      await writer.write({ [`client:${client}`]: transferOf('*'), 'roles secondary': '{"allow":1}' });
      await redis.cli('ACL', 'SETUSER', 'default', '-scan');
      try {
        const [, uncounted, broken] = await findings();
        expect(uncounted).to.match(/^the clients are not counted.*NOPERM/);
        expect(broken).to.match(/^error: danced:v1:roles secondary allow: /);
      } finally {
        await redis.cli('ACL', 'SETUSER', 'default', '+scan');
      }
    });

    it('is not there, or Redis is not', async () => {
      expect((await findings()).join()).to.match(
        /^error: .*there is no access list under danced:v1:revision; load one with: danced access import FILE$/,
      );
      expect((await findings(write('/nowhere/s', 'other.yaml'))).join()).to.match(
        /^error: .*there is no such socket/,
      );
      await writer.write({});
      expect((await findings()).at(-1)).to.match(
        /^warning: the list has no clients, so nobody may do anything/,
      );
    });
  });

  it('is what danced verify goes by', async () => {
    const verify = async (
      name: string,
    ): Promise<{ exitCode: number; reason: string; steps: { detail: string }[] }> => {
      const chain = `${bed.directory}/client.pem`;
      const run = await runCommand(registerVerify, [
        'verify',
        name,
        '--chain',
        chain,
        '--json',
        '-c',
        config,
      ]);
      return {
        exitCode: run.exitCode,
        ...(JSON.parse(run.stdout || '{"reason":"none"}') as { reason: string; steps: { detail: string }[] }),
      };
    };
    expect((await verify(client)).exitCode).to.equal(1);
    await writer.write({
      [`client:${client}`]: JSON.stringify({ roles: ['secondary'] }),
      'roles secondary': transferOf('example.com'),
    });
    expect(await verify(client)).to.deep.include({ exitCode: 0, reason: 'identified' });
    expect(await verify('other.example')).to.deep.include({ exitCode: 1, reason: 'not-admitted' });
    await writer.write({ [`client:${client}`]: '{' });
    const broken = await verify(client);
    expect(broken.steps[0]?.detail).to.equal(`the value of danced:v1:client:${client} is not JSON`);
  });

  it('is what the daemon goes by, at once', async () => {
    const log = memoryLog();
    const daemon = await Daemon.start({ loaded: await loadConfigAndPlugins(config), log });
    try {
      expect(daemon.ready().ready).to.equal(false);
      const port = Number(String(log.of('listening')[0]?.fields['addresses']).split(':')[1]);
      const rcode = async (): Promise<number | undefined> => {
        const { certificatePem, privateKeyPem } = identity;
        const how = { address: '127.0.0.1', port, certificatePem, keyPem: privateKeyPem };
        return (await transfer({ ...how, zone: lab.primary.zone.apex, type: 'SOA' })).rcode;
      };
      expect(await rcode()).to.equal(undefined);
      await writer.write({ [`client:${client}`]: transferOf('example.com') });
      await until('there is a list', () => daemon.ready().ready);
      expect(await rcode()).to.equal(0);
      await writer.write({ [`client:${client}`]: transferOf('example.net') });
      await sleep(50);
      expect(await rcode()).to.equal(5);
      await writer.write({ [`client:${client}`]: undefined });
      await sleep(50);
      expect(await rcode()).to.equal(undefined);
      const reasons = log.of('connection refused').map(({ fields }) => fields['reason']);
      expect(reasons).to.deep.equal(['access-unavailable', 'not-admitted']);
      daemon.reload(undefined);
      expect(await daemon.metrics.text()).to.match(/^danced_access_up 1$/m);
    } finally {
      await daemon.stop(500);
    }
  });
});
