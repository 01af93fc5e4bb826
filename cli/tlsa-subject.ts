/**
 * The certificate or public key in a file, for a TLSA record to publish.
 *
 * A certificate may be PEM or DER, a public key must be PEM, and a directory is that of an identity.
 *
 * Limitations: of a chain, the first certificate counts; private keys are refused and never looked into.
 */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsaSubject } from '../core/dane/tlsa.ts';
import type { Name } from '../core/dns/name.ts';
import { checkSubjectPublicKeyInfo, dnsNames, subjectPublicKeyInfo } from '../core/pki/certificate.ts';
import { CertificateFormatError } from '../core/pki/errors.ts';
import { maxPemLength, parsePemBlocks } from '../core/pki/pem.ts';
import type { PemBlock } from '../core/pki/pem.ts';
import { certificateFileName } from './identity-directory.ts';
import { CommandError, fileErrorWords } from './output.ts';

/** What a file holds that a TLSA record can publish. */
export interface FileSubject extends TlsaSubject {
  /** The dNSNames of a certificate. */
  readonly names: readonly Name[];
  /** What is odd about the file, in words. */
  readonly notes: readonly string[];
}

/** Reads the file, or the certificate in the directory. Throws CommandError if there is nothing to publish in it. */
export async function readTlsaSubject(file: string): Promise<FileSubject> {
  let path = file;
  try {
    if ((await stat(path)).isDirectory()) path = join(path, certificateFileName);
    return readSubject(await readBounded(path));
  } catch (error) {
    const words =
      error instanceof CertificateFormatError || error instanceof CommandError
        ? error.message
        : fileErrorWords(error);
    throw words === undefined ? error : new CommandError(`${path}: ${words}`, { cause: error });
  }
}

function readSubject(content: Buffer): FileSubject {
  // PEM may have any text before its first block, DER of a certificate starts with a SEQUENCE and its length.
  const text = content.toString('latin1');
  if (!text.includes('-----BEGIN ')) return derSubject(content);
  const blocks = parsePemBlocks(text);
  const certificate = blocks.find(({ label }) => label === 'CERTIFICATE');
  if (certificate !== undefined) return certificateSubject(certificate.der);
  const publicKey = blocks.find(({ label }) => label === 'PUBLIC KEY');
  if (publicKey !== undefined) return publicKeySubject(publicKey.der);
  throw new CommandError(nothingToPublish(blocks));
}

function derSubject(content: Buffer): FileSubject {
  try {
    return certificateSubject(content);
  } catch (error) {
    if (!(error instanceof CertificateFormatError)) throw error;
    throw new CommandError('it is neither PEM nor a certificate in DER', { cause: error });
  }
}

function certificateSubject(certificate: Buffer): FileSubject {
  const { names, invalid } = dnsNames(certificate);
  return {
    certificate,
    subjectPublicKeyInfo: subjectPublicKeyInfo(certificate),
    names,
    notes: invalid.map(
      (text) => `the dNSName ${text} of the certificate is not the name of a server; it is left out`,
    ),
  };
}

function publicKeySubject(der: Buffer): FileSubject {
  checkSubjectPublicKeyInfo(der);
  return { subjectPublicKeyInfo: der, names: [], notes: [] };
}

function nothingToPublish(blocks: readonly PemBlock[]): string {
  const labels = blocks.map(({ label }) => label);
  if (labels.some((label) => label.endsWith('PRIVATE KEY'))) {
    return 'there is a private key in it, which no record publishes; a certificate or a public key would be right';
  }
  const found = labels.length === 0 ? 'nothing' : labels.join(', ');
  return `there is no CERTIFICATE and no PUBLIC KEY in it, but ${found}`;
}

/** Reads at most `maxPemLength` octets, whatever the file says of its length: it may be a pipe, or /dev/zero. */
export async function readBounded(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const octets = Buffer.alloc(maxPemLength + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(octets, length, octets.length - length, null);
      length += bytesRead;
      if (length > maxPemLength) throw new CommandError('too long for a certificate or key');
      if (bytesRead === 0) return octets.subarray(0, length);
    }
  } finally {
    await handle.close();
  }
}
