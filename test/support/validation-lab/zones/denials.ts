/** Denials that are missing, or prove something else (RFC 4035 section 5.4, RFC 5155 section 8). */
import { nsec, nsec3, optOut, signers, signing, tlsa, type LabZone } from '../lab-zone.ts';
import { withoutNsec3Over } from '../nsec3-lines.ts';
import {
  withoutRrset,
  withoutSignatures,
  typeOf,
  withoutTypes,
  zoneLine,
  type ZoneLine,
} from '../zone-lines.ts';

const records = [
  'a A 192.0.2.1',
  'c A 192.0.2.1',
  `e ${tlsa}`,
  'e A 192.0.2.1',
  'deep.ent A 192.0.2.1',
  'k A 192.0.2.1',
];

/** Zones without any denial at all: what is there is proved, what is not there is not. */
const none: LabZone[] = signers.flatMap((signer) =>
  [nsec, nsec3].map((denial): LabZone => ({
    apex: `no-${denial.kind}-${signer}.test.`,
    signing: signing({ signer, denial }),
    records,
    spoil: (lines) => withoutTypes(lines, 'NSEC', 'NSEC3', 'NSEC3PARAM'),
    questions: [
      ['e', 'TLSA', 'secure'],
      ['e', 'TXT', 'bogus'],
      ['d', 'TLSA', 'bogus'],
      ['ent', 'TLSA', 'bogus'],
    ],
  })),
);

/** The NSEC records of one zone, one thing wrong in each. */
function nsecZone(
  name: string,
  spoil: (lines: readonly ZoneLine[], at: (label: string) => string) => readonly ZoneLine[],
  questions: LabZone['questions'],
  signer: 'ldns' | 'bind' | 'knot' = 'bind',
): LabZone {
  const apex = `${name}.test.`;
  return {
    apex,
    signing: signing({ signer }),
    records,
    spoil: (lines) => spoil(lines, (label) => (label === '@' ? apex : `${label}.${apex}`)),
    questions,
  };
}

const wrongNsec: LabZone[] = [
  nsecZone('nsec-cover-missing', (lines, at) => withoutRrset(lines, at('c'), 'NSEC'), [
    ['d', 'TLSA', 'bogus'],
    ['c', 'TLSA', 'bogus'],
    ['b', 'TLSA', 'secure'],
    ['e', 'TXT', 'secure'],
  ]),
  // The apex's NSEC record denies the wildcard of every name that does not exist.
  nsecZone(
    'nsec-wildcard-denial-missing',
    (lines, at) => withoutRrset(lines, at('@'), 'NSEC'),
    [
      ['d', 'TLSA', 'bogus'],
      ['x.e', 'TLSA', 'secure'],
      ['@', 'TLSA', 'bogus'],
    ],
    'ldns',
  ),
  nsecZone(
    'nsec-unsigned',
    (lines, at) => withoutSignatures(lines, at('c'), 'NSEC'),
    [
      ['d', 'TLSA', 'bogus'],
      ['c', 'TLSA', 'bogus'],
      ['b', 'TLSA', 'secure'],
    ],
    'knot',
  ),
  // The proof says that the record is there.
  nsecZone('nsec-record-removed', (lines, at) => withoutRrset(lines, at('e'), 'TLSA'), [
    ['e', 'TLSA', 'bogus'],
    ['e', 'A', 'secure'],
    ['e', 'TXT', 'secure'],
  ]),
  nsecZone(
    'nsec-name-removed',
    (lines, at) => withoutRrset(lines, at('e')),
    [
      ['e', 'TLSA', 'bogus'],
      ['d', 'TLSA', 'secure'],
      ['f', 'TLSA', 'secure'],
    ],
    'ldns',
  ),
  nsecZone(
    'nsec-below-removed',
    (lines, at) => withoutRrset(lines, at('deep.ent')),
    [
      ['deep.ent', 'A', 'bogus'],
      // The server says that there is no such name; what is signed says that there is, without the type.
      ['ent', 'TLSA', 'secure'],
    ],
    'knot',
  ),
];

const wrongNsec3: LabZone[] = signers.flatMap((signer): LabZone[] => {
  const zone = (name: string, spoil: LabZone['spoil'] & {}, questions: LabZone['questions']): LabZone => ({
    apex: `${name}-${signer}.test.`,
    // NSD answers SERVFAIL where an NSEC3 record is missing.
    authority: 'knot',
    signing: signing({ signer, denial: nsec3 }),
    records,
    spoil,
    questions,
  });
  return [
    zone(
      'nsec3-record-removed',
      (lines) => withoutRrset(lines, `e.nsec3-record-removed-${signer}.test.`, 'TLSA'),
      [
        ['e', 'TLSA', 'bogus'],
        ['e', 'TXT', 'secure'],
      ],
    ),
    zone('nsec3-name-removed', (lines) => withoutRrset(lines, `e.nsec3-name-removed-${signer}.test.`), [
      ['e', 'TLSA', 'bogus'],
      ['e', 'A', 'bogus'],
      ['d', 'TLSA', 'secure'],
    ]),
  ];
});

