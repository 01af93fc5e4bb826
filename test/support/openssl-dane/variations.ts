/**
 * What the DANE matrix changes about a sound cast: dates, keys, signatures and extensions, sound or not.
 *
 * The titles are what the table of differences between danced and OpenSSL looks at.
 */
import * as extension from '../certificate-extensions.ts';
import { distinguishedName, sharedKey } from '../certificate-factory.ts';
import type { KeyKind, SignatureKind, UsualContent } from '../certificate-factory.ts';
import { dnsNameEntry, extension as anyExtension, sequence } from '../crafted-certificate.ts';
import { usualName, usualTimeMs } from './chains.ts';
import type { Replacements } from './chains.ts';

export interface Variation {
  readonly title: string;
  readonly replace: Replacements;
}

const past = Date.UTC(2025, 0, 1);
const future = Date.UTC(2027, 0, 1);

export const dates: readonly Variation[] = (['leaf', 'intermediate', 'root'] as const).flatMap((who) => [
  { title: `${who} has expired`, replace: { [who]: { notAfterMs: past } } },
  { title: `${who} is not yet valid`, replace: { [who]: { notBeforeMs: future } } },
  { title: `${who} has expired a second ago`, replace: { [who]: { notAfterMs: usualTimeMs - 1000 } } },
  { title: `${who} expires with this second`, replace: { [who]: { notAfterMs: usualTimeMs } } },
  { title: `${who} is valid from this second on`, replace: { [who]: { notBeforeMs: usualTimeMs } } },
  { title: `${who} is valid in a second`, replace: { [who]: { notBeforeMs: usualTimeMs + 1000 } } },
]);

export const keysAndSignatures: readonly Variation[] = [
  ...(['rsa2048', 'p384', 'p521', 'ed25519', 'ed448'] as const).flatMap((kind) => [
    { title: `all keys are ${kind}`, replace: allKeys(kind) },
    { title: `leaf key is ${kind}`, replace: { leaf: { key: sharedKey('leaf', kind) } } },
    { title: `root key is ${kind}`, replace: { root: { key: sharedKey('root', kind) } } },
  ]),
  { title: 'leaf key is rsa1024', replace: { leaf: { key: sharedKey('leaf', 'rsa1024') } } },
  {
    title: 'intermediate key is rsa1024',
    replace: { intermediate: { key: sharedKey('intermediate', 'rsa1024') } },
  },
  { title: 'root key is rsa1024', replace: { root: { key: sharedKey('root', 'rsa1024') } } },
  ...signatures('rsa2048', ['md5', 'sha1', 'sha384', 'sha512', 'pss-sha256']),
  ...signatures('p256', ['sha1', 'sha384', 'sha512']),
  ...(['leaf', 'intermediate', 'root'] as const).map((who) => ({
    title: `${who} signature is spoiled`,
    replace: { [who]: { spoilSignature: true } },
  })),
  {
    title: 'leaf names another issuer',
    replace: { leaf: { issuer: { subject: distinguishedName('Nobody'), key: sharedKey('intermediate') } } },
  },
  {
    title: 'leaf is signed by another key',
    replace: {
      leaf: { issuer: { subject: distinguishedName('Intermediate'), key: sharedKey('stranger') } },
    },
  },
  {
    title: 'intermediate is signed by another key',
    replace: {
      intermediate: { issuer: { subject: distinguishedName('Root'), key: sharedKey('stranger') } },
    },
  },
];

export const leafDefects: readonly Variation[] = [
  leaf('no extendedKeyUsage', { extendedKeyUsage: null }),
  leaf('extendedKeyUsage serverAuth', { extendedKeyUsage: extension.extendedKeyUsage(['serverAuth']) }),
  leaf('extendedKeyUsage clientAuth', { extendedKeyUsage: extension.extendedKeyUsage(['clientAuth']) }),
  leaf('extendedKeyUsage codeSigning', { extendedKeyUsage: extension.extendedKeyUsage(['codeSigning']) }),
  leaf('extendedKeyUsage any', { extendedKeyUsage: extension.extendedKeyUsage(['anyExtendedKeyUsage']) }),
  leaf('extendedKeyUsage clientAuth, critical', {
    extendedKeyUsage: extension.extendedKeyUsage(['clientAuth'], true),
  }),
  leaf('no keyUsage', { keyUsage: null }),
  leaf('keyUsage keyEncipherment', { keyUsage: extension.keyUsage(['keyEncipherment']) }),
  leaf('keyUsage keyAgreement', { keyUsage: extension.keyUsage(['keyAgreement']) }),
  leaf('keyUsage keyCertSign', { keyUsage: extension.keyUsage(['keyCertSign']) }),
  leaf('keyUsage nonRepudiation', { keyUsage: extension.keyUsage(['nonRepudiation']) }),
  leaf('no basicConstraints', { basicConstraints: null }),
  leaf('basicConstraints cA', { basicConstraints: extension.basicConstraints({ ca: true }) }),
  leaf('unknown critical extension', { more: [extension.unknownExtension(true)] }),
  leaf('unknown extension', { more: [extension.unknownExtension(false)] }),
  leaf('nameConstraints', {
    more: [extension.nameConstraints({ permitted: [dnsNameEntry('example.org')] })],
  }),
  leaf('no key identifiers', { keyIdentifiers: false }),
  leaf('authorityKeyIdentifier of another key', {
    keyIdentifiers: false,
    more: [extension.authorityKeyIdentifier({ key: Buffer.alloc(20, 7) })],
  }),
  leaf('authorityKeyIdentifier of another serial number', {
    keyIdentifiers: false,
    more: [
      extension.authorityKeyIdentifier({ issuer: distinguishedName('Root'), serial: Buffer.from([0x55]) }),
    ],
  }),
  leaf('version 1 without extensions', {
    version: 0,
    basicConstraints: null,
    keyUsage: null,
    extendedKeyUsage: null,
    keyIdentifiers: false,
    names: [],
  }),
  leaf('version 1 with extensions', { version: 0 }),
  leaf('empty subject', { subject: [] }),
];

