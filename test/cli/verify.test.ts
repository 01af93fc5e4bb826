import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { registerVerify } from '../../cli/commands/verify.ts';
import type { VerifyFacts } from '../../cli/verify-facts.ts';
import { presentTlsa } from '../../core/dns/present.ts';
import { encodePem } from '../../core/pki/pem.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, tlsaRdata } from '../support/gate.ts';
import { runCommand, type CommandRun } from '../support/run-command.ts';

const client = '_xfr.ns2.example';
const patterned = 'a.fleet.ns2.example';
const idle = 'idle.ns2.example';

describe('danced verify', () => {
  let lab: Lab;
  let folder: string;
  let identity: IssuedIdentity;
  let chain: string;

  before(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 10 } });
    folder = mkdtempSync(join(tmpdir(), 'danced-verify-'));
    identity = await makeIdentity(client);
    chain = file('client.pem', identity.certificatePem);
    lab.publishTlsa(client, [tlsaRdata(identity)]);
    file('root.key', `${lab.rootAnchor()}\n`);
    file(
      'access.yaml',
      `version: 1
clients:
  ${client}: { roles: [secondary], allow: [{ action: transfer, zones: [example.com] }] }
  "*.fleet.ns2.example": { allow: [{ action: transfer, zones: ["*"] }] }
  ${idle}: { allow: [] }
  unsigned.example: { allow: [] }
`,
    );
    file(
      'danced.yaml',
      `version: 1
identity: { name: gate.example, directory: . }
resolver: { servers: ["127.0.0.1:${String(lab.resolver.port)}"], trust-anchors: root.key }
access: { store: file, file: access.yaml }
plugins:
  - { use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com, example.net] }
  - { use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com] }
`,
    );
    file(
      'trusting.yaml',
      `version: 1
identity: { name: gate.example, directory: . }
resolver: { validation: trust-ad, servers: ["127.0.0.1:${String(lab.resolver.port)}"] }
access: { store: file, file: access.yaml }
plugins: [{ use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com] }]
`,
    );
  });
  after(async () => {
    await lab.close();
    rmSync(folder, { recursive: true });
  });

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  function verify(...args: string[]): Promise<CommandRun> {
    return runCommand(registerVerify, ['verify', ...args]);
  }

  async function facts(...args: string[]): Promise<VerifyFacts & { readonly exitCode: number }> {
    const { exitCode, stdout } = await verify(...args, '--json', '-c', join(folder, 'danced.yaml'));
    return { exitCode, ...(JSON.parse(stdout) as VerifyFacts) };
  }

  function stepsOf({ steps }: VerifyFacts): [string, boolean][] {
    return steps.map(({ step, ok }) => [step, ok]);
  }

  it('says that a gate would let the client in, as whom, for which zones and until when', async () => {
    const { stdout } = await verify(client, '--chain', chain, '--json', '-c', join(folder, 'danced.yaml'));
    const result = JSON.parse(stdout) as VerifyFacts;
    expect(Object.keys(result).join()).to.equal(
      'name,ok,reason,steps,lookup,match,accepts,may,mayNot,gates,until',
    );
    expect(result).to.deep.include({
      name: client,
      ok: true,
      reason: 'identified',
      match: { ok: true, usage: 3, selector: 1, matching: 1, depth: 0, reason: 'matched' },
      accepts: [`3 1 1 ${tlsaRdata(identity).subarray(3).toString('hex')}`],
      may: ['example.com'],
      mayNot: ['example.net'],
    });
    expect(stepsOf(result)).to.deep.equal([
      ['access', true],
      ['claim', true],
      ['lookup', true],
      ['match', true],
      ['permission', true],
    ]);
    expect(result.steps[0]?.detail).to.equal(`${client}, line 3; roles: secondary`);
    expect(result.lookup).to.include({ status: 'secure', reason: 'signed' });
    expect(Date.parse(result.until!)).to.be.within(Date.now() + 50_000, Date.now() + 61_000);
  });

  it('asks the DNS nothing about a name that the access list does not have', async () => {
    const asked = lab.resolver.queries.length;
    const result = await facts('_xfr.stranger.example', '--chain', chain);
    expect(result).to.deep.include({ ok: false, reason: 'not-admitted', lookup: null, exitCode: 1 });
    expect(stepsOf(result)).to.deep.equal([['access', false]]);
    expect(lab.resolver.queries).to.have.length(asked);
  });

  it('refuses a certificate that does not claim the name', async () => {
    const asked = lab.resolver.queries.length;
    const result = await facts(patterned, '--chain', chain);
    expect(result).to.deep.include({ ok: false, reason: 'no-claim', exitCode: 1 });
    expect(result.steps.at(-1)?.detail).to.include(`it has ${client}`);
    expect(lab.resolver.queries).to.have.length(asked);
  });

  it('takes a raw public key for one whose client says its name [DANCE-9]', async () => {
    const key = file('client.pub', encodePem(identity.subjectPublicKeyInfo, 'PUBLIC KEY'));
    const result = await facts(client, '--chain', key);
    expect(result).to.include({ ok: true, reason: 'identified' });
    expect(result.steps.find(({ step }) => step === 'claim')?.detail).to.include('dane_clientid');
  });

  it('refuses a raw public key that is not published', async () => {
    const other = await makeIdentity(client);
    const key = file('other.pub', encodePem(other.subjectPublicKeyInfo, 'PUBLIC KEY'));
    const result = await facts(client, '--chain', key);
    expect(result).to.include({ ok: false, reason: 'key-mismatch' });
  });

  it('refuses another key under the right name', async () => {
    const impostor = file('impostor.pem', (await makeIdentity(client)).certificatePem);
    const result = await facts(client, '--chain', impostor);
    expect(result).to.include({ ok: false, reason: 'key-mismatch', until: null, exitCode: 1 });
    expect(result.match).to.include({ ok: false, reason: 'key-mismatch' });
    expect(stepsOf(result).at(-1)).to.deep.equal(['match', false]);
  });

  it('refuses a client whose record is not secure, whatever it shows [RFC6698-4.1]', async () => {
    const unsigned = await makeIdentity('unsigned.example');
    lab.publishTlsa('unsigned.example', [tlsaRdata(unsigned)]);
    const shown = file('unsigned.pem', unsigned.certificatePem);
    const result = await facts('unsigned.example', '--chain', shown);
    expect(result).to.include({ ok: false, reason: 'insecure', match: null });
    expect(result.lookup).to.include({ status: 'insecure', reason: 'no-ds' });
    expect(stepsOf(result).at(-1)).to.deep.equal(['lookup', false]);
  });

  it('refuses a client without a record', async () => {
    const result = await facts(idle);
    expect(result).to.deep.include({ ok: false, reason: 'no-tlsa', accepts: [] });
  });

  it('refuses a client that is identified and may do nothing', async () => {
    const known = await makeIdentity(idle);
    lab.publishTlsa(idle, [tlsaRdata(known)]);
    const result = await facts(idle, '--chain', file('idle.pem', known.certificatePem));
    expect(result).to.deep.include({ ok: false, reason: 'no-rule', may: [], exitCode: 1 });
    expect(stepsOf(result).at(-1)).to.deep.equal(['permission', false]);
    lab.withdrawTlsa(idle);
  });

  it('says without a certificate which keys would be accepted', async () => {
    lab.publishTlsa(patterned, [tlsaRdata(identity), tlsaRdata(identity, [0, 1, 1])]);
    const result = await facts(patterned);
    expect(result).to.deep.include({
      ok: true,
      reason: 'has-keys',
      match: null,
      accepts: [`3 1 1 ${tlsaRdata(identity).subarray(3).toString('hex')}`],
      until: null,
      exitCode: 0,
    });
    expect(result.steps[0]?.detail).to.equal('*.fleet.ns2.example, line 4');
    lab.publishTlsa(patterned, [tlsaRdata(identity, [0, 1, 1])]);
    expect(await facts(patterned)).to.deep.include({ ok: false, reason: 'no-usable-record', accepts: [] });
  });

  it('goes by the AD bit where the configuration does', async () => {
    const { stdout, exitCode } = await verify(
      ...[client, '--chain', chain, '--json', '-c', join(folder, 'trusting.yaml')],
    );
    expect(JSON.parse(stdout)).to.deep.include({ ok: true, reason: 'identified', lookup: null });
    expect(exitCode).to.equal(0);
  });

  it('says nothing of access and permission without a configuration', async () => {
    const server = `127.0.0.1:${String(lab.resolver.port)}`;
    const args = [client, '--server', server, '--anchor', join(folder, 'root.key')];
    const { stdout, exitCode } = await verify(...args, '--chain', chain, '--json');
    const result = JSON.parse(stdout) as VerifyFacts;
    expect(stepsOf(result).map(([step]) => step)).to.deep.equal(['claim', 'lookup', 'match']);
    expect([result.ok, exitCode]).to.deep.equal([true, 0]);
  });

  it('says which record publishes a key that none is about', async () => {
    const other = await makeIdentity(client);
    const { stdout, stderr } = await verify(
      ...[client, '--chain', file('other.pem', other.certificatePem), '-c', join(folder, 'danced.yaml')],
    );
    expect(stdout).to.match(/^\S+: a gate would refuse it: key-mismatch\n/);
    const record = presentTlsa(tlsaRdata(other));
    expect(stderr).to.equal(`note: what was shown is published by: ${record}\n`);
  });

  it('judges as of another time', async () => {
    const result = await facts(client, '--chain', chain, '--at', '2020-01-01');
    expect(result).to.include({ ok: false, reason: 'bogus' });
  });

  it('tells it step by step, with the way from the trust anchor', async () => {
    const config = ['-c', join(folder, 'danced.yaml')];
    const { stdout } = await verify(client, '--chain', chain, ...config);
    const lines = stdout.replaceAll(/(✓|ok) /g, '+ ').split('\n');
    expect(lines[0]).to.equal(`${client}: a gate would let it in`);
    const steps = lines.filter((line) => /^ {2}\+/.test(line)).map((line) => line.trim().split(/ +/)[1]);
    expect(steps).to.deep.equal(['access', 'claim', 'lookup', 'match', 'permission']);
    expect(lines.some((line) => line.startsWith(`            + ${client} TLSA `))).to.equal(true);
    expect(stdout).to.include('may transfer example.com; may not transfer example.net');
    expect(stdout).to.match(/; the proof counts until 20\S+Z\n$/);
    const refused = await verify('_xfr.stranger.example', ...config);
    expect(refused.stdout).to.match(/^\S+: a gate would refuse it: not-admitted\n {2}(✗|NO) access /);
    expect(refused.stdout).to.match(/\n\nnobody was asked\n$/);
    const open = await verify(client, ...config);
    expect(open.stdout).to.match(/\nIt can show .*:\n {2}3 1 1 [0-9a-f]{64} \(DANE-EE SPKI SHA2-256\)\n/);
  });

  it('ends with 2 when a file that it needs cannot be used', async () => {
    const broken = file('broken.yaml', 'version: 1\n');
    const noList = file(
      'no-list.yaml',
      `version: 1
identity: { name: gate.example, directory: . }
resolver: { servers: [127.0.0.1] }
access: { store: file, file: none.yaml }
plugins: [{ use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com] }]
`,
    );
    const cases: [args: string[], words: RegExp][] = [
      [[client, '-c', broken], /broken\.yaml:1:1: identity: missing/],
      [[client, '-c', noList], /none\.yaml:1:1: there is no such file/],
      [[client, '--chain', join(folder, 'none.pem')], /none\.pem: there is no such file/],
      [['.'], /The root is nobody/],
    ];
    for (const [args, words] of cases) {
      const { exitCode, stdout, stderr } = await verify(...args);
      expect(stderr).to.match(words);
      expect([exitCode, stdout]).to.deep.equal([2, '']);
    }
  });
});
