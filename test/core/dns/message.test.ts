import { expect } from 'chai';
import * as fc from 'fast-check';
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import type { Edns } from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import type { Message } from '../../../core/dns/message.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA } from '../../../core/dns/rdata.ts';
import { anyMessage } from './arbitraries.ts';
import { header, hex } from './wire.ts';

const name = Name.parse('_xfr.ns2.example');
const edns: Edns = { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options: [] };

describe('parseMessage and encodeMessage', () => {
  it('come back to the same message, compressed or not', () => {
    fc.assert(
      fc.property(anyMessage, fc.boolean(), (message, compress) => {
        const octets = encodeMessage(message, { compress });
        const parsed = parseMessage(octets);
        expect(plain(parsed)).to.deep.equal(plain(message));
        expect(encodeMessage(parsed, { compress })).to.deep.equal(octets);
      }),
    );
  });

  it('never make a message longer by compression', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const compressed = encodeMessage(message).length;
        expect(compressed).to.be.at.most(encodeMessage(message, { compress: false }).length);
      }),
    );
  });

  it('write a query as its octets are known [RFC1035-4.1]', () => {
    const query = makeQuery({ id: 0x1234, name, type: RrType.TLSA, rd: true, ad: true, edns });
    expect(encodeMessage(query)).to.deep.equal(
      hex(
        `1234 0120 0001 0000 0000 0001
           04 5f786672 03 6e7332 07 6578616d706c65 00 0034 0001
           00 0029 04d0 00 00 8000 0000`,
      ),
    );
  });

  const flags: [flag: keyof Message['header'], bits: number][] = [
    ['qr', 0x8000],
    ['aa', 0x0400],
    ['tc', 0x0200],
    ['rd', 0x0100],
    ['ra', 0x0080],
    ['ad', 0x0020],
    ['cd', 0x0010],
  ];
  for (const [flag, bits] of flags) {
    it(`have the bit ${flag} in its place [RFC4035-3.2]`, () => {
      const parsed = parseMessage(header({ flags: bits })).header;
      for (const [other] of flags) expect(parsed[other]).to.equal(other === flag);
      expect(encodeMessage(parseMessage(header({ flags: bits }))).readUInt16BE(2)).to.equal(bits);
    });
  }

  it('take no notice of the bit that must be zero [RFC1035-4.1.1]', () => {
    expect(parseMessage(header({ flags: 0x0040 }))).to.deep.equal(parseMessage(header({ flags: 0 })));
  });

  it('put a response code together from the header and OPT [RFC6891-6.1.3]', () => {
    const query = makeQuery({ id: 1, name, type: RrType.SOA });
    const response = encodeMessage(makeResponse(query, { rcode: Rcode.BADVERS, edns }));
    expect(response.readUInt16BE(2) & 15).to.equal(0);
    expect(parseMessage(response).header.rcode).to.equal(16);
    expect(parseMessage(response).edns?.extendedRcode).to.equal(1);
    expect(() => encodeMessage(makeResponse(query, { rcode: Rcode.BADVERS }))).to.throw(
      DnsFormatError,
      /EDNS/,
    );
  });

  it('refuse a message longer than its limit, and say whose fault it is', () => {
    const message = makeQuery({ id: 1, name, type: RrType.SOA });
    const length = encodeMessage(message).length;
    expect(encodeMessage(message, { maxLength: length })).to.have.lengthOf(length);
    expect(() => encodeMessage(message, { maxLength: length - 1 }))
      .to.throw(DnsFormatError, /too long/)
      .with.property('blame', 'us');
  });
});

describe('makeResponse', () => {
  it('takes ID, opcode, question, RD and CD from the query, and nothing else [RFC4035-3.2.2]', () => {
    const query = makeQuery({ id: 7, name, type: RrType.A, rd: true, ad: true, cd: true, edns });
    const answers = [{ name, type: RrType.A, class: 1, ttl: 60, rdata: encodeA('192.0.2.1') }];
    const response = makeResponse(query, { aa: true, answers });
    expect(response.header).to.deep.equal({
      ...query.header,
      qr: true,
      aa: true,
      ad: false,
    });
    expect(response.questions).to.deep.equal(query.questions);
    expect(response.answers).to.equal(answers);
    expect(response).not.to.have.property('edns');
  });
});

/** Names as octets, so that deep equality does not depend on what a Name has computed already. */
function plain(value: unknown): unknown {
  if (value instanceof Name) return value.wire.toString('hex');
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
