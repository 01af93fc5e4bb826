/** Signatures that begin and end within a second of the moment of validation (RFC 4034 section 3.1.5). */
import {
  labSeconds,
  nsec,
  nsec3,
  signers,
  signing,
  soundWindow,
  tlsa,
  type LabZone,
  type Question,
  type Window,
} from '../lab-zone.ts';
import { withSignaturesOf, signaturesOf } from '../zone-lines.ts';

const { inception, expiration } = soundWindow;

const windows: Readonly<Record<string, { window: Window; expected: 'secure' | 'bogus' }>> = {
  'expired-by-1-s': { window: { inception, expiration: labSeconds - 1 }, expected: 'bogus' },
  'not-yet-valid-by-1-s': { window: { inception: labSeconds + 1, expiration }, expected: 'bogus' },
  // Both ends are part of the time in which a signature holds.
  'ends-now': { window: { inception, expiration: labSeconds }, expected: 'secure' },
  'begins-now': { window: { inception: labSeconds, expiration }, expected: 'secure' },
};

const records = [`www ${tlsa}`, `other ${tlsa}`, `x.other ${tlsa}`];

/** Zones whose signatures all have the same time. */
const whole: LabZone[] = Object.entries(windows).flatMap(([name, { window, expected }]) =>
  signers.flatMap((signer) =>
    [nsec, nsec3].map((denial): LabZone => {
      const questions: Question[] = [
        ['www', 'TLSA', expected],
        ['www', 'A', expected],
        ['nothing', 'TLSA', expected],
      ];
      const apex = `${name}-${denial.kind}-${signer}.test.`;
      return { apex, signing: signing({ denial, signer, window, algorithm: 15 }), records, questions };
    }),
  ),
);

const expired = windows['expired-by-1-s']!.window;
const future = windows['not-yet-valid-by-1-s']!.window;

/** Sound zones in which single signatures are out of time. */
const single: LabZone[] = [
  {
    apex: 'one-expired.test.',
    signing: signing(),
    records,
    also: [{ window: expired }],
    spoil: (lines, [old]) => withSignaturesOf(old!, lines, 'www.one-expired.test.', 'TLSA'),
    questions: [
      ['www', 'TLSA', 'bogus'],
      ['www', 'A', 'secure'],
      ['other', 'TLSA', 'secure'],
    ],
  },
  {
    apex: 'one-not-yet-valid.test.',
    signing: signing({ signer: 'ldns', denial: nsec3 }),
    records,
    also: [{ window: future }],
    spoil: (lines, [early]) => withSignaturesOf(early!, lines, 'www.one-not-yet-valid.test.', 'TLSA'),
    questions: [
      ['www', 'TLSA', 'bogus'],
      ['www', 'A', 'secure'],
      ['other', 'TLSA', 'secure'],
    ],
  },
  {
    apex: 'denial-expired.test.',
    signing: signing({ signer: 'knot' }),
    records,
    also: [{ window: expired }],
    spoil: (lines, [old]) => withSignaturesOf(old!, lines, 'www.denial-expired.test.', 'NSEC'),
    questions: [
      ['www', 'TLSA', 'secure'],
      ['www', 'A', 'bogus'],
      ['other', 'A', 'secure'],
    ],
  },
  {
    // RFC 6840 section 5.4: one signature that holds is enough.
    apex: 'expired-and-sound.test.',
    signing: signing({ signer: 'knot', denial: nsec3 }),
    records,
    also: [{ window: expired }, { window: future }],
    spoil: (lines, also) => [
      ...also.flatMap((other) => signaturesOf(other, 'www.expired-and-sound.test.', 'TLSA')),
      ...lines,
    ],
    questions: [
      ['www', 'TLSA', 'secure'],
      ['nothing', 'TLSA', 'secure'],
    ],
  },
];

export const times: readonly LabZone[] = [...whole, ...single];
