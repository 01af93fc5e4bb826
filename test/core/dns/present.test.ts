import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { presentRecord, presentTlsa } from '../../../core/dns/present.ts';
import * as rdata from '../../../core/dns/rdata.ts';
import { hex } from './wire.ts';

const owner = Name.parse('Host.example');
const ns = Name.parse('ns.example');

function line(type: number, octets: Buffer, rrClass = 1): string {
  return presentRecord({ name: owner, type, class: rrClass, ttl: 3600, rdata: octets });
}

describe('presentRecord', () => {
  const lines: [type: number, octets: Buffer, text: string][] = [
    [RrType.A, hex('c0000201'), 'A 192.0.2.1'],
    [RrType.AAAA, rdata.encodeAaaa('2001:db8::1'), 'AAAA 2001:db8::1'],
    [RrType.NS, ns.wire, 'NS ns.example.'],
    [RrType.PTR, Name.root.wire, 'PTR .'],
    [RrType.CNAME, Name.parse('a\\.b.c\\032d').wire, 'CNAME a\\.b.c\\032d.'],
    [RrType.MX, rdata.encodeMx({ preference: 10, exchange: ns }), 'MX 10 ns.example.'],
    [
      RrType.TXT,
      rdata.encodeTxt([Buffer.from('a "b" \\'), hex('00ff')]),
      'TXT "a \\"b\\" \\\\" "\\000\\255"',
    ],
    [RrType.HINFO, hex('03 413b42 00'), 'HINFO "A;B" ""'],
    [RrType.CAA, Buffer.from('\u0000\u0005issueca.example'), 'CAA 0 issue "ca.example"'],
    [RrType.SSHFP, hex('0403aabb'), 'SSHFP 4 3 aabb'],
    [RrType.TLSA, hex('030101abcd'), 'TLSA 3 1 1 abcd'],
    [RrType.DS, hex('1234 0d 02 aabb'), 'DS 4660 13 2 aabb'],
    [RrType.CDS, hex('0000 00 00 00'), 'CDS 0 0 0 00'],
    [RrType.DNSKEY, hex('0101 03 0d ffff'), 'DNSKEY 257 3 13 //8='],
    [
      RrType.NSEC,
      rdata.encodeNsec({ nextName: ns, types: [1, 46, 65280] }),
      'NSEC ns.example. A RRSIG TYPE65280',
    ],
    [
      RrType.NSEC3,
      hex('01 01 000c 04 aabbccdd 14 174eb2409fe28bcb4887a1836f957f0a8425e27b 0007 2200 0000 0002 90'),
      'NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA RRSIG DNSKEY NSEC3PARAM',
    ],
    [RrType.NSEC3, hex('01 00 0000 00 05 0000000000 0001 40'), 'NSEC3 1 0 0 - 00000000 A'],
    [RrType.NSEC3PARAM, hex('01 00 000c 04 aabbccdd'), 'NSEC3PARAM 1 0 12 aabbccdd'],
    [RrType.NSEC3PARAM, hex('01 00 0000 00'), 'NSEC3PARAM 1 0 0 -'],
    [
      RrType.SOA,
      rdata.encodeSoa({
        mname: ns,
        rname: Name.parse('a\\.b.c'),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
      }),
      'SOA ns.example. a\\.b.c. 1 2 3 4 5',
    ],
    [
      RrType.RRSIG,
      rdata.encodeRrsig({
        typeCovered: RrType.TLSA,
        algorithm: 13,
        labels: 2,
        originalTtl: 3600,
        expiration: Date.UTC(2026, 11, 1) / 1000,
        inception: Date.UTC(2026, 10, 1, 2, 3, 4) / 1000,
        keyTag: 7,
        signer: ns,
        signature: hex('ffff'),
      }),
      'RRSIG TLSA 13 2 3600 20261201000000 20261101020304 7 ns.example. //8=',
    ],
    [65280, hex('0102ff'), 'TYPE65280 \\# 3 0102ff'],
    [65280, Buffer.alloc(0), 'TYPE65280 \\# 0'],
  ];
  for (const [type, octets, text] of lines) {
    it(`writes ${text} [RFC1035-5.1]`, () => {
      expect(line(type, octets)).to.equal(`Host.example. 3600 IN ${text}`);
    });
  }

  it('writes the root as a dot', () => {
    const record = { name: Name.root, type: RrType.NS, class: 1, ttl: 0, rdata: ns.wire };
    expect(presentRecord(record)).to.equal('. 0 IN NS ns.example.');
  });

  const odd: [what: string, type: number, octets: Buffer, text: string][] = [
    ['an A record of 5 octets', RrType.A, hex('0102030405'), 'A \\# 5 0102030405'],
    ['a TLSA record of 2 octets', RrType.TLSA, hex('0301'), 'TLSA \\# 2 0301'],
    ['an SSHFP record of 1 octet', RrType.SSHFP, hex('04'), 'SSHFP \\# 1 04'],
    ['an HINFO record that is not UTF-8', RrType.HINFO, hex('01 ff 00'), 'HINFO \\# 3 01ff00'],
    ['a CAA record that is not UTF-8', RrType.CAA, hex('00 01 61 ff'), 'CAA \\# 4 000161ff'],
    ['a CAA record cut short', RrType.CAA, hex('00 09 61'), 'CAA \\# 3 000961'],
    ['an NSEC3 record without a hash', RrType.NSEC3, hex('010000000000'), 'NSEC3 \\# 6 010000000000'],
    ['an NSEC record with a bad bit map', RrType.NSEC, hex('00 0000'), 'NSEC \\# 3 000000'],
  ];
  for (const [what, type, octets, text] of odd) {
    it(`falls back to octets for ${what} [RFC3597-5]`, () => {
      expect(line(type, octets)).to.equal(`Host.example. 3600 IN ${text}`);
    });
  }

  it('writes the RDATA of other classes as octets [RFC3597-5]', () => {
    expect(line(RrType.A, hex('00 0001'), 3)).to.equal('Host.example. 3600 CH A \\# 3 000001');
  });
});

describe('presentTlsa', () => {
  it('writes what an operator puts into the zone [RFC6698-2.2]', () => {
    expect(presentTlsa(hex('030101AB12'))).to.equal('3 1 1 ab12');
  });
});
