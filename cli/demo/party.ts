/**
 * A party of the demo and of the examples: a name with the key and certificate that `danced keygen` makes for it, and
 * the TLSA record that publishes the key.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { subjectPublicKeyInfo } from '../../core/pki/certificate.ts';
import { parsePem } from '../../core/pki/pem.ts';
import { keygen } from '../commands/keygen.ts';
import { certificateFileName, keyFileName } from '../identity-directory.ts';

/** Who somebody is, and the proof of it. */
export interface Party {
  readonly name: Name;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  /** DER of the certificate. */
  readonly certificate: Buffer;
  /** RDATA of the TLSA record, DANE-EE SPKI SHA2-256. */
  readonly tlsa: Buffer;
}

const days = 3650;

/** The identity in a directory; it is made if the directory has none. Rejects with CommandError. */
export async function openParty(name: string, directory: string): Promise<Party> {
  const owner = Name.parse(name);
  const certificateFile = join(directory, certificateFileName);
  const keyFile = join(directory, keyFileName);
  if (!existsSync(keyFile)) {
    await keygen({ name: owner, out: directory, alg: 'p256', days, nowMs: Date.now() });
  }
  const certificatePem = readFileSync(certificateFile, 'utf8');
  const keyPem = readFileSync(keyFile, 'utf8');
  const [certificate] = parsePem(certificatePem, 'CERTIFICATE');
  if (certificate === undefined) throw new Error(`no certificate in ${certificateFile}`);
  const subject = { certificate, subjectPublicKeyInfo: subjectPublicKeyInfo(certificate) };
  const tlsa = encodeTlsa(tlsaFor(subject, { usage: 3, selector: 1, matchingType: 1 }));
  return { name: owner, certificateFile, keyFile, certificatePem, keyPem, certificate, tlsa };
}
