/**
 * Certificates for tests of path building and matching: any names, dates, keys, signatures and extensions that
 * RFC 5280 knows, sound or not, with real signatures.
 *
 * `authority` and `endEntity` give what a sound CA would issue, each part of which can be replaced; `issue` gives
 * exactly what it is told. The extensions are in certificate-extensions.ts. Keys are made at run time; `sharedKey` makes
 * one for each label, so that cross-signed CAs have the same key and a test run makes few.
 *
 * Limitations: no revocation, no certificate policies; RSA keys have 2048 bits unless told.
 */
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  authorityKeyIdentifier,
  basicConstraints,
  alternativeNames,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from './certificate-extensions.ts';
import { der, dnsNameEntry, sequence } from './crafted-certificate.ts';

/** A kind of key. */
export type KeyKind = 'rsa1024' | 'rsa2048' | 'p256' | 'p384' | 'p521' | 'ed25519' | 'ed448';

/** A key pair, and its SubjectPublicKeyInfo. */
export interface TestKey {
  readonly kind: KeyKind;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** DER. */
  readonly spki: Buffer;
}

/** How a certificate is signed; without a word, with the hash that fits the key. */
export type SignatureKind = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'pss-sha256' | 'eddsa';

/** A distinguished name: its common name, or pairs of attribute and value, or DER. */
export type DistinguishedName = string | readonly (readonly [NameAttribute, string])[] | Buffer;

/** Who signs: the issuer that the certificate names, and the key that signs it. */
export interface Issuer {
  readonly subject: Buffer;
  readonly key: TestKey;
}

/** What `issue` puts into a certificate. */
export interface CertificateContent {
  readonly key: TestKey;
  readonly subject: DistinguishedName;
  /** Without one the certificate is self-signed. */
  readonly issuer?: Issuer | undefined;
  readonly extensions?: readonly Buffer[];
  /** Milliseconds since the epoch; 2020 to 2049 without. A certificate keeps whole seconds. */
  readonly notBeforeMs?: number | undefined;
  readonly notAfterMs?: number | undefined;
  /** A number of its own without. */
  readonly serial?: bigint;
  readonly signature?: SignatureKind | undefined;
  /** Changes the signature after it was made. */
  readonly spoilSignature?: boolean | undefined;
  /** As encoded: 2 is version 3, 0 (then left out) is version 1. */
  readonly version?: 0 | 1 | 2;
}

/** A certificate, and what is needed to sign others with its key. */
export interface TestCertificate extends Issuer {
  readonly der: Buffer;
  /** The SubjectPublicKeyInfo in it, DER. */
  readonly spki: Buffer;
}

/** An `issue` with the usual extensions, each of which can be replaced, or left out with `null`. */
export interface UsualContent extends Omit<CertificateContent, 'extensions'> {
  readonly basicConstraints?: Buffer | null;
  readonly keyUsage?: Buffer | null;
  readonly extendedKeyUsage?: Buffer | null;
  readonly keyIdentifiers?: boolean;
  /** Further extensions. */
  readonly more?: readonly Buffer[];
}

/** An end entity's usual content; `names` are its dNSNames, text or octets. */
export interface EndEntityContent extends Omit<UsualContent, 'subject'> {
  readonly subject?: DistinguishedName;
  readonly names?: readonly (string | Buffer)[];
}

type NameAttribute = 'CN' | 'C' | 'O' | 'OU' | 'DC';

const attributeTypes: Readonly<Record<NameAttribute, string>> = {
  CN: '550403',
  C: '550406',
  O: '55040a',
  OU: '55040b',
  DC: '0992268993f22c640119',
};

const usualStart = Date.UTC(2020, 0, 1);
const usualEnd = Date.UTC(2049, 0, 1);
const keys = new Map<string, TestKey>();
let lastSerial = 0x1000n;

