import { expect } from 'chai';
import fc from 'fast-check';
import { EdeCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { readRequest } from '../../../../plugins/xot/request/request.ts';
import { header, record } from '../../../core/dns/wire.ts';
import { address, edns, request, soa, zone } from '../messages.ts';

const other = Name.parse('example.net');

describe('readRequest', () => {
  const relayed: [title: string, octets: Buffer, expected: object][] = [
    ['AXFR [RFC5936-2.1.1]', request(), { kind: 'AXFR' }],
    [
      'IXFR with the SOA of the client [RFC1995-3]',
      request({ type: RrType.IXFR, serial: 7 }),
      { kind: 'IXFR', clientSerial: 7 },
    ],
    ['SOA', request({ type: RrType.SOA }), { kind: 'SOA' }],
    ['AXFR with EDNS', request({ edns: edns() }), { kind: 'AXFR' }],
    [
      'AXFR with unknown EDNS options',
      request({ edns: edns({ code: 65_001, data: Buffer.alloc(3) }) }),
      { kind: 'AXFR' },
    ],
    ['AXFR with RD set', request({ header: { rd: true } }), { kind: 'AXFR' }],
    ['AXFR of the root', request({ name: Name.root }), { kind: 'AXFR' }],
  ];
  for (const [title, octets, expected] of relayed) {
    it(`takes ${title}`, () => {
      expect(readRequest(octets).request).to.include(expected);
    });
  }

  const notSupported = { rcode: Rcode.REFUSED, infoCode: EdeCode.NOT_SUPPORTED };
  const formErr = { rcode: Rcode.FORMERR };
  const refused: [title: string, octets: Buffer, refusal: object][] = [
    ...['A', 'NS', 'TXT', 'ANY', 'TKEY', 'DNSKEY', 'TLSA'].map((type): [string, Buffer, object] => [
      `a query for ${type} [RFC9103-7.8]`,
      request({ type: RrType[type as 'A'] }),
      notSupported,
    ]),
    ['a query for an unknown type [RFC9103-7.8]', request({ type: 65_280 }), notSupported],
    ['AXFR in class CH', request({ class: RrClass.CH }), notSupported],
    ['AXFR in class ANY', request({ class: RrClass.ANY }), notSupported],
    ...(['STATUS', 'NOTIFY', 'UPDATE'] as const).map((opcode): [string, Buffer, object] => [
      `opcode ${opcode} [RFC9103-7.8]`,
      request({ type: RrType.SOA, header: { opcode: Opcode[opcode] } }),
      notSupported,
    ]),
    ['an unknown opcode', request({ header: { opcode: 15 } }), notSupported],
    ['no question', request({ message: { questions: [] } }), formErr],
    ['two questions', request({ message: { questions: [question(), question()] } }), formErr],
    ['answers in a request [RFC5936-2.1.1]', request({ message: { answers: [address('www')] } }), formErr],
    ['authority in AXFR [RFC5936-2.1.1]', request({ serial: 7 }), formErr],
    ['authority in a query for SOA', request({ type: RrType.SOA, serial: 7 }), formErr],
    ['IXFR without an SOA [RFC1995-3]', request({ type: RrType.IXFR }), formErr],
    ['IXFR with two', request({ type: RrType.IXFR, message: { authorities: [soa(1), soa(2)] } }), formErr],
    [
      'IXFR with the SOA of another zone',
      request({ type: RrType.IXFR, message: { authorities: [soa(1, other)] } }),
      formErr,
    ],
    [
      'IXFR with a record that is no SOA',
      request({ type: RrType.IXFR, message: { authorities: [address('www')] } }),
      formErr,
    ],
    ...[RrClass.NONE, RrClass.ANY].map((rrClass): [string, Buffer, object] => [
      `IXFR with an SOA of class ${rrClass}, which may be empty`,
      request({
        type: RrType.IXFR,
        message: { authorities: [{ ...soa(1), class: rrClass, rdata: Buffer.alloc(0) }] },
      }),
      formErr,
    ]),
    [
      'EDNS version 1 [RFC6891-6.1.3]',
      request({ edns: { ...edns(), version: 1 } }),
      { rcode: Rcode.BADVERS },
    ],
    [
      'EDNS version 255, before all else',
      request({ type: RrType.A, edns: { ...edns(), version: 255 } }),
      { rcode: Rcode.BADVERS },
    ],
    ['TSIG, which says who the client is otherwise', withTsig(), notSupported],
  ];
  for (const [title, octets, refusal] of refused) {
    it(`refuses ${title}`, () => {
      const result = readRequest(octets);
      expect(result.request).to.equal(undefined);
      expect(result).to.have.property('refusal').that.includes(refusal);
    });
  }

  const silent: [title: string, octets: Buffer][] = [
    ['a response', request({ header: { qr: true } })],
    ['a response that is malformed', Buffer.concat([request({ header: { qr: true } }), Buffer.from([1])])],
  ];
  for (const [title, octets] of silent) {
    it(`says nothing to ${title}, lest two servers talk for ever`, () => {
      expect(readRequest(octets)).to.deep.equal({ formatError: false });
    });
  }

  const broken: [title: string, octets: Buffer][] = [
    ['octets after the message', Buffer.concat([request(), Buffer.from([0])])],
    ['a question that is cut off', request().subarray(0, 20)],
    ['counts that cannot be', header({ qd: 60_000, flags: 0 })],
    ['two OPT records', twoOpts()],
  ];
  for (const [title, octets] of broken) {
    it(`calls ${title} a format error`, () => {
      expect(readRequest(octets)).to.deep.equal({ formatError: true });
    });
  }

  it('reads the name without regard to case [RFC4343-3]', () => {
    const serial = { type: RrType.IXFR, name: Name.parse('EXAMPLE.com'), message: { authorities: [soa(7)] } };
    expect(readRequest(request(serial)).request?.zone.key).to.equal(zone.key);
  });

  it('has an answer for all octets that are', () => {
    const anyway = fc.uint8Array({ minLength: 12, maxLength: 100 });
    const nearly = fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 255 })).map(([at, octet]) => {
      const octets = request({ type: RrType.IXFR, serial: 7, edns: edns() });
      octets.writeUInt8(octet, at);
      return octets;
    });
    fc.assert(
      fc.property(fc.oneof(anyway, nearly), (octets) => {
        const result = readRequest(Buffer.from(octets));
        expect(result).to.be.an('object');
        if (result.request) expect(['SOA', 'AXFR', 'IXFR']).to.include(result.request.kind);
      }),
    );
  });
});

function question() {
  return { name: zone, type: RrType.AXFR, class: RrClass.IN };
}

/** AXFR with a TSIG record that is well formed. */
function withTsig(): Buffer {
  const rdata = Buffer.concat([
    Buffer.from([0]),
    Buffer.alloc(6),
    Buffer.from([1, 44, 0, 0, 0x12, 0x34, 0, 0, 0, 0]),
  ]);
  const octets = Buffer.concat([request(), record({ type: RrType.TSIG, class: RrClass.ANY, ttl: 0, rdata })]);
  octets.writeUInt16BE(1, 10);
  expect(parseMessage(octets).additionals).to.have.length(1);
  return octets;
}

function twoOpts(): Buffer {
  const octets = Buffer.concat([
    request({ edns: edns() }),
    record({ type: RrType.OPT, class: 1232, ttl: 0, rdata: '' }),
  ]);
  octets.writeUInt16BE(2, 10);
  return octets;
}
