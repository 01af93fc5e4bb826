import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import * as rdata from '../../../core/dns/rdata.ts';
import { anyName, rdataOf } from './arbitraries.ts';
import { hex } from './wire.ts';

/** By type: reading and writing it again. */
const codecs: Record<number, (octets: Buffer) => Buffer> = {
  [RrType.A]: (octets) => rdata.encodeA(rdata.parseA(octets)),
  [RrType.AAAA]: (octets) => rdata.encodeAaaa(rdata.parseAaaa(octets)),
  [RrType.NS]: (octets) => rdata.encodeName(rdata.parseName(octets)),
  [RrType.MX]: (octets) => rdata.encodeMx(rdata.parseMx(octets)),
  [RrType.TXT]: (octets) => rdata.encodeTxt(rdata.parseTxt(octets)),
  [RrType.SOA]: (octets) => rdata.encodeSoa(rdata.parseSoa(octets)),
  [RrType.TLSA]: (octets) => rdata.encodeTlsa(rdata.parseTlsa(octets)),
  [RrType.DS]: (octets) => rdata.encodeDs(rdata.parseDs(octets)),
  [RrType.DNSKEY]: (octets) => rdata.encodeDnskey(rdata.parseDnskey(octets)),
  [RrType.RRSIG]: (octets) => rdata.encodeRrsig(rdata.parseRrsig(octets)),
  [RrType.NSEC]: (octets) => rdata.encodeNsec(rdata.parseNsec(octets)),
  [RrType.NSEC3]: (octets) => rdata.encodeNsec3(rdata.parseNsec3(octets)),
  [RrType.NSEC3PARAM]: (octets) => rdata.encodeNsec3Param(rdata.parseNsec3Param(octets)),
};

