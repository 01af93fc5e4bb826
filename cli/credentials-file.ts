/**
 * What a peer would show in a TLS handshake, from a file: a certificate with the chain that it sends (PEM, the end
 * entity first), one certificate in DER, or a raw public key (RFC 7250; PEM or DER). A directory is that of an identity.
 *
 * Limitations: private keys are passed over when a certificate is beside them, and refused otherwise.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PeerCredentials } from '../core/dane/types.ts';
import { checkSubjectPublicKeyInfo, dnsNames, subjectPublicKeyInfo } from '../core/pki/certificate.ts';
import { CertificateFormatError } from '../core/pki/errors.ts';
import { parsePemBlocks, type PemBlock } from '../core/pki/pem.ts';
import { certificateFileName } from './identity-directory.ts';
import { CommandError, fileErrorWords } from './output.ts';
import { readBounded } from './tlsa-subject.ts';

/** Reads the file. Rejects with CommandError if there is nothing in it that a peer can show. */
export async function readCredentials(path: string): Promise<PeerCredentials> {
  let file = path;
  try {
    if ((await stat(path)).isDirectory()) file = join(path, certificateFileName);
    return credentialsIn(await readBounded(file));
  } catch (error) {
    const words =
      error instanceof CertificateFormatError || error instanceof CommandError
        ? error.message
        : fileErrorWords(error);
    throw words === undefined ? error : new CommandError(`${file}: ${words}`, { cause: error });
  }
}

function credentialsIn(content: Buffer): PeerCredentials {
  const text = content.toString('latin1');
  if (!text.includes('-----BEGIN ')) return fromDer(content);
  const blocks = parsePemBlocks(text);
  const [certificate, ...chain] = ofLabel(blocks, 'CERTIFICATE');
  if (certificate !== undefined) return ofCertificate(certificate, chain);
  const [publicKey] = ofLabel(blocks, 'PUBLIC KEY');
  if (publicKey !== undefined) return ofPublicKey(publicKey);
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))) {
    throw new CommandError(
      'there is a private key in it, which no peer shows; give its certificate or public key',
    );
  }
  throw new CommandError('there is no CERTIFICATE and no PUBLIC KEY in it');
}

function ofLabel(blocks: readonly PemBlock[], wanted: string): Buffer[] {
  return blocks.filter(({ label }) => label === wanted).map(({ der }) => der);
}

/** A certificate if it is one, else a public key. */
function fromDer(content: Buffer): PeerCredentials {
  for (const read of [ofCertificate, ofPublicKey]) {
    try {
      return read(content);
    } catch (error) {
      if (!(error instanceof CertificateFormatError)) throw error;
    }
  }
  throw new CommandError('it is neither PEM nor a certificate or public key in DER');
}

function ofCertificate(certificate: Buffer, chain: readonly Buffer[] = []): PeerCredentials {
  return {
    certificate,
    subjectPublicKeyInfo: subjectPublicKeyInfo(certificate),
    dnsNames: dnsNames(certificate).names,
    chain,
  };
}

function ofPublicKey(der: Buffer): PeerCredentials {
  checkSubjectPublicKeyInfo(der);
  return { subjectPublicKeyInfo: der, dnsNames: [], chain: [] };
}
