/** Certificates with any content one likes, the wrong kinds included; their signature is nonsense. */
import { generateKeyPairSync } from 'node:crypto';

/** One DER element with the shortest length. */
export function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const octets: number[] = [];
  for (let length = body.length; length > 0; length = Math.floor(length / 256)) octets.unshift(length % 256);
  const length = body.length < 0x80 ? [body.length] : [0x80 + octets.length, ...octets];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

export function sequence(...content: readonly Buffer[]): Buffer {
  return der(0x30, ...content);
}

/** GeneralName [2]. */
export function dnsNameEntry(text: string | Buffer): Buffer {
  return der(0x82, Buffer.from(text));
}

/** An extension by the octets of its identifier; `critical` is left out when undefined. */
export function extension(identifier: string, value: Buffer, critical?: boolean): Buffer {
  const flag = critical === undefined ? [] : [der(0x01, Buffer.from([critical ? 0xff : 0]))];
  return sequence(der(0x06, Buffer.from(identifier, 'hex')), ...flag, der(0x04, value));
}

/** The subjectAltName extension with these GeneralNames. */
export function subjectAltName(...names: readonly Buffer[]): Buffer {
  return extension('551d11', sequence(...names));
}

export interface CraftedCertificate {
  readonly publicKey?: Buffer;
  readonly extensions?: readonly Buffer[];
  /** Two elements with the dates. */
  readonly validity?: Buffer;
  /** Octets after tbsCertificate's last field. */
  readonly tail?: Buffer;
}

/** A certificate with the layout of RFC 5280 section 4.1. */
export function craftCertificate(parts: CraftedCertificate = {}): Buffer {
  const algorithm = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const commonName = sequence(
    der(0x06, Buffer.from('550403', 'hex')),
    der(0x0c, Buffer.from('subject.example')),
  );
  const name = sequence(der(0x31, commonName));
  const dates = parts.validity ?? Buffer.concat([utcTime('260101000000Z'), utcTime('360101000000Z')]);
  const extensions = parts.extensions;
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1, 2, 3])),
    algorithm,
    name,
    sequence(dates),
    name,
    parts.publicKey ?? somePublicKey,
    ...(extensions === undefined ? [] : [der(0xa3, sequence(...extensions))]),
    parts.tail ?? Buffer.alloc(0),
  );
  return sequence(tbs, algorithm, der(0x03, Buffer.from([0, 0x30, 6, 2, 1, 1, 2, 1, 1])));
}

export function utcTime(text: string): Buffer {
  return der(0x17, Buffer.from(text));
}

export function generalizedTime(text: string): Buffer {
  return der(0x18, Buffer.from(text));
}

const somePublicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
