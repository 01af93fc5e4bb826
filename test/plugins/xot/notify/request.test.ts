/** The strict form of NOTIFY messages, sent and received. */
import { expect } from 'chai';
import { EdnsOptionCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../../../core/dns/message.ts';
import type { Header, Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeSoa, parseSoa } from '../../../../core/dns/rdata.ts';
import { notifyMessage, readNotifyAnswer } from '../../../../plugins/xot/notify/message.ts';
import { opcodeOf, readNotify } from '../../../../plugins/xot/notify/request.ts';
import { address, edns, soa, zone } from '../messages.ts';

/** A NOTIFY as others write it, with what a test wants different. */
function notify(header: Partial<Header> = {}, parts: Partial<Message> = {}): Buffer {
  const query = makeQuery({ id: 7, name: zone, type: RrType.SOA });
  return encodeMessage({
    ...query,
    ...parts,
    header: { ...query.header, opcode: Opcode.NOTIFY, aa: true, ...header },
  });
}

describe('a NOTIFY that is sent', () => {
  it('has AA, the SOA question and the new SOA as a hint, and nothing else [RFC1996-4.5]', () => {
    const octets = notifyMessage(zone, soa(5));
    const { header, questions, answers, authorities, additionals, edns: opt } = parseMessage(octets);
    expect(header).to.include({ opcode: Opcode.NOTIFY, aa: true, qr: false, rd: false, rcode: 0 });
    expect(questions.map(({ name, type }) => [name.toString(), type])).to.deep.equal([
      ['example.com', RrType.SOA],
    ]);
    expect(answers.map(({ rdata }) => parseSoa(rdata).serial)).to.deep.equal([5]);
    // RFC 1996 section 3.9: neither authority nor additional records.
    expect([authorities, additionals, opt]).to.deep.equal([[], [], undefined]);
    expect(opcodeOf(octets)).to.equal(Opcode.NOTIFY);
  });

  it('has an ID that nobody knows beforehand', () => {
    const ids = new Set(Array.from({ length: 20 }, () => notifyMessage(zone, soa(1)).readUInt16BE(0)));
    expect(ids.size).to.be.greaterThan(10);
  });

  it('leaves the hint out where it would be too long for UDP [RFC1996-3.4]', () => {
    const long = (letter: string): Name =>
      Name.parse([63, 63, 63, 61].map((n) => letter.repeat(n)).join('.'));
    const rdata = encodeSoa({ ...parseSoa(soa(1).rdata), mname: long('m'), rname: long('r') });
    const octets = notifyMessage(long('z'), { ...soa(1), name: long('z'), rdata });
    expect(octets.length).to.be.at.most(512);
    expect(parseMessage(octets).answers).to.deep.equal([]);
  });

  const sent = notifyMessage(zone, soa(5));
  const id = sent.readUInt16BE(0);
  const answer = (header: Partial<Header> = {}, parts: Partial<Message> = {}): Buffer =>
    notify({ id, qr: true, ...header }, parts);

  it('is answered by the same ID and question [RFC1996-3.6]', () => {
    expect(readNotifyAnswer(answer(), sent, zone)).to.equal(Rcode.NOERROR);
    expect(readNotifyAnswer(answer({ rcode: Rcode.REFUSED }), sent, zone)).to.equal(Rcode.REFUSED);
    expect(readNotifyAnswer(answer({ rcode: Rcode.NOTIMP }, { questions: [] }), sent, zone)).to.equal(
      Rcode.NOTIMP,
    );
  });

  const strays: Record<string, Buffer> = {
    'another ID': answer({ id: id ^ 1 }),
    'another question': notify(
      { id, qr: true },
      { questions: [{ name: Name.parse('x.example'), type: 6, class: 1 }] },
    ),
    'another type': answer({}, { questions: [{ name: zone, type: RrType.A, class: RrClass.IN }] }),
    'no question and no error': answer({}, { questions: [] }),
    'a request': answer({ qr: false }),
    'another opcode': answer({ opcode: Opcode.QUERY }),
    'octets that are not DNS': Buffer.from('0000'),
  };
  for (const [title, octets] of Object.entries(strays)) {
    it(`is not answered by ${title}`, () => {
      expect(readNotifyAnswer(octets, sent, zone)).to.equal(undefined);
    });
  }
});

describe('a NOTIFY that comes', () => {
  it('names the zone, and a serial that is a hint only [RFC1996-3.7]', () => {
    const { notify: read } = readNotify(notify({}, { answers: [soa(9)] }));
    expect(read?.zone.toString()).to.equal('example.com');
    expect(read?.serial).to.equal(9);
    expect(readNotify(notify()).notify?.serial).to.equal(undefined);
  });

  const noHints: Record<string, Partial<Message>> = {
    'of another name': { answers: [soa(9, Name.parse('other.example'))] },
    'beside another record': { answers: [soa(9), address('www')] },
    'of another type': { answers: [address('www')] },
  };
  for (const [title, parts] of Object.entries(noHints)) {
    it(`takes no hint from a record ${title}, and is a NOTIFY all the same [RFC1996-3.7]`, () => {
      const { notify: read } = readNotify(notify({}, parts));
      expect(read?.zone.toString()).to.equal('example.com');
      expect(read?.serial).to.equal(undefined);
    });
  }

  it('may have authority and additional records, which are ignored [RFC1996-3.9]', () => {
    const parts = { authorities: [soa(9)], additionals: [address('ns1')], edns: edns() };
    expect(readNotify(notify({}, parts)).notify).to.include({ serial: undefined, isSigned: false });
  });

  it('may lack AA', () => {
    expect(readNotify(notify({ aa: false })).notify).not.to.equal(undefined);
  });

  const ignored: Record<string, Partial<Header>> = {
    TC: { tc: true },
    RD: { rd: true },
    RA: { ra: true },
    AD: { ad: true },
    'a response code': { rcode: 3 },
    QR: { qr: true },
  };
  for (const [title, header] of Object.entries(ignored)) {
    it(`is ignored with ${title} in its header [RFC1996-3.2]`, () => {
      expect(readNotify(notify(header))).to.deep.equal({ formatError: false });
    });
  }

  const refused: [title: string, rcode: number, octets: Buffer][] = [
    [
      'two questions',
      Rcode.FORMERR,
      notify({}, { questions: [1, 2].map(() => ({ name: zone, type: 6, class: 1 })) }),
    ],
    ['no question', Rcode.FORMERR, notify({}, { questions: [] })],
    [
      'another type than SOA',
      Rcode.NOTIMP,
      notify({}, { questions: [{ name: zone, type: RrType.A, class: 1 }] }),
    ],
    [
      'another class than IN',
      Rcode.NOTIMP,
      notify({}, { questions: [{ name: zone, type: 6, class: RrClass.CH }] }),
    ],
    ['another version of EDNS', Rcode.BADVERS, notify({}, { edns: { ...edns(), version: 1 } })],
    ['another opcode', Rcode.NOTIMP, notify({ opcode: Opcode.UPDATE })],
  ];
  for (const [title, rcode, octets] of refused) {
    it(`is refused with ${title} [RFC1996-3.11]`, () => {
      const read = readNotify(octets);
      expect('refusal' in read && read.refusal.rcode).to.equal(rcode);
    });
  }

  it('is refused as malformed where only its header can be read', () => {
    expect(readNotify(Buffer.concat([notify(), Buffer.from('x')]))).to.deep.equal({ formatError: true });
    expect(readNotify(Buffer.alloc(11))).to.deep.equal({ formatError: false });
  });

  it('is marked when somebody has signed it', () => {
    const tsig = { name: Name.parse('key.example'), type: RrType.TSIG, class: RrClass.ANY, ttl: 0 };
    const message = parseMessage(notify());
    const rdata = Buffer.alloc(16);
    // Written by hand: our writer writes no TSIG.
    const record = Buffer.concat([
      tsig.name.wire,
      Buffer.from([0, RrType.TSIG, 0, RrClass.ANY, 0, 0, 0, 0, 0, rdata.length]),
      rdata,
    ]);
    const octets = Buffer.concat([encodeMessage(message), record]);
    octets.writeUInt16BE(1, 10);
    expect(readNotify(octets).notify?.isSigned).to.equal(true);
  });

  it('never throws, whatever the octets are', () => {
    const nsid = edns({ code: EdnsOptionCode.NSID, data: Buffer.alloc(0) });
    const octets = notify({}, { answers: [soa(9)], edns: nsid });
    const readAll = (): void => {
      for (let at = 0; at < octets.length; at += 1) {
        for (const value of [0, 1, 0x7f, 0xc0, 0xff]) {
          const changed = Buffer.from(octets);
          changed[at] = value;
          readNotify(changed);
          readNotifyAnswer(changed, octets, zone);
          readNotify(changed.subarray(0, at));
        }
      }
    };
    expect(readAll).not.to.throw();
  });
});
