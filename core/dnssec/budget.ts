/**
 * How much work the validation of one lookup may cost: one table that configuration, documentation and code read, and
 * the count of what a lookup has used.
 *
 * RFC 4035 section 5.4 wants the work bounded. The enemy writes zones: keys that share a tag and signatures that fit
 * none of them (KeyTrap, CVE-2023-50387), NSEC3 parameters that cost a thousand hashes a name (CVE-2023-50868), chains
 * of aliases. A lookup that reaches a bound is bogus, with the reason `work-limit`; nothing waits.
 *
 * Limitations: operations are counted, not time. A lookup that uses up all of the defaults with the dearest operations
 * (ten signatures of P-384, 1 ms each) takes 15 to 20 ms of CPU.
 */

/** A row, as in core/config/limits-table.ts. */
interface ValidationLimit {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 'count' | 'octets';
  readonly reason: string;
}

/** The table; keys are those of the configuration. */
export const validationLimits = {
  signatures: {
    default: 36,
    min: 32,
    max: 1000,
    unit: 'count',
    reason:
      'public-key operations of one lookup; one of P-384 counts as 4 and one of Ed448 as 2, since they take so much longer. From the root to a record three cuts down takes 8, each alias into another zone up to 7 more',
  },
  'failed-signatures': {
    default: 4,
    min: 1,
    max: 100,
    unit: 'count',
    reason:
      'of these, signatures that may prove wrong. Wrong ones are rare in honest zones, and KeyTrap (CVE-2023-50387) is made of them',
  },
  'signed-octets': {
    default: 65_536,
    min: 16_384,
    max: 16_777_216,
    unit: 'octets',
    reason:
      'octets that are brought into canonical form and hashed for signatures in one lookup; some 10,000 from the root to a record three cuts down. Against RRsets of thousands of records',
  },
  'signatures-per-rrset': {
    default: 8,
    min: 2,
    max: 32,
    unit: 'count',
    reason: 'RRSIG records of one RRset that are looked at; in a key rollover there are two to four',
  },
  'keys-per-tag': {
    default: 2,
    min: 1,
    max: 8,
    unit: 'count',
    reason:
      'DNSKEY records with the same key tag and algorithm that are tried for one signature (KeyTrap, CVE-2023-50387)',
  },
  'ds-records': {
    default: 8,
    min: 2,
    max: 32,
    unit: 'count',
    reason: 'DS records of one zone that are compared with its keys',
  },
  'dnskeys-per-zone': {
    default: 64,
    min: 4,
    max: 256,
    unit: 'count',
    reason: 'DNSKEY records of one zone that are read',
  },
  'nsec3-iterations': {
    default: 50,
    min: 0,
    max: 500,
    unit: 'count',
    reason:
      'additional iterations of an NSEC3 hash; zones with more are insecure (RFC 9276 section 3.2), which is not enough to prove an identity',
  },
  'nsec3-hash-rounds': {
    default: 1000,
    min: 100,
    max: 100_000,
    unit: 'count',
    reason:
      'rounds of SHA-1 for NSEC3 in one lookup (CVE-2023-50868); a denial with 50 iterations takes some 51 a label',
  },
  'denial-records': {
    default: 8,
    min: 3,
    max: 64,
    unit: 'count',
    reason: 'NSEC and NSEC3 records of one answer whose signatures are checked; a proof needs three at most',
  },
  aliases: {
    default: 8,
    min: 1,
    max: 64,
    unit: 'count',
    reason: 'CNAME and DNAME records followed in one lookup',
  },
  records: {
    default: 2000,
    min: 200,
    max: 1_000_000,
    unit: 'count',
    reason:
      'records in all answers of one lookup together; some 60 from the root to a record three cuts down. An answer has room for 5000',
  },
  questions: {
    default: 64,
    min: 8,
    max: 1000,
    unit: 'count',
    reason: 'questions that one lookup asks the resolver, cache misses of the chain included',
  },
} as const satisfies Readonly<Record<string, ValidationLimit>>;

/** Name of a row. */
export type ValidationLimitName = keyof typeof validationLimits;

/** A number for each row. */
export type ValidationLimits = Readonly<Record<ValidationLimitName, number>>;

/** The table's defaults. */
export const defaultValidationLimits: ValidationLimits = Object.freeze(
  Object.fromEntries(Object.entries(validationLimits).map(([name, row]) => [name, row.default])) as Record<
    ValidationLimitName,
    number
  >,
);

/** The work of one lookup, counted. Each `try…` says whether one more is allowed, and counts it if so. */
export class WorkBudget {
  readonly limits: ValidationLimits;
  #signatures = 0;
  #failedSignatures = 0;
  #signedOctets = 0;
  #hashRounds = 0;
  #records = 0;
  #questions = 0;
  #aliases = 0;
  #exhausted: ValidationLimitName | undefined;

  constructor(limits: ValidationLimits = defaultValidationLimits) {
    this.limits = limits;
  }

  /** The first limit that refused something. */
  get exhausted(): ValidationLimitName | undefined {
    return this.#exhausted;
  }

  /** Public-key operations so far, weighted. */
  get signatures(): number {
    return this.#signatures;
  }

  /** Rounds of SHA-1 so far. */
  get hashRounds(): number {
    return this.#hashRounds;
  }

  /** Questions so far. */
  get questions(): number {
    return this.#questions;
  }

  /** One public-key operation, with the weight that its algorithm has. */
  trySignature(weight = 1): boolean {
    if (this.#failedSignatures >= this.limits['failed-signatures']) return this.refuse('failed-signatures');
    if (this.#signatures + weight > this.limits.signatures) return this.refuse('signatures');
    this.#signatures += weight;
    return true;
  }

  /** The public-key operation that was allowed last found the signature wrong. */
  noteFailedSignature(): void {
    this.#failedSignatures += 1;
  }

  /** So many octets that a signature is over, before they are put together. */
  trySignedOctets(octets: number): boolean {
    if (this.#signedOctets + octets > this.limits['signed-octets']) return this.refuse('signed-octets');
    this.#signedOctets += octets;
    return true;
  }

  /** So many records of an answer, before they are looked at. */
  tryRecords(records: number): boolean {
    if (this.#records + records > this.limits.records) return this.refuse('records');
    this.#records += records;
    return true;
  }

  /** So many rounds of the NSEC3 hash: iterations and one, for each name. */
  tryHashRounds(rounds: number): boolean {
    if (this.#hashRounds + rounds > this.limits['nsec3-hash-rounds']) return this.refuse('nsec3-hash-rounds');
    this.#hashRounds += rounds;
    return true;
  }

  /** One question to the resolver. */
  tryQuestion(): boolean {
    if (this.#questions >= this.limits.questions) return this.refuse('questions');
    this.#questions += 1;
    return true;
  }

  /** One CNAME or DNAME followed. */
  tryAlias(): boolean {
    if (this.#aliases >= this.limits.aliases) return this.refuse('aliases');
    this.#aliases += 1;
    return true;
  }

  /** Notes that a limit which is not counted here (one per RRset or per answer) left something out. Returns false. */
  refuse(limit: ValidationLimitName): false {
    this.#exhausted ??= limit;
    return false;
  }
}
