import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { registerTlsa } from '../../cli/commands/tlsa.ts';
import type { TlsaResult } from '../../cli/commands/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { issueIdentity } from '../../core/pki/issue.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { encodePem, maxPemLength } from '../../core/pki/pem.ts';
import { craftCertificate, dnsNameEntry, subjectAltName } from '../support/crafted-certificate.ts';
import { runCommand } from '../support/run-command.ts';

const name = '_xfr.ns2.example.net';

describe('danced tlsa', () => {
  let folder: string;
  let identity: IssuedIdentity;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'danced-tlsa-'));
    const nowMs = Date.parse('2026-11-22T00:00:00Z');
    identity = await issueIdentity({
      name: Name.parse(name),
      algorithm: 'p256',
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 1e9,
    });
  });

  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function run(...args: string[]) {
    return runCommand(registerTlsa, ['tlsa', ...args]);
  }

  function file(fileName: string, content: string | Buffer): string {
    const whole = path.join(folder, fileName);
    fs.mkdirSync(path.dirname(whole), { recursive: true });
    fs.writeFileSync(whole, content);
    return whole;
  }

  function hash(algorithm: string, octets: Buffer): string {
    return createHash(algorithm).update(octets).digest('hex');
  }

  describe('prints the same record for', () => {
    const sources: Record<string, () => string> = {
      'a certificate in PEM': () => file('a.pem', identity.certificatePem),
      'a certificate in DER': () => file('a.der', identity.certificate),
      'a chain, whose first certificate counts': () =>
        file('chain.pem', identity.certificatePem + encodePem(craftCertificate(), 'CERTIFICATE')),
      'a file with key and certificate': () =>
        file('both.pem', identity.privateKeyPem + identity.certificatePem),
      'the directory of an identity': () =>
        path.dirname(file('identity/certificate.pem', identity.certificatePem)),
    };
    for (const [title, make] of Object.entries(sources)) {
      it(title, async () => {
        const { exitCode, stdout, stderr } = await run(make());
        const data = hash('sha256', identity.subjectPublicKeyInfo);
        expect(stdout).to.equal(`${name}. 3600 IN TLSA 3 1 1 ${data}\n`);
        expect([exitCode, stderr]).to.deep.equal([0, '']);
      });
    }
  });

  it('hashes what openssl hashes [RFC6698-2.1.2]', async () => {
    const certificateFile = file('openssl.pem', identity.certificatePem);
    const publicKey = execFileSync('openssl', ['x509', '-in', certificateFile, '-noout', '-pubkey']);
    const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'der'], { input: publicKey });
    const { stdout } = await run(certificateFile);
    expect(stdout).to.include(` 3 1 1 ${hash('sha256', der)}\n`);
  });

  const parameters = [
    { args: ['--selector', '0'], start: '3 0 1', data: () => hash('sha256', identity.certificate) },
    { args: ['--matching', '2'], start: '3 1 2', data: () => hash('sha512', identity.subjectPublicKeyInfo) },
    { args: ['--matching', '0'], start: '3 1 0', data: () => identity.subjectPublicKeyInfo.toString('hex') },
    {
      args: ['--usage', 'DANE-TA', '--selector', 'cert', '--matching', 'SHA2-256'],
      start: '2 0 1',
      data: () => hash('sha256', identity.certificate),
    },
  ];
  for (const { args, start, data } of parameters) {
    it(`takes ${args.join(' ')}, and says what its publisher should know`, async () => {
      const { exitCode, stdout, stderr } = await run(file('a.pem', identity.certificatePem), ...args);
      expect(stdout).to.equal(`${name}. 3600 IN TLSA ${start} ${data()}\n`);
      expect(stderr).to.match(/^note: /);
      expect(exitCode).to.equal(0);
    });
  }

  it('takes a raw public key, which has no name [RFC7671-5.1]', async () => {
    const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
    const { exitCode, stdout } = await run(file('key.pub', pem));
    expect([exitCode, stdout.slice(0, 6)]).to.deep.equal([0, '3 1 1 ']);
    const named = await run(file('key.pub', pem), '--name', 'a\\032b.example');
    expect(named.stdout).to.match(/^a\\032b\.example\. 3600 IN TLSA 3 1 1 [0-9a-f]{64}\n$/);
    const whole = await run(file('key.pub', pem), '--selector', '0');
    expect([whole.exitCode, whole.stdout]).to.deep.equal([2, '']);
    expect(whole.stderr).to.include('needs a certificate, and this is a bare public key');
  });

  it('prints a line for each dNSName, leaves out what is no name, and says so', async () => {
    const names = subjectAltName(
      dnsNameEntry('a.example'),
      dnsNameEntry('*.example'),
      dnsNameEntry('x\n\x1b[2J'),
      dnsNameEntry('b.example'),
    );
    const certificate = encodePem(craftCertificate({ extensions: [names] }), 'CERTIFICATE');
    const { stdout, stderr } = await run(file('names.pem', certificate));
    expect(stdout.split('\n').map((line) => line.split(' ', 1)[0])).to.deep.equal([
      'a.example.',
      'b.example.',
      '',
    ]);
    expect(stderr).to.include('the dNSName *.example of').and.to.include('the dNSName x\\x0a\\x1b[2J of');
    const named = await run(file('names.pem', certificate), '--name', 'c.example');
    expect(named.stdout).to.match(/^c\.example\. /);
  });

  it('prints facts as JSON', async () => {
    const { stdout, stderr } = await run(
      file('a.pem', identity.certificatePem),
      '--json',
      '--matching',
      'SHA2-512',
    );
    const result = JSON.parse(stdout) as TlsaResult;
    const data = hash('sha512', identity.subjectPublicKeyInfo);
    expect(stderr).to.equal('');
    expect(result).to.include({
      subject: 'certificate',
      kind: 'DANE-EE SPKI SHA2-512',
      rdata: `3 1 2 ${data}`,
    });
    expect(result.notes).to.have.length(1);
    expect(result.records).to.deep.equal([
      {
        owner: name,
        ttlSeconds: 3600,
        kind: 'DANE-EE SPKI SHA2-512',
        usage: 3,
        selector: 1,
        matchingType: 2,
        data,
        record: `${name}. 3600 IN TLSA 3 1 2 ${data}`,
      },
    ]);
  });

  describe('says what is wrong with', () => {
    const cases: Record<string, { make: () => string[]; words: string }> = {
      'a file that is not there': {
        make: () => [path.join(folder, 'nothing')],
        words: 'there is no such file',
      },
      'a directory without identity': {
        make: () => [fs.mkdtempSync(path.join(folder, 'empty-'))],
        words: 'certificate.pem: there is no such file',
      },
      'a private key': {
        make: () => [file('k.pem', identity.privateKeyPem)],
        words: 'there is a private key in it',
      },
      'another kind of PEM': {
        make: () => [file('p.pem', encodePem(Buffer.from('x'), 'X509 CRL'))],
        words: 'no CERTIFICATE and no PUBLIC KEY in it, but X509 CRL',
      },
      'PEM that is cut off': {
        make: () => [file('c.pem', identity.certificatePem.slice(0, 200))],
        words: 'the CERTIFICATE block has no END line',
      },
      'a certificate that is none': {
        make: () => [file('n.pem', encodePem(Buffer.from('x'), 'CERTIFICATE'))],
        words: 'not a certificate',
      },
      'a public key that is none': {
        make: () => [file('n.pub', encodePem(Buffer.from('x'), 'PUBLIC KEY'))],
        words: 'n.pub: not a certificate or public key',
      },
      'neither PEM nor DER': {
        make: () => [file('t.txt', 'hello')],
        words: 'neither PEM nor a certificate in DER',
      },
      'an empty file': { make: () => [file('e', '')], words: 'neither PEM nor a certificate in DER' },
      'a file without end': {
        make: () => [file('big', Buffer.alloc(maxPemLength + 1))],
        words: 'too long for a certificate or key',
      },
      'an unknown usage': {
        make: () => [file('a.pem', identity.certificatePem), '--usage', '4'],
        words: 'One of PKIX-TA (0), PKIX-EE (1), DANE-TA (2) or DANE-EE (3) would be right',
      },
      'a name that is none': {
        make: () => [file('a.pem', identity.certificatePem), '--name', 'a..b'],
        words: 'not a domain name',
      },
      'no file': { make: () => [], words: "missing required argument 'file'" },
    };
    for (const [title, { make, words }] of Object.entries(cases)) {
      it(title, async () => {
        const { exitCode, stdout, stderr } = await run(...make());
        expect([exitCode, stdout]).to.deep.equal([2, '']);
        expect(stderr).to.include(words);
      });
    }
  });
});
