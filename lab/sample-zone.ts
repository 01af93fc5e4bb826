/**
 * A zone to transfer: as many records as wanted, of the types that zones are full of, always the same ones.
 */
import { RrClass, RrType } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import { encodeA, encodeAaaa, encodeTxt } from '../core/dns/rdata.ts';
import { Zone } from './zone.ts';

const ttl = 3600;
/** What stands at the apex in every case: SOA, NS, and the address of the name server. */
const leastRecords = 3;

/** Makes a zone of exactly `recordCount` records, SOA included. Throws RangeError below 3. */
export function sampleZone(apex: Name, recordCount: number): Zone {
  if (recordCount < leastRecords) throw new RangeError(`a zone has at least ${String(leastRecords)} records`);
  const nameServer = apex.prepend('ns1');
  const zone = new Zone({ apex, nameServer, serial: 1 });
  const add = (name: Name, type: number, rdata: Buffer): void => {
    zone.add({ name, type, class: RrClass.IN, ttl, rdata });
  };
  add(nameServer, RrType.A, encodeA('192.0.2.53'));
  for (let count = leastRecords, host = 0; count < recordCount; host += 1) {
    const name = apex.prepend(`host-${String(host)}`);
    const records: [number, Buffer][] = [
      [RrType.A, numbered(addressBlock, host)],
      [RrType.AAAA, numbered(address6Block, host)],
    ];
    if (host % 4 === 0) records.push([RrType.TXT, encodeTxt([Buffer.from(`host number ${String(host)}`)])]);
    // One in ten is the cut to a zone of its own; its address is then glue.
    if (host % 10 === 9) records.splice(1, 1, [RrType.NS, name.wire]);
    for (const [type, rdata] of records.slice(0, recordCount - count)) add(name, type, rdata);
    count += Math.min(records.length, recordCount - count);
  }
  return zone;
}

const addressBlock = encodeA('10.0.0.0');
const address6Block = encodeAaaa('2001:db8::');

/** An address of a block; a zone of 100,000 records must not take seconds, so no text is written and parsed. */
function numbered(block: Buffer, host: number): Buffer {
  const address = Buffer.from(block);
  address.writeUIntBE(host, address.length - 3, 3);
  return address;
}
