/**
 * Issuing the certificate that carries an identity: a self-signed one, since with DANE-EE the DNS vouches for the key
 * and nobody reads a signature or a path (RFC 7671 section 5.1).
 *
 * The only file that imports @peculiar/x509. Keys are made by WebCrypto and leave as PKCS#8.
 *
 * Limitations: no certificate requests, no issuing by a CA, no PKCS#12.
 */
import { randomBytes, webcrypto } from 'node:crypto';
// @peculiar/x509 does not load without this polyfill.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { Name } from '../dns/name.ts';
import { subjectPublicKeyInfo } from './certificate.ts';
import { dnsNameFromName } from './dns-name.ts';
import { IdentityNameError } from './errors.ts';
import { encodePem } from './pem.ts';

/** A kind of key that an identity may have. */
interface Algorithm {
  /** In words. */
  readonly title: string;
  readonly generate: () => Promise<webcrypto.CryptoKeyPair>;
  readonly signing: webcrypto.Algorithm | webcrypto.EcdsaParams;
}

const algorithms = {
  p256: {
    title: 'ECDSA P-256',
    generate: () =>
      webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']),
    signing: { name: 'ECDSA', hash: 'SHA-256' },
  },
  ed25519: {
    title: 'Ed25519',
    generate: generateEd25519,
    signing: { name: 'Ed25519' },
  },
  rsa2048: {
    title: 'RSA 2048',
    generate: () =>
      webcrypto.subtle.generateKey(
        {
          name: 'RSASSA-PKCS1-v1_5',
          hash: 'SHA-256',
          modulusLength: 2048,
          publicExponent: Uint8Array.of(1, 0, 1),
        },
        true,
        ['sign', 'verify'],
      ),
    signing: { name: 'RSASSA-PKCS1-v1_5' },
  },
} as const satisfies Record<string, Algorithm>;

async function generateEd25519(): Promise<webcrypto.CryptoKeyPair> {
  const made = await webcrypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify']);
  if (made instanceof CryptoKey) throw new TypeError('WebCrypto made one key, not a pair');
  return made;
}

export type IdentityAlgorithm = keyof typeof algorithms;

export const identityAlgorithms = Object.keys(algorithms) as readonly IdentityAlgorithm[];

/** The algorithm's name in words, as 'ECDSA P-256'. */
export function algorithmTitle(algorithm: IdentityAlgorithm): string {
  return algorithms[algorithm].title;
}

export interface IssueRequest {
  /** Owner name of the TLSA record, as `_xfr.ns2.example.net`. */
  readonly name: Name;
  readonly algorithm: IdentityAlgorithm;
  /** Milliseconds since the epoch; a certificate keeps whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IssuedIdentity {
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** DER. */
  readonly certificate: Buffer;
  /** DER; what a TLSA record with selector SPKI is about. */
  readonly subjectPublicKeyInfo: Buffer;
}

/** Makes a key and its certificate. Throws IdentityNameError if the name cannot stand in a certificate. */
export async function issueIdentity(request: IssueRequest): Promise<IssuedIdentity> {
  const dnsName = dnsNameFromName(request.name);
  if (dnsName === undefined) {
    throw new IdentityNameError(
      `${request.name.toString()} cannot stand in a certificate: only letters, digits, hyphens and underscores can`,
    );
  }
  const { generate, signing } = algorithms[request.algorithm];
  const keys = await generate();
  const issued = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerialNumber(),
      name: distinguishedName(dnsName),
      notBefore: new Date(request.notBeforeMs),
      notAfter: new Date(request.notAfterMs),
      signingAlgorithm: signing,
      keys,
      extensions: extensions(dnsName),
    },
    webcrypto,
  );
  const certificate = Buffer.from(issued.rawData);
  const privateKey = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificatePem: encodePem(certificate, 'CERTIFICATE'),
    privateKeyPem: encodePem(privateKey, 'PRIVATE KEY'),
    certificate,
    subjectPublicKeyInfo: subjectPublicKeyInfo(certificate),
  };
}

/** RFC 5280 section 4.1.2.2: positive and at most 20 octets; unpredictable, as CAs make them. */
function randomSerialNumber(): string {
  const serial = randomBytes(16);
  // The top bit would be the sign; the one below keeps the first octet from being zero.
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  return serial.toString('hex');
}

/** Longest common name: ub-common-name of RFC 5280 appendix A.1. */
const maxCommonNameLength = 64;

/** Subject and issuer, for people: programs read subjectAltName. */
function distinguishedName(dnsName: string): x509.JsonName {
  return [{ CN: [dnsName.length <= maxCommonNameLength ? dnsName : 'danced identity'] }];
}

function extensions(dnsName: string): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    // Both: a primary is TLS server for transfers and TLS client when it sends NOTIFY.
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: dnsName }]),
  ];
}