export const authorityDefects: readonly Variation[] = [
  ...both('no basicConstraints', { basicConstraints: null }),
  ...both('basicConstraints not cA', { basicConstraints: extension.basicConstraints({ ca: false }) }),
  ...both('basicConstraints cA, not critical', {
    basicConstraints: extension.basicConstraints({ ca: true }, false),
  }),
  ...both('pathLength 0', { basicConstraints: extension.basicConstraints({ ca: true, pathLength: 0 }) }),
  ...both('pathLength 1', { basicConstraints: extension.basicConstraints({ ca: true, pathLength: 1 }) }),
  ...both('no keyUsage', { keyUsage: null }),
  ...both('keyUsage without keyCertSign', { keyUsage: extension.keyUsage(['digitalSignature', 'cRLSign']) }),
  ...both('extendedKeyUsage serverAuth', { extendedKeyUsage: extension.extendedKeyUsage(['serverAuth']) }),
  ...both('extendedKeyUsage clientAuth', { extendedKeyUsage: extension.extendedKeyUsage(['clientAuth']) }),
  ...both('extendedKeyUsage codeSigning', { extendedKeyUsage: extension.extendedKeyUsage(['codeSigning']) }),
  ...both('extendedKeyUsage any', { extendedKeyUsage: extension.extendedKeyUsage(['anyExtendedKeyUsage']) }),
  ...both('unknown critical extension', { more: [extension.unknownExtension(true)] }),
  ...both('unknown extension', { more: [extension.unknownExtension(false)] }),
  ...both('no key identifiers', { keyIdentifiers: false }),
  ...both('version 1 without extensions', {
    version: 0,
    basicConstraints: null,
    keyUsage: null,
    keyIdentifiers: false,
  }),
  ...both('subjectKeyIdentifier of another key', {
    keyIdentifiers: false,
    more: [extension.subjectKeyIdentifier(Buffer.alloc(20, 9))],
  }),
  {
    title: 'intermediate of the root’s name is self-issued below pathLength 0',
    replace: {
      root: { basicConstraints: extension.basicConstraints({ ca: true, pathLength: 0 }) },
      intermediate: { subject: 'Root' },
    },
  },
];

const outside = [dnsNameEntry('example.org')];
/** The distinguished name without attributes, which every one is below. */
const rootOfNames = sequence();

