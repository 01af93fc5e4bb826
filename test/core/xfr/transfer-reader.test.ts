import { expect } from 'chai';
import fc from 'fast-check';
import { EdnsOptionCode, Opcode, Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { extendedError, type Edns } from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { encodeMessage, parseMessage, type Message, type ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA, encodeSoa, encodeTxt } from '../../../core/dns/rdata.ts';
import type { Header } from '../../../core/dns/writer.ts';
import { TransferFormatError } from '../../../core/xfr/stream-end.ts';
import {
  TransferReader,
  TransferRefusedError,
  type TransferResult,
} from '../../../core/xfr/transfer-reader.ts';
import type { ZoneVersion } from '../../../core/xfr/zone-version.ts';

const zone = Name.parse('example.com');

function soa(serial: number, name = zone): ResourceRecord {
  const rdata = encodeSoa({
    mname: Name.parse('ns1.example.com'),
    rname: Name.parse('hostmaster.example.com'),
    ...{ serial, refresh: 7200, retry: 3600, expire: 1_209_600, minimum: 300 },
  });
  return { name, type: RrType.SOA, class: RrClass.IN, ttl: 3600, rdata };
}

function host(label: string, last = 1): ResourceRecord {
  const rdata = encodeA(`192.0.2.${String(last)}`);
  return { name: Name.parse(label), type: RrType.A, class: RrClass.IN, ttl: 300, rdata };
}

interface MessageFields {
  readonly header?: Partial<Header>;
  readonly type?: number;
  readonly hasQuestion?: boolean;
  readonly authorities?: readonly ResourceRecord[];
  readonly additionals?: readonly ResourceRecord[];
  readonly edns?: Edns;
}

function answer(answers: readonly ResourceRecord[], fields: MessageFields = {}): Buffer {
  const {
    header = {},
    type = RrType.AXFR,
    hasQuestion = true,
    authorities = [],
    additionals = [],
    edns,
  } = fields;
  const flags = { tc: false, rd: false, ra: false, ad: false, cd: false };
  const message: Message = {
    header: { id: 4711, qr: true, opcode: Opcode.QUERY, aa: true, rcode: Rcode.NOERROR, ...flags, ...header },
    questions: hasQuestion ? [{ name: zone, type, class: RrClass.IN }] : [],
    ...{ answers, authorities, additionals, ...(edns && { edns }) },
  };
  return encodeMessage(message);
}

function reader(
  have?: ResourceRecord,
  limits: { maxRecords?: number; maxOctets?: number } = {},
): TransferReader {
  return new TransferReader({
    ...{ zone, have, maxRecords: 1_000_000, maxOctets: 2 ** 30, ...limits },
    store: (message) => Buffer.from(message),
  });
}

function read(messages: readonly Buffer[], have?: ResourceRecord): TransferResult {
  const transfer = reader(have);
  for (const message of messages) transfer.take(message);
  return transfer.result();
}

function wholeOf(result: TransferResult): ZoneVersion {
  if (result.form !== 'whole') throw new Error(`not a whole zone: ${result.form}`);
  return result.version;
}

/** Every record that is kept, as text that is equal when the records are; checks the form of the messages on the way. */
function kept({ messages }: ZoneVersion): string[] {
  return messages.flatMap((stored) => {
    const message = parseMessage(stored as Buffer);
    expect(message.header).to.include({ id: 0, qr: true, aa: true, rcode: Rcode.NOERROR });
    expect(message.answers).not.to.have.length(0);
    expect([...message.authorities, ...message.additionals]).to.deep.equal([]);
    expect(message.edns).to.equal(undefined);
    for (const question of message.questions) expect(question.type).to.equal(RrType.AXFR);
    return message.answers.map(text);
  });
}

function text({ name, type, ttl, rdata }: ResourceRecord): string {
  return `${name.toString()} ${String(ttl)} ${String(type)} ${rdata.toString('hex')}`;
}

const edns: Edns = { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };

describe('TransferReader', () => {
  const hosts = Array.from({ length: 3_000 }, (_, index) =>
    host(`h${String(index)}.example.com`, index % 250),
  );

  /** An AXFR in messages of so many records. */
  function axfr(records: readonly ResourceRecord[], each: number, fields: MessageFields = {}): Buffer[] {
    const all = [soa(7), ...records, soa(7)];
    const messages: Buffer[] = [];
    for (let at = 0; at < all.length; at += each)
      messages.push(answer(all.slice(at, at + each), { hasQuestion: at === 0, ...fields }));
    return messages;
  }

  for (const each of [1, 2, 7, 400, 5_000]) {
    it(`reads a zone whose messages have ${String(each)} records each [RFC5936-2.2]`, () => {
      const version = wholeOf(read(axfr(hosts, each)));
      expect(version).to.include({ serial: 7, records: hosts.length + 1 });
      expect(kept(version).sort()).to.deep.equal(hosts.map(text).sort());
      expect(version.octets).to.equal(version.messages.reduce((sum, { length }) => sum + length, 0));
      // Small messages of the server are put together.
      expect(version.messages.length).to.be.at.most(10);
    });
  }

  it('reads the same zone from messages cut anywhere, with OPT or without', () => {
    const some = hosts.slice(0, 600);
    const cuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.boolean(), fc.boolean()), {
      minLength: 1,
    });
    fc.assert(
      fc.property(cuts, (sizes) => {
        const all = [soa(7), ...some, soa(7)];
        const messages: Buffer[] = [];
        for (let at = 0, turn = 0; at < all.length; turn++) {
          const [size, hasOpt, hasQuestion] = sizes[turn % sizes.length] ?? [1, false, false];
          messages.push(answer(all.slice(at, at + size), { hasQuestion, ...(hasOpt && { edns }) }));
          at += size;
        }
        expect(kept(wholeOf(read(messages))).sort()).to.deep.equal(some.map(text).sort());
      }),
      { numRuns: 50 },
    );
  });

  it('reads messages in which there is only padding [RFC9103-7.9.1]', () => {
    const padding = { ...edns, options: [{ code: EdnsOptionCode.PADDING, data: Buffer.alloc(400) }] };
    const [first, ...rest] = axfr(hosts.slice(0, 3), 2);
    const empty = answer([], { edns: padding });
    expect(kept(wholeOf(read([first!, empty, ...rest])))).to.have.length(3);
  });

  it('reads a zone with nothing but its SOA record', () => {
    expect(wholeOf(read([answer([soa(7), soa(7)])]))).to.include({ records: 1, octets: 0 });
  });

  it('tells for how long the zone counts [RFC7314-2.2]', () => {
    const data = Buffer.from([0, 0, 1, 0]);
    const transfer = reader();
    transfer.take(
      answer([soa(7), soa(7)], { edns: { ...edns, options: [{ code: EdnsOptionCode.EXPIRE, data }] } }),
    );
    expect(transfer.expireSeconds).to.equal(256);
  });

  describe('in answer to IXFR', () => {
    const have = soa(5);
    const ixfr = (answers: readonly ResourceRecord[]): Buffer => answer(answers, { type: RrType.IXFR });

    it('reads that there is nothing new [RFC1995-2]', () => {
      expect(read([ixfr([soa(5)])], have)).to.deep.equal({ form: 'up-to-date' });
    });

    it('reads the steps between versions [RFC1995-4]', () => {
      const [a, b, c] = hosts as [ResourceRecord, ResourceRecord, ResourceRecord];
      const records = [soa(7), soa(5), a, soa(6), b, soa(6), soa(7), c, soa(7)];
      for (const each of [1, 2, 9]) {
        const messages: Buffer[] = [];
        for (let at = 0; at < records.length; at += each) messages.push(ixfr(records.slice(at, at + each)));
        const result = read(messages, have);
        if (result.form !== 'incremental') throw new Error(result.form);
        expect(
          result.steps.map(({ from, to, deleted, added }) => [from, to, ...deleted, ...added].map(text)),
        ).to.deep.equal([[soa(5), soa(6), a, b].map(text), [soa(6), soa(7), c].map(text)]);
      }
    });

    it('reads the whole zone [RFC1995-4]', () => {
      const messages = axfr(hosts, 100, { type: RrType.IXFR });
      expect(kept(wholeOf(read(messages, have)))).to.have.length(hosts.length);
    });

    it('takes so many octets of steps, and no more: they are held in memory', () => {
      const records = [soa(7), soa(5), soa(7), ...hosts, soa(7)];
      const take = (maxOctets: number) => () => {
        const transfer = reader(have, { maxOctets });
        for (let at = 0; at < records.length; at += 100) transfer.take(ixfr(records.slice(at, at + 100)));
        return transfer.result().form;
      };
      expect(take(1 << 20)()).to.equal('incremental');
      expect(take(20_000)).to.throw(TransferFormatError, 'more than 20000 octets');
    });

    it('refuses steps that do not begin with the version that is there', () => {
      const messages = [ixfr([soa(7), soa(4), soa(7), soa(7)])];
      expect(() => read(messages, have)).to.throw(TransferFormatError, 'begins with serial 4');
    });
  });

  it('gives the response code of a server that refuses, and its words [RFC5936-2.2.1]', () => {
    const options = [extendedError(18, 'who are you?')];
    const refused = answer([], { header: { rcode: Rcode.REFUSED }, edns: { ...edns, options } });
    expect(() => read([refused])).to.throw(TransferRefusedError, 'REFUSED (who are you?)');
    const badVersion = answer([], { header: { rcode: Rcode.BADVERS }, edns });
    expect(() => read([badVersion])).to.throw(TransferRefusedError, 'BADVERS');
  });

  const [a, b] = hosts as [ResourceRecord, ResourceRecord];
  const wrong: readonly [what: string, messages: readonly Buffer[], words: string][] = [
    ['a query', [answer([soa(7), soa(7)], { header: { qr: false } })], 'no answer'],
    ['a truncated message', [answer([soa(7), soa(7)], { header: { tc: true } })], 'truncated'],
    ['another opcode', [answer([soa(7), soa(7)], { header: { opcode: Opcode.NOTIFY } })], 'no answer'],
    ['another question', [answer([soa(7), soa(7)], { type: RrType.IXFR })], 'another question'],
    ['something else than SOA first', [answer([a, soa(7)])], 'not an SOA'],
    ['another SOA at the end', [answer([soa(7), a, soa(8)])], 'changed its SOA'],
    ['records after the end', [answer([soa(7), a, soa(7), b])], 'after the end'],
    ['a message after the end', [answer([soa(7), soa(7)]), answer([a])], 'after the end'],
    ['a record of another zone', [answer([soa(7), host('www.example.net'), soa(7)])], 'www.example.net'],
    ['a record of the zone above', [answer([soa(7), host('com'), soa(7)])], 'outside of the zone'],
    [
      'a name that only ends alike',
      [answer([soa(7), host('x.badexample.com'), soa(7)])],
      'outside of the zone',
    ],
    [
      'an SOA below the apex',
      [answer([soa(7), soa(7, Name.parse('a.example.com')), soa(7)])],
      'below the apex',
    ],
    ['another class', [answer([soa(7), { ...a, class: 3 }, soa(7)])], 'class IN'],
    ['records in the authority section', [answer([soa(7), soa(7)], { authorities: [a] })], 'authority'],
  ];
  for (const [what, messages, words] of wrong) {
    it(`refuses ${what} [RFC5936-2.2]`, () => {
      expect(() => read(messages)).to.throw(TransferFormatError, words);
    });
  }

  it('is not done before the SOA record has come again [RFC5936-2.2]', () => {
    expect(() => read(axfr(hosts, 100).slice(0, -1))).to.throw(TransferFormatError, 'not ended');
  });

  it('takes so many records and octets, and no more', () => {
    const messages = axfr(hosts, 100);
    const take = (limits: { maxRecords?: number; maxOctets?: number }) => () => {
      const transfer = reader(undefined, limits);
      for (const message of messages) transfer.take(Buffer.from(message));
    };
    expect(take({ maxRecords: 3_002 })).not.to.throw();
    expect(take({ maxRecords: 3_001 })).to.throw(TransferFormatError, 'more than 3001 records');
    expect(take({ maxOctets: 20_000 })).to.throw(TransferFormatError, 'more than 20000 octets');
  });

  it('refuses or reads whatever octets come, and keeps nothing that cannot be read', () => {
    const text16 = (index: number): ResourceRecord => ({
      ...host(`t${String(index)}.sub.example.com`),
      type: RrType.TXT,
      rdata: encodeTxt([Buffer.alloc(index % 200, 'x')]),
    });
    const original = axfr([...hosts.slice(0, 60), ...Array.from({ length: 40 }, (_, i) => text16(i))], 40);
    let whole = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const messages = original.map((message) => Buffer.from(message));
          for (const [which, where, octet] of changes) {
            const message = messages[which % messages.length]!;
            message[where % message.length] = octet;
          }
          try {
            const version = wholeOf(read(messages));
            // Throws for what the walker would not read.
            for (const stored of version.messages) parseMessage(stored as Buffer);
            whole++;
          } catch (error) {
            const isTold =
              error instanceof DnsFormatError ||
              error instanceof TransferFormatError ||
              error instanceof TransferRefusedError;
            if (!isTold) throw error;
          }
        },
      ),
      { numRuns: 2_000 },
    );
    expect(whole).to.be.greaterThan(0);
  });
});
