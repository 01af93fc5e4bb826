/** Reads texts as zone files, in pieces as a test wants them. */
import { Name } from '../../../core/dns/name.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { ZoneTextReader, type ZoneTextOptions } from '../../../core/zone-text/zone-text-reader.ts';

export interface Reading extends Partial<Omit<ZoneTextOptions, 'sink'>> {
  /** Octets of a piece. */
  readonly piece?: number;
  /** By the path that is included. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the zone must have is put after the text. */
  readonly isWhole?: boolean;
}

export const corp = Name.parse('corp.example');
/** What every zone has; in this form it is the last of a text. */
export const needed =
  '\ncorp.example. 1 IN SOA ns.corp.example. host.corp.example. 1 2 3 4 5\ncorp.example. 1 IN NS ns.corp.example.\n';

/** The records of a text. */
export function recordsOf(text: string, reading: Reading = {}): ResourceRecord[] {
  const { piece = 1 << 20, files = {}, isWhole = false, ...options } = reading;
  const records: ResourceRecord[] = [];
  const reader = new ZoneTextReader({
    ...{ origin: corp, file: 'corp.zone', ...options },
    sink: (octets, nameAt, nameEnd, type, ttl, rdataAt, rdataEnd) => {
      const name = Name.fromWire(octets.subarray(nameAt, nameEnd));
      records.push({ name, type, class: 1, ttl, rdata: Buffer.from(octets.subarray(rdataAt, rdataEnd)) });
    },
  });
  let left: Buffer = Buffer.from(isWhole ? text : text + needed, 'latin1');
  const outer: Buffer[] = [];
  for (;;) {
    const { wanted } = reader;
    if (wanted === 'nothing') break;
    if (wanted === 'turn') {
      reader.resume();
    } else if (wanted !== 'octets') {
      reader.open(wanted.path);
      outer.push(left);
      left = Buffer.from(files[wanted.path] ?? '', 'latin1');
    } else if (left.length > 0) {
      const next = left.subarray(0, piece);
      left = left.subarray(piece);
      reader.push(next);
    } else {
      left = outer.pop() ?? Buffer.alloc(0);
      reader.end();
    }
  }
  return isWhole ? records : records.slice(0, -2);
}

/** The same, as lines. */
export function linesOf(text: string, reading?: Reading): string[] {
  return recordsOf(text, reading).map(presentRecord);
}
