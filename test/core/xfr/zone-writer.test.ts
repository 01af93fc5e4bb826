import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrClass, RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { parseMessage, type ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA, encodeMx, encodeName, encodeTxt } from '../../../core/dns/rdata.ts';
import { MessageWriter } from '../../../core/dns/writer.ts';
import { renderRecords, usualMessageOctets, ZoneWriter } from '../../../core/xfr/zone-writer.ts';
import { anyName, hostName, octets, rdataOf, recordOf } from '../dns/arbitraries.ts';
import { hex } from '../dns/wire.ts';

const zone = Name.parse('example.com');

function rr(name: Name | string, type: number, rdata: Buffer, rrClass: number = RrClass.IN): ResourceRecord {
  return { name: typeof name === 'string' ? Name.parse(name) : name, type, class: rrClass, ttl: 300, rdata };
}

function written(apex: Name, records: Iterable<ResourceRecord>): Buffer[] {
  const messages: Buffer[] = [];
  const counts: number[] = [];
  const writer = new ZoneWriter(apex, (message, count) => {
    messages.push(message);
    counts.push(count);
  });
  for (const record of records) writer.add(record);
  writer.finish();
  expect(messages.map((message) => message.readUInt16BE(6))).to.deep.equal(counts);
  return messages;
}

/** Everything that reading gives back, names in the octets they have. */
function plain(records: readonly ResourceRecord[]) {
  return records.map(({ name, type, class: rrClass, ttl, rdata }) => ({
    name: name.wire.toString('hex'),
    type,
    class: rrClass,
    ttl,
    rdata: rdata.toString('hex'),
  }));
}

function readBack(messages: readonly Buffer[]): ResourceRecord[] {
  return messages.flatMap((message) => [...parseMessage(message).answers]);
}

const withoutSoa = (name: fc.Arbitrary<Name>) =>
  recordOf(
    name,
    Object.fromEntries(Object.entries(rdataOf(name)).filter(([type]) => Number(type) !== RrType.SOA)),
  );
const opaque: fc.Arbitrary<ResourceRecord> = fc.record({
  name: fc.oneof(anyName, hostName),
  type: fc.constantFrom<number>(10, 99, 257, 1000, 65_280, 65_535),
  class: fc.constant<number>(RrClass.IN),
  ttl: fc.integer({ min: 0, max: 0x7fff_ffff }),
  rdata: fc.oneof(fc.constant(Buffer.alloc(0)), octets(0, 600)),
});
const bigTxt: fc.Arbitrary<ResourceRecord> = fc
  .tuple(hostName, fc.integer({ min: 1, max: 250 }))
  .map(([name, strings]) =>
    rr(name, RrType.TXT, encodeTxt(Array.from({ length: strings }, () => Buffer.alloc(255)))),
  );
const longest = Name.fromLabels([63, 63, 63, 61].map((length, index) => Buffer.alloc(length, 0x41 + index)));
const deepest = Name.fromLabels(Array.from({ length: 127 }, (_, index) => Buffer.of(index)));
const oddName = fc.oneof(
  anyName,
  hostName,
  fc.constantFrom(
    zone,
    Name.root,
    longest,
    deepest,
    Name.parse('com'),
    Name.parse('EXAMPLE.com'),
    Name.parse('xexample.com'),
  ),
  hostName.map((name) => Name.fromLabels([...name.labels().slice(0, 3), ...zone.labels()])),
);
const anyRecords = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: withoutSoa(hostName) },
    { weight: 4, arbitrary: withoutSoa(oddName) },
    { weight: 2, arbitrary: opaque },
    { weight: 1, arbitrary: bigTxt },
  ),
  { maxLength: 60 },
);