/** A new key. */
export function makeKey(kind: KeyKind = 'p256'): TestKey {
  const { privateKey, publicKey } = generate(kind);
  return { kind, privateKey, publicKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
}

/** The key of this label, made when it is first asked for. */
export function sharedKey(label: string, kind: KeyKind = 'p256'): TestKey {
  const found = keys.get(`${kind} ${label}`);
  const key = found ?? makeKey(kind);
  keys.set(`${kind} ${label}`, key);
  return key;
}

/** The DER of a distinguished name (RFC 5280 section 4.1.2.4). */
export function distinguishedName(name: DistinguishedName): Buffer {
  if (Buffer.isBuffer(name)) return name;
  const attributes = typeof name === 'string' ? [['CN', name] as const] : name;
  return sequence(...attributes.map(([type, value]) => der(0x31, attribute(type, value))));
}

/** A certificate with exactly this content. */
export function issue(content: CertificateContent): TestCertificate {
  const subject = distinguishedName(content.subject);
  const issuer = content.issuer ?? { subject, key: content.key };
  const kind = content.signature ?? usualSignature(issuer.key.kind);
  const algorithm = signatureAlgorithm(issuer.key.kind, kind);
  const { version = 2, extensions = [] } = content;
  const tbs = sequence(
    ...(version === 0 ? [] : [der(0xa0, der(0x02, Buffer.from([version])))]),
    integer(content.serial ?? ++lastSerial),
    algorithm,
    issuer.subject,
    sequence(time(content.notBeforeMs ?? usualStart), time(content.notAfterMs ?? usualEnd)),
    subject,
    content.key.spki,
    // RFC 5280 section 4.1: at least one extension, or the field is left out.
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = makeSignature(tbs, issuer.key, kind);
  // The last octet but one: the change must not make the encoding of an ECDSA signature unreadable.
  if (content.spoilSignature === true) signature[signature.length - 2] = (signature.at(-2) ?? 0) ^ 0x55;
  const whole = sequence(tbs, algorithm, der(0x03, Buffer.from([0]), signature));
  return { der: whole, subject, key: content.key, spki: content.key.spki };
}

/** A CA certificate with the extensions that RFC 5280 section 4.2 asks for. */
export function authority(content: UsualContent): TestCertificate {
  return issue({
    ...content,
    extensions: present([
      content.basicConstraints === undefined ? basicConstraints({ ca: true }) : content.basicConstraints,
      content.keyUsage === undefined ? keyUsage(['keyCertSign', 'cRLSign']) : content.keyUsage,
      content.extendedKeyUsage,
      ...keyIdentifiers(content),
      ...(content.more ?? []),
    ]),
  });
}

/** An end entity's certificate, for TLS clients and servers, with these names. */
export function endEntity(content: EndEntityContent): TestCertificate {
  const names = content.names ?? [];
  return issue({
    ...content,
    subject: content.subject ?? 'end entity',
    extensions: present([
      content.basicConstraints === undefined ? basicConstraints({ ca: false }) : content.basicConstraints,
      content.keyUsage === undefined ? keyUsage(['digitalSignature']) : content.keyUsage,
      content.extendedKeyUsage === undefined
        ? extendedKeyUsage(['clientAuth', 'serverAuth'])
        : content.extendedKeyUsage,
      ...keyIdentifiers(content),
      ...(names.length === 0 ? [] : [alternativeNames(names.map(dnsNameEntry))]),
      ...(content.more ?? []),
    ]),
  });
}

/** What a key is called in key identifiers here; RFC 5280 section 4.2.1.2 asks only that it be the key's own. */
export function keyIdentifier(key: TestKey): Buffer {
  return createHash('sha1').update(key.spki).digest();
}

function keyIdentifiers(content: Pick<UsualContent, 'key' | 'issuer' | 'keyIdentifiers'>): Buffer[] {
  if (content.keyIdentifiers === false) return [];
  const issuer =
    content.issuer === undefined ? [] : [authorityKeyIdentifier({ key: keyIdentifier(content.issuer.key) })];
  return [subjectKeyIdentifier(keyIdentifier(content.key)), ...issuer];
}

function present(extensions: readonly (Buffer | null | undefined)[]): Buffer[] {
  return extensions.filter((extension) => extension !== null && extension !== undefined);
}

function generate(kind: KeyKind): Pick<TestKey, 'privateKey' | 'publicKey'> {
  switch (kind) {
    case 'rsa1024':
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) });
    case 'p256':
    case 'p384':
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: curves[kind] });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'ed448':
      return generateKeyPairSync('ed448');
  }
}

