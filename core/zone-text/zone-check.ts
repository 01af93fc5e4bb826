/**
 * What a zone must have and must not have, seen while its records pass by: one SOA record, at the apex (RFC 1035 section 5.2),
 * name servers there, and nothing beside an alias (RFC 1034 section 3.6.2) but what DNSSEC puts there (RFC 4034 section 3 and 4).
 *
 * Limitations: of an owner whose records do not follow each other, each part is judged by itself.
 */
import { RrType, rrTypeName } from '../dns/constants.ts';
import type { DnsFormatError } from '../dns/errors.ts';
import { TextMistake } from './zone-text-error.ts';

const hasAlias = 1;
const hasOther = 2;

export class ZoneCheck {
  #hasSoa = false;
  #hasNs = false;
  /** Of the owner that passes by. */
  #seen = 0;

  /** Takes the next record. Throws DnsFormatError. */
  record(type: number, isSameOwner: boolean, isApex: boolean): void {
    if (!isSameOwner) this.#seen = 0;
    switch (type) {
      case RrType.RRSIG:
      case RrType.NSEC:
      case RrType.SIG:
      case RrType.NXT:
      case RrType.KEY:
        return;
      case RrType.CNAME:
        if (this.#seen !== 0) throw aliasError();
        this.#seen = hasAlias;
        return;
      case RrType.NS:
        if (isApex) this.#hasNs = true;
        break;
      case RrType.SOA:
        if (!isApex) throw new TextMistake('an SOA record below the apex of the zone', 'leave it out');
        if (this.#hasSoa) throw new TextMistake('a second SOA record', 'a zone has one; leave the other out');
        this.#hasSoa = true;
        break;
      default:
        if (type === RrType.OPT || type === 0 || (type > 127 && type < 256)) throw notOfZones(type);
    }
    if (this.#seen === hasAlias) throw aliasError();
    this.#seen = hasOther;
  }

  /** After the last record: what is missing, in words. */
  get missing(): string | undefined {
    if (!this.#hasSoa) return 'no SOA record at the apex';
    return this.#hasNs ? undefined : 'no NS record at the apex';
  }
}

function aliasError(): DnsFormatError {
  return new TextMistake('a CNAME record beside another record of the same name', 'leave one of them out');
}

/** RFC 6895 section 3.1: types of questions, and of what messages carry besides. */
function notOfZones(type: number): DnsFormatError {
  return new TextMistake(`a record of type ${rrTypeName(type)}, which no zone has`, 'leave it out');
}
