/** Wildcards: answers made from them, denials of them, and names that are closer (RFC 4592, RFC 4035 section 5.3.4). */
import { denials, signers, signing, tlsa, type LabZone } from '../lab-zone.ts';
import { withoutRrset, withoutTypes } from '../zone-lines.ts';

const records = [
  `*.wild ${tlsa}`,
  'closer.wild A 192.0.2.1',
  'deep.ent.wild A 192.0.2.1',
  'host A 192.0.2.1',
  `_443._tcp.host ${tlsa}`,
  '*.alias CNAME _443._tcp.host',
  '*.dangling CNAME nothing.host',
  '*.away CNAME _443._tcp.www.aliases-nsec.test.',
  `x.*.middle ${tlsa}`,
];

const sound: LabZone[] = Object.entries(denials).flatMap(([kind, denial]) =>
  signers.map((signer): LabZone => {
    const unsure = kind === 'opt-out' ? 'insecure' : 'secure';
    return {
      apex: `wild-${kind}-${signer}.test.`,
      signing: signing({ denial, signer }),
      records,
      questions: [
        ['x.wild', 'TLSA', unsure],
        ['x.y.wild', 'TLSA', unsure],
        // No data at the wildcard, by which the name would exist.
        ['x.wild', 'A', unsure],
        // A closer name shuts the wildcard out, for itself and below.
        ['closer.wild', 'TLSA', 'secure'],
        ['x.closer.wild', 'TLSA', unsure],
        ['ent.wild', 'TLSA', 'secure'],
        ['x.ent.wild', 'TLSA', unsure],
        // The wildcard by its own name.
        ['*.wild', 'TLSA', 'secure'],
        ['*.wild', 'A', 'secure'],
        ['x.*.wild', 'TLSA', unsure],
        ['x.alias', 'TLSA', unsure],
        ['x.dangling', 'TLSA', unsure],
        ['x.away', 'TLSA', unsure],
        // An asterisk that is not the leftmost label is a label like others.
        ['x.*.middle', 'TLSA', 'secure'],
        ['x.y.middle', 'TLSA', unsure],
        ['y.middle', 'TLSA', unsure],
      ],
    };
  }),
);

/** An answer from a wildcard without the proof that no name is closer. */
const unproved: LabZone[] = (['nsec', 'nsec3'] as const).map((kind) => ({
  apex: `wild-unproved-${kind}.test.`,
  signing: signing({ denial: denials[kind], signer: kind === 'nsec' ? 'knot' : 'ldns' }),
  records,
  spoil: (lines) => withoutTypes(lines, 'NSEC', 'NSEC3', 'NSEC3PARAM'),
  questions: [
    ['x.wild', 'TLSA', 'bogus'],
    ['x.wild', 'A', 'bogus'],
    ['x.alias', 'TLSA', 'bogus'],
    ['*.wild', 'TLSA', 'secure'],
    ['_443._tcp.host', 'TLSA', 'secure'],
  ],
}));

/**
 * The wildcard is used for a name that has a closer encloser, which the server no longer knows: the proof shows that
 * the name does not exist, and that this wildcard is not the one to stand in for it.
 */
const tooHigh: LabZone = {
  apex: 'wild-too-high.test.',
  signing: signing({ signer: 'bind' }),
  records: [`*.wild ${tlsa}`, 'deep.sub.wild A 192.0.2.1'],
  spoil: (lines) => withoutRrset(lines, 'deep.sub.wild.wild-too-high.test.'),
  questions: [
    ['a.sub.wild', 'TLSA', 'bogus'],
    ['a.wild', 'TLSA', 'secure'],
  ],
};

/** The wildcard is used for a name that exists, or existed when the zone was signed. */
const misused: LabZone[] = [
  {
    apex: 'wild-misused-nsec.test.',
    signing: signing({ signer: 'ldns' }),
    records,
    spoil: (lines) => withoutRrset(lines, 'closer.wild.wild-misused-nsec.test.'),
    questions: [
      ['closer.wild', 'TLSA', 'bogus'],
      ['closer.wild', 'A', 'bogus'],
      ['a.wild', 'TLSA', 'secure'],
    ],
  },
];

export const wildcards: readonly LabZone[] = [...sound, ...unproved, ...misused, tooHigh];
