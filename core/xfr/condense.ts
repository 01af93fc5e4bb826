/**
 * What several steps between versions come to (RFC 1995 section 5: condensation): record by record, what was there before and
 * what is there after.
 */
import { rrTypeName, RrType } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { checkNewer, soaSerial } from './differences.ts';
import { recordKey, sameOctets, sameRdata } from './record-key.ts';
import { TransferFormatError } from './stream-end.ts';

import type { Differences } from './zone-version.ts';

/** What happens to one record (owner, type, RDATA). */
export interface Change {
  /** As the first step had it that named it. */
  readonly record: ResourceRecord;
  /** That step deleted it. */
  readonly wasThere: boolean;
  /** As the last step added it; undefined if it is not there any more. */
  after: ResourceRecord | undefined;
}

/** Records that `take` takes in one turn. */
const recordsPerTurn = 1000;

/** The steps taken together. */
export class ChangeSet {
  /** By recordKey. */
  readonly changes = new Map<string, Change>();
  #soa: ResourceRecord;

  /** @param soa SOA record of the version that the first step is from */
  constructor(soa: ResourceRecord) {
    this.#soa = soa;
  }

  /** SOA record of the version that the steps lead to. */
  get soa(): ResourceRecord {
    return this.#soa;
  }

  /**
   * Takes the next step, some records at a time: long ones must not hold up others. Throws TransferFormatError for a step that
   * does not follow the one before it, or does what cannot be done after it.
   */
  *take({ from, to, deleted, added }: Differences): Generator<void, void, undefined> {
    if (!sameRdata(from, this.#soa)) {
      throw new TransferFormatError(
        `a step from serial ${soaSerial(from)} is not from the version with serial ${soaSerial(this.#soa)}`,
      );
    }
    checkNewer(from, to);
    let count = 0;
    for (const record of deleted) {
      this.#delete(record);
      if (++count % recordsPerTurn === 0) yield;
    }
    for (const record of added) {
      this.#add(record);
      if (++count % recordsPerTurn === 0) yield;
    }
    this.#soa = to;
  }

  #delete(record: ResourceRecord): void {
    checkNoSoa(record);
    const key = recordKey(record);
    const change = this.changes.get(key);
    if (change === undefined) this.changes.set(key, { record, wasThere: true, after: undefined });
    else if (change.after === undefined) throw deletesWhatIsNot(record);
    else change.after = undefined;
  }

  #add(record: ResourceRecord): void {
    checkNoSoa(record);
    const key = recordKey(record);
    const change = this.changes.get(key);
    if (change === undefined) this.changes.set(key, { record, wasThere: false, after: record });
    else if (change.after !== undefined) throw addsWhatIs(record);
    else change.after = record;
  }
}

/**
 * One step that does what several do one after the other; what they added and deleted again is not in it. Throws
 * TransferFormatError for steps that do not follow one another, RangeError for none.
 */
export function condense(steps: readonly Differences[]): Differences {
  const [first] = steps;
  if (first === undefined) throw new RangeError('no steps to condense');
  const set = new ChangeSet(first.from);
  for (const step of steps) toEnd(set.take(step));
  const deleted: ResourceRecord[] = [];
  const added: ResourceRecord[] = [];
  for (const { record, wasThere, after } of set.changes.values()) {
    if (wasThere && after !== undefined && sameOctets(record, after)) continue;
    if (wasThere) deleted.push(record);
    if (after !== undefined) added.push(after);
  }
  return { from: first.from, to: set.soa, deleted, added };
}

export function deletesWhatIsNot(record: ResourceRecord): TransferFormatError {
  return new TransferFormatError(`the transfer deletes ${ownerAndType(record)}, which is not in the zone`);
}

export function addsWhatIs(record: ResourceRecord): TransferFormatError {
  return new TransferFormatError(`the transfer adds ${ownerAndType(record)}, which is in the zone already`);
}

function toEnd(turns: Generator<void, void, undefined>): void {
  let turn = turns.next();
  while (turn.done !== true) turn = turns.next();
}

function checkNoSoa(record: ResourceRecord): void {
  if (record.type === RrType.SOA) throw new TransferFormatError('a step has an SOA record among its records');
}

function ownerAndType({ name, type }: ResourceRecord): string {
  return `a record ${name.toString()} ${rrTypeName(type)}`;
}
