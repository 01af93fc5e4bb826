/**
 * Producer of a catalog zone (RFC 9432): a source of one zone, which lists the zones that it is told.
 *
 * The serial is the time in seconds, and at least one more than the one before; it changes only when the list does. The label of a
 * member is a hash of its name, so that it stays the same for ever.
 *
 * Limitations: no properties. A restart is a change, since the serial of before is not known. A clock that was put back over a
 * restart gives a serial that secondaries do not take until it is passed.
 */
import {
  serialCompare,
  writeCatalog,
  ZoneWriter,
  type Name,
  type ResourceRecord,
  type Store,
  type StoredMessage,
} from '../../../core/index.ts';
import type { CheckedSoa, Fetched, ZoneSource } from '../cache/source.ts';
import { UpstreamError } from '../upstream/upstream.ts';

export class CatalogProducer implements ZoneSource {
  readonly name: Name;
  readonly label: string;
  readonly #nowMs: () => number;
  #zones: readonly Name[] = [];
  #serial: number;
  #soa: ResourceRecord;

  constructor(name: Name, nowMs: () => number) {
    this.name = name;
    this.label = `catalog ${name.toString()}, made here`;
    this.#nowMs = nowMs;
    this.#serial = this.#time();
    this.#soa = this.records()[0];
  }

  get serial(): number {
    return this.#serial;
  }

  /** The zones that are to be listed, in any order; says whether that changes the catalog. The catalog itself is left out. */
  setZones(zones: readonly Name[]): boolean {
    const wanted = new Map(zones.map((zone) => [zone.key, zone]));
    wanted.delete(this.name.key);
    const before = new Set(this.#zones.map(({ key }) => key));
    if (wanted.size === before.size && [...wanted.keys()].every((key) => before.has(key))) return false;
    this.#zones = [...wanted.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, zone]) => zone);
    const time = this.#time();
    this.#serial = serialCompare(time, this.#serial) > 0 ? time : (this.#serial + 1) >>> 0;
    this.#soa = this.records()[0];
    return true;
  }

  check(zone: Name): Promise<CheckedSoa> {
    return zone.equals(this.name)
      ? Promise.resolve({ soa: this.#soa })
      : Promise.reject(this.#isNotOurs(zone));
  }

  fetch(zone: Name, have: { readonly serial: number } | undefined, store: Store): Promise<Fetched> {
    if (!zone.equals(this.name)) return Promise.reject(this.#isNotOurs(zone));
    if (have?.serial === this.#serial) return Promise.resolve({ form: 'up-to-date' });
    const [soa, ...records] = this.records();
    const messages: StoredMessage[] = [];
    let octets = 0;
    const writer = new ZoneWriter(zone, (message) => {
      messages.push(store(message));
      octets += message.length;
    });
    for (const record of records) writer.add(record);
    writer.finish();
    const version = { zone, soa, serial: this.#serial, records: records.length + 1, octets, messages };
    return Promise.resolve({ form: 'whole', version });
  }

  /** Of the current version, the SOA record first. */
  records(): [ResourceRecord, ...ResourceRecord[]] {
    const members = this.#zones.map((zone) => ({ zone, groups: [] }));
    const [soa, ...others] = writeCatalog({ name: this.name, serial: this.#serial, members });
    if (soa === undefined) throw new RangeError('a catalog without an SOA record');
    return [soa, ...others];
  }

  #time(): number {
    return Math.floor(this.#nowMs() / 1000) >>> 0;
  }

  #isNotOurs(zone: Name): UpstreamError {
    return new UpstreamError('other', `${this.label}: ${zone.toString()} is another zone`);
  }
}
