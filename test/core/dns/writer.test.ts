import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { padTo, paddingBlock } from '../../../core/dns/edns.ts';
import type { Edns } from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA, encodeMx, encodeName, encodeSoa } from '../../../core/dns/rdata.ts';
import { MessageWriter } from '../../../core/dns/writer.ts';
import { hex } from './wire.ts';

const zone = Name.parse('example.com');
const edns: Edns = { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };

function rr(name: Name, type: number, rdata: Buffer, rrClass = 1): ResourceRecord {
  return { name, type, class: rrClass, ttl: 300, rdata };
}

/** The octets of the records, without the header. */
function written(...records: ResourceRecord[]): Buffer {
  const writer = new MessageWriter();
  for (const record of records) expect(writer.tryAdd('answer', record)).to.equal(true);
  return writer.finish().subarray(12);
}

describe('MessageWriter', () => {
  it('points to the longest suffix that was written before [RFC1035-4.1.4]', () => {
    const octets = written(
      rr(Name.parse('www.example.com'), RrType.A, encodeA('192.0.2.1')),
      rr(Name.parse('mail.example.com'), RrType.A, encodeA('192.0.2.2')),
      rr(Name.parse('www.example.com'), RrType.A, encodeA('192.0.2.3')),
    );
    const fixed = '0001 0001 0000012c 0004';
    expect(octets).to.deep.equal(
      hex(
        `03 777777 07 6578616d706c65 03 636f6d 00 ${fixed} c0000201` +
          `04 6d61696c c010 ${fixed} c0000202` +
          `c00c ${fixed} c0000203`,
      ),
    );
  });

  it('keeps the case of every name: it points to identical octets only [RFC5936-3.4]', () => {
    const names = ['www.example.com', 'WWW.example.com', 'www.Example.com', 'mail.eXample.com'].map((text) =>
      Name.parse(text),
    );
    const writer = new MessageWriter();
    for (const name of names) writer.tryAdd('answer', rr(name, RrType.NS, encodeName(name)));
    const { answers } = parseMessage(writer.finish());
    expect(answers.map(({ name }) => String(name))).to.deep.equal(names.map(String));
    expect(answers.map(({ rdata }) => rdata)).to.deep.equal(names.map(({ wire }) => wire));
  });

  it('does not take the label a.b for the labels a and b', () => {
    const names = ['a.b', 'a\\.b', 'x.a\\.b', 'x.a.b'].map((text) => Name.parse(text));
    const writer = new MessageWriter();
    for (const name of names) writer.tryAdd('answer', rr(name, RrType.A, encodeA('192.0.2.1')));
    expect(parseMessage(writer.finish()).answers.map(({ name }) => String(name))).to.deep.equal(
      names.map(String),
    );
  });

  it('compresses the names in the RDATA of the types of RFC 1035 [RFC3597-4]', () => {
    const target = Name.parse('ns.example.com');
    const soa = encodeSoa({
      mname: target,
      rname: zone,
      serial: 1,
      refresh: 2,
      retry: 3,
      expire: 4,
      minimum: 5,
    });
    const first = written(rr(zone, RrType.MX, encodeMx({ preference: 10, exchange: target })));
    expect(first.subarray(-9)).to.deep.equal(hex('0007 000a 02 6e73 c00c'));
    const second = written(rr(zone, RrType.SOA, soa));
    expect(second.subarray(-29)).to.deep.equal(
      hex('001b 02 6e73 c00c c00c 00000001 00000002 00000003 00000004 00000005'),
    );
  });

  const uncompressed: [what: string, type: number, before: string][] = [
    ['SRV', RrType.SRV, '0001 0002 0003'],
    ['DNAME', RrType.DNAME, ''],
    ['RRSIG', RrType.RRSIG, '00'.repeat(18)],
    ['NSEC', RrType.NSEC, ''],
    ['RP', RrType.RP, '00'],
    ['an unknown type', 65280, ''],
  ];
  for (const [what, type, before] of uncompressed) {
    it(`never compresses the names in the RDATA of ${what} [RFC3597-4]`, () => {
      const rdata = Buffer.concat([hex(before), zone.wire]);
      const octets = written(rr(zone, type, rdata));
      expect(octets.subarray(-rdata.length)).to.deep.equal(rdata);
    });
  }

  it('never points beyond offset 16383 [RFC1035-4.1.4]', () => {
    const writer = new MessageWriter();
    const filler = rr(Name.root, 65280, Buffer.alloc(16_360));
    writer.tryAdd('answer', filler);
    // Its labels begin at 16383 and at 16387: the first can be pointed to, the second cannot.
    const late = Name.parse('abc.example');
    for (let count = 0; count < 2; count += 1)
      writer.tryAdd('answer', rr(late, RrType.A, encodeA('192.0.2.1')));
    writer.tryAdd('answer', rr(Name.parse('example'), RrType.A, encodeA('192.0.2.1')));
    const octets = writer.finish();
    expect(octets.subarray(16_383).indexOf(hex('ffff'))).to.be.greaterThan(0);
    expect(octets.subarray(-23).subarray(0, 9)).to.deep.equal(Name.parse('example').wire);
    expect(
      parseMessage(octets)
        .answers.slice(1)
        .map(({ name }) => String(name)),
    ).to.deep.equal(['abc.example', 'abc.example', 'example']);
  });

  it('writes nothing of a record that does not fit, and forgets its names', () => {
    const writer = new MessageWriter({ maxLength: 60 });
    expect(writer.tryAdd('answer', rr(zone, RrType.A, encodeA('192.0.2.1')))).to.equal(true);
    const before = writer.length;
    const other = Name.parse('a.example.org');
    expect(writer.tryAdd('answer', rr(other, RrType.TXT, Buffer.alloc(200)))).to.equal(false);
    expect(writer.length).to.equal(before);
    expect(writer.tryAdd('answer', rr(Name.parse('example.org'), 65280, Buffer.alloc(0)))).to.equal(false);
    expect(writer.tryAdd('answer', rr(Name.parse('b.org'), 65280, Buffer.alloc(0)))).to.equal(true);
    const { answers } = parseMessage(writer.finish());
    expect(answers.map(({ name }) => String(name))).to.deep.equal(['example.com', 'b.org']);
  });

  it('fills a message to its last octet', () => {
    const record = rr(Name.root, 65280, Buffer.alloc(65_535 - 12 - 11));
    const writer = new MessageWriter();
    expect(writer.tryAdd('answer', record)).to.equal(true);
    expect(writer.tryAdd('answer', rr(Name.root, 65280, Buffer.alloc(0)))).to.equal(false);
    expect(writer.finish()).to.have.lengthOf(65_535);
  });

  it('reserves the room of OPT and puts it last', () => {
    const writer = new MessageWriter({ maxLength: 12 + 11 + 15 });
    writer.setEdns(edns);
    expect(writer.tryAdd('additional', rr(Name.root, RrType.A, encodeA('192.0.2.1')))).to.equal(true);
    expect(writer.tryAdd('additional', rr(Name.root, RrType.A, encodeA('192.0.2.2')))).to.equal(false);
    const octets = writer.finish();
    expect(octets).to.have.lengthOf(38);
    expect(octets.subarray(-11, -8)).to.deep.equal(hex('00 0029'));
    expect(parseMessage(octets).additionals).to.have.lengthOf(1);
    expect(parseMessage(octets).edns).to.deep.equal(edns);
  });

  it('refuses an OPT record for which there is no room any more', () => {
    const writer = new MessageWriter({ maxLength: 30 });
    writer.tryAdd('answer', rr(Name.root, RrType.A, encodeA('192.0.2.1')));
    expect(() => writer.setEdns(edns)).to.throw(DnsFormatError, /too long/);
  });

  it('is padded to a block with the length that it tells [RFC8467-4.1]', () => {
    const writer = new MessageWriter({ qr: true });
    writer.addQuestion({ name: zone, type: RrType.SOA, class: 1 });
    writer.setEdns(edns);
    writer.setEdns({ ...edns, options: [padTo(writer.length, paddingBlock.response)] });
    expect(writer.finish()).to.have.lengthOf(468);
  });

  const mistakes: [what: string, write: (writer: MessageWriter) => void][] = [
    ['a question after a record', (w) => w.addQuestion({ name: zone, type: 1, class: 1 })],
    ['an OPT record', (w) => w.tryAdd('additional', rr(Name.root, RrType.OPT, Buffer.alloc(0)))],
    ['a TSIG record', (w) => w.tryAdd('additional', rr(zone, RrType.TSIG, Buffer.alloc(0), 255))],
    ['an A record of 5 octets', (w) => w.tryAdd('authority', rr(zone, RrType.A, Buffer.alloc(5)))],
    ['an NS record with a pointer', (w) => w.tryAdd('authority', rr(zone, RrType.NS, hex('c00c')))],
    ['a type out of range', (w) => w.tryAdd('authority', rr(zone, 65536, Buffer.alloc(0)))],
    ['a class out of range', (w) => w.tryAdd('authority', rr(zone, 1000, Buffer.alloc(0), -1))],
    [
      'a TTL out of range',
      (w) => w.tryAdd('authority', { ...rr(zone, 1000, Buffer.alloc(0)), ttl: 2 ** 32 }),
    ],
    ['an RDATA of 65536 octets', (w) => w.tryAdd('authority', rr(zone, 1000, Buffer.alloc(65_536)))],
    [
      'an answer after an authority',
      (w) => {
        w.tryAdd('authority', rr(zone, RrType.A, encodeA('192.0.2.1')));
        w.tryAdd('answer', rr(zone, RrType.A, encodeA('192.0.2.1')));
      },
    ],
    ['an EDNS size out of range', (w) => w.setEdns({ ...edns, udpPayloadSize: 65_536 })],
    [
      'EDNS options of 65536 octets',
      (w) => w.setEdns({ ...edns, options: [{ code: 1, data: Buffer.alloc(65_536) }] }),
    ],
  ];
  for (const [what, write] of mistakes) {
    it(`refuses ${what} and blames us`, () => {
      const writer = new MessageWriter();
      writer.tryAdd('answer', rr(zone, RrType.A, encodeA('192.0.2.1')));
      expect(() => write(writer))
        .to.throw(DnsFormatError)
        .with.property('blame', 'us');
    });
  }

  it('refuses header fields out of range and a limit below the header', () => {
    for (const options of [
      { id: 65_536 },
      { opcode: 16 },
      { rcode: 4096 },
      { rcode: -1 },
      { maxLength: 11 },
    ]) {
      expect(() => new MessageWriter(options)).to.throw(DnsFormatError);
    }
  });

  it('refuses a question that does not fit', () => {
    const writer = new MessageWriter({ maxLength: 20 });
    expect(() => writer.addQuestion({ name: zone, type: 1, class: 1 })).to.throw(DnsFormatError, /too long/);
  });
});
