/**
 * Knows when a transfer is whole: RFC 5936 section 2.2 (AXFR) and RFC 1995 section 4 (IXFR), told apart as RFC 1995
 * says, by the second record.
 *
 * A sans-I/O state machine over the order of SOA records alone: it is shown every record of the answer sections, in
 * order, and keeps three numbers. It does not keep the zone.
 *
 *     AXFR           SOA(n) … SOA(n)
 *     IXFR, no news  SOA(n)                                        n not newer than the client's serial
 *     IXFR           SOA(n) SOA(old) … SOA(next) … SOA(n) … SOA(n)  pairs of deletions and additions
 *     IXFR, whole    SOA(n) <anything but SOA> … SOA(n)
 */
import { RrType } from '../dns/constants.ts';
import { serialCompare } from '../dns/serial.ts';

/** What a transfer turned out to be. */
export type TransferForm = 'unknown' | 'up-to-date' | 'whole' | 'incremental';

/** Why a stream of records cannot be a transfer. */
export class TransferFormatError extends Error {
  override readonly name = 'TransferFormatError';
  readonly code = 'XFR_FORMAT';
  readonly blame = 'upstream';
}

/** Follows one transfer. `record` for each answer record, `messageEnd` after each message, then look at `ended`. */
export class TransferEnd {
  /** Serial of the version that is transferred; undefined before the first record. */
  serial: number | undefined;
  form: TransferForm = 'unknown';
  ended = false;
  /** Answer records seen. */
  records = 0;
  #soasSeen = 0;
  readonly #clientSerial: number | undefined;

  /** @param clientSerial serial of the version that the client has, for IXFR; undefined for AXFR */
  constructor(clientSerial?: number) {
    this.#clientSerial = clientSerial;
  }

  /**
   * Takes the next answer record.
   *
   * @param serial only for SOA records: its serial
   * @throws TransferFormatError when the records cannot be a transfer
   */
  record(type: number, serial?: number): void {
    if (this.ended) throw new TransferFormatError('the primary sent records after the end of the transfer');
    this.records++;
    if (type !== RrType.SOA) {
      if (this.serial === undefined)
        throw new TransferFormatError('the first record of the transfer is not an SOA');
      if (this.records === 2) this.form = 'whole';
      return;
    }
    if (serial === undefined) throw new TypeError('an SOA record needs its serial');
    this.#soasSeen++;
    if (this.serial === undefined) {
      this.serial = serial;
      return;
    }
    if (this.records === 2) this.form = this.#second(serial);
    if (this.form === 'whole') {
      // RFC 5936 section 2.2: the same SOA opens and closes, and there is none in between.
      if (serial !== this.serial) throw new TransferFormatError('the zone changed its SOA in mid-transfer');
      this.ended = true;
      return;
    }
    // Incremental: SOA 2, 4, 6 … open deletions, 3, 5, 7 … additions. The new serial where deletions would open is the
    // end (RFC 1995 section 4).
    if (this.#soasSeen % 2 === 0 && serial === this.serial) this.ended = true;
  }

  /** A message ends: a lone SOA in answer to IXFR means "you have it" (RFC 1995 section 2) or "come by AXFR". */
  messageEnd(): void {
    if (this.records === 1 && this.#clientSerial !== undefined && this.serial !== undefined) {
      if (serialCompare(this.serial, this.#clientSerial) <= 0) {
        this.form = 'up-to-date';
        this.ended = true;
      }
    }
  }

  /** The second record is an SOA: an empty zone's end, or the first difference. */
  #second(serial: number): TransferForm {
    return this.#clientSerial === undefined || serial === this.serial ? 'whole' : 'incremental';
  }
}
