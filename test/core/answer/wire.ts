/** Queries and responses in octets, for the tests of what answers them. */
import { RrClass, RrType } from '../../../core/dns/constants.ts';
import type { Edns, EdnsOption } from '../../../core/dns/edns.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { QueryReader } from '../../../core/answer/query-reader.ts';

export interface QueryOptions {
  readonly id?: number;
  readonly type?: number;
  readonly class?: number;
  readonly rd?: boolean;
  readonly ad?: boolean;
  readonly cd?: boolean;
  /** With an OPT record that has these options, and DO if said. */
  readonly options?: readonly EdnsOption[];
  readonly dnssecOk?: boolean;
  readonly udpPayloadSize?: number;
}

/** A query in octets; it has an OPT record if `options`, `dnssecOk` or `udpPayloadSize` is said. */
export function query(name: string | Name, options: QueryOptions = {}): Buffer {
  const { id = 7, type = RrType.A, class: rrClass = RrClass.IN, rd = true, ad, cd } = options;
  const { dnssecOk, udpPayloadSize } = options;
  const hasEdns = (options.options ?? dnssecOk ?? udpPayloadSize) !== undefined;
  return encodeMessage(
    makeQuery({
      ...{ id, type, class: rrClass, rd },
      ...(ad !== undefined && { ad }),
      ...(cd !== undefined && { cd }),
      name: typeof name === 'string' ? Name.parse(name) : name,
      ...(hasEdns && { edns: ednsOf({ dnssecOk, udpPayloadSize, options: options.options }) }),
    }),
  );
}

export function ednsOf(fields: { [K in keyof Edns]?: Edns[K] | undefined } = {}): Edns {
  const { udpPayloadSize = 1232, version = 0, dnssecOk = false, extendedRcode = 0, options = [] } = fields;
  return { udpPayloadSize, version, dnssecOk, extendedRcode, options };
}

/** A reader that has read this query, as part of a larger buffer. Throws for one that is not plain. */
export function readerOf(octets: Buffer, seed = 1): QueryReader {
  const reader = new QueryReader(seed);
  const within = Buffer.concat([Buffer.from('before'), octets, Buffer.from('after')]);
  if (!reader.read(within, 6, 6 + octets.length)) throw new Error(`not plain: ${String(reader.oddity)}`);
  return reader;
}

/** What is said to a query, in octets: records in text, a line each, and other fields of the message. */
export function response(
  to: Buffer,
  records: { readonly answers?: string; readonly authorities?: string; readonly additionals?: string },
  fields: Parameters<typeof makeResponse>[1] = {},
): Buffer {
  const { answers = '', authorities = '', additionals = '' } = records;
  return encodeMessage(
    makeResponse(parseMessage(to), {
      ra: true,
      answers: parseRecords(answers),
      authorities: parseRecords(authorities),
      additionals: parseRecords(additionals),
      ...fields,
    }),
  );
}
