/**
 * Extensions of the certificates that tests make (RFC 5280 section 4.2), sound or not: each function gives one extension,
 * with the criticality that RFC 5280 asks for unless told otherwise.
 */
import { der, extension, sequence } from './crafted-certificate.ts';

export type KeyUsageBit = (typeof keyUsageBits)[number];
export type KeyPurpose = keyof typeof keyPurposes;

/** In the order of their bits (RFC 5280 section 4.2.1.3). */
const keyUsageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
] as const;

const keyPurposes = {
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
  codeSigning: '2b06010505070303',
  emailProtection: '2b06010505070304',
  anyExtendedKeyUsage: '551d2500',
} as const;

export function basicConstraints(
  { ca, pathLength }: { readonly ca: boolean; readonly pathLength?: number },
  critical = true,
): Buffer {
  return extension(
    '551d13',
    sequence(
      // DER leaves out a default value.
      ...(ca ? [der(0x01, Buffer.from([0xff]))] : []),
      ...(pathLength === undefined ? [] : [der(0x02, Buffer.from([pathLength]))]),
    ),
    critical ? true : undefined,
  );
}

export function keyUsage(usages: readonly KeyUsageBit[], critical = true): Buffer {
  const bits = usages.reduce((sum, usage) => sum | (0x80 >> keyUsageBits.indexOf(usage)), 0);
  // X.690 section 11.2.2: trailing zero bits of a named bit list are left out.
  const unused = bits === 0 ? 0 : 31 - Math.clz32(bits & -bits);
  const content = bits === 0 ? [0] : [unused, bits];
  return extension('551d0f', der(0x03, Buffer.from(content)), critical ? true : undefined);
}

export function extendedKeyUsage(purposes: readonly KeyPurpose[], critical = false): Buffer {
  const identifiers = purposes.map((purpose) => der(0x06, Buffer.from(keyPurposes[purpose], 'hex')));
  return extension('551d25', sequence(...identifiers), critical ? true : undefined);
}

/** subjectAltName with these GeneralNames. */
export function alternativeNames(names: readonly Buffer[], critical = false): Buffer {
  return extension('551d11', sequence(...names), critical ? true : undefined);
}

/** GeneralName [7]: 4 or 16 octets in subjectAltName, twice as many (address and mask) in name constraints. */
export function ipAddressEntry(octets: readonly number[]): Buffer {
  return der(0x87, Buffer.from(octets));
}

/** GeneralName [4], a distinguished name in DER. */
export function directoryNameEntry(name: Buffer): Buffer {
  return der(0xa4, name);
}

/** GeneralName [1]. */
export function mailboxEntry(text: string): Buffer {
  return der(0x81, Buffer.from(text));
}

/** GeneralName [6]. */
export function uriEntry(text: string): Buffer {
  return der(0x86, Buffer.from(text));
}

/** nameConstraints over GeneralNames (RFC 5280 section 4.2.1.10). */
export function nameConstraints(
  subtrees: { readonly permitted?: readonly Buffer[]; readonly excluded?: readonly Buffer[] },
  critical = true,
): Buffer {
  const list = (tag: number, names: readonly Buffer[] | undefined): Buffer[] =>
    names === undefined ? [] : [der(tag, ...names.map((name) => sequence(name)))];
  const content = sequence(...list(0xa0, subtrees.permitted), ...list(0xa1, subtrees.excluded));
  return extension('551d1e', content, critical ? true : undefined);
}

export function subjectKeyIdentifier(octets: Buffer): Buffer {
  return extension('551d0e', der(0x04, octets));
}

/** By the issuer's key identifier, by its own issuer (a distinguished name in DER) and serial number, or by both. */
export function authorityKeyIdentifier(by: {
  readonly key?: Buffer;
  readonly issuer?: Buffer;
  readonly serial?: Buffer;
}): Buffer {
  const content = sequence(
    ...(by.key === undefined ? [] : [der(0x80, by.key)]),
    ...(by.issuer === undefined ? [] : [der(0xa1, directoryNameEntry(by.issuer))]),
    ...(by.serial === undefined ? [] : [der(0x82, by.serial)]),
  );
  return extension('551d23', content);
}

/** An extension that nobody knows, of the arc for examples 2.999. */
export function unknownExtension(critical: boolean): Buffer {
  return extension('883703', Buffer.from([0x05, 0x00]), critical);
}
