import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { encodePem } from '../../../core/pki/pem.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { IdentityError, loadIdentity } from '../../../core/tls/identity.ts';
import { issueTestIdentity } from '../../support/test-identity.ts';

describe('loadIdentity', () => {
  let own: IssuedIdentity;
  let other: IssuedIdentity;
  let directory: string;

  before(async () => {
    own = await issueTestIdentity('gate.example');
    other = await issueTestIdentity('gate.example');
  });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'danced-'));
    write('certificate.pem', own.certificatePem);
    write('key.pem', own.privateKeyPem);
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  function write(file: string, text: string, mode = 0o600): void {
    writeFileSync(join(directory, file), text);
    chmodSync(join(directory, file), mode);
  }

  it('gives key and certificate with the names in it', () => {
    const identity = loadIdentity(directory);
    expect(identity.certificate.equals(own.certificate)).to.equal(true);
    expect(identity.subjectPublicKeyInfo.equals(own.subjectPublicKeyInfo)).to.equal(true);
    expect(identity.dnsNames.map(String)).to.deep.equal(['gate.example']);
    expect(identity.warnings).to.deep.equal([]);
  });

  it('takes the first certificate of a chain for its own', () => {
    write('certificate.pem', own.certificatePem + other.certificatePem);
    expect(loadIdentity(directory).certificate.equals(own.certificate)).to.equal(true);
  });

  for (const mode of [0o640, 0o604, 0o666]) {
    it(`warns of a key of mode ${mode.toString(8)}, and says the mend`, () => {
      write('key.pem', own.privateKeyPem, mode);
      const [warning = ''] = loadIdentity(directory).warnings;
      expect(warning)
        .to.include(`mode ${mode.toString(8)}`)
        .and.include('chmod 600');
    });
  }

  const faults: [title: string, spoil: () => void, file: string, wrong: RegExp][] = [
    ['no certificate', () => remove('certificate.pem'), 'certificate.pem', /no such file/],
    ['no key', () => remove('key.pem'), 'key.pem', /no such file/],
    [
      'a folder for a key',
      () => {
        remove('key.pem');
        mkdirSync(join(directory, 'key.pem'));
      },
      'key.pem',
      /directory/,
    ],
    [
      'text for a certificate',
      () => write('certificate.pem', 'hello'),
      'certificate.pem',
      /not a PEM certificate/,
    ],
    ['an empty certificate', () => write('certificate.pem', ''), 'certificate.pem', /not a PEM certificate/],
    [
      'nonsense in PEM for a certificate',
      () => write('certificate.pem', nonsense('CERTIFICATE')),
      'certificate.pem',
      /cannot be read/,
    ],
    ['text for a key', () => write('key.pem', 'hello'), 'key.pem', /not a PEM private key/],
    [
      'nonsense in PEM for a key',
      () => write('key.pem', nonsense('PRIVATE KEY')),
      'key.pem',
      /not a PEM private key/,
    ],
    [
      'a certificate for a key',
      () => write('key.pem', own.certificatePem),
      'key.pem',
      /not a PEM private key/,
    ],
    [
      'the key of another certificate',
      () => write('key.pem', other.privateKeyPem),
      'key.pem',
      /the key is not the one/,
    ],
    ['a file without end', () => write('key.pem', 'x'.repeat(300_000)), 'key.pem', /too large/],
  ];
  for (const [title, spoil, file, wrong] of faults) {
    it(`refuses ${title}, naming the file and the mend`, () => {
      spoil();
      let error: unknown;
      try {
        loadIdentity(directory);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.be.instanceOf(IdentityError);
      const fault = error as IdentityError;
      expect(fault).to.include({ code: 'TLS_IDENTITY', blame: 'config', file: join(directory, file) });
      expect(fault.wrong).to.match(wrong);
      expect(fault.right).to.match(/keygen|PEM/);
    });
  }

  it('keeps the key out of the words of its errors', () => {
    write('key.pem', other.privateKeyPem);
    const secret = other.privateKeyPem.split('\n')[1] ?? '';
    expect(() => loadIdentity(directory))
      .to.throw(IdentityError)
      .that.satisfies((error: Error) => !error.message.includes(secret));
  });

  function remove(file: string): void {
    rmSync(join(directory, file));
  }
});

function nonsense(label: string): string {
  return encodePem(Buffer.from('nonsense'), label);
}
