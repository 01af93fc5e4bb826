/** The strict form of updates. */
import { expect } from 'chai';
import { Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { parseMessage, type ResourceRecord } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { readUpdate, type Update } from '../../../../plugins/xot/update/request.ts';
import { edns, zone } from '../messages.ts';
import { record, update, whole, type UpdateFields } from './messages.ts';

const many = 1000;

function read(fields: UpdateFields): Update {
  const parsed = readUpdate(update(fields), many);
  if (parsed.update) return parsed.update;
  throw new Error('refusal' in parsed ? parsed.refusal.text : 'malformed');
}

function rcodeOf(octets: Buffer): number | undefined {
  const parsed = readUpdate(octets, many);
  return 'refusal' in parsed ? parsed.refusal.rcode : undefined;
}

const empty = Buffer.alloc(0);

describe('an update that comes', () => {
  it('names the zone, its conditions and what is to be changed [RFC2136-2.3]', () => {
    const { zone: name, records } = read({
      conditions: [whole('a.example.com ANY'), whole('b.example.com A', RrClass.NONE)],
      updates: [record('c.example.com TXT', { rdata: Buffer.from('\x01x') }), whole('d.example.com ANY')],
    });
    expect(name.toString()).to.equal('example.com');
    expect(records.map(({ name: of, type }) => [of.toString(), type])).to.deep.equal([
      ['a.example.com', undefined],
      ['b.example.com', undefined],
      ['c.example.com', RrType.TXT],
      ['d.example.com', RrType.ANY],
    ]);
  });

  it('may be about the apex, and about nothing', () => {
    expect(read({ updates: [record('example.com A')] }).records).to.have.length(1);
    expect(read({}).records).to.deep.equal([]);
  });

  const deletion = { ttl: 0, class: RrClass.NONE };
  const allowed: [title: string, section: 'conditions' | 'updates', record: ResourceRecord][] = [
    ['that a name is in use', 'conditions', whole('a.example.com ANY')],
    ['that a name is not in use', 'conditions', whole('a.example.com ANY', RrClass.NONE)],
    ['that a set exists', 'conditions', whole('a.example.com A')],
    ['that a set does not exist', 'conditions', whole('a.example.com A', RrClass.NONE)],
    ['that a set has these records', 'conditions', record('a.example.com A', { ttl: 0 })],
    ['to add a record', 'updates', record('a.example.com A')],
    ['to add a record of an unknown type', 'updates', record('a.example.com TYPE65280')],
    ['to delete a set', 'updates', whole('a.example.com A')],
    ['to delete all sets of a name', 'updates', whole('a.example.com ANY')],
    ['to delete a record', 'updates', record('a.example.com A', deletion)],
  ];
  for (const [title, section, one] of allowed) {
    it(`may say ${title} ${section === 'updates' ? '[RFC2136-2.5]' : '[RFC2136-2.4]'}`, () => {
      expect(read({ [section]: [one] }).records).to.have.length(1);
    });
  }

  const refused: [title: string, tag: string, rcode: number, octets: Buffer][] = [
    ['no zone', '[RFC2136-3.1.1]', Rcode.FORMERR, update({ questions: [] })],
    [
      'two zones',
      '[RFC2136-3.1.1]',
      Rcode.FORMERR,
      update({ questions: [1, 2].map(() => ({ name: zone, type: 6, class: 1 })) }),
    ],
    [
      'a zone of another type than SOA',
      '[RFC2136-3.1.1]',
      Rcode.FORMERR,
      update({ questions: [{ name: zone, type: 1, class: 1 }] }),
    ],
    [
      'a zone of another class',
      '[RFC2136-3.1.1]',
      Rcode.NOTAUTH,
      update({ questions: [{ name: zone, type: 6, class: RrClass.CH }] }),
    ],
    [
      'a condition outside of the zone',
      '[RFC2136-3.2]',
      Rcode.NOTZONE,
      update({ conditions: [whole('a.example.org A')] }),
    ],
    [
      'a condition about the zone above',
      '[RFC2136-3.2]',
      Rcode.NOTZONE,
      update({ conditions: [whole('com A')] }),
    ],
    [
      'a condition with a TTL',
      '[RFC2136-3.2.1]',
      Rcode.FORMERR,
      update({ conditions: [{ ...whole('a.example.com A'), ttl: 1 }] }),
    ],
    [
      'a set that exists, with data',
      '[RFC2136-3.2.1]',
      Rcode.FORMERR,
      update({ conditions: [record('a.example.com A', { ttl: 0, class: RrClass.ANY })] }),
    ],
    [
      'a set that does not exist, with data',
      '[RFC2136-3.2.2]',
      Rcode.FORMERR,
      update({ conditions: [record('a.example.com A', { ttl: 0, class: RrClass.NONE })] }),
    ],
    [
      'a condition of the zone’s class with a TTL',
      '[RFC2136-3.2.3]',
      Rcode.FORMERR,
      update({ conditions: [record('a.example.com A')] }),
    ],
    [
      'a condition of another class',
      '[RFC2136-3.2.3]',
      Rcode.FORMERR,
      update({ conditions: [record('a.example.com A', { ttl: 0, class: RrClass.CH })] }),
    ],
    [
      'a condition of type AXFR',
      '[RFC2136-3.2.3]',
      Rcode.FORMERR,
      update({ conditions: [whole('a.example.com AXFR')] }),
    ],
    [
      'a condition that all records of a name are these',
      '[RFC2136-3.2.3]',
      Rcode.FORMERR,
      update({ conditions: [record('a.example.com ANY', { ttl: 0, rdata: empty })] }),
    ],
    [
      'a record outside of the zone',
      '[RFC2136-3.4.1]',
      Rcode.NOTZONE,
      update({ updates: [record('a.example.org A')] }),
    ],
    [
      'a name that only ends as the zone does',
      '[RFC2136-3.4.1]',
      Rcode.NOTZONE,
      update({ updates: [record('notexample.com A')] }),
    ],
    [
      'a record of another class',
      '[RFC2136-3.4.1]',
      Rcode.FORMERR,
      update({ updates: [record('a.example.com A', { class: RrClass.CH })] }),
    ],
    [
      'a record to add of type ANY',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [record('a.example.com ANY', { rdata: empty })] }),
    ],
    [
      'a record to add of type AXFR',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [record('a.example.com AXFR')] }),
    ],
    [
      'a record to delete of type ANY',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [whole('a.example.com ANY', RrClass.NONE)] }),
    ],
    [
      'a record to delete with a TTL',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [record('a.example.com A', { class: RrClass.NONE })] }),
    ],
    [
      'a set to delete with a TTL',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [{ ...whole('a.example.com A'), ttl: 1 }] }),
    ],
    [
      'a set to delete with data',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [record('a.example.com A', { ttl: 0, class: RrClass.ANY })] }),
    ],
    [
      'a set to delete of type IXFR',
      '[RFC2136-3.4.1.2]',
      Rcode.FORMERR,
      update({ updates: [whole('a.example.com IXFR')] }),
    ],
  ];
  for (const [title, tag, rcode, octets] of refused) {
    it(`is refused with ${title} ${tag}`, () => {
      expect(rcodeOf(octets)).to.equal(rcode);
    });
  }

  it('is refused with one wrong record among many', () => {
    const updates = [
      record('a.example.com A'),
      record('b.example.com A', { class: RrClass.CH }),
      record('c.example.com A'),
    ];
    expect(rcodeOf(update({ updates }))).to.equal(Rcode.FORMERR);
  });

  it('is refused with more records than allowed, conditions among them', () => {
    const octets = update({ conditions: [whole('a.example.com A')], updates: [record('a.example.com A')] });
    expect(readUpdate(octets, 2).update).not.to.equal(undefined);
    expect('refusal' in readUpdate(octets, 1)).to.equal(true);
  });

  it('is refused with another version of EDNS, and with another opcode', () => {
    expect(rcodeOf(update({ edns: { ...edns(), version: 1 } }))).to.equal(Rcode.BADVERS);
    expect(rcodeOf(update({ header: { opcode: Opcode.QUERY } }))).to.equal(Rcode.NOTIMP);
  });

  for (const [title, type] of [
    ['TSIG', RrType.TSIG],
    ['SIG(0)', RrType.SIG],
  ] as const) {
    it(`is refused when it is signed by ${title}`, () => {
      const rdata = type === RrType.SIG ? Buffer.alloc(19) : Buffer.alloc(16);
      const fields = Buffer.from([0, 0, type, 0, RrClass.ANY, 0, 0, 0, 0, 0, rdata.length]);
      const octets = Buffer.concat([update({ updates: [record('a.example.com A')] }), fields, rdata]);
      octets.writeUInt16BE(1, 10);
      expect(rcodeOf(octets)).to.equal(Rcode.REFUSED);
    });
  }

  it('goes on without its additional section and its flags, and otherwise as it came [RFC2136-2.6]', () => {
    const fields = { updates: [record('a.example.com A'), record('b.example.com A')] };
    const came = update({
      ...fields,
      header: { rd: true, ad: true },
      additionals: [record('ns.example.com A')],
      edns: edns(),
    });
    const parsed = readUpdate(came, many);
    expect(parsed.update?.body.toString('hex')).to.equal(update(fields).toString('hex'));
  });

  it('gets no answer when it is a response', () => {
    expect(readUpdate(update({ header: { qr: true } }), many)).to.deep.equal({ formatError: false });
    expect(readUpdate(Buffer.alloc(5), many)).to.deep.equal({ formatError: false });
  });

  it('never throws, whatever the octets are, and what it takes can be read', () => {
    const octets = update({
      conditions: [whole('a.example.com ANY')],
      updates: [
        record('b.example.com MX', {
          rdata: Buffer.concat([Buffer.from([0, 1]), Name.parse('mx.example.com').wire]),
        }),
      ],
      edns: edns(),
    });
    let taken = 0;
    for (let at = 0; at < octets.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0xc0, 0xfe, 0xff]) {
        const changed = Buffer.from(octets);
        changed[at] = value;
        const parsed = readUpdate(changed, many);
        if (!parsed.update) continue;
        taken += 1;
        expect(parseMessage(parsed.update.body).additionals).to.deep.equal([]);
      }
    }
    expect(taken).to.be.greaterThan(100);
  });
});