/** All NSEC3 records but that of the apex are gone, which the server then takes for a proof of everything. */
const apexOnly: LabZone[] = signers.map((signer) => ({
  apex: `nsec3-apex-only-${signer}.test.`,
  signing: signing({ signer, denial: nsec3 }),
  records: [...records, `*.wild ${tlsa}`],
  spoil: (lines) => {
    const atApex = lines.find(({ type, rdata }) => type === 'NSEC3' && / SOA( |$)/.test(rdata));
    return lines.filter((line) => typeOf(line) !== 'NSEC3' || line.owner === atApex?.owner);
  },
  questions: [
    ['e', 'TLSA', 'secure'],
    ['e', 'TXT', 'bogus'],
    ['d', 'TLSA', 'bogus'],
    ['x.wild', 'TLSA', 'bogus'],
    ['@', 'TLSA', 'secure'],
  ],
}));

/**
 * One of the two NSEC3 records that deny a name is gone: what covers the name, or what covers the wildcard for it. The
 * server puts another in its place.
 */
const halfDenied: LabZone[] = ['d', '*'].map((label) => {
  const apex = `nsec3-half-${label === '*' ? 'wildcard' : 'name'}.test.`;
  return {
    apex,
    signing: signing({ signer: 'bind', denial: nsec3 }),
    records,
    spoil: (lines) => withoutNsec3Over(lines, `${label}.${apex}`),
    questions: [
      ['d', 'TLSA', 'bogus'],
      ['e', 'TLSA', 'secure'],
    ],
  };
});

/** A zone has no say below its cuts and DNAME records, though its NSEC records span what is there (RFC 6840 section 4.1). */
const ancestors: LabZone[] = ([nsec, nsec3] as const).map((denial) => {
  const apex = `ancestor-${denial.kind}.test.`;
  return {
    apex,
    signing: signing({ signer: 'ldns', denial }),
    records: [
      ...records,
      'cut NS ns.test.',
      `cut DS 12345 13 2 ${'00'.repeat(32)}`,
      'plain-cut NS ns.test.',
      'tree DNAME e',
    ],
    // The server no longer knows of the cuts, and denies from above.
    spoil: (lines) => [
      ...['cut', 'plain-cut', 'tree'].reduce(
        (left, label) =>
          ['NS', 'DS', 'DNAME'].reduce((rest, type) => withoutRrset(rest, `${label}.${apex}`, type), left),
        [...lines],
      ),
      ...['cut', 'plain-cut', 'tree'].map((label) => zoneLine(`${label}.${apex}`, 'TXT', '"changed"')),
    ],
    questions: [
      ['x.cut', 'TLSA', 'bogus'],
      ['cut', 'TLSA', 'bogus'],
      ['x.plain-cut', 'TLSA', 'insecure'],
      ['x.tree', 'TLSA', 'bogus'],
      ['x.e', 'TLSA', 'secure'],
    ],
  };
});

/** Denials that nobody has signed. */
const unsignedNsec3: LabZone = {
  apex: 'nsec3-unsigned.test.',
  signing: signing({ signer: 'ldns', denial: nsec3 }),
  records,
  spoil: (lines) => lines.filter((line) => !(line.type === 'RRSIG' && line.rdata.startsWith('NSEC3 '))),
  questions: [
    ['e', 'TLSA', 'secure'],
    ['d', 'TLSA', 'bogus'],
  ],
};

/** What cannot be put into a zone unnoticed, not even with opt-out: a record at a name that the zone has. */
const injected: LabZone = {
  apex: 'opt-out-injected.test.',
  signing: signing({ denial: optOut, signer: 'bind' }),
  records,
  spoil: (lines) => [...lines, zoneLine('e.opt-out-injected.test.', 'TXT', '"unsigned"')],
  questions: [
    ['e', 'TXT', 'bogus'],
    ['e', 'TLSA', 'secure'],
  ],
};

export const wrongDenials: readonly LabZone[] = [
  ...none,
  ...wrongNsec,
  ...wrongNsec3,
  ...apexOnly,
  ...halfDenied,
  ...ancestors,
  unsignedNsec3,
  injected,
];
