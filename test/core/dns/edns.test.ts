import { expect } from 'chai';
import * as fc from 'fast-check';
import { EdeCode, EdnsOptionCode } from '../../../core/dns/constants.ts';
import type { Edns } from '../../../core/dns/edns.ts';
import {
  encodeOpt,
  extendedError,
  findOption,
  keepalive,
  padTo,
  paddingBlock,
  parseExtendedError,
  parseKeepalive,
  parseOpt,
  parseOptRdata,
} from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { hex } from './wire.ts';

const edns: Edns = { udpPayloadSize: 4096, version: 0, dnssecOk: true, extendedRcode: 1, options: [] };

describe('an OPT record', () => {
  it('is written as its octets are known [RFC6891-6.1.2]', () => {
    const options = [{ code: 10, data: hex('aabb') }];
    expect(encodeOpt({ ...edns, options })).to.deep.equal(hex('00 0029 1000 01 00 8000 0006 000a 0002 aabb'));
  });

  it('is read from class, TTL and RDATA [RFC6891-6.1.3]', () => {
    const rdata = hex('000a 0002 aabb 000c 0000');
    expect(parseOpt({ class: 4096, ttl: 0x0100_8000, rdata })).to.deep.equal({
      ...edns,
      options: [
        { code: 10, data: hex('aabb') },
        { code: EdnsOptionCode.PADDING, data: Buffer.alloc(0) },
      ],
    });
    expect(parseOpt({ class: 0, ttl: 0xff05_7fff, rdata: Buffer.alloc(0) })).to.include({
      extendedRcode: 255,
      version: 5,
      dnssecOk: false,
    });
  });

  for (const rdata of ['00', '000c 00', '000c 0001', '000c 0000 000c 0001']) {
    it(`is refused if its options do not fill it: ${rdata} [RFC6891-6.1.2]`, () => {
      expect(() => parseOptRdata(hex(rdata))).to.throw(DnsFormatError);
    });
  }

  it('gives the first option of a code', () => {
    const options = [keepalive(1000), extendedError(EdeCode.PROHIBITED), extendedError(EdeCode.OTHER)];
    expect(findOption({ ...edns, options }, EdnsOptionCode.EXTENDED_ERROR)).to.equal(options[1]);
    expect(findOption({ ...edns, options }, EdnsOptionCode.COOKIE)).to.equal(undefined);
    expect(findOption(undefined, EdnsOptionCode.COOKIE)).to.equal(undefined);
  });
});

describe('Extended DNS Errors', () => {
  it('carry a code and words for people [RFC8914-2]', () => {
    const option = extendedError(EdeCode.NOT_SUPPORTED, 'zone transfers only');
    expect(option.code).to.equal(15);
    expect(option.data).to.deep.equal(Buffer.concat([hex('0015'), Buffer.from('zone transfers only')]));
    expect(parseExtendedError(option)).to.deep.equal({ code: 21, text: 'zone transfers only' });
    expect(parseExtendedError(extendedError(65_535))).to.deep.equal({ code: 65_535, text: '' });
  });

  it('lose a NUL at the end, which senders must not but may add [RFC8914-2]', () => {
    expect(parseExtendedError({ code: 15, data: hex('0006 6161 00') }).text).to.equal('aa');
  });

  it('are read whatever their text is, and refused without a code', () => {
    expect(parseExtendedError({ code: 15, data: hex('0006 ff61') })).to.deep.equal({
      code: 6,
      text: '\ufffda',
    });
    expect(() => parseExtendedError({ code: 15, data: hex('00') })).to.throw(DnsFormatError);
  });
});

describe('TCP keepalive', () => {
  const timeouts: [timeoutMs: number, units: number][] = [
    [0, 0],
    [99, 0],
    [100, 1],
    [30_000, 300],
    [6_553_500, 65_535],
    [99_999_999, 65_535],
    [-5, 0],
  ];
  for (const [timeoutMs, units] of timeouts) {
    it(`says ${String(timeoutMs)} ms as ${String(units)} units of 100 ms [RFC7828-3.1]`, () => {
      const option = keepalive(timeoutMs);
      expect(option.code).to.equal(11);
      expect(option.data.readUInt16BE(0)).to.equal(units);
      expect(parseKeepalive(option)).to.deep.equal({ timeoutMs: units * 100 });
    });
  }

  it('is empty from a client and of two octets from a server [RFC7828-3.2.1]', () => {
    expect(parseKeepalive({ code: 11, data: Buffer.alloc(0) })).to.deep.equal({ timeoutMs: undefined });
    expect(() => parseKeepalive({ code: 11, data: Buffer.alloc(1) })).to.throw(DnsFormatError);
    expect(() => parseKeepalive({ code: 11, data: Buffer.alloc(3) })).to.throw(DnsFormatError);
  });
});

describe('padding', () => {
  it('is empty if its own four octets fill the block, and the longest if they miss it by one [RFC8467-4.1]', () => {
    expect(padTo(464, 468).data).to.have.lengthOf(0);
    expect(padTo(465, 468).data).to.have.lengthOf(467);
  });

  for (const [kind, block] of Object.entries(paddingBlock)) {
    it(`brings a ${kind} to a multiple of ${String(block)} octets, with the fewest zeros [RFC8467-4.1]`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 12, max: 60_000 }), (length) => {
          const { code, data } = padTo(length, block);
          expect(code).to.equal(12);
          expect((length + 4 + data.length) % block).to.equal(0);
          expect(data.length).to.be.lessThan(block);
          expect(data.every((octet) => octet === 0)).to.equal(true);
        }),
      );
    });
  }
});
