import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { ImportResult } from '../../../cli/access/import.ts';
import { AccessCommand } from '../../support/access-command.ts';
import { TestBed } from '../../support/peers/test-bed.ts';
import { TestRedis } from '../../support/redis/redis-server.ts';
import type { CommandRun } from '../../support/run-command.ts';

const text = `version: 1
roles:
  secondary: { allow: [{ action: transfer, zones: ["*"] }] }
anonymous: { allow: [] }
clients:
  "*.example": { roles: [secondary] }
  ns2.example: { allow: [{ action: transfer, zones: [example.com], rate: 10/s }], comment: "\u00e9 \\" ' \\\\" }
  'a\\.b.example': { roles: ["null"] }
`;

describe('danced access with Redis', () => {
  const bed = new TestBed();
  let redis: TestRedis;
  let access: AccessCommand;
  let configuration: string;

  before(async () => {
    redis = await TestRedis.start(bed);
  });
  beforeEach(async () => {
    await redis.cli('FLUSHALL');
    access = new AccessCommand();
    access.write(text);
    configuration = access.write(configurationFor(redis.path), 'danced.yaml');
  });
  afterEach(() => {
    access.close();
  });
  after(() => bed.close());

  function configurationFor(socket: string): string {
    return [
      'version: 1',
      'identity: { name: ns1.example.com, directory: identity }',
      'resolver: { servers: [127.0.0.1] }',
      `access: { store: redis, redis: { servers: ["unix:${socket}"] } }`,
      'plugins: [{ use: xot/gate, listen: ["127.0.0.1:853"], primary: 127.0.0.1:53, zones: [example.com] }]',
      '',
    ].join('\n');
  }

  const run = (...args: string[]): Promise<CommandRun> => access.raw(...args, '-c', configuration);

  /** Writes keys that no tool of ours would write. */
  async function spoil(): Promise<void> {
    await redis.cli('SET', 'danced:v1:client:broken.example', '{"roles":[]');
    await redis.cli('SADD', 'danced:v1:client:set.example', 'x');
  }

  it('brings a file into Redis and out again unchanged', async () => {
    const { exitCode, stdout } = await run('import', access.file);
    expect(exitCode).to.equal(0);
    expect(stdout).to.match(/5 added, 0 changed, 0 unchanged, 0 removed, revision 1, [\d.]+ s\n$/);
    const fromFile = (await access.run('export')).stdout;
    expect((await run('export')).stdout).to.equal(fromFile);
    expect((await run('diff', access.file)).exitCode).to.equal(0);
    const again = JSON.parse((await run('import', access.file, '--json')).stdout) as ImportResult;
    expect(again).to.include({ added: 0, changed: 0, unchanged: 5, removed: 0, revision: 1 });
  });

  it('lists, shows, adds and removes as in a file', async () => {
    await run('import', access.file);
    const added = await run('add', 'NS3.example', '--role', 'secondary', '--json');
    expect(JSON.parse(added.stdout)).to.deep.include({ done: 'added', name: 'ns3.example', revision: 2 });
    const { stdout, stderr } = await run('list', 'ns');
    expect(
      stdout
        .split('\n')
        .slice(1, -1)
        .map((line) => line.split(' ', 1)[0])
        .sort(),
    ).to.deep.equal(['ns2.example', 'ns3.example']);
    expect(stderr).to.include(`2 clients in redis at ${redis.path} (danced:v1:*)`);
    const shown = await run('show', 'x.y.example');
    expect(shown.stdout)
      .to.include('*.example decides for x.y.example')
      .and.to.match(/role secondary: allow 1/);
    const removed = await run('remove', 'ns3.example');
    expect([removed.exitCode, removed.stdout.includes('ns3.example')]).to.deep.equal([0, true]);
    expect(removed.stderr).to.include('still known, by *.example');
    expect(await redis.cli('GET', 'danced:v1:revision')).to.equal('3');
    expect((await run('list', '--json')).stdout).to.satisfy(
      (json: string) => (JSON.parse(json) as { clients: unknown[] }).clients.length === 3,
    );
  });

  it('says that there is no list, rather than show an empty one', async () => {
    for (const args of [['list'], ['show', 'a.example'], ['export'], ['remove', 'a.example']]) {
      const { exitCode, stdout, stderr } = await run(...args);
      expect([exitCode, stdout], args.join(' ')).to.deep.equal([1, '']);
      expect(stderr).to.include('there is no list in redis at').and.to.include('danced access import');
    }
    const diff = await run('diff', access.file);
    expect(diff.exitCode).to.equal(1);
    expect(diff.stdout).to.include('+ ns2.example: ');
  });

  it('makes a list of a single entry only if told to, so that a list that was lost stays what gates go by', async () => {
    const { exitCode, stdout, stderr } = await run('add', 'a.example', '--role', 'x');
    expect([exitCode, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.include('danced access import').and.to.include('--create');
    expect(await redis.cli('DBSIZE')).to.equal('0');
    expect((await run('add', 'a.example', '--role', 'x', '--create')).exitCode).to.equal(0);
    expect(await redis.cli('GET', 'danced:v1:revision')).to.equal('1');
  });

  it('says where the rights stand that the user of a gate does not have', async () => {
    await run('import', access.file);
    await redis.cli('ACL', 'SETUSER', 'default', '-scan', '-publish');
    try {
      for (const args of [['list'], ['add', 'a.example', '--role', 'x']]) {
        const { exitCode, stderr } = await run(...args);
        expect(exitCode, args.join(' ')).to.equal(2);
        expect(stderr).to.include('docs/commands.md has them').and.to.include('username');
      }
    } finally {
      await redis.cli('ACL', 'SETUSER', 'default', '+@all');
    }
    expect(await redis.cli('GET', 'danced:v1:revision')).to.equal('1');
  });

  it('puts nothing in force that an import left behind when it was cut off', async () => {
    await redis.cli('SET', 'danced:v1:client:old.example', '{"roles":["secondary"]}');
    const add = await run('add', 'a.example', '--role', 'x');
    expect(add.exitCode).to.equal(2);
    expect(add.stderr).to.include('has entries but no revision');
    const merged = await run('import', access.file);
    expect(merged.exitCode).to.equal(2);
    expect(merged.stderr).to.include('--replace removes them');
    expect(await redis.cli('EXISTS', 'danced:v1:revision')).to.equal('0');
    const replaced = await run('import', access.file, '--replace', '--json');
    expect(JSON.parse(replaced.stdout)).to.include({ added: 5, removed: 1, revision: 1 });
    await redis.cli('DEL', 'danced:v1:revision');
    expect((await run('import', access.file)).stdout).to.include('0 added, 0 changed, 5 unchanged');
    expect(await redis.cli('GET', 'danced:v1:revision')).to.equal('1');
  });

  it('names what cannot be read, goes on, and ends with 1', async () => {
    await run('import', access.file);
    await spoil();
    for (const args of [['list'], ['export'], ['diff', access.file]]) {
      const { exitCode, stdout, stderr } = await run(...args);
      expect(exitCode, args.join(' ')).to.equal(1);
      expect(stderr).to.include('cannot be read: danced:v1:client:broken.example: is not JSON');
      expect(stderr).to.include('cannot be read: danced:v1:client:set.example: is not text');
      if (args[0] !== 'diff') expect(stdout).to.include('ns2.example');
    }
    expect((await run('diff', access.file)).stdout).to.include(
      '- broken.example: cannot be read in the list',
    );
    const shown = await run('show', 'broken.example');
    expect(shown.exitCode).to.equal(1);
    expect(shown.stdout)
      .to.include('broken.example has an entry of its own')
      .and.to.include('gates deny everything');
  });

  it('writes no file that lacks what cannot be read', async () => {
    await run('import', access.file);
    await spoil();
    const file = path.join(access.folder, 'out.yaml');
    const { exitCode, stderr } = await run('export', file);
    expect(exitCode).to.equal(1);
    expect(stderr).to.include('was not written: not all of the list can be read');
    expect(fs.existsSync(file)).to.equal(false);
    await run('remove', 'broken.example', 'set.example');
    expect((await run('export', file)).exitCode).to.equal(0);
    expect(fs.readFileSync(file, 'utf8')).to.equal((await access.run('export')).stdout);
  });

  it('replaces what cannot be read', async () => {
    await run('import', access.file);
    await redis.cli('SET', 'danced:v1:client:ns2.example', 'x');
    expect((await run('add', 'ns2.example', '--role', 'x')).stderr).to.include('(and cannot be read)');
    expect((await run('import', access.file, '--json')).stdout).to.include('"changed": 1');
    expect((await run('diff', access.file)).exitCode).to.equal(0);
  });

  it('says what is wrong where Redis is not there', async function () {
    this.timeout(60_000);
    configuration = access.write(configurationFor(path.join(access.folder, 'none')), 'none.yaml');
    const { exitCode, stderr } = await run('list');
    expect(exitCode).to.equal(2);
    expect(stderr).to.include('there is no such socket; is Redis running');
  });

  it('brings 5,000 clients in, in batches', async function () {
    this.timeout(60_000);
    const lines = Array.from({ length: 5000 }, (_, at) => `  c${String(at)}.example: { roles: [device] }\n`);
    access.write(`version: 1\nclients:\n${lines.join('')}`);
    const first = JSON.parse((await run('import', access.file, '--json')).stdout) as ImportResult;
    expect(first).to.include({ added: 5000, revision: 1 });
    access.write(`version: 1\nclients:\n${lines.slice(2600).join('').replaceAll('device', 'other')}`);
    const second = JSON.parse(
      (await run('import', access.file, '--replace', '--yes', '--json')).stdout,
    ) as ImportResult;
    expect(second).to.include({ added: 0, changed: 2400, removed: 2600, revision: 11 });
    expect((await run('diff', access.file)).exitCode).to.equal(0);
  });
});
