/**
 * Where a witness says something else than danced, who is right, and by which rule. Each of these must occur, and
 * nothing else may.
 */
import type { SecurityStatus } from '../../../core/dnssec/status.ts';

/** What an exception is recognised by. */
export interface ExceptionCase {
  /** Absolute name. */
  readonly name: string;
  readonly type: string;
  readonly expected: SecurityStatus;
  readonly hasOptOut: boolean;
  /** Whether danced found no record of the type. */
  readonly isDenial: boolean;
}

export interface Exception {
  readonly witness: 'unbound' | 'delv';
  readonly says: SecurityStatus;
  readonly why: string;
  readonly holds: (question: ExceptionCase) => boolean;
}

const sha1 = /\.(sha-1-only\.parent-[a-z0-9-]+|rsasha1|rsasha1-nsec3)\.test\.$/;
const sha256Wrong = /\.sha-256-wrong\.parent-[a-z0-9-]+\.test\.$/;

/** Questions that delv never ends with; they are left to run into its time beside the others. */
export function delvNeverEnds({ name, type }: Pick<ExceptionCase, 'name' | 'type'>): boolean {
  return delvHangs.some((it) => it.name === name && it.type === type);
}

const delvHangs = [
  { name: 'www.ds-without-key-nsec3.test.', type: 'TLSA' },
  { name: 'd.nsec3-unsigned.test.', type: 'TLSA' },
  { name: 'x.long.aliases-nsec.test.', type: 'TLSA' },
];

export const exceptions: readonly Exception[] = [
  {
    witness: 'delv',
    says: 'secure',
    why:
      'danced is right: the span of the denial is opt-out, and what it leaves out may exist (RFC 5155 section 9.2: ' +
      'no AD bit); delv only says that the NSEC3 records are signed',
    // Where an alias made from a wildcard leads to the denial, delv says of the alias what danced says.
    holds: ({ name, type, expected, hasOptOut, isDenial }) =>
      (hasOptOut && isDenial && expected === 'insecure' && !name.startsWith('x.dangling.')) ||
      (name === 'insecure.parent-opt-out.test.' && type === 'DS'),
  },
  {
    witness: 'delv',
    says: 'secure',
    why: 'both are right: RFC 9276 section 3.2 leaves the bound to the validator; BIND 9.18 has 150, danced 50',
    holds: ({ name, expected }) => name.includes('.iterations-51-') && expected === 'insecure',
  },
  ...(['unbound', 'delv'] as const).map((witness): Exception => ({
    witness,
    says: 'secure',
    why: 'danced is right: RFC 9905 section 2 says that validators must treat SHA-1 as unsupported, so insecure',
    holds: ({ name }) => sha1.test(name),
  })),
  {
    witness: 'unbound',
    says: 'secure',
    why:
      'danced and delv are right: RFC 4509 section 3 says to ignore SHA-1 digests beside SHA-256 digests, which are ' +
      'wrong here',
    holds: ({ name }) => sha256Wrong.test(name),
  },
  {
    witness: 'delv',
    says: 'bogus',
    why:
      'danced and Unbound are right: the NSEC record proves that the name exists without the type (RFC 4035 ' +
      'section 5.4); the NXDOMAIN in the header is not signed',
    holds: ({ name, type }) => name === 'ent.nsec-below-removed.test.' && type === 'TLSA',
  },
  {
    witness: 'unbound',
    says: 'bogus',
    why:
      'danced and delv are right: the zone above proves that it vouches for no key here, which makes the name insecure ' +
      '(RFC 4033 section 5); Unbound takes the zone that the signature names',
    holds: ({ name }) => name.startsWith('_443._tcp.www.signed-from-above.'),
  },
  {
    witness: 'unbound',
    says: 'indeterminate',
    why:
      'danced is right: RFC 6672 section 2.2 makes the signed DNAME record the proof of YXDOMAIN; Unbound passes the ' +
      'RCODE on without the AD bit',
    holds: ({ name }) => name === 'x.long.aliases-nsec.test.',
  },
  {
    witness: 'delv',
    says: 'indeterminate',
    why:
      'delv says nothing: its validations of NSEC3 records without signatures, and of a name too long, wait for each ' +
      'other',
    holds: delvNeverEnds,
  },
];
