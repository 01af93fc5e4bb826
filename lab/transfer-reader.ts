/**
 * Reads the answer to a SOA, AXFR or IXFR request, message by message, and knows when it is whole
 * (RFC 5936 section 2.2, RFC 1995 section 4).
 *
 * Limitations: the records are collected, not put together to a zone; what comes after the last SOA is not noticed.
 */
import { EdnsOptionCode, Rcode, RrType } from '../core/dns/constants.ts';
import type { Edns } from '../core/dns/edns.ts';
import { findOption, parseExtendedError } from '../core/dns/edns.ts';
import { parseMessage } from '../core/dns/message.ts';
import type { Message, ResourceRecord } from '../core/dns/message.ts';
import { serialCompare } from '../core/dns/serial.ts';
import { serialOf } from './transfer-messages.ts';

/** What the answer is; the middle two are shapes that an IXFR may get. */
export type TransferForm = 'single' | 'unchanged' | 'incremental' | 'full';

/** What has been read so far. */
export class TransferReader {
  readonly records: ResourceRecord[] = [];
  messageCount = 0;
  /** Octets of the messages, without their length prefixes. */
  octetCount = 0;
  rcode: number | undefined;
  /** The Extended DNS Error that came with the answer (RFC 8914); an answer that breaks off has it in its last message. */
  ede: { readonly code: number; readonly text: string } | undefined;
  /** The OPT record of the first message. */
  edns: Edns | undefined;
  /** Known once the answer is whole. */
  form: TransferForm | undefined;
  readonly #type: number;
  readonly #knownSerial: number | undefined;
  /** How often a SOA record with the serial of the first has come. */
  #currentSoaCount = 0;

  /** `knownSerial`: that of an IXFR request. */
  constructor(type: number, knownSerial: number | undefined) {
    this.#type = type;
    this.#knownSerial = knownSerial;
  }

  /** Whether nothing more is to come. */
  get isWhole(): boolean {
    return this.form !== undefined;
  }

  /** The serial of the zone as the answer has it. */
  get serial(): number | undefined {
    const [first] = this.records;
    return first?.type === RrType.SOA ? serialOf(first) : undefined;
  }

  /** Takes the next message of the answer. Throws DnsFormatError. */
  push(octets: Buffer): void {
    const message = parseMessage(octets);
    if (this.messageCount === 0) this.edns = message.edns;
    this.messageCount += 1;
    this.octetCount += octets.length;
    this.rcode = message.header.rcode;
    const error = findOption(message.edns, EdnsOptionCode.EXTENDED_ERROR);
    if (error !== undefined) this.ede = parseExtendedError(error);
    for (const record of message.answers) this.#take(record);
    this.form ??= this.#formAfter(message);
  }

  #take(record: ResourceRecord): void {
    this.records.push(record);
    if (record.type === RrType.SOA && serialOf(record) === this.serial) this.#currentSoaCount += 1;
  }

  #formAfter({ header }: Message): TransferForm | undefined {
    const isTransfer = this.#type === RrType.AXFR || this.#type === RrType.IXFR;
    if (header.rcode !== Rcode.NOERROR || !isTransfer) return 'single';
    const [, second] = this.records;
    if (second === undefined) {
      // RFC 1995 section 2: the SOA alone says that there is nothing newer, if that is what it says.
      return isNoNewer(this.serial, this.#knownSerial) ? 'unchanged' : undefined;
    }
    // RFC 1995 section 4: a second SOA, of another version, begins a difference. Its new SOA comes once more in the
    // last difference, before the one that ends it all.
    const isIncremental = second.type === RrType.SOA && serialOf(second) !== this.serial;
    if (this.#type === RrType.IXFR && isIncremental)
      return this.#currentSoaCount >= 3 ? 'incremental' : undefined;
    return this.#currentSoaCount >= 2 ? 'full' : undefined;
  }
}

function isNoNewer(serial: number | undefined, known: number | undefined): boolean {
  return serial !== undefined && known !== undefined && serialCompare(serial, known) <= 0;
}
