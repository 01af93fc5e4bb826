/**
 * What a client may do right or wrong when it says its name, and what draft-ietf-dance-client-auth-13 and the RFCs beside it
 * want to come of it: the rows of the matrix. One row holds for a name in the extension and for one in the certificate.
 */
import { domainToASCII as aLabel } from 'node:url';
import { dnsNameEntry } from '../../support/crafted-certificate.ts';
import { vectorOf } from '../../support/named-client.ts';

/** What comes of a connection. */
export type Outcome =
  | { readonly kind: 'identity' }
  /** Draft section 8.2: handshake_failure, or service as nobody, as the listener has it. */
  | { readonly kind: 'unproved'; readonly reason: string; readonly asks: boolean }
  /** An alert at any listener. */
  | { readonly kind: 'abort'; readonly alert: string; readonly reason: string; readonly asks: boolean };

export interface Condition {
  readonly title: string;
  /** The name as the client says it. The label is the cell's own, and every name of the cell has it. */
  readonly said: (label: string) => Buffer;
  /** Names that have a record, in presentation format. */
  readonly published: (label: string) => readonly string[];
  /** Of what the record is; that of an authority has the usage DANE-TA, all others DANE-EE. */
  readonly record: 'its key' | 'another key' | 'its authority';
  /** Body of the extension, where it is not simply the vector. */
  readonly body?: (said: Buffer) => Buffer;
  /** Whether the certificate has the name that is in the extension. */
  readonly isCertified?: boolean;
  /** The name in the certificate, where it is not said as in the extension. */
  readonly certified?: (label: string) => Buffer;
  /** GeneralNames of the certificate when the name is there, where it is not simply one dNSName. */
  readonly certificateNames?: (said: Buffer) => readonly Buffer[];
  /** Whether CertificateVerify is signed with another key than the one that is shown. */
  readonly isThief?: boolean;
  /** Whether the extension is sent to a listener that did not ask for it, with either source of the name. */
  readonly isUnsolicited?: boolean;
  readonly extension: Outcome;
  /** Where it differs with a raw public key. */
  readonly extensionWithRawKey?: Outcome;
  readonly certificateName: Outcome;
  /** A raw public key, and no extension; without a word, a client without a claim. */
  readonly bareRawKey?: Outcome;
}

/** The access list of the gates admits everything below these zones. */
export const admittedZones = ['ns2.example', 'broken.example', 'unsigned.example'] as const;
/** And nothing here, though it is signed and has records. */
export const strangersZone = 'stranger.example';

const identity: Outcome = { kind: 'identity' };
const noClaim = unproved('no-claim', false);
const badName = abort('handshake_failure', 'bad-name');
const decodeError = abort('decode_error', 'bad-client-id');
const decodeErrorOfTls = abort('decode_error', 'tls-failed');

function unproved(reason: string, asks: boolean): Outcome {
  return { kind: 'unproved', reason, asks };
}

function abort(alert: string, reason: string): Outcome {
  return { kind: 'abort', alert, reason, asks: false };
}

/** A name below a zone, with its record. */
function named(zone: string): Pick<Condition, 'said' | 'published' | 'record'> {
  const name = (label: string): string => `${label}.${zone}`;
  return {
    said: (label) => Buffer.from(name(label)),
    published: (label) => [name(label)],
    record: 'its key',
  };
}

const good = named('ns2.example');

/** The same name, right, for those who would read it so; and a text that is none. */
function misspelt(said: (name: string) => string | Buffer): Pick<Condition, 'said' | 'published' | 'record'> {
  return { ...good, said: (label) => Buffer.from(said(`${label}.ns2.example`)) };
}

/** `label.FILLER.ns2.example`, in so many characters; with an escape the wire takes three octets less. */
function longName(label: string, characters: number, escape: '' | '\\097'): string {
  const suffix = '.ns2.example';
  const fill = characters - label.length - 1 - suffix.length - escape.length;
  const letters = Array.from({ length: fill }, (_, at) => (at % 50 === 49 && at < fill - 1 ? '.' : 'a'));
  return `${label}.${escape}${letters.join('')}${suffix}`;
}

