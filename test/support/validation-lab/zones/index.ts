/** All zones of the lab, the root and its only child first. */
import { nsec, nsec3, signing, type LabZone } from '../lab-zone.ts';
import { aliases } from './aliases.ts';
import { cuts } from './cuts.ts';
import { delegations } from './delegations.ts';
import { wrongDenials } from './denials.ts';
import { iterations } from './iterations.ts';
import { wrongKeys } from './keys.ts';
import { matrix } from './matrix.ts';
import { names, oddApexes } from './names.ts';
import { times } from './times.ts';
import { wildcards } from './wildcards.ts';

const top: readonly LabZone[] = [
  {
    apex: '.',
    signing: signing({ signer: 'ldns', algorithm: 8, denial: nsec }),
    records: [],
    questions: [
      ['.', 'DNSKEY', 'secure'],
      ['.', 'TLSA', 'secure'],
      ['nothing.', 'TLSA', 'secure'],
    ],
  },
  {
    apex: 'test.',
    signing: signing({ signer: 'knot', algorithm: 13, denial: nsec3 }),
    records: ['ns A 127.0.0.1'],
    questions: [
      ['@', 'DS', 'secure'],
      ['ns', 'A', 'secure'],
      ['nothing', 'TLSA', 'secure'],
      ['a13-nsec-bind', 'DS', 'secure'],
    ],
  },
];

/** The zones by what they are about, with the rules that decide. */
export const zoneGroups: Readonly<Record<string, readonly LabZone[]>> = {
  'the top of the tree [RFC4035-5]': top,
  'sound zones of every algorithm, denial and signer [RFC4035-5.3]': matrix,
  'signatures that begin or end within a second [RFC4034-3.1.5]': times,
  'wrong keys and no keys [RFC4035-5.2]': wrongKeys,
  'missing and wrong denials [RFC4035-5.4] [RFC5155-8]': wrongDenials,
  'wildcards [RFC4035-5.3.4] [RFC4592-3.3]': wildcards,
  'CNAME and DNAME [RFC6672-5.3]': aliases,
  'delegations without a known key [RFC6840-5.2]': delegations,
  'names with escapes, of 255 octets, and without records [RFC1035-2.3.4]': [...names, ...oddApexes],
  'NSEC3 iterations [RFC9276-3.2]': iterations,
  'records at, below and above zone cuts [RFC4035-2.2]': cuts,
};
