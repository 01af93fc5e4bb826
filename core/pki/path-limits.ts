/**
 * Every bound on the search for a certification path: one table, and the count of what is left of it.
 *
 * The certificates are a stranger's, and CAs can sign each other in so many ways that the paths through ten of them are
 * millions. What costs is counted; when it is used up, the search ends without a path, and says so.
 */

/** The table: default, the range that makes sense, and why. */
export const pathLimits = {
  'chain-certificates': {
    default: 16,
    min: 2,
    max: 100,
    unit: 'count',
    reason:
      'certificates of a peer that are looked at besides its own, in the order sent; chains have one to four',
  },
  'chain-octets': {
    default: 131_072,
    min: 16_384,
    max: 1_048_576,
    unit: 'octets',
    reason: 'size of those certificates together; OpenSSL takes some 100 KB in a handshake',
  },
  'path-certificates': {
    default: 10,
    min: 2,
    max: 20,
    unit: 'count',
    reason: 'certificates of one path, end entity and trust anchor included',
  },
  'signature-work': {
    default: 40,
    min: 12,
    max: 400,
    unit: 'count',
    reason:
      'public-key operations per proof, in quarters of a millisecond: RSA, P-256 and Ed25519 take 1 (RSA beyond 4096 bits 3), Ed448 2, P-384 6, P-521 12; a path takes as many operations as it has certificates',
  },
  steps: {
    default: 256,
    min: 32,
    max: 10_000,
    unit: 'count',
    reason: 'issuers tried per proof, over all paths; each costs a few microseconds besides the signature',
  },
  'name-comparisons': {
    default: 16_384,
    min: 256,
    max: 1_048_576,
    unit: 'count',
    reason: 'names held against subtrees of name constraints per proof, up to 0.2 microseconds each',
  },
} as const;

/** A number for each row. */
export type PathLimits = Readonly<Record<keyof typeof pathLimits, number>>;

/** The table's defaults. */
export const defaultPathLimits: PathLimits = {
  'chain-certificates': pathLimits['chain-certificates'].default,
  'chain-octets': pathLimits['chain-octets'].default,
  'path-certificates': pathLimits['path-certificates'].default,
  'signature-work': pathLimits['signature-work'].default,
  steps: pathLimits.steps.default,
  'name-comparisons': pathLimits['name-comparisons'].default,
};

/** The limits that are used up bit by bit. */
type Counted = 'signature-work' | 'steps' | 'name-comparisons';

/** What is left of the limits in one search. */
export class PathBudget {
  readonly limits: PathLimits;
  readonly #left: Record<Counted, number>;
  #exhausted: keyof PathLimits | undefined;

  constructor(limits: PathLimits = defaultPathLimits) {
    this.limits = limits;
    this.#left = {
      'signature-work': limits['signature-work'],
      steps: limits.steps,
      'name-comparisons': limits['name-comparisons'],
    };
  }

  /** The limit that ran out, if one did. */
  get exhausted(): keyof PathLimits | undefined {
    return this.#exhausted;
  }

  /** Takes from what is left; false when it does not suffice, and then nothing is given any more. */
  take(limit: Counted, count = 1): boolean {
    if (this.#exhausted !== undefined) return false;
    this.#left[limit] -= count;
    if (this.#left[limit] < 0) this.#exhausted = limit;
    return this.#exhausted === undefined;
  }
}
