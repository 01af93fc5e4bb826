/**
 * Our own identity as files: `certificate.pem` (end entity first) and `key.pem` (PKCS#8) in one directory.
 *
 * Every fault is an `IdentityError` that names the file and the mend, since this is where operators start.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Name } from '../dns/name.ts';
import { dnsNames, subjectPublicKeyInfo } from '../pki/certificate.ts';
import { parsePem } from '../pki/pem.ts';

/** A certificate with its key, checked to belong together. */
export interface LoadedIdentity {
  /** PEM, end entity first. */
  readonly certificatePem: string;
  /** PEM of the private key. Never log it. */
  readonly keyPem: string;
  /** DER of the end-entity certificate. */
  readonly certificate: Buffer;
  /** DER SubjectPublicKeyInfo of it. */
  readonly subjectPublicKeyInfo: Buffer;
  readonly dnsNames: readonly Name[];
  /** What is not wrong but should be mended, as a key that others can read. */
  readonly warnings: readonly string[];
}

/** Why an identity cannot be used: which file, what is wrong, what would be right. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code = 'TLS_IDENTITY';
  readonly blame = 'config';
  readonly file: string;
  readonly wrong: string;
  readonly right: string;

  constructor(file: string, wrong: string, right: string, options?: ErrorOptions) {
    super(`${file}: ${wrong}; ${right}`, options);
    this.file = file;
    this.wrong = wrong;
    this.right = right;
  }
}

/** A PEM file larger than this is not a key or a chain. */
const maximumFileOctets = 256 * 1024;

/**
 * Reads and checks the identity in a directory.
 *
 * @throws IdentityError when a file is missing, unreadable or malformed, or key and certificate do not belong together
 */
export function loadIdentity(directory: string): LoadedIdentity {
  const certificateFile = join(directory, 'certificate.pem');
  const keyFile = join(directory, 'key.pem');
  const certificatePem = readPem(certificateFile, 'certificate');
  const keyPem = readPem(keyFile, 'private key');

  const [certificate] = attempt(certificateFile, 'this is not a PEM certificate', () =>
    parsePem(certificatePem, 'CERTIFICATE'),
  );
  if (!certificate) throw notA(certificateFile, 'this is not a PEM certificate');
  const spki = attempt(certificateFile, 'the certificate cannot be read', () =>
    subjectPublicKeyInfo(certificate),
  );
  const { names } = attempt(certificateFile, 'the certificate cannot be read', () => dnsNames(certificate));
  attempt(certificateFile, 'the certificate cannot be read', () => new X509Certificate(certificate));

  const key = attempt(keyFile, 'this is not a PEM private key without a passphrase', () =>
    createPrivateKey(keyPem),
  );
  if (!createPublicKey(key).export({ type: 'spki', format: 'der' }).equals(spki)) {
    throw new IdentityError(
      keyFile,
      `the key is not the one of ${certificateFile}`,
      'put key and certificate of the same danced keygen run there, or make new ones with danced keygen --force',
    );
  }
  return {
    certificatePem,
    keyPem,
    certificate,
    subjectPublicKeyInfo: spki,
    dnsNames: names,
    warnings: permissions(keyFile),
  };
}

function readPem(file: string, what: string): string {
  try {
    const { size } = statSync(file);
    if (size > maximumFileOctets) {
      throw new IdentityError(file, `${String(size)} octets is too large for a ${what}`, 'give a PEM file');
    }
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError(file, `cannot read the ${what}: ${systemReason(error)}`, mendFor(error), {
      cause: error,
    });
  }
}

function systemReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  return error instanceof Error ? error.message : String(error);
}

function mendFor(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES')
    return 'let the user that runs danced read it: chown that-user key.pem && chmod 600 key.pem';
  return 'make one with: danced keygen NAME --out DIRECTORY';
}

function attempt<T>(file: string, wrong: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw notA(file, wrong, error);
  }
}

function notA(file: string, wrong: string, cause?: unknown): IdentityError {
  return new IdentityError(
    file,
    wrong,
    'make a key and a certificate with: danced keygen NAME --out DIRECTORY',
    { cause },
  );
}

/** Keys that others can read are a warning: some operators use groups on purpose. */
function permissions(keyFile: string): readonly string[] {
  const mode = statSync(keyFile).mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  return [
    `${keyFile} has mode ${mode.toString(8)}, so other users may read the key; mend it with: chmod 600 ${keyFile}`,
  ];
}
