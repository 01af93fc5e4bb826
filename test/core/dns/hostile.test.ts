/**
 * What hostile and odd octets do to other DNS codecs, each kind as a test of ours: every message here is either
 * refused with DnsFormatError or read as the standard has it, and never read as something else.
 */
import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { encodeOpt, extendedError } from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { FrameReader, frame } from '../../../core/dns/framing.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTxt, parseA, parseDnskey, parseTlsa } from '../../../core/dns/rdata.ts';
import { MessageWalker } from '../../../core/dns/walker.ts';
import { MessageWriter } from '../../../core/dns/writer.ts';
import { answers, header, hex, pointer, record, refuse, walk } from './wire.ts';

const {
  A,
  AAAA,
  CNAME,
  DNAME,
  DNSKEY,
  DS,
  HINFO,
  MX,
  NAPTR,
  NS,
  NSEC,
  OPT,
  RRSIG,
  SIG,
  SOA,
  SRV,
  SSHFP,
  TLSA,
  TSIG,
  TXT,
  NSEC3,
  NSEC3PARAM,
} = RrType;
const opt = encodeOpt({ udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options: [] });

describe('records from the wire', () => {
  const rdataMistakes: [what: string, type: number, rdata: string, words: RegExp][] = [
    ['A of 8 octets', A, '0102030405060708', /longer/],
    ['A of 0 octets', A, '', /shorter/],
    ['A of 3 octets', A, '010203', /shorter/],
    ['AAAA of 4 octets', AAAA, '01020304', /shorter/],
    ['TLSA of 1 octet', TLSA, '03', /shorter/],
    ['TLSA without data [RFC6698-2.1]', TLSA, '030101', /shorter/],
    ['DS without a digest', DS, '00010d02', /shorter/],
    ['SSHFP of 2 octets', SSHFP, '0403', /shorter/],
    ['NSEC3 without the next hash [RFC5155-3.2]', NSEC3, '01000000 00', /shorter/],
    ['NSEC3 with a salt past its end [RFC5155-3.2]', NSEC3, '01000000 05 aabb', /shorter/],
    ['NSEC3 with a hash past its end [RFC5155-3.2]', NSEC3, '01000000 00 14 aabb', /shorter/],
    ['NSEC3PARAM with octets after its salt [RFC5155-4.2]', NSEC3PARAM, '01000000 01 aa bb', /longer/],
    ['DNSKEY of 3 octets', DNSKEY, '010003', /shorter/],
    ['NS with octets after its name', NS, '01 61 00 00', /longer/],
    ['NS of 0 octets', NS, '', /shorter/],
    ['CNAME with an unknown label type', CNAME, '41 00', /unknown label type/],
    ['MX without its name', MX, '0001', /shorter/],
    ['SOA one octet short', SOA, `00 00 ${'00'.repeat(19)}`, /shorter/],
    ['SOA one octet long', SOA, `00 00 ${'00'.repeat(21)}`, /longer/],
    ['TXT of 0 octets', TXT, '', /shorter/],
    ['TXT whose string goes past its end', TXT, '05 6161', /shorter/],
    ['HINFO of one string', HINFO, '01 61', /shorter/],
    ['NAPTR without its replacement', NAPTR, '0001 0001 00 00 00', /shorter/],
    ['SRV of a name cut by its end', SRV, '0001 0001 0035 05 6161', /shorter|past the end/],
    ['RRSIG cut in its signer', RRSIG, `${'00'.repeat(18)} 05 61`, /shorter|past the end/],
    ['DNAME with a compressed name [RFC3597-4]', DNAME, 'c00c', /point/],
    ['NSEC with a compressed name [RFC3597-4]', NSEC, 'c00c 0001 40', /point/],
  ];
  for (const [what, type, rdata, words] of rdataMistakes) {
    it(`are refused: ${what}`, () => {
      const odd = record({ owner: 'a', type, rdata });
      refuse(answers(odd, record({ owner: 'b', type: A, rdata: '7f000001' })), words);
      refuse(answers(odd), words);
    });
  }

  it('are refused if the name in their RDATA ends outside it', () => {
    const rdata = hex('03 616161');
    refuse(answers(record({ type: NS, rdata }), record({ type: A, rdata: '01020304' })), /shorter/);
  });

  it('refuse a pointer where RFC 3597 allows none, though the pointer is good [RFC3597-4]', () => {
    const target = record({ owner: 'example', type: A, rdata: '01020304' });
    for (const type of [DNAME, NSEC])
      refuse(answers(target, record({ type, rdata: pointer(12) })), /not allowed/);
  });

  const lies: [type: string, message: Buffer][] = [
    ['TLSA', answers(record({ type: TLSA, rdata: `030101${'ab'.repeat(32)}`, rdlength: 36 }))],
    ['A', answers(record({ type: A, rdata: '01020304', rdlength: 65535 }))],
    ['unknown', answers(record({ type: 65280, rdata: '', rdlength: 1 }))],
  ];
  for (const [type, message] of lies) {
    it(`are refused if RDLENGTH goes past the message: ${type}`, () => {
      refuse(message, /RDLENGTH past the end/);
    });
  }

  it('are refused if cut short', () => {
    const whole = answers(
      record({ owner: 'a.example', type: TLSA, rdata: `030101${'ab'.repeat(32)}` }),
      record({ owner: pointer(14), type: MX, rdata: Buffer.concat([hex('000a 01 62'), pointer(14)]) }),
    );
    expect(walk(whole)).to.equal(2);
    for (let length = 0; length < whole.length; length += 1) refuse(whole.subarray(0, length), /./);
  });

  it('read an SSHFP of unknown algorithms as octets, in its place', () => {
    const [odd, next] = parseMessage(
      answers(
        record({ owner: 'a', type: SSHFP, rdata: '04 03 aabbccdd' }),
        record({ owner: 'b', type: A, rdata: '7f000001' }),
      ),
    ).answers;
    expect(odd?.rdata).to.deep.equal(hex('0403aabbccdd'));
    expect(next?.name.toString()).to.equal('b');
  });

  it('read the whole answer in spite of a DNSKEY of protocol 4 [RFC4034-2.1.2]', () => {
    const [odd, good] = parseMessage(
      answers(
        record({ owner: 'a', type: DNSKEY, rdata: '0101 04 0d 0123' }),
        record({ owner: 'a', type: DNSKEY, rdata: '0101 03 0d 4567' }),
      ),
    ).answers;
    expect(odd && parseDnskey(odd.rdata).protocol).to.equal(4);
    expect(good && parseDnskey(good.rdata).publicKey).to.deep.equal(hex('4567'));
  });

  it('keep an unknown type as opaque octets [RFC3597-3]', () => {
    const rdata = hex('c00c ff 00');
    const [answer] = parseMessage(answers(record({ owner: 'a', type: 65280, rdata }))).answers;
    expect(answer?.type).to.equal(65280);
    expect(answer?.rdata).to.deep.equal(rdata);
  });

  for (const type of [RrType.SVCB, RrType.HTTPS, RrType.CAA, 0, 65535]) {
    it(`write type ${String(type)} as type ${String(type)}, never as another`, () => {
      const writer = new MessageWriter();
      writer.tryAdd('answer', { name: Name.root, type, class: 1, ttl: 0, rdata: hex('00') });
      expect(parseMessage(writer.finish()).answers[0]?.type).to.equal(type);
    });
  }

  it('keep every bit of the class: 0x8001 is not IN', () => {
    const [answer] = parseMessage(
      answers(record({ owner: 'a', type: A, class: 0x8001, rdata: '01020304' })),
    ).answers;
    expect(answer?.class).to.equal(0x8001);
  });

  it('leave A in another class than IN opaque, since its RDATA is another there [RFC1035-3.4.1]', () => {
    const [answer] = parseMessage(
      answers(record({ owner: 'a', type: A, class: 3, rdata: '01 62 00 1234' })),
    ).answers;
    expect(answer?.rdata).to.deep.equal(hex('0162001234'));
  });

  it('may be empty in the classes of updates [RFC2136-2.4]', () => {
    const message = answers(
      record({ type: A, class: 255, rdata: '' }),
      record({ type: NS, class: 254, rdata: '' }),
    );
    expect(parseMessage(message).answers.map(({ rdata }) => rdata.length)).to.deep.equal([0, 0]);
  });

  it('are refused if their RDATA outgrows its length field once its name is expanded', () => {
    // The owner is a label of 63 octets and one of 2. Read from offset 14, where that label hides a label of 62, it
    // is 131 octets long: more than the octets that the message has before its RDATA.
    const owner = hex(`3f 00 3e ${'00'.repeat(61)} 02 c00c 00`);
    const rest = Buffer.alloc(65_535 - 12 - owner.length - 10 - 20);
    const message = answers(
      record({ owner, type: SIG, rdata: Buffer.concat([Buffer.alloc(18), pointer(14), rest]) }),
    );
    expect(walk(message)).to.equal(1);
    expect(() => parseMessage(message)).to.throw(DnsFormatError, /more than 65535/);
  });

  it('give a TLSA exactly the octets that RDLENGTH says', () => {
    const message = answers(
      record({ owner: 'a', type: TLSA, rdata: `030101${'ab'.repeat(32)}` }),
      record({ owner: 'b', type: TLSA, rdata: '030101cd' }),
    );
    const data = parseMessage(message).answers.map(({ rdata }) => parseTlsa(rdata).data.toString('hex'));
    expect(data).to.deep.equal(['ab'.repeat(32), 'cd']);
  });

  it('never share octets with the message that they came in', () => {
    const message = answers(record({ owner: 'a', type: A, rdata: '01020304' }));
    const [answer] = parseMessage(message).answers;
    message.fill(0xff);
    expect(answer && parseA(answer.rdata)).to.equal('1.2.3.4');
    expect(answer?.name.toString()).to.equal('a');
  });

  it('count a TTL with its highest bit set as 0 [RFC2181-8]', () => {
    const message = answers(
      record({ type: A, ttl: 0x8000_0000, rdata: '01020304' }),
      record({ type: A, ttl: 0x7fff_ffff, rdata: '01020304' }),
    );
    expect(parseMessage(message).answers.map(({ ttl }) => ttl)).to.deep.equal([0, 0x7fff_ffff]);
  });
});

