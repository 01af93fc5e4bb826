import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { keygen, registerKeygen } from '../../cli/commands/keygen.ts';
import type { KeygenResult } from '../../cli/commands/keygen.ts';
import { Name } from '../../core/dns/name.ts';
import { identityAlgorithms } from '../../core/pki/issue.ts';
import { runCommand } from '../support/run-command.ts';

const name = '_xfr.ns2.example.net';
const nowMs = Date.parse('2026-11-22T21:00:00Z');

describe('danced keygen', () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'danced-keygen-'));
  });

  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function run(...args: string[]) {
    return runCommand(registerKeygen, ['keygen', ...args]);
  }

  function inFolder(...parts: string[]): string {
    return path.join(folder, ...parts);
  }

  function modeOf(file: string): string {
    return (fs.statSync(file).mode & 0o777).toString(8);
  }

  it('writes a key for its owner alone and a certificate that fits it', async () => {
    const { exitCode } = await run(name, '--out', inFolder('new', 'identity'));
    expect(exitCode).to.equal(0);
    const directory = inFolder('new', 'identity');
    expect(fs.readdirSync(directory).sort()).to.deep.equal(['certificate.pem', 'key.pem']);
    expect([modeOf(directory), modeOf(path.join(directory, 'key.pem'))]).to.deep.equal(['700', '600']);
    const certificate = new X509Certificate(fs.readFileSync(path.join(directory, 'certificate.pem')));
    expect(
      certificate.checkPrivateKey(createPrivateKey(fs.readFileSync(path.join(directory, 'key.pem')))),
    ).to.equal(true);
  });

  it('prints the record to publish, as a line of a zone file, and what to do next', async () => {
    const { stdout, stderr } = await run(name, '--out', inFolder('identity'));
    expect(stdout).to.match(/^_xfr\.ns2\.example\.net\. 3600 IN TLSA 3 1 1 [0-9a-f]{64}$/m);
    expect(stdout).to.include('signed with DNSSEC').and.to.include('access list');
    expect(stdout).not.to.include('PRIVATE KEY');
    expect(stderr).to.equal('');
  });

  for (const algorithm of identityAlgorithms) {
    it(`hashes for ${algorithm} what openssl hashes [RFC6698-2.1.2]`, async () => {
      const { stdout } = await run(name, '--out', inFolder('identity'), '--alg', algorithm, '--json');
      const result = JSON.parse(stdout) as KeygenResult;
      expect(result.tlsa).to.include({
        owner: name,
        usage: 3,
        selector: 1,
        matchingType: 1,
        kind: 'DANE-EE SPKI SHA2-256',
      });
      const publicKey = execFileSync('openssl', ['x509', '-in', result.certificateFile, '-noout', '-pubkey']);
      const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'der'], { input: publicKey });
      const hash = execFileSync('openssl', ['dgst', '-sha256', '-r'], { input: der }).toString();
      expect(result.tlsa.data).to.equal(hash.split(' ', 1)[0]);
      // RFC 7858 section 4.2: the same digest, in base64.
      expect(Buffer.from(result.pin, 'base64').toString('hex')).to.equal(result.tlsa.data);
    });
  }

  it('names the directory after the name unless told otherwise', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const result = await keygen({ name: Name.parse('_xfr.NS2.example.net.'), alg: 'p256', days: 1, nowMs });
      expect(result.keyFile).to.equal(path.join(name, 'key.pem'));
    } finally {
      process.chdir(before);
    }
    expect(fs.existsSync(inFolder(name, 'certificate.pem'))).to.equal(true);
  });

  it('dates the certificate from an hour ago for as many days as asked', async () => {
    const request = {
      name: Name.parse(name),
      out: inFolder('identity'),
      alg: 'p256',
      days: 30,
      nowMs,
    } as const;
    const { certificateFile, notAfter } = await keygen(request);
    const certificate = new X509Certificate(fs.readFileSync(certificateFile));
    expect(certificate.validFromDate.toISOString()).to.equal('2026-11-22T20:00:00.000Z');
    expect(certificate.validToDate.toISOString()).to.equal('2026-12-22T21:00:00.000Z').and.to.equal(notAfter);
  });

  describe('with files that exist', () => {
    for (const existing of ['key.pem', 'certificate.pem']) {
      it(`leaves ${existing} alone and makes nothing beside it`, async () => {
        fs.writeFileSync(inFolder(existing), 'precious');
        const { exitCode, stdout, stderr } = await run(name, '--out', folder);
        expect([exitCode, stdout]).to.deep.equal([2, '']);
        expect(stderr).to.include(`${inFolder(existing)} exists already; --force replaces it`);
        expect(fs.readdirSync(folder)).to.deep.equal([existing]);
        expect(fs.readFileSync(inFolder(existing), 'utf8')).to.equal('precious');
      });
    }

    it('does not write through a symbolic link', async () => {
      fs.symlinkSync(inFolder('elsewhere'), inFolder('key.pem'));
      expect((await run(name, '--out', folder)).exitCode).to.equal(2);
      expect(fs.existsSync(inFolder('elsewhere'))).to.equal(false);
    });

    it('lets one of two that run at the same time win, whole', async () => {
      const request = { name: Name.parse(name), out: folder, alg: 'p256', days: 1, nowMs } as const;
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => keygen(request)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      expect(fs.readdirSync(folder).sort()).to.deep.equal(['certificate.pem', 'key.pem']);
      const certificate = new X509Certificate(fs.readFileSync(inFolder('certificate.pem')));
      expect(certificate.checkPrivateKey(createPrivateKey(fs.readFileSync(inFolder('key.pem'))))).to.equal(
        true,
      );
    });

    it('replaces both with --force, and the key gets its mode back', async () => {
      fs.writeFileSync(inFolder('key.pem'), 'old', { mode: 0o644 });
      fs.writeFileSync(inFolder('certificate.pem'), 'old');
      expect((await run(name, '--out', folder, '--force')).exitCode).to.equal(0);
      expect(fs.readFileSync(inFolder('key.pem'), 'utf8')).to.include('BEGIN PRIVATE KEY');
      expect(modeOf(inFolder('key.pem'))).to.equal('600');
      expect(fs.readdirSync(folder).sort()).to.deep.equal(['certificate.pem', 'key.pem']);
    });
  });

  it('says in words why it cannot write', async () => {
    fs.writeFileSync(inFolder('file'), '');
    const { exitCode, stderr } = await run(name, '--out', inFolder('file', 'identity'));
    expect(exitCode).to.equal(2);
    expect(stderr).to.equal(
      `danced: ${inFolder('file', 'identity')}: a part of the path is not a directory\n`,
    );
  });

  it('says so, and ends, where no directory can be made', async () => {
    const { exitCode, stderr } = await run(name, '--out', '/proc/identity');
    expect(exitCode).to.equal(2);
    expect(stderr).to.match(/^danced: \/proc\/identity: .+\n$/);
  });

  it('leaves nothing half when a file cannot be written', () => {
    // A limit of 0 on the size of files makes each write fail, as a full disk does; a full disk needs a mount.
    const script = `
      import { keygen } from '${moduleUrl('../../cli/commands/keygen.ts')}';
      import { Name } from '${moduleUrl('../../core/dns/name.ts')}';
      const request = { name: Name.parse('a.example'), out: process.argv[1], alg: 'p256', days: 1, nowMs: 0 };
      await keygen(request).catch((error) => process.stdout.write(error.name + ': ' + error.message));
    `;
    const node = [process.execPath, '--input-type=module', '-e', script, '--', inFolder('identity')];
    const said = execFileSync('sh', ['-c', 'ulimit -f 0 && exec "$0" "$@"', ...node], { encoding: 'utf8' });
    expect(said).to.equal(`CommandError: ${inFolder('identity', 'key.pem')}: the file would be too large`);
    expect(fs.readdirSync(inFolder('identity'))).to.deep.equal([]);
  });

  it('leaves the old key when the certificate cannot be replaced', async () => {
    fs.writeFileSync(inFolder('key.pem'), 'old');
    fs.mkdirSync(inFolder('certificate.pem', 'in the way'), { recursive: true });
    const { exitCode, stderr } = await run(name, '--out', folder, '--force');
    expect(exitCode).to.equal(2);
    expect(stderr).to.include(`${inFolder('certificate.pem')}: it is a directory`);
    expect(fs.readFileSync(inFolder('key.pem'), 'utf8')).to.equal('old');
    expect(fs.readdirSync(folder).sort()).to.deep.equal(['certificate.pem', 'key.pem']);
  });

  describe('refuses', () => {
    const cases = [
      { args: ['müller.example'], words: 'A-labels), as xn--mller-kva.example' },
      { args: ['a..example'], words: 'not a domain name: an empty label' },
      { args: [`${'a'.repeat(64)}.example`], words: 'not a domain name' },
      { args: ['.'], words: 'The root' },
      { args: ['*.example'], words: 'In a certificate a name has letters' },
      { args: ['a\\.b.example'], words: 'In a certificate a name has letters' },
      { args: ['-a.example', '--'], words: 'unknown option' },
      { args: [], words: "missing required argument 'name'" },
      { args: [name, 'other'], words: 'too many arguments' },
      { args: [name, '--alg', 'p521'], words: 'Allowed choices are p256, ed25519, rsa2048' },
      { args: [name, '--days', '0'], words: 'A whole number from 1 to 36500' },
      { args: [name, '--days', '1e3'], words: 'A whole number from 1 to 36500' },
      { args: [name, '--pkcs12'], words: 'unknown option' },
    ];
    for (const { args, words } of cases) {
      it(args.join(' ') || 'no name', async () => {
        const { exitCode, stdout, stderr } = await run(...args, '--out', inFolder('identity'));
        expect([exitCode, stdout]).to.deep.equal([2, '']);
        expect(stderr).to.include(words);
        expect(fs.readdirSync(folder)).to.deep.equal([]);
      });
    }
  });
});

function moduleUrl(relative: string): string {
  return new URL(relative, import.meta.url).href;
}
