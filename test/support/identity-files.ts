/** A key and certificate for a name in files, as a peer that is not ours has them, and the TLSA record to publish. */
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { issueIdentity } from '../../core/pki/issue.ts';
import type { TestBed } from './peers/test-bed.ts';

export interface IdentityFiles {
  readonly name: string;
  readonly directory: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** RDATA of DANE-EE SPKI SHA2-256. */
  readonly tlsa: Buffer;
}

const hourMs = 3_600_000;
let made = 0;

/** Makes a key and writes it to a folder of its own; two calls with one name make two keys. */
export async function makeIdentity(bed: TestBed, name: string): Promise<IdentityFiles> {
  const nowMs = Date.now();
  const identity = await issueIdentity({
    name: Name.parse(name),
    algorithm: 'p256',
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + 24 * hourMs,
  });
  const folder = `identity-${++made}`;
  return {
    name,
    directory: bed.folder(folder),
    certificateFile: bed.write(`${folder}/certificate.pem`, identity.certificatePem),
    keyFile: bed.write(`${folder}/key.pem`, identity.privateKeyPem, 0o600),
    tlsa: encodeTlsa(tlsaFor(identity, { usage: 3, selector: 1, matchingType: 1 })),
  };
}
