import { expect } from 'chai';
import { QueryReader } from '../../../core/answer/query-reader.ts';
import { EdnsOptionCode, Opcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { keepalive, type EdnsOption } from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { mutate, randomNumbers } from '../../support/mutation.ts';
import { ednsOf, query, readerOf } from './wire.ts';

const padding = (octets: number): EdnsOption => ({
  code: EdnsOptionCode.PADDING,
  data: Buffer.alloc(octets),
});
const asksKeepalive: EdnsOption = { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) };
const subnet: EdnsOption = {
  code: EdnsOptionCode.CLIENT_SUBNET,
  data: Buffer.from([0, 1, 24, 0, 192, 0, 2]),
};
const cookie: EdnsOption = { code: EdnsOptionCode.COOKIE, data: Buffer.from('12345678') };

/** What is odd about these octets; undefined for a plain question. */
function oddityOf(octets: Buffer): string | undefined {
  const reader = new QueryReader(1);
  reader.read(octets, 0, octets.length);
  return reader.oddity;
}

/** A query with some octets set. */
function changed(octets: Buffer, changes: Readonly<Record<number, number>>): Buffer {
  const copy = Buffer.from(octets);
  for (const [at, octet] of Object.entries(changes)) copy[Number(at)] = octet;
  return copy;
}