const curves = { p256: 'P-256', p384: 'P-384', p521: 'P-521' } as const;

function usualSignature(kind: KeyKind): SignatureKind {
  if (kind.startsWith('ed')) return 'eddsa';
  return kind === 'p384' ? 'sha384' : kind === 'p521' ? 'sha512' : 'sha256';
}

function makeSignature(octets: Buffer, key: TestKey, kind: SignatureKind): Buffer {
  if (kind === 'eddsa') return sign(null, octets, key.privateKey);
  if (kind !== 'pss-sha256') return sign(kind, octets, key.privateKey);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return sign('sha256', octets, { key: key.privateKey, padding, saltLength: 32 });
}

const nullParameters = der(0x05);
const sha256Identifier = sequence(der(0x06, Buffer.from('608648016503040201', 'hex')), nullParameters);
/** RFC 4055 section 3.1: SHA-256, MGF1 with SHA-256, 32 octets of salt. */
const pssParameters = sequence(
  der(0xa0, sha256Identifier),
  der(0xa1, sequence(der(0x06, Buffer.from('2a864886f70d010108', 'hex')), sha256Identifier)),
  der(0xa2, der(0x02, Buffer.from([32]))),
);

const rsaSignatures: Readonly<Record<string, string>> = {
  md5: '2a864886f70d010104',
  sha1: '2a864886f70d010105',
  sha256: '2a864886f70d01010b',
  sha384: '2a864886f70d01010c',
  sha512: '2a864886f70d01010d',
  'pss-sha256': '2a864886f70d01010a',
};

const ecdsaSignatures: Readonly<Record<string, string>> = {
  sha1: '2a8648ce3d0401',
  sha256: '2a8648ce3d040302',
  sha384: '2a8648ce3d040303',
  sha512: '2a8648ce3d040304',
};

/** AlgorithmIdentifier of a signature (RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3). */
function signatureAlgorithm(key: KeyKind, kind: SignatureKind): Buffer {
  if (key === 'ed25519') return sequence(der(0x06, Buffer.from('2b6570', 'hex')));
  if (key === 'ed448') return sequence(der(0x06, Buffer.from('2b6571', 'hex')));
  const isRsa = key.startsWith('rsa');
  const identifier = (isRsa ? rsaSignatures : ecdsaSignatures)[kind];
  if (identifier === undefined) throw new RangeError(`no signature ${kind} with a key ${key}`);
  const parameters = kind === 'pss-sha256' ? [pssParameters] : isRsa ? [nullParameters] : [];
  return sequence(der(0x06, Buffer.from(identifier, 'hex')), ...parameters);
}

/** AttributeTypeAndValue; C is a PrintableString and DC an IA5String, the others are UTF8Strings. */
function attribute(type: NameAttribute, value: string): Buffer {
  const tag = type === 'C' ? 0x13 : type === 'DC' ? 0x16 : 0x0c;
  return sequence(der(0x06, Buffer.from(attributeTypes[type], 'hex')), der(tag, Buffer.from(value)));
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return der(0x02, (octets[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), octets]) : octets);
}

/** RFC 5280 section 4.1.2.5: UTCTime up to 2049, GeneralizedTime after. */
function time(milliseconds: number): Buffer {
  const digits = `${new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return digits < '2050' && digits >= '1950'
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}
