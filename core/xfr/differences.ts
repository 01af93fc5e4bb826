/**
 * The steps of an incremental transfer (RFC 1995 section 4): read from its records, and how long they are as an answer.
 *
 *     SOA(n)  SOA(a) deleted…  SOA(b) added…  SOA(b) deleted…  SOA(n) added…  SOA(n)
 *             `-------------- IxfrSteps sees these -----------------------'
 *
 * Limitations: whether the steps fit the version that is there is seen when they are applied (apply.ts).
 */
import { RrType } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';
import { parseSoa } from '../dns/rdata.ts';
import { serialCompare } from '../dns/serial.ts';
import { sameRdata } from './record-key.ts';
import { TransferFormatError } from './stream-end.ts';
import type { Differences } from './zone-version.ts';

/** Type, class, TTL and RDLENGTH, and a pointer for the name of the zone. */
const recordOctets = 12;
const soaOctets = 64;

/** Serial of an SOA record. Throws DnsFormatError. */
export function soaSerial(soa: ResourceRecord): number {
  return parseSoa(soa.rdata).serial;
}

/** Takes the records between the SOA records that open and close an incremental answer, in their order. */
export class IxfrSteps {
  readonly #zone: Name;
  readonly #last: ResourceRecord | undefined;
  readonly #steps: Differences[] = [];
  #at: ResourceRecord;
  #from: ResourceRecord | undefined;
  #to: ResourceRecord | undefined;
  #deleted: ResourceRecord[] = [];
  #added: ResourceRecord[] = [];

  /**
   * @param clientSoa SOA record of the version that the client has: the steps must begin there
   * @param last SOA record that opened the answer: the steps must end there
   */
  constructor(zone: Name, clientSoa: ResourceRecord, last?: ResourceRecord) {
    this.#zone = zone;
    this.#at = clientSoa;
    this.#last = last;
  }

  /** Throws TransferFormatError for what cannot come here, DnsFormatError for an SOA record that is none. */
  record(record: ResourceRecord): void {
    if (record.type === RrType.SOA) this.#soa(record);
    else if (this.#to !== undefined) this.#added.push(record);
    else if (this.#from !== undefined) this.#deleted.push(record);
    else throw new TransferFormatError('the steps of the transfer do not begin with an SOA record');
  }

  /** The steps, when all records were taken. Throws TransferFormatError if they do not end where they must. */
  get steps(): readonly Differences[] {
    if (this.#to === undefined) throw new TransferFormatError('the transfer ends in the midst of a step');
    if (this.#last !== undefined && !sameRdata(this.#to, this.#last)) {
      throw new TransferFormatError(
        `the steps of the transfer end with serial ${soaSerial(this.#to)}, not ${soaSerial(this.#last)}`,
      );
    }
    return [...this.#steps, this.#step()].filter((step) => step !== undefined);
  }

  #soa(soa: ResourceRecord): void {
    if (!soa.name.equals(this.#zone)) {
      throw new TransferFormatError(`an SOA record of ${soa.name.toString()} in a transfer of another zone`);
    }
    if (this.#from === undefined || this.#to !== undefined) this.#open(soa);
    else this.#turn(this.#from, soa);
  }

  /** The SOA record that a step deletes. */
  #open(soa: ResourceRecord): void {
    const step = this.#step();
    if (step !== undefined) this.#steps.push(step);
    if (!sameRdata(soa, this.#at)) {
      throw new TransferFormatError(
        `a step of the transfer begins with serial ${soaSerial(soa)}, not as serial ${soaSerial(this.#at)} was left`,
      );
    }
    this.#from = soa;
    this.#to = undefined;
    this.#deleted = [];
    this.#added = [];
  }

  /** The SOA record that it adds. */
  #turn(from: ResourceRecord, soa: ResourceRecord): void {
    checkNewer(from, soa);
    this.#to = this.#at = soa;
  }

  #step(): Differences | undefined {
    if (this.#from === undefined || this.#to === undefined) return undefined;
    return { from: this.#from, to: this.#to, deleted: this.#deleted, added: this.#added };
  }
}

/** RFC 1982: a step leads to a newer serial. Throws TransferFormatError. */
export function checkNewer(from: ResourceRecord, to: ResourceRecord): void {
  const [older, newer] = [soaSerial(from), soaSerial(to)];
  if (!(serialCompare(newer, older) > 0)) {
    throw new TransferFormatError(
      `a step of the transfer goes from serial ${older} to ${newer}, which is not newer`,
    );
  }
}

/**
 * Octets of an answer made of these steps, estimated: names count as one label and a pointer. An answer longer than the zone is
 * of no use (RFC 1995 section 5).
 */
export function differencesOctets(steps: Iterable<Differences>): number {
  let octets = 2 * soaOctets;
  for (const { deleted, added } of steps) {
    octets += 2 * soaOctets;
    for (const records of [deleted, added]) {
      for (const { name, rdata } of records) octets += 1 + (name.wire[0] ?? 0) + recordOctets + rdata.length;
    }
  }
  return octets;
}
