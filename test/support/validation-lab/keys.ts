/**
 * Keys for the signers of the lab, made here so that one RSA key can serve many zones, in the formats that they read:
 * BIND's pair of files (also read by ldns) and PEM for Knot DNS. With the DNSKEY and DS records of a key
 * (RFC 4034 sections 2 and 5, appendix B).
 *
 * It shares no code with the validator that is tested; that the witnesses validate the zones shows that it is right.
 */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Name } from '../../../core/dns/name.ts';

/** Zone key and secure entry point: one key signs everything. */
const keyFlags = 257;
/** Before everything that happens in the lab. */
const madeOn = '20260101000000';

export interface LabKey {
  readonly algorithm: number;
  readonly tag: number;
  readonly rdata: Buffer;
  /** DNSKEY RDATA in presentation format. */
  readonly text: string;
  /** BIND's `.private` file. */
  readonly privateFile: string;
  readonly pem: string;
}

/** RSA keys take long to make, and hold for every RSA algorithm; each index is another key. */
const rsaKeys = new Map<number, KeyObject>();

/** Makes a key of a zone; RSA keys with the same index are one key. */
export function makeKey(algorithm: number, rsaIndex: number): LabKey {
  const key = privateKeyFor(algorithm, rsaIndex);
  const rdata = Buffer.concat([
    Buffer.from([keyFlags >> 8, keyFlags & 255, 3, algorithm]),
    publicOctets(key),
  ]);
  return {
    algorithm,
    tag: keyTag(rdata),
    rdata,
    text: `${keyFlags} 3 ${algorithm} ${rdata.subarray(4).toString('base64')}`,
    privateFile: privateFileOf(algorithm, key),
    pem: key.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/** The same key said to be of another algorithm, as RDATA. */
export function relabelled(key: LabKey, algorithm: number): Pick<LabKey, 'algorithm' | 'tag' | 'rdata'> {
  const rdata = Buffer.from(key.rdata);
  rdata.writeUInt8(algorithm, 3);
  return { algorithm, tag: keyTag(rdata), rdata };
}

/** As BIND writes them; ldns reads nothing else. */
const mnemonics: Readonly<Record<number, string>> = {
  5: 'RSASHA1',
  7: 'NSEC3RSASHA1',
  8: 'RSASHA256',
  10: 'RSASHA512',
  13: 'ECDSAP256SHA256',
  14: 'ECDSAP384SHA384',
  15: 'ED25519',
  16: 'ED448',
};

const digests = { 1: 'sha1', 2: 'sha256', 4: 'sha384' } as const;

/** DS RDATA in presentation format (RFC 4034 section 5.1.4). */
export function dsOf(
  key: Pick<LabKey, 'algorithm' | 'tag' | 'rdata'>,
  apex: string,
  digestType: keyof typeof digests = 2,
): string {
  const digest = createHash(digests[digestType])
    .update(Name.parse(apex).canonicalWire())
    .update(key.rdata)
    .digest('hex');
  return `${key.tag} ${key.algorithm} ${digestType} ${digest}`;
}

function privateKeyFor(algorithm: number, rsaIndex: number): KeyObject {
  switch (algorithm) {
    case 13:
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 14:
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 15:
      return generateKeyPairSync('ed25519').privateKey;
    case 16:
      return generateKeyPairSync('ed448').privateKey;
    default: {
      const made = rsaKeys.get(rsaIndex) ?? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
      rsaKeys.set(rsaIndex, made);
      return made;
    }
  }
}

/** Public key field: RFC 3110 section 2, RFC 6605 section 4, RFC 8080 section 3. */
function publicOctets(key: KeyObject): Buffer {
  const { e, n, x, y } = key.export({ format: 'jwk' });
  if (e !== undefined && n !== undefined) {
    const exponent = fromBase64url(e);
    return Buffer.concat([Buffer.from([exponent.length]), exponent, fromBase64url(n)]);
  }
  return Buffer.concat([fromBase64url(x), fromBase64url(y)]);
}

function privateFileOf(algorithm: number, key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const fields: [string, string | undefined][] =
    jwk.kty === 'RSA'
      ? [
          ['Modulus', jwk.n],
          ['PublicExponent', jwk.e],
          ['PrivateExponent', jwk.d],
          ['Prime1', jwk.p],
          ['Prime2', jwk.q],
          ['Exponent1', jwk.dp],
          ['Exponent2', jwk.dq],
          ['Coefficient', jwk.qi],
        ]
      : [['PrivateKey', jwk.d]];
  return [
    'Private-key-format: v1.3',
    `Algorithm: ${algorithm} (${mnemonics[algorithm] ?? '?'})`,
    ...fields.map(([name, value]) => `${name}: ${fromBase64url(value).toString('base64')}`),
    ...['Created', 'Publish', 'Activate'].map((name) => `${name}: ${madeOn}`),
    '',
  ].join('\n');
}

function fromBase64url(text = ''): Buffer {
  return Buffer.from(text, 'base64url');
}

/** RFC 4034 appendix B. */
function keyTag(rdata: Buffer): number {
  let sum = 0;
  rdata.forEach((octet, at) => {
    sum += at % 2 === 0 ? octet << 8 : octet;
  });
  return (sum + (sum >> 16)) & 0xffff;
}