describe('RDATA', () => {
  const wellFormed = rdataOf(anyName);
  for (const [type, again] of Object.entries(codecs)) {
    const arbitrary = wellFormed[Number(type)] ?? fc.constant(Buffer.alloc(0));

    it(`of type ${type} is read and written to the same octets`, () => {
      fc.assert(
        fc.property(arbitrary, (octets) => {
          expect(again(octets)).to.deep.equal(octets);
        }),
      );
    });

    it(`of type ${type} is read or refused with DnsFormatError, whatever it holds`, () => {
      const cut = fc
        .tuple(arbitrary, fc.nat())
        .map(([octets, at]) => octets.subarray(0, at % (octets.length + 1)));
      const noise = fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets));
      fc.assert(
        fc.property(fc.oneof(cut, noise), (octets) => {
          try {
            again(octets);
          } catch (error) {
            expect(error).to.be.instanceOf(DnsFormatError);
          }
        }),
      );
    });
  }

  it('of a TLSA record is usage, selector, matching type and data [RFC6698-2.1]', () => {
    expect(rdata.parseTlsa(hex('03 01 01 abcd'))).to.deep.equal({
      usage: 3,
      selector: 1,
      matchingType: 1,
      data: hex('abcd'),
    });
    expect(() => rdata.parseTlsa(hex('030101'))).to.throw(DnsFormatError);
  });

  it('of an NSEC3 record is parameters, hash and types [RFC5155-3.2]', () => {
    const octets = hex('01 01 000c 04 aabbccdd 02 1234 0001 40');
    expect(rdata.parseNsec3(octets)).to.deep.equal({
      hashAlgorithm: 1,
      flags: 1,
      iterations: 12,
      salt: hex('aabbccdd'),
      nextHashedOwner: hex('1234'),
      types: [RrType.A],
    });
    expect(rdata.parseNsec3(hex('01 00 0000 00 01 ff')).types).to.deep.equal([]);
    for (const wrong of ['01 00 0000 00 00', '01 00 0000 02 ff 01 ff', '01 00 0000 00 02 ff', '01 00 0000']) {
      expect(() => rdata.parseNsec3(hex(wrong))).to.throw(DnsFormatError);
    }
  });

  it('of an NSEC3PARAM record ends with the salt [RFC5155-4.2]', () => {
    expect(rdata.parseNsec3Param(hex('01 00 000c 02 aabb'))).to.deep.include({ iterations: 12 });
    expect(() => rdata.parseNsec3Param(hex('01 00 000c 02 aabbcc'))).to.throw(DnsFormatError);
    expect(() => rdata.parseNsec3Param(hex('01 00 000c 02 aa'))).to.throw(DnsFormatError);
  });

  it('of an SOA record is two names and five numbers [RFC1035-3.3.13]', () => {
    const octets = hex('01 61 00 01 62 00 00000001 00000002 00000003 00000004 ffffffff');
    expect(rdata.parseSoa(octets)).to.deep.include({
      serial: 1,
      refresh: 2,
      retry: 3,
      expire: 4,
      minimum: 2 ** 32 - 1,
    });
    expect(String(rdata.parseSoa(octets).rname)).to.equal('b');
    expect(() => rdata.parseSoa(Buffer.concat([octets, hex('00')]))).to.throw(
      DnsFormatError,
      /after the end/,
    );
  });

  it('of an RRSIG record has its fields in their places [RFC4034-3.1]', () => {
    const octets = hex('0034 0d 03 00000e10 69000000 68000000 abcd 01 61 00 ffff');
    expect(rdata.parseRrsig(octets)).to.deep.include({
      typeCovered: RrType.TLSA,
      algorithm: 13,
      labels: 3,
      originalTtl: 3600,
      expiration: 0x6900_0000,
      inception: 0x6800_0000,
      keyTag: 0xabcd,
      signature: hex('ffff'),
    });
  });

  it('has no compressed names once it is on its own', () => {
    expect(() => rdata.parseName(hex('c00c'))).to.throw(DnsFormatError);
    expect(() => rdata.parseRrsig(hex(`${'00'.repeat(18)} c00c`))).to.throw(DnsFormatError);
  });

  it('of a DNSKEY has the flags of RFC 4034 and RFC 5011 [RFC4034-2.1.1]', () => {
    const { flags } = rdata.parseDnskey(hex('0181 03 0d 00'));
    expect(flags).to.equal(rdata.DnskeyFlag.ZONE | rdata.DnskeyFlag.REVOKE | rdata.DnskeyFlag.SEP);
  });

  it('of the root key-signing key of 2017 has key tag 20326 [RFC4034-B]', () => {
    const publicKey =
      'AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8O' +
      'g8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eN' +
      'buv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa' +
      '8subX2Nn6UwNR1AkUTV74bU=';
    const dnskey = { flags: 257, protocol: 3, algorithm: 8, publicKey: Buffer.from(publicKey, 'base64') };
    expect(rdata.keyTag(rdata.encodeDnskey(dnskey))).to.equal(20326);
  });

  const badAddresses = ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.x', '1.2.3.'];
  for (const address of badAddresses) {
    it(`is not made of ‘${address}’ for an A record`, () => {
      expect(() => rdata.encodeA(address)).to.throw(DnsFormatError);
    });
  }

  const addresses: [text: string, octets: string][] = [
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::', '20010db8' + '00'.repeat(12)],
    ['2001:DB8::1:0:2', '20010db8' + '00'.repeat(6) + '000100000002'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ];
  for (const [text, octets] of addresses) {
    it(`is made of ${text} for an AAAA record [RFC3596-2.2]`, () => {
      expect(rdata.encodeAaaa(text)).to.deep.equal(hex(octets));
    });
  }

  const badAddresses6 = [
    '',
    ':',
    '1:2:3',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    ':::',
  ];
  for (const address of badAddresses6) {
    it(`is not made of ‘${address}’ for an AAAA record`, () => {
      expect(() => rdata.encodeAaaa(address)).to.throw(DnsFormatError);
    });
  }

  it('is refused, not cut, if a number does not fit its field', () => {
    const tlsa = { usage: 256, selector: 1, matchingType: 1, data: Buffer.alloc(32) };
    expect(() => rdata.encodeTlsa(tlsa))
      .to.throw(DnsFormatError)
      .with.property('blame', 'us');
    expect(() => rdata.encodeMx({ preference: -1, exchange: Name.root })).to.throw(DnsFormatError);
    expect(() => rdata.encodeMx({ preference: 1.5, exchange: Name.root })).to.throw(DnsFormatError);
  });
});
