/** Zones with the wrong key, no key, or records that nobody has signed. */
import { dsOf } from '../keys.ts';
import { nsec3, signing, tlsa, type LabZone, type Question } from '../lab-zone.ts';
import {
  signaturesOf,
  withoutSignatures,
  withoutTypes,
  withRdata,
  withRrsigField,
  withSignaturesOf,
  zoneLine,
} from '../zone-lines.ts';

const records = [`www ${tlsa}`, `other ${tlsa}`];
const strange = [{ withStrangeKey: true }];

const allBogus: Question[] = [
  ['www', 'TLSA', 'bogus'],
  ['www', 'A', 'bogus'],
  ['nothing', 'TLSA', 'bogus'],
];
/** Only the TLSA record of `www` is touched. */
const oneBogus: Question[] = [
  ['www', 'TLSA', 'bogus'],
  ['www', 'A', 'secure'],
  ['other', 'TLSA', 'secure'],
];

export const wrongKeys: readonly LabZone[] = [
  {
    apex: 'ds-of-another-key.test.',
    signing: signing(),
    records,
    ds: ({ strange: key }) => [dsOf(key, 'ds-of-another-key.test.')],
    questions: allBogus,
  },
  {
    apex: 'ds-without-key.test.',
    records,
    ds: ({ strange: key }) => [dsOf(key, 'ds-without-key.test.')],
    questions: allBogus,
  },
  {
    apex: 'ds-without-key-nsec3.test.',
    signing: signing({ signer: 'knot', denial: nsec3, algorithm: 14 }),
    records,
    spoil: (lines) => withoutTypes(lines, 'DNSKEY'),
    questions: [
      ['www', 'TLSA', 'bogus'],
      // The parent vouches for a key all the same.
      ['@', 'DS', 'secure'],
    ],
  },
  {
    apex: 'ds-of-two-keys.test.',
    signing: signing({ signer: 'ldns' }),
    records,
    ds: ({ own, strange: key }) => [key, own].map((it) => dsOf(it, 'ds-of-two-keys.test.')),
    questions: [
      ['www', 'TLSA', 'secure'],
      ['nothing', 'TLSA', 'secure'],
    ],
  },
  {
    // The key set is signed by the right key, everything else by one that is not in it.
    apex: 'key-not-published.test.',
    signing: signing({ signer: 'ldns', algorithm: 8 }),
    records,
    also: strange,
    spoil: (lines, [other]) => [
      ...withoutTypes(other!, 'DNSKEY'),
      ...lines.filter(
        ({ owner, type, rdata }) =>
          owner === 'key-not-published.test.' && (type === 'DNSKEY' || rdata.startsWith('DNSKEY')),
      ),
    ],
    questions: allBogus,
  },
  {
    apex: 'one-signed-by-unknown-key.test.',
    signing: signing({ signer: 'knot', algorithm: 10 }),
    records,
    also: strange,
    spoil: (lines, [other]) => withSignaturesOf(other!, lines, 'www.one-signed-by-unknown-key.test.', 'TLSA'),
    questions: oneBogus,
  },
  {
    // As before, but the signature says that it is by the key that is there.
    apex: 'one-signed-in-wrong-name.test.',
    signing: signing({ signer: 'bind', denial: nsec3 }),
    records,
    also: strange,
    spoil: (lines, [other], { own }) => {
      const owner = 'www.one-signed-in-wrong-name.test.';
      const forged = withSignaturesOf(other!, lines, owner, 'TLSA');
      return withRrsigField(forged, owner, 'TLSA', 6, String(own.tag));
    },
    questions: oneBogus,
  },
  {
    // RFC 6840 section 5.12: a signature without a key does no harm beside a good one.
    apex: 'unknown-key-besides.test.',
    signing: signing({ signer: 'bind', algorithm: 16 }),
    records,
    also: strange,
    spoil: (lines, [other]) => [...signaturesOf(other!, 'www.unknown-key-besides.test.', 'TLSA'), ...lines],
    questions: [
      ['www', 'TLSA', 'secure'],
      ['other', 'TLSA', 'secure'],
    ],
  },
  {
    apex: 'signed-by-sibling.test.',
    signing: signing(),
    records,
    spoil: (lines) => withRrsigField(lines, 'www.signed-by-sibling.test.', 'TLSA', 7, 'ds-of-two-keys.test.'),
    questions: oneBogus,
  },
  {
    apex: 'rdata-changed.test.',
    signing: signing({ signer: 'ldns', denial: nsec3, algorithm: 16 }),
    records,
    spoil: (lines) =>
      withRdata(lines, 'www.rdata-changed.test.', 'TLSA', (rdata) => rdata.replace(/^3 1 1/, '3 0 1')),
    questions: oneBogus,
  },
  {
    apex: 'record-added.test.',
    signing: signing({ signer: 'knot', algorithm: 15 }),
    records,
    spoil: (lines) => [...lines, zoneLine('www.record-added.test.', 'TLSA', `3 1 1 ${'cd'.repeat(32)}`)],
    questions: oneBogus,
  },
  {
    apex: 'signature-removed.test.',
    signing: signing({ denial: nsec3 }),
    records,
    spoil: (lines) => withoutSignatures(lines, 'www.signature-removed.test.', 'TLSA'),
    questions: oneBogus,
  },
  {
    apex: 'unsigned-inside.test.',
    signing: signing({ signer: 'ldns' }),
    records,
    spoil: (lines) => [...lines, zoneLine('new.unsigned-inside.test.', 'TLSA', `3 1 1 ${'cd'.repeat(32)}`)],
    questions: [
      ['new', 'TLSA', 'bogus'],
      ['other', 'TLSA', 'secure'],
    ],
  },
  {
    apex: 'signatures-all-removed.test.',
    signing: signing({ signer: 'ldns' }),
    records,
    spoil: (lines) => lines.filter(({ type }) => type !== 'RRSIG'),
    questions: allBogus,
  },
  {
    apex: 'unsigned-again.test.',
    signing: signing({ signer: 'ldns' }),
    records,
    spoil: (lines) => withoutTypes(lines, 'RRSIG', 'NSEC', 'DNSKEY').filter(({ type }) => type !== 'RRSIG'),
    questions: allBogus,
  },
  {
    // A label more than the signer saw, and one less: a wildcard that there is not.
    apex: 'labels-changed.test.',
    signing: signing({ signer: 'knot' }),
    records,
    spoil: (lines) =>
      withRrsigField(
        withRrsigField(lines, 'www.labels-changed.test.', 'TLSA', 2, '4'),
        'other.labels-changed.test.',
        'TLSA',
        2,
        '2',
      ),
    questions: [
      ['www', 'TLSA', 'bogus'],
      ['other', 'TLSA', 'bogus'],
      ['other', 'A', 'secure'],
    ],
  },
  {
    apex: 'ttl-raised.test.',
    signing: signing(),
    records,
    spoil: (lines) => lines.map((line) => (line.owner.startsWith('www.') ? { ...line, ttl: '86400' } : line)),
    questions: [
      ['www', 'TLSA', 'secure'],
      ['www', 'A', 'secure'],
    ],
  },
];