describe('messages from the wire', () => {
  it('are refused at once if twelve octets promise 262,140 records', () => {
    const message = Buffer.alloc(12, 0xff);
    for (let round = 0; round < 20_000; round += 1) {
      // Any work that grew with the counts would outlast the test's time.
      expect(() => new MessageWalker(message)).to.throw(DnsFormatError, /counts/);
    }
  });

  it('are refused if shorter than a header or longer than 65535 octets [RFC1035-4.2.2]', () => {
    for (let length = 0; length < 12; length += 1) refuse(Buffer.alloc(length), /shorter than its header/);
    refuse(Buffer.alloc(65536), /65535/);
  });

  it('are refused with octets left over', () => {
    refuse(
      Buffer.concat([answers(record({ type: A, rdata: '01020304' })), hex('00')]),
      /after the last record/,
    );
    refuse(Buffer.concat([header({}), hex('00')]), /after the last record/);
  });

  it('are refused with a question cut short', () => {
    refuse(Buffer.concat([header({ qd: 1 }), hex('03 61 62 63 00 00 01')]), /question cut short/);
  });

  const optMistakes: [what: string, message: Buffer, words: RegExp][] = [
    ['two OPT records', Buffer.concat([header({ ar: 2 }), opt, opt]), /second OPT/],
    ['an OPT record among the answers', Buffer.concat([header({ an: 1 }), opt]), /wrong section/],
    [
      'an OPT record of another owner than the root',
      Buffer.concat([header({ ar: 1 }), record({ owner: 'a', type: OPT, rdata: '' })]),
      /root/,
    ],
    [
      'an OPT record whose owner is a pointer to a root',
      Buffer.concat([
        header({ ar: 2 }),
        record({ type: A, rdata: '01020304' }),
        record({ owner: pointer(12), type: OPT, rdata: '' }),
      ]),
      /root/,
    ],
    [
      'an EDNS option past the end of OPT',
      Buffer.concat([header({ ar: 1 }), record({ type: OPT, rdata: '000c 0005 00000000' })]),
      /shorter/,
    ],
    [
      'half an EDNS option header',
      Buffer.concat([header({ ar: 1 }), record({ type: OPT, rdata: '000c 00' })]),
      /shorter/,
    ],
  ];
  for (const [what, message, words] of optMistakes) {
    it(`are refused with ${what} [RFC6891-6.1.1]`, () => {
      refuse(message, words);
    });
  }

  const tsig = record({ owner: 'key', type: TSIG, class: 255, rdata: '00' });
  it('are refused with a TSIG that is not last [RFC8945-5.2]', () => {
    expect(walk(Buffer.concat([header({ ar: 2 }), opt, tsig]))).to.equal(2);
    refuse(Buffer.concat([header({ ar: 2 }), tsig, opt]), /TSIG/);
    refuse(Buffer.concat([header({ ar: 2 }), tsig, tsig]), /TSIG/);
    refuse(Buffer.concat([header({ an: 1 }), tsig]), /TSIG/);
  });

  it('are cut from a stream by their lengths alone: a malformed one does not read into the next', () => {
    const bad = answers(record({ type: A, rdata: '01020304', rdlength: 40 }));
    const good = answers(record({ owner: 'good', type: A, rdata: '7f000001' }));
    const [first, second] = new FrameReader().push(Buffer.concat([frame(bad), frame(good)]));
    expect(() => parseMessage(first ?? Buffer.alloc(0))).to.throw(DnsFormatError);
    expect(second && parseMessage(second).answers[0]?.name.toString()).to.equal('good');
  });
});

describe('what is written', () => {
  it('holds no TXT string of more than 255 octets, and leaves the caller its array', () => {
    const strings = [Buffer.from('a'), Buffer.from('b')];
    expect(encodeTxt(strings)).to.deep.equal(hex('01 61 01 62'));
    expect(strings.map(String)).to.deep.equal(['a', 'b']);
    expect(() => encodeTxt([Buffer.alloc(256)])).to.throw(DnsFormatError);
    expect(() => encodeTxt([])).to.throw(DnsFormatError);
  });

  it('has the response code and the opcode that were asked for', () => {
    const message = new MessageWriter({ qr: true, opcode: 4, rcode: 5 }).finish();
    expect(parseMessage(message).header).to.include({ opcode: 4, rcode: 5 });
  });

  it('keeps an Extended DNS Error with any text', () => {
    const writer = new MessageWriter({ qr: true, rcode: 5 });
    const options = [extendedError(18, 'no entry for “_xfr.ns2.example”')];
    writer.setEdns({ udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options });
    expect(parseMessage(writer.finish()).edns?.options).to.deep.equal(options);
  });
});
