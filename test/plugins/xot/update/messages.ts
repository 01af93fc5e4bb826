/** UPDATE messages as clients write them, for the tests. */
import { Opcode, RrClass, RrType, rrTypeFromName } from '../../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, type Message, type ResourceRecord } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA } from '../../../../core/dns/rdata.ts';
import { zone } from '../messages.ts';

/** A record of an update: `www.example.com A`, of class IN with an address unless said otherwise. */
export function record(text: string, fields: Partial<ResourceRecord> = {}): ResourceRecord {
  const [name = '', type = 'A'] = text.split(' ');
  return {
    name: Name.parse(name),
    type: rrTypeFromName(type) ?? 0,
    class: RrClass.IN,
    ttl: 300,
    rdata: encodeA('192.0.2.1'),
    ...fields,
  };
}

/** What deletes a set, or all sets of a name by the type ANY; and, in the other section, asks whether it is there. */
export function whole(text: string, rrClass: number = RrClass.ANY): ResourceRecord {
  return record(text, { class: rrClass, ttl: 0, rdata: Buffer.alloc(0) });
}

export interface UpdateFields extends Partial<Omit<Message, 'header'>> {
  readonly conditions?: readonly ResourceRecord[];
  readonly updates?: readonly ResourceRecord[];
  readonly header?: Partial<Message['header']>;
}

export function update({ conditions = [], updates = [], header, ...parts }: UpdateFields = {}): Buffer {
  const query = makeQuery({ id: 0x4321, name: zone, type: RrType.SOA });
  return encodeMessage({
    ...query,
    answers: conditions,
    authorities: updates,
    ...parts,
    header: { ...query.header, opcode: Opcode.UPDATE, ...header },
  });
}
