/**
 * The hash of a name in NSEC3 (RFC 5155 section 5), and looking names up among NSEC3 records by it.
 *
 * Every name costs iterations and one rounds of SHA-1, so each is asked for in the budget of the lookup first, and is
 * hashed once for all proofs of an answer. Limitations: SHA-1, since there is no other.
 */
import { hash } from 'node:crypto';
import type { Name } from '../dns/name.ts';
import type { WorkBudget } from './budget.ts';
import type { DenialRecords, Nsec3Record } from './denial-records.ts';

/** What it takes to make a name ready for its first round, measured in rounds: without iterations it is most of it. */
const roundsOfPreparing = 3;

/** The NSEC3 records of one answer, by the names that they are about. */
export class HashedNames {
  readonly #records: readonly Nsec3Record[];
  readonly #known: Map<string, string>;
  readonly #budget: WorkBudget;
  readonly #iterations: number;
  readonly #salt: Buffer;
  #isOutOfWork = false;

  constructor({ nsec3, hashes }: DenialRecords, budget: WorkBudget) {
    this.#records = nsec3;
    this.#known = hashes;
    this.#budget = budget;
    this.#iterations = nsec3[0]?.nsec3.iterations ?? 0;
    this.#salt = nsec3[0]?.nsec3.salt ?? Buffer.alloc(0);
  }

  /** A name could not be hashed: what was not found since then says nothing. */
  get isOutOfWork(): boolean {
    return this.#isOutOfWork;
  }

  /** The record whose owner is the hash of the name. */
  matching(name: Name): Nsec3Record | undefined {
    const wanted = this.#hashOf(name);
    return wanted === undefined ? undefined : this.#records.find((record) => record.hash === wanted);
  }

  /** The record between whose owner and next owner the hash of the name is (RFC 5155 section 1.3). */
  covering(name: Name): Nsec3Record | undefined {
    const wanted = this.#hashOf(name);
    return wanted === undefined ? undefined : this.#records.find((record) => covers(record, wanted));
  }

  #hashOf(name: Name): string | undefined {
    const known = this.#known.get(name.key);
    if (known !== undefined) return known;
    // NSEC3 exhaustion (CVE-2023-50868): no hash that the lookup has no work left for.
    if (!this.#budget.tryHashRounds(roundsOfPreparing + 1 + this.#iterations)) {
      this.#isOutOfWork = true;
      return undefined;
    }
    const computed = hashName(name, this.#iterations, this.#salt);
    this.#known.set(name.key, computed);
    return computed;
  }
}

function covers({ hash: owner, nextHash: next }: Nsec3Record, wanted: string): boolean {
  // RFC 5155 section 3.1.7: the last record of the chain points back to the first.
  return owner < next ? owner < wanted && wanted < next : owner < wanted || wanted < next;
}

/** IH(salt, name, iterations) of RFC 5155 section 5 as latin1, one character an octet. */
function hashName(name: Name, iterations: number, salt: Buffer): string {
  // RFC 5155 section 5: the name in canonical form (RFC 4034 section 6.2), which is what its key is.
  let digest = hash('sha1', Buffer.concat([Buffer.from(name.key, 'latin1'), salt]), 'binary');
  if (iterations === 0) return digest;
  const octets = Buffer.alloc(digest.length + salt.length);
  salt.copy(octets, digest.length);
  for (let round = 0; round < iterations; round += 1) {
    octets.write(digest, 0, 'latin1');
    digest = hash('sha1', octets, 'binary');
  }
  return digest;
}