describe('QueryReader', () => {
  it('reads header and question, wherever they stand in the octets', () => {
    const octets = query('www.example', { id: 0xabcd, type: RrType.MX, cd: true });
    const reader = readerOf(octets);
    expect(reader).to.include({ id: 0xabcd, flags: 0x0110, type: RrType.MX, class: RrClass.IN });
    expect(reader).to.include({
      recursionDesired: true,
      checkingDisabled: true,
      hasEdns: false,
      udpOctets: 512,
    });
    const question = reader.octets.subarray(reader.questionStart, reader.questionEnd);
    expect(question).to.deep.equal(octets.subarray(12));
  });

  it('reads what the OPT record says [RFC6891-6.1.2] [RFC3225-3]', () => {
    const reader = readerOf(
      query('www.example', { dnssecOk: true, udpPayloadSize: 4096, options: [cookie] }),
    );
    expect(reader).to.include({ hasEdns: true, dnssecOk: true, udpOctets: 4096, clientSubnetAt: -1 });
    expect(reader).to.include({ wantsKeepalive: false, wantsPadding: false });
  });

  it('takes a UDP size below 512 for 512 [RFC6891-6.2.3]', () => {
    expect(readerOf(query('www.example', { udpPayloadSize: 100 })).udpOctets).to.equal(512);
  });

  it('hears of keepalive and padding [RFC7828-3.2.1] [RFC7830-3]', () => {
    const reader = readerOf(query('www.example', { options: [asksKeepalive, padding(40)] }));
    expect(reader).to.include({ wantsKeepalive: true, wantsPadding: true });
  });

  it('finds the client subnet, with its header [RFC7871-6]', () => {
    const reader = readerOf(query('www.example', { options: [cookie, subnet, padding(3)] }));
    const { clientSubnetAt: at, clientSubnetOctets: length } = reader;
    expect(reader.octets.subarray(at, at + length).toString('hex')).to.equal('0008000700011800c00002');
  });

  it('remembers nothing of the query before', () => {
    const reader = readerOf(
      query('a.example', { dnssecOk: true, options: [asksKeepalive, padding(1), subnet] }),
    );
    const plain = query('b.example');
    reader.read(plain, 0, plain.length);
    expect(reader).to.include({
      hasEdns: false,
      dnssecOk: false,
      wantsKeepalive: false,
      wantsPadding: false,
    });
    expect(reader).to.include({ clientSubnetAt: -1, udpOctets: 512, oddity: undefined });
  });

  describe('tells apart what is not a plain question', () => {
    const plain = query('www.example');
    const withOpt = query('www.example', { options: [] });
    const optAt = plain.length;
    const cases: readonly (readonly [string, Buffer, string])[] = [
      ['less than a header', plain.subarray(0, 11), 'not-a-query'],
      ['a response', changed(plain, { 2: 0x81 }), 'not-a-query'],
      ['another opcode [RFC1035-4.1.1]', changed(plain, { 2: Opcode.NOTIFY << 3 }), 'opcode'],
      ['no question', changed(plain.subarray(0, 12), { 5: 0 }), 'malformed'],
      [
        'two questions [RFC9619-4]',
        changed(Buffer.concat([plain, plain.subarray(12)]), { 5: 2 }),
        'malformed',
      ],
      ['an answer', changed(plain, { 7: 1 }), 'records'],
      ['an authority', changed(plain, { 9: 1 }), 'records'],
      ['a question cut short', plain.subarray(0, -1), 'malformed'],
      ['octets after the question', Buffer.concat([plain, Buffer.of(0)]), 'malformed'],
      ['a pointer in the name [RFC1035-4.1.4]', changed(plain, { 12: 0xc0, 13: 12 }), 'malformed'],
      ['a label of an unknown kind [RFC6891-5]', changed(plain, { 12: 0x41 }), 'malformed'],
      ['a record that is no OPT', changed(withOpt, { [optAt + 2]: RrType.A }), 'records'],
      ['an OPT record not of the root', changed(withOpt, { [optAt]: 1 }), 'records'],
      ['an OPT record cut short', withOpt.subarray(0, -1), 'malformed'],
      ['options past its end', changed(withOpt, { [optAt + 10]: 1 }), 'malformed'],
      ['EDNS of another version [RFC6891-6.1.3]', changed(withOpt, { [optAt + 6]: 1 }), 'edns-version'],
      ['padding twice [RFC7830-3]', query('a.example', { options: [padding(1), padding(2)] }), 'malformed'],
      [
        'a keepalive with a time [RFC7828-3.2.1]',
        query('a.example', { options: [keepalive(1)] }),
        'malformed',
      ],
      ['a TSIG record', changed(withOpt, { [optAt + 2]: RrType.TSIG }), 'records'],
      ['two records', changed(Buffer.concat([withOpt, withOpt.subarray(optAt)]), { 11: 2 }), 'records'],
    ];
    for (const [what, octets, oddity] of cases) {
      it(what, () => {
        expect(oddityOf(octets)).to.equal(oddity);
      });
    }

    it('a name of more than 255 octets [RFC1035-2.3.4]', () => {
      const longest = Name.fromLabels([63, 63, 63, 61].map((length) => Buffer.alloc(length, 'a')));
      const octets = query(longest);
      expect(oddityOf(octets)).to.equal(undefined);
      // One octet more in the last label.
      const label = octets.length - 4 - 1 - 61 - 1;
      const longer = Buffer.concat([
        octets.subarray(0, label + 1),
        Buffer.from('a'),
        octets.subarray(label + 1),
      ]);
      longer[label] = 62;
      expect(oddityOf(longer)).to.equal('malformed');
    });
  });

  describe('with 20,000 messages that were changed at random', () => {
    /** Checks one message against the strict parser; says what became of it. */
    function check(octets: Buffer, random: (below: number) => number): string {
      let parsed: Message | undefined;
      try {
        parsed = parseMessage(octets);
      } catch (error) {
        if (!(error instanceof DnsFormatError)) throw error;
      }
      const [before, after] = [Buffer.alloc(random(20), 0xc0), Buffer.alloc(random(20), 0xc0)];
      const within = Buffer.concat([before, octets, after]);
      const reader = new QueryReader(random(2 ** 31));
      const isPlain = reader.read(within, before.length, before.length + octets.length);
      const hex = octets.toString('hex');
      if (parsed === undefined) {
        expect(isPlain, hex).to.equal(false);
        return 'refused';
      }
      if (!isPlain) {
        expect(reader.oddity, hex).to.equal(expectedOddity(parsed));
        return 'odd';
      }
      expectSame(reader, parsed, hex);
      return 'plain';
    }

    function expectSame(
      reader: QueryReader,
      { header, questions, edns, ...sections }: Message,
      hex: string,
    ): void {
      const [question] = questions;
      expect(questions, hex).to.have.length(1);
      expect([...sections.answers, ...sections.authorities, ...sections.additionals], hex).to.deep.equal([]);
      expect(header, hex).to.include({ qr: false, opcode: Opcode.QUERY, id: reader.id });
      expect(header, hex).to.include({ rd: reader.recursionDesired, cd: reader.checkingDisabled });
      expect(reader, hex).to.include({
        type: question?.type,
        class: question?.class,
        hasEdns: edns !== undefined,
      });
      const name = reader.octets.subarray(reader.questionStart, reader.questionEnd - 4);
      expect(name.equals(question!.name.wire), hex).to.equal(true);
      expect(reader.dnssecOk, hex).to.equal(edns?.dnssecOk ?? false);
      expect(reader.ednsVersion, hex).to.equal(edns?.version ?? 0);
      expect(reader.udpOctets, hex).to.equal(Math.max(512, edns?.udpPayloadSize ?? 0));
      const codes = edns?.options.map(({ code }) => code) ?? [];
      expect(reader.wantsPadding, hex).to.equal(codes.includes(EdnsOptionCode.PADDING));
      expect(reader.wantsKeepalive, hex).to.equal(codes.includes(EdnsOptionCode.TCP_KEEPALIVE));
      expect(reader.clientSubnetAt >= 0, hex).to.equal(codes.includes(EdnsOptionCode.CLIENT_SUBNET));
      // The key holds the name as the strict parser folds its case.
      const folded = Name.fromWire(reader.key.subarray(5, reader.keyLength - 4));
      expect(folded.key, hex).to.equal(question!.name.key);
      expect(folded.wire.equals(Name.fromWire(lowerCase(question!.name.wire)).wire), hex).to.equal(true);
    }

    /** Why a message that can be read is not a plain question. */
    function expectedOddity({ header, questions, edns, ...sections }: Message): string | undefined {
      if (header.qr) return 'not-a-query';
      if (header.opcode !== Opcode.QUERY) return 'opcode';
      if (questions.length !== 1) return 'malformed';
      const records = [...sections.answers, ...sections.authorities, ...sections.additionals];
      if (records.length > 0) return 'records';
      if (edns !== undefined && edns.version !== 0) return 'edns-version';
      const count = (code: number): number =>
        edns?.options.filter((option) => option.code === code).length ?? 0;
      const timed = edns?.options.some(
        (option) => option.code === asksKeepalive.code && option.data.length > 0,
      );
      return count(EdnsOptionCode.PADDING) > 1 || timed === true ? 'malformed' : undefined;
    }

    it('takes only what the strict parser reads the same, and looks at nothing around it', () => {
      const random = randomNumbers(20_261_123);
      const longLabels = [63, 63, 63, 61].map((length) => Buffer.alloc(length, 'Zz'));
      const seeds = [
        query('www.example'),
        query('WWW.exAMPle', { dnssecOk: true, cd: true, options: [asksKeepalive, padding(20)] }),
        query('.', { type: RrType.NS, options: [subnet, cookie] }),
        query(Name.fromLabels(longLabels), { options: [padding(1)] }),
        query('_853._tcp.a.b.c.d.example', { type: RrType.TLSA, ad: true, udpPayloadSize: 65_535 }),
        encodeMessage(
          makeQuery({ id: 1, name: Name.parse('x.example'), type: 1, edns: ednsOf({ version: 1 }) }),
        ),
      ];
      const counts: Record<string, number> = {};
      for (let round = 0; round < 20_000; round += 1) {
        const outcome = check(mutate(seeds[round % seeds.length]!, random), random);
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
      // Each of the three ways is gone often, or the test says nothing.
      expect(counts['plain']).to.be.above(1_500);
      expect(counts['odd']).to.be.above(500);
      expect(counts['refused']).to.be.above(2_000);
    });
  });
});

/** RFC 4343: A to Z and nothing else. */
function lowerCase(wire: Buffer): Buffer {
  return Buffer.from(wire.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet)));
}