/** Name constraints of the CAs, with the end entity named ns2.example.net, CN=end entity. */
export const nameConstraintVariations: readonly Variation[] = [
  constrained('permitted domain', { permitted: [dnsNameEntry('example.net')] }),
  constrained('permitted name itself', { permitted: [dnsNameEntry(usualName)] }),
  constrained('permitted domain in capitals', { permitted: [dnsNameEntry('EXAMPLE.NET')] }),
  constrained('permitted domain with a dot before', { permitted: [dnsNameEntry('.example.net')] }),
  constrained('permitted name with a dot before', { permitted: [dnsNameEntry(`.${usualName}`)] }),
  constrained('permitted everything', { permitted: [dnsNameEntry('')] }),
  constrained('permitted half of a label', { permitted: [dnsNameEntry('ample.net')] }),
  constrained('permitted another domain', { permitted: outside }),
  constrained('permitted another domain or this one', {
    permitted: [...outside, dnsNameEntry('example.net')],
  }),
  constrained('permitted a domain below the name', { permitted: [dnsNameEntry(`a.${usualName}`)] }),
  constrained('excluded another domain', { excluded: outside }),
  constrained('excluded domain', { excluded: [dnsNameEntry('example.net')] }),
  constrained('excluded name itself', { excluded: [dnsNameEntry(usualName)] }),
  constrained('excluded everything', { excluded: [dnsNameEntry('')] }),
  constrained('permitted and excluded domain', {
    permitted: [dnsNameEntry('net')],
    excluded: [dnsNameEntry('example.net')],
  }),
  constrained('permitted addresses only', {
    permitted: [extension.ipAddressEntry([10, 0, 0, 0, 255, 0, 0, 0])],
  }),
  constrained('excluded all addresses', { excluded: [extension.ipAddressEntry([0, 0, 0, 0, 0, 0, 0, 0])] }),
  constrained('permitted mailboxes only', { permitted: [extension.mailboxEntry('example.org')] }),
  constrained('permitted directory name', {
    permitted: [extension.directoryNameEntry(distinguishedName([['O', 'Example']]))],
  }),
  constrained('permitted directory name of the root of names', {
    permitted: [extension.directoryNameEntry(rootOfNames)],
  }),
  constrained('excluded directory name', {
    excluded: [extension.directoryNameEntry(distinguishedName('end entity'))],
  }),
  constrained('excluded another directory name', {
    excluded: [extension.directoryNameEntry(distinguishedName('somebody'))],
  }),
  constrained('permitted domain, not critical', { permitted: outside }, false),
  constrained('permitted domains that are no names', { permitted: [dnsNameEntry('exa mple..net')] }),
  {
    title: 'intermediate nameConstraints without a subtree',
    replace: { intermediate: { more: [anyExtension('551d1e', sequence(), true)] } },
  },
  {
    title: 'root nameConstraints permitted domain, intermediate another',
    replace: {
      root: { more: [extension.nameConstraints({ permitted: [dnsNameEntry('example.net')] })] },
      intermediate: { more: [extension.nameConstraints({ permitted: outside })] },
    },
  },
].flat();

export const otherDefects: readonly Variation[] = [
  {
    title: 'leaf names fit the constraint but for one',
    replace: {
      intermediate: { more: [extension.nameConstraints({ permitted: [dnsNameEntry('example.net')] })] },
      leaf: { names: [usualName, 'www.example.org'] },
    },
  },
  {
    title: 'leaf has a wildcard below an excluded domain',
    replace: {
      intermediate: { more: [extension.nameConstraints({ excluded: [dnsNameEntry('www.example.net')] })] },
      leaf: { names: [usualName, '*.example.net'] },
    },
  },
  {
    title: 'leaf has an empty dNSName under a constraint',
    replace: {
      intermediate: { more: [extension.nameConstraints({ permitted: [dnsNameEntry('')] })] },
      leaf: { names: ['', usualName] },
    },
  },
  {
    title: 'leaf has only an address',
    replace: {
      leaf: { names: [], more: [extension.alternativeNames([extension.ipAddressEntry([192, 0, 2, 1])])] },
    },
  },
  {
    title: 'leaf has an address outside the constraint',
    replace: {
      intermediate: {
        more: [
          extension.nameConstraints({ permitted: [extension.ipAddressEntry([10, 0, 0, 0, 255, 0, 0, 0])] }),
        ],
      },
      leaf: {
        names: [],
        more: [
          extension.alternativeNames([dnsNameEntry(usualName), extension.ipAddressEntry([192, 0, 2, 1])]),
        ],
      },
    },
  },
  {
    title: 'leaf has a URI under a constraint on domains',
    replace: {
      intermediate: { more: [extension.nameConstraints({ permitted: [dnsNameEntry('example.net')] })] },
      leaf: {
        names: [],
        more: [
          extension.alternativeNames([
            dnsNameEntry(usualName),
            extension.uriEntry('https://www.example.org/'),
          ]),
        ],
      },
    },
  },
];

/** Changes of the certificates; each is tried with every usage. */
export const variations: readonly Variation[] = [
  ...dates,
  ...keysAndSignatures,
  ...leafDefects,
  ...authorityDefects,
  ...nameConstraintVariations,
  ...otherDefects,
];

function allKeys(kind: KeyKind): Replacements {
  return {
    leaf: { key: sharedKey('leaf', kind) },
    intermediate: { key: sharedKey('intermediate', kind) },
    root: { key: sharedKey('root', kind) },
  };
}

function signatures(kind: KeyKind, hashes: readonly SignatureKind[]): Variation[] {
  return hashes.flatMap((signature) =>
    (['leaf', 'intermediate', 'root'] as const).map((who) => ({
      title: `${who} is signed with ${kind} and ${signature}`,
      replace: { ...allKeys(kind), [who]: { ...allKeys(kind)[who], signature } },
    })),
  );
}

function leaf(words: string, content: NonNullable<Replacements['leaf']>): Variation {
  return { title: `leaf ${words}`, replace: { leaf: content } };
}

function both(words: string, content: Partial<UsualContent>): Variation[] {
  return (['intermediate', 'root'] as const).map((who) => ({
    title: `${who} ${words}`,
    replace: { [who]: content },
  }));
}

function constrained(
  words: string,
  subtrees: Parameters<typeof extension.nameConstraints>[0],
  critical = true,
): Variation[] {
  return both(`nameConstraints ${words}`, { more: [extension.nameConstraints(subtrees, critical)] });
}
