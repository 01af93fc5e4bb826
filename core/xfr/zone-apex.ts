/**
 * The records of one name, as the apex, out of the messages of a version: what can be looked at without putting the whole zone in
 * order.
 */
import { RrClass, RrType } from '../dns/constants.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { maxNameOctets, type Name } from '../dns/name.ts';
import { MessageWalker } from '../dns/walker.ts';
import { NameCopier } from './canonical-records.ts';
import { openMessage, type Pause, type ZoneVersion } from './zone-version.ts';

/** Records between two pauses: 1 to 2 ms. */
const recordSlice = 8192;
/** Octets that are searched between two pauses. */
const octetSlice = 1 << 22;
const pointerMark = 0xc0;

/** The records of class IN that a name owns. Rejects with DnsFormatError for malformed messages, or as reading a file does. */
export async function recordsOwnedBy(
  version: ZoneVersion,
  name: Name,
  pause: Pause,
): Promise<ResourceRecord[]> {
  const found = name.equals(version.zone) ? [{ ...version.soa, name }] : [];
  const wanted = name.canonicalWire();
  let budget = recordSlice;
  for (const stored of version.messages) {
    const opened = openMessage(stored);
    const message = Buffer.isBuffer(opened) ? opened : await opened;
    gather(message, wanted, name, found);
    budget -= message.readUInt16BE(6);
    if (budget <= 0) {
      await pause();
      budget = recordSlice;
    }
  }
  return found;
}

function gather(message: Buffer, wanted: Buffer, name: Name, found: ResourceRecord[]): void {
  const walker = new MessageWalker(message);
  const copier = new NameCopier(message);
  let lastPointer = -1;
  let isLastWanted = false;
  while (walker.next()) {
    if (walker.class !== RrClass.IN || walker.section !== 'answer') continue;
    const start = walker.recordStart;
    const pointer = message.readUInt8(start) >= pointerMark ? message.readUInt16BE(start) : -1;
    if (pointer === -1 || pointer !== lastPointer) {
      const octets = copier.copy(start, scratch, 0);
      isLastWanted = octets === wanted.length && scratch.compare(wanted, 0, octets, 0, octets) === 0;
      lastPointer = pointer;
    }
    if (isLastWanted) {
      const { type, ttl } = walker;
      found.push({ name, type, class: RrClass.IN, ttl, rdata: walker.rdata() });
    }
  }
}

const scratch = Buffer.alloc(maxNameOctets);

/**
 * Whether the version may have ZONEMD records: false only if no message has the octets of that type and class IN next to each
 * other, wherever they stand. A thousand times quicker than a look at every record.
 */
export async function mayHaveZonemd(version: ZoneVersion, pause: Pause): Promise<boolean> {
  const mark = Buffer.from([0, RrType.ZONEMD, 0, RrClass.IN]);
  let budget = octetSlice;
  for (const stored of version.messages) {
    const opened = openMessage(stored);
    const message = Buffer.isBuffer(opened) ? opened : await opened;
    if (message.includes(mark)) return true;
    budget -= message.length;
    if (budget <= 0) {
      await pause();
      budget = octetSlice;
    }
  }
  return false;
}
