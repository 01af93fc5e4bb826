/** Keys and certificates made for one test run, and what a handshake with them shows. */
import type { PeerCredentials } from '../../core/dane/types.ts';
import { tlsaFor, type TlsaParameters } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { issueIdentity, type IssuedIdentity } from '../../core/pki/issue.ts';
import type { LoadedIdentity } from '../../core/tls/identity.ts';

const dayMs = 86_400_000;

/** A P-256 key with its certificate for the name; valid from yesterday to tomorrow unless said otherwise. */
export function issueTestIdentity(
  name: string,
  validity: { readonly notBeforeMs?: number; readonly notAfterMs?: number } = {},
): Promise<IssuedIdentity> {
  const { notBeforeMs = Date.now() - dayMs, notAfterMs = Date.now() + dayMs } = validity;
  return issueIdentity({ name: Name.parse(name), algorithm: 'p256', notBeforeMs, notAfterMs });
}

/** The identity as a gate loads it. */
export function asLoaded(issued: IssuedIdentity): LoadedIdentity {
  const { certificatePem, privateKeyPem, certificate, subjectPublicKeyInfo } = issued;
  return {
    certificatePem,
    keyPem: privateKeyPem,
    certificate,
    subjectPublicKeyInfo,
    dnsNames: [],
    warnings: [],
  };
}

/** What a peer with this identity shows, claiming these names. */
export function credentialsOf(issued: IssuedIdentity, ...names: readonly string[]): PeerCredentials {
  const { certificate, subjectPublicKeyInfo } = issued;
  return { certificate, subjectPublicKeyInfo, dnsNames: names.map((name) => Name.parse(name)), chain: [] };
}

/** RDATA of the TLSA record that publishes the identity, DANE-EE SPKI SHA2-256 unless said otherwise. */
export function tlsaOf(issued: IssuedIdentity, parameters: Partial<TlsaParameters> = {}): Buffer {
  return encodeTlsa(tlsaFor(issued, { usage: 3, selector: 1, matchingType: 1, ...parameters }));
}