describe('ZoneWriter', () => {
  it('writes one question and points to its name [RFC5936-2.2.1] [RFC1035-4.1.4]', () => {
    const [message, ...more] = written(zone, [
      rr('example.com', RrType.A, encodeA('192.0.2.1')),
      rr('www.example.com', RrType.A, encodeA('192.0.2.2')),
      rr('www.example.com', RrType.MX, encodeMx({ preference: 10, exchange: Name.parse('mail.com') })),
    ]);
    expect(more).to.deep.equal([]);
    const fixed = '0001 0000012c';
    expect(message).to.deep.equal(
      hex(
        `0000 8400 0001 0003 0000 0000 07 6578616d706c65 03 636f6d 00 00fc 0001` +
          `c00c 0001 ${fixed} 0004 c0000201` +
          `03 777777 c00c 0001 ${fixed} 0004 c0000202` +
          `c02d 000f ${fixed} 0009 000a 04 6d61696c c014`,
      ),
    );
  });

  it('gives back every record with its octets [RFC5936-3.4]', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(zone, Name.root, Name.parse('com'), longest),
        anyRecords,
        (apex, records) => {
          expect(plain(readBack(written(apex, records)))).to.deep.equal(plain(records));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps the case of every name: it points to identical octets only [RFC5936-3.4]', () => {
    const names = [
      'www.example.com',
      'WWW.example.com',
      'www.Example.com',
      'ns.eXample.coM',
      'www.example.com',
    ];
    const records = names.map((name) => rr(name, RrType.NS, encodeName(Name.parse(name))));
    expect(plain(readBack(written(zone, records)))).to.deep.equal(plain(records));
  });

  it('compresses the RDATA of the types of RFC 1035 and of no other [RFC3597-4]', () => {
    const target = Name.parse('ns.example.com');
    const lengths = [RrType.NS, RrType.DNAME].map((type) => {
      const [message] = written(zone, [
        rr(target, RrType.A, encodeA('192.0.2.1')),
        rr(zone, type, encodeName(target)),
      ]);
      return message!.length;
    });
    expect(lengths[1]! - lengths[0]!).to.equal(target.wire.length - 2);
  });

  it('compresses no less than the writer of other messages', () => {
    fc.assert(
      fc.property(fc.array(withoutSoa(hostName), { minLength: 1, maxLength: 40 }), (records) => {
        const other = new MessageWriter();
        other.addQuestion({ name: zone, type: RrType.AXFR, class: RrClass.IN });
        for (const record of records) expect(other.tryAdd('answer', record)).to.equal(true);
        const length = written(zone, records).reduce((sum, message) => sum + message.length, 0);
        expect(length).to.be.at.most(other.finish().length);
      }),
    );
  });

  it('begins a new message before 16,000 octets, and points no further than 14 bits [RFC1035-4.1.4]', () => {
    const records = Array.from({ length: 5000 }, (_, index) =>
      rr(
        `host${index >> 1}.sub${index % 7}.example.com`,
        RrType.TXT,
        encodeTxt([Buffer.alloc(index % 50, 0x61)]),
      ),
    );
    const messages = written(zone, records);
    expect(messages.length).to.be.above(10);
    for (const message of messages.slice(0, -1))
      expect(message.length).to.be.within(15_800, usualMessageOctets);
    expect(plain(readBack(messages))).to.deep.equal(plain(records));
  });

  it('tells names apart that begin with the same label', () => {
    const records = Array.from({ length: 5000 }, (_, index) =>
      rr(`${'ba'[index & 1]!}.n${index >> 1}.example.com`, RrType.A, encodeA('192.0.2.1')),
    );
    expect(plain(readBack(written(zone, records)))).to.deep.equal(plain(records));
  });

  it('gives a longer message to a record that needs it, and to no other', () => {
    const small = rr('a.example.com', RrType.A, encodeA('192.0.2.1'));
    const big = rr('b.example.com', 65_280, Buffer.alloc(64_000, 1));
    const messages = written(zone, [small, big, small]);
    expect(messages.map(({ length }) => length > usualMessageOctets)).to.deep.equal([false, true, false]);
    expect(plain(readBack(messages))).to.deep.equal(plain([small, big, small]));
  });

  it('does not take a label with the octets of the zone in it for the zone', () => {
    const inLabel = Name.fromLabels([zone.wire.subarray(0, -1)]);
    const records = [zone, inLabel, inLabel.prepend('a'), zone.prepend('a')].map((name) =>
      rr(name, RrType.A, encodeA('192.0.2.1')),
    );
    expect(plain(readBack(written(zone, records)))).to.deep.equal(plain(records));
  });

  it('writes messages whose names a reader is ready to expand', () => {
    const owners = [0x61, 0x62].map((octet) =>
      Name.fromLabels([Buffer.alloc(1, octet), ...deepest.labels().slice(1)]),
    );
    const records = Array.from({ length: 4000 }, (_, index) =>
      rr(owners[index & 1]!, RrType.NS, encodeName(owners[(index >> 1) & 1]!)),
    );
    expect(plain(readBack(written(zone, records)))).to.deep.equal(plain(records));
  });

  it('always makes the same messages of the same records', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        expect(written(zone, records)).to.deep.equal(written(zone, records));
      }),
      { numRuns: 30 },
    );
  });

  for (const [title, record] of [
    ['another class', rr('a.example.com', RrType.A, encodeA('192.0.2.1'), RrClass.CH)],
    ['an SOA record', rr(zone, RrType.SOA, Buffer.concat([zone.wire, zone.wire, Buffer.alloc(20)]))],
    ['an OPT record', rr(Name.root, RrType.OPT, Buffer.alloc(0))],
    ['a TSIG record', rr(Name.root, RrType.TSIG, Buffer.alloc(0))],
    ['an address of three octets', rr('a.example.com', RrType.A, Buffer.alloc(3))],
    ['a name cut short in its RDATA', rr('a.example.com', RrType.NS, hex('03 6162'))],
    ['a pointer in its RDATA', rr('a.example.com', RrType.NS, hex('c00c'))],
    ['octets after the name in its RDATA', rr('a.example.com', RrType.NS, hex('00 00'))],
    ['an RDATA that fits no message', rr('a.example.com', 65_280, Buffer.alloc(65_000))],
  ] as const) {
    it(`refuses ${title}, and goes on with the next record`, () => {
      const good = rr('a.example.com', RrType.A, encodeA('192.0.2.1'));
      const messages: Buffer[] = [];
      const writer = new ZoneWriter(zone, (message) => messages.push(message));
      writer.add(good);
      expect(() => writer.add(record)).to.throw(DnsFormatError);
      writer.add(good);
      writer.finish();
      expect(plain(readBack(messages))).to.deep.equal(plain([good, good]));
    });
  }

  for (const [title, name] of [
    ['without its end', '03 616263'],
    ['with a pointer', '01 61 c00c'],
    ['with octets after it', '01 61 00 00'],
    ['of more than 255 octets', '01 61'.repeat(128) + '00'],
    ['of no octets', ''],
  ] as const) {
    it(`refuses an owner ${title}`, () => {
      const octetsOfName = hex(name);
      const writer = new ZoneWriter(zone, () => undefined);
      const all = Buffer.concat([octetsOfName, encodeA('192.0.2.1')]);
      const end = octetsOfName.length;
      expect(() => writer.addOctets(all, 0, end, RrType.A, 0, end, end + 4)).to.throw(DnsFormatError);
    });
  }
});

describe('renderRecords', () => {
  it('makes replies of records, SOA records among them [RFC1995-4]', () => {
    const soa = rr(zone, RrType.SOA, Buffer.concat([zone.wire, zone.wire, Buffer.alloc(20)]));
    const messages = renderRecords(zone, RrType.IXFR, [soa, soa, soa]);
    expect(messages.length).to.equal(1);
    const { header, questions, answers } = parseMessage(messages[0]!);
    expect(header).to.include({ id: 0, qr: true, aa: true, rcode: 0 });
    expect(questions.map(({ name, type }) => [String(name), type])).to.deep.equal([
      ['example.com', RrType.IXFR],
    ]);
    expect(plain(answers)).to.deep.equal(plain([soa, soa, soa]));
  });

  it('makes no message of nothing', () => {
    expect(renderRecords(zone, RrType.IXFR, [])).to.deep.equal([]);
  });
});
