/**
 * What a secondary makes of the transfers it gets: a copy of the zone, replaced by AXFR (RFC 5936) and brought forward
 * by IXFR (RFC 1995).
 *
 * Limitations: one SOA record, as every zone has; TTLs count, so a record whose TTL alone changed is another record.
 */
import { RrType } from '../../core/dns/constants.ts';
import type { ResourceRecord } from '../../core/dns/message.ts';

export class ZoneCopy {
  readonly #records = new Set<string>();

  get size(): number {
    return this.#records.size;
  }

  /** Takes a whole zone: RFC 5936 section 2.2, the SOA first and once more at the end. */
  replace(transferred: readonly ResourceRecord[]): void {
    this.#records.clear();
    for (const record of transferred) this.#records.add(keyOf(record));
  }

  /**
   * Takes the differences of an IXFR: RFC 1995 section 4, the new SOA, then for each version its old SOA with what
   * goes and its new SOA with what comes, and the new SOA at the end.
   */
  apply(transferred: readonly ResourceRecord[]): void {
    let isAdding = true;
    for (const record of transferred.slice(1, -1)) {
      if (record.type === RrType.SOA) isAdding = !isAdding;
      if (isAdding) this.#records.add(keyOf(record));
      else this.#records.delete(keyOf(record));
    }
  }

  /** Whether it has these records and no other. */
  equals(zone: readonly ResourceRecord[]): boolean {
    const theirs = new Set(zone.map(keyOf));
    return theirs.size === this.#records.size && this.#records.values().every((key) => theirs.has(key));
  }
}

function keyOf({ name, type, class: rrClass, ttl, rdata }: ResourceRecord): string {
  return `${name.key} ${String(type)} ${String(rrClass)} ${String(ttl)} ${rdata.toString('latin1')}`;
}