/** A dNSName whose length in DER says more than there is. */
function lyingDnsName(said: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x82, said.length + 5]), said]);
}

export const conditions: readonly Condition[] = [
  {
    ...good,
    title: 'a name with a record of its key [DANCE-8.2]',
    extension: identity,
    certificateName: identity,
  },
  {
    ...good,
    title: 'a name without a record [DANCE-8.2]',
    published: () => [],
    extension: unproved('no-tlsa', true),
    certificateName: unproved('no-tlsa', true),
  },
  {
    ...named('broken.example'),
    title: 'a name in a zone whose signatures are wrong [DANCE-8.2] [RFC6698-4.1]',
    extension: unproved('bogus', true),
    certificateName: unproved('bogus', true),
  },
  {
    ...named('unsigned.example'),
    title: 'a name in a zone without signatures [DANCE-8.2] [RFC6698-4.1]',
    extension: unproved('insecure', true),
    certificateName: unproved('insecure', true),
  },
  {
    ...good,
    title: 'a name with a record of another key [DANCE-8.2]',
    record: 'another key',
    extension: unproved('key-mismatch', true),
    certificateName: unproved('key-mismatch', true),
  },
  {
    ...good,
    title: 'a name and a key of somebody else [RFC8446-4.4.3]',
    isThief: true,
    extension: abort('decrypt_error', 'tls-failed'),
    certificateName: abort('decrypt_error', 'tls-failed'),
    bareRawKey: abort('decrypt_error', 'tls-failed'),
  },
  {
    ...named(strangersZone),
    title: 'a name that is not admitted, though its record is good [DANCE-8.2]',
    extension: unproved('not-admitted', false),
    certificateName: unproved('not-admitted', false),
  },
  {
    ...good,
    title: 'a name in a certificate of the authority that is published [DANCE-5] [DANCE-9]',
    record: 'its authority',
    isCertified: true,
    extension: identity,
    // Draft section 9: with a raw public key DANE-EE is the only usage.
    extensionWithRawKey: unproved('no-usable-record', true),
    certificateName: identity,
  },
  {
    ...good,
    title: 'a name other than that of a certificate of the authority that is published [DANCE-5] [DANCE-8.2]',
    record: 'its authority',
    certified: (label) => Buffer.from(fallbackName(label)),
    extension: { kind: 'abort', alert: 'handshake_failure', reason: 'name-mismatch', asks: true },
    extensionWithRawKey: unproved('no-usable-record', true),
    certificateName: unproved('no-tlsa', true),
  },
  {
    ...misspelt(() => ''),
    title: 'a name of zero length [DANCE-8.2]',
    extension: abort('handshake_failure', 'bad-client-id'),
    certificateName: noClaim,
  },
  {
    ...misspelt(() => ''),
    title: 'no name, and no vector for it [DANCE-7]',
    body: () => Buffer.alloc(0),
    certificateNames: () => [],
    extension: decodeError,
    certificateName: noClaim,
  },
  {
    title: 'the longest name that can be said, 255 octets of text [DANCE-7]',
    said: (label) => Buffer.from(longName(label, 255, '\\097')),
    published: (label) => [longName(label, 255, '\\097'), longName(label, 253, '')],
    record: 'its key',
    // The longest that a certificate can say.
    certified: (label) => Buffer.from(longName(label, 253, '')),
    extension: identity,
    certificateName: identity,
  },
  {
    ...good,
    title: '255 octets of text that make a name of more than 255 octets [RFC1035-2.3.4]',
    said: (label) => Buffer.from(longName(label, 255, '')),
    extension: badName,
    certificateName: noClaim,
  },
  {
    ...misspelt((name) => `münchen-${name}`),
    title: 'a U-label [DANCE-7]',
    published: (label) => [`m\\195\\188nchen-${label}.ns2.example`, aLabel(`münchen-${label}.ns2.example`)],
    extension: badName,
    certificateName: noClaim,
  },
  {
    ...misspelt((name) => aLabel(`münchen-${name}`)),
    title: 'the same as an A-label [DANCE-7]',
    published: (label) => [aLabel(`münchen-${label}.ns2.example`)],
    extension: identity,
    certificateName: identity,
  },
  {
    title: 'a name with \\DDD in it [RFC1035-5.1]',
    said: (label) => Buffer.from(`${label}\\032x.ns2.example`),
    published: (label) => [`${label}\\032x.ns2.example`],
    record: 'its key',
    extension: identity,
    // RFC 5280 section 4.2.1.6: no certificate can say it, escaped or not.
    certificateName: noClaim,
  },
  {
    ...misspelt((name) => `${name}.`),
    title: 'a dot at the end of the name [DANCE-7]',
    extension: badName,
    certificateName: noClaim,
  },
  {
    ...misspelt((name) => `${name}\0.${strangersZone}`),
    title: 'NUL in the name [DANCE-7]',
    extension: badName,
    certificateName: noClaim,
  },
  {
    ...misspelt((name) => `${'a'.repeat(256 - name.length - 1)}.${name}`),
    title: 'a vector of more than 255 octets, its length cut to one octet [DANCE-7] [RFC8446-3.4]',
    body: vectorOf,
    extension: decodeError,
    certificateName: noClaim,
  },
  {
    ...good,
    title: 'a length that says more than there is [RFC8446-3.4]',
    body: (said) => Buffer.concat([Buffer.from([said.length + 1]), said]),
    certificateNames: (said) => [lyingDnsName(said)],
    extension: decodeError,
    certificateName: unproved('bad-certificate', false),
  },
  {
    ...good,
    title: 'a length that says less than there is [RFC8446-3.4]',
    body: (said) => Buffer.concat([Buffer.from([said.length]), said, Buffer.from('.')]),
    certificateNames: (said) => [dnsNameEntry(Buffer.concat([said, Buffer.from('.')]))],
    extension: decodeError,
    certificateName: noClaim,
  },
  {
    ...good,
    title:
      'an extension of thousands of octets; a certificate of forty names, the good one last [RFC8446-3.4]',
    body: (said) => Buffer.concat([vectorOf(said), Buffer.alloc(16_000, 'a')]),
    certificateNames: (said) => [...strangers(39), dnsNameEntry(said)],
    extension: decodeError,
    certificateName: unproved('not-admitted', false),
  },
  {
    ...good,
    title: 'an extension that was not asked for [RFC8446-4.2]',
    isUnsolicited: true,
    extension: abort('unsupported_extension', 'bad-client-id'),
    certificateName: abort('unsupported_extension', 'bad-client-id'),
    // Nor are raw public keys taken there, which would have no name: what comes is no certificate.
    extensionWithRawKey: decodeErrorOfTls,
    bareRawKey: decodeErrorOfTls,
  },
];

function strangers(count: number): Buffer[] {
  return Array.from({ length: count }, (_, number) => dnsNameEntry(`n${String(number)}.${strangersZone}`));
}

/** A name of the client that would be believed, in the certificate of one that says another in the extension. */
export function fallbackName(label: string): string {
  return `fallback.${label}.ns2.example`;
}

/** What must come of a client with this condition. */
export function outcomeOf(condition: Condition, form: 'x509' | 'raw-public-key', source: Source): Outcome {
  if (form === 'raw-public-key') {
    return source === 'extension'
      ? (condition.extensionWithRawKey ?? condition.extension)
      : (condition.bareRawKey ?? noClaim);
  }
  return source === 'extension' ? condition.extension : condition.certificateName;
}

/** Where the name is. */
export type Source = 'extension' | 'certificate-name';
