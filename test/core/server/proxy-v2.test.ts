import { SocketAddress } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import type { LimitsTable } from '../../../core/config/limits-table.ts';
import {
  defaultClientNameType,
  parseProxyHeader,
  ProxyFormatError,
  proxyHeaderLimits,
} from '../../../core/server/proxy-v2.ts';
import { mutate, randomNumbers } from '../../support/mutation.ts';
import {
  certificate,
  headerOf,
  ipv4,
  ipv6,
  magic,
  present,
  sealed,
  ssl,
  vector,
  whole,
  write,
} from './proxy-writer.ts';

describe('parseProxyHeader', () => {
  it('reads everything that a header says [PROXYv2-2.2] [PROXYv2-2.2.6]', () => {
    expect(parseProxyHeader(Buffer.concat([whole, Buffer.from('GET')]))).to.deep.equal({
      length: whole.length,
      header: {
        local: false,
        source: { address: '192.0.2.1', port: 3128 },
        destination: { address: '198.51.100.7', port: 443 },
        tls: {
          version: 'TLSv1.3',
          commonName: 'cn',
          certificate,
          certificateVerified: true,
          certOnConnection: true,
        },
        clientName: Buffer.from('sensor._device.example'),
        alpn: Buffer.from('h2'),
        authority: 'api.example',
        uniqueId: Buffer.from('id-1'),
      },
    });
  });

  it('reads what haproxy 2.6 sends for a client with a certificate, checksum included [PROXYv2-2.2.3]', () => {
    const sent =
      '0d0a0d0a000d0a515549540a211100897f0000017f000001cd50480b0300040d629d09010008687474702f312e3102000b736e692e65' +
      '78616d706c6520005a0700000000210007544c5376312e33220013636c69656e742e6578616d706c652e746573742500054543323536' +
      '24001165636473612d776974682d534841323536230016544c535f4145535f3235365f47434d5f534841333834';
    expect(headerOf(Buffer.from(sent, 'hex'))).to.deep.equal({
      local: false,
      source: { address: '127.0.0.1', port: 52560 },
      destination: { address: '127.0.0.1', port: 18443 },
      tls: {
        version: 'TLSv1.3',
        commonName: 'client.example.test',
        certificateVerified: true,
        certOnConnection: true,
      },
      alpn: Buffer.from('http/1.1'),
      authority: 'sni.example',
    });
  });

  it('reads what haproxy 2.6 sends for a client without TLS: no TLS then [PROXYv2-2.2.6]', () => {
    const sent = '0d0a0d0a000d0a515549540a2111001b7f0000017f000001a18e480c030004b4a0f5dc2000050000000000';
    expect(headerOf(Buffer.from(sent, 'hex'))).to.deep.equal({
      local: false,
      source: { address: '127.0.0.1', port: 41358 },
      destination: { address: '127.0.0.1', port: 18444 },
    });
  });

  it('reads IPv6 addresses [PROXYv2-2.2]', () => {
    expect(headerOf(write(0x21, 0x21, ipv6))).to.deep.equal({
      local: false,
      source: { address: '2001:db8::1', port: 3128 },
      destination: { address: '2001:db8::2', port: 443 },
    });
  });

  it('knows no client for LOCAL, whatever else the header says [PROXYv2-2.2]', () => {
    expect(headerOf(write(0x20, 0x00))).to.deep.equal({ local: true });
    expect(headerOf(write(0x20, 0x11, ipv4, vector(0xe5, 'a.example')))).to.deep.equal({ local: true });
    expect(parseProxyHeader(write(0x20, 0x7f, Buffer.from('rubbish')))).to.deep.equal({
      header: { local: true },
      length: 23,
    });
  });

  it('gives no address for UNIX and unspecified families, but what follows [PROXYv2-2.2]', () => {
    const name = vector(0xe5, 'a.example');
    const expected = { local: false, clientName: Buffer.from('a.example') };
    expect(headerOf(write(0x21, 0x31, Buffer.alloc(216, 1), name))).to.deep.equal(expected);
    expect(headerOf(write(0x21, 0x00, name))).to.deep.equal(expected);
  });

  it('takes the client name from another vector if told so [PROXYv2-2.2.8]', () => {
    const octets = write(0x21, 0x11, ipv4, vector(0xe5, 'not.this'), vector(0xe7, 'this.one'));
    expect(headerOf(octets, { clientNameType: 0xe7 }).clientName?.toString()).to.equal('this.one');
    expect(headerOf(octets).clientName?.toString()).to.equal('not.this');
    expect(defaultClientNameType).to.equal(0xe5);
    for (const clientNameType of [0x02, 0xdf, 0xf0, NaN]) {
      expect(() => headerOf(octets, { clientNameType })).to.throw(RangeError, '0xE0 to 0xEF');
    }
  });

  it('gives an empty client name as it came, for the check of names to refuse', () => {
    expect(headerOf(write(0x21, 0x11, ipv4, vector(0xe5, ''))).clientName).to.deep.equal(Buffer.alloc(0));
  });

  it('passes over padding and unknown vectors, however often they come [PROXYv2-2.2.4]', () => {
    const padding = [vector(0x04, ''), vector(0x04, 'xyz'), vector(0xee, 'a'), vector(0xee, 'b')];
    expect(headerOf(write(0x21, 0x11, ipv4, ...padding))).to.have.all.keys('local', 'source', 'destination');
  });

  const tlsCases: [title: string, octets: Buffer, verified: boolean, onConnection: boolean][] = [
    ['no certificate', ssl(0x01, 1), false, false],
    ['no certificate, and verify left at 0', ssl(0x01, 0), false, false],
    ['a good certificate', ssl(0x03, 0), true, true],
    ['a certificate that the proxy did not verify', ssl(0x07, 18), false, true],
    ['verify beyond its lowest octet', ssl(0x07, 0x01000000), false, true],
    ['a good certificate of a resumed session', ssl(0x05, 0), true, false],
  ];
  for (const [title, octets, certificateVerified, certOnConnection] of tlsCases) {
    it(`tells of ${title} [PROXYv2-2.2.6]`, () => {
      const { tls } = headerOf(write(0x21, 0x11, ipv4, octets));
      expect(tls).to.deep.equal({ certificateVerified, certOnConnection });
    });
  }

  const wrong: [title: string, octets: Buffer, words: string][] = [
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r\n'), 'let the proxy send version 2'],
    ['no signature at all', Buffer.from('GET / HTTP/1.1\r\n'), 'no signature'],
    ['another version in the binary form', write(0x31, 0x11, ipv4), 'version 3, not 2'],
    ['an unknown command', write(0x22, 0x11, ipv4), 'unknown command'],
    ['UDP', write(0x21, 0x12, ipv4), 'family and transport 0x12'],
    ['UDP over IPv6', write(0x21, 0x22, ipv6), 'family and transport 0x22'],
    ['UNIX datagrams', write(0x21, 0x32, Buffer.alloc(216)), 'family and transport 0x32'],
    ['an unknown family', write(0x21, 0x41, ipv4), 'family and transport 0x41'],
    ['half of a family', write(0x21, 0x10, ipv4), 'family and transport 0x10'],
    ['addresses cut short', write(0x21, 0x11, ipv4.subarray(1)), 'too short for its addresses'],
    ['IPv6 with the addresses of IPv4', write(0x21, 0x21, ipv4), 'too short for its addresses'],
    ['UNIX addresses cut short', write(0x21, 0x31, Buffer.alloc(215)), 'too short for its addresses'],
    ['one octet after the addresses', write(0x21, 0x11, ipv4, Buffer.from([4])), 'vector cut short'],
    ['half of a vector', write(0x21, 0x11, ipv4, Buffer.from([4, 0])), 'vector cut short'],
    [
      'a vector beyond the end',
      write(0x21, 0x11, ipv4, Buffer.from([4, 0, 2, 0])),
      'longer than what holds it',
    ],
    ['an unknown vector beyond the end', write(0x21, 0x00, Buffer.from([0xee, 1, 0])), 'longer than what'],
    ['two client names', write(0x21, 0x11, ipv4, vector(0xe5, 'a'), vector(0xe5, 'a')), '0xe5 comes twice'],
    ['two ALPN', write(0x21, 0x11, ipv4, vector(1, 'a'), vector(1, 'b')), '0x1 comes twice'],
    ['two TLS vectors', write(0x21, 0x11, ipv4, ssl(1, 1), ssl(3, 0)), '0x20 comes twice'],
    ['two checksums', write(0x21, 0x11, ipv4, vector(3, 'abcd'), vector(3, 'abcd')), '0x3 comes twice'],
    ['two namespaces', write(0x21, 0x11, ipv4, vector(0x30, 'a'), vector(0x30, 'a')), '0x30 comes twice'],
    ['a checksum of 3 octets', write(0x21, 0x11, ipv4, vector(3, 'abc')), 'not of 4 octets'],
    ['a wrong checksum', write(0x21, 0x11, ipv4, vector(3, Buffer.alloc(4))), 'the checksum is wrong'],
    ['a client name of 256 octets', write(0x21, 0x11, ipv4, vector(0xe5, 'a'.repeat(256))), 'more than 255'],
    ['an identifier of 129 octets', write(0x21, 0x11, ipv4, vector(5, 'a'.repeat(129))), 'more than 128'],
    ['a TLS vector of 4 octets', write(0x21, 0x11, ipv4, vector(0x20, 'abcd')), 'without its fields'],
    [
      'a vector that ends outside of the TLS vector',
      write(0x21, 0x11, ipv4, ssl(3, 0, Buffer.from([0x28, 0, 4])), vector(4, 'abcd')),
      'longer than what holds it',
    ],
    [
      'half of a TLS sub-vector',
      write(0x21, 0x11, ipv4, ssl(3, 0, Buffer.from([0x28, 0]))),
      'vector cut short',
    ],
    [
      'two client certificates',
      write(0x21, 0x11, ipv4, ssl(3, 0, vector(0x28, 'a'), vector(0x28, 'b'))),
      '0x28 comes twice',
    ],
    [
      'two ciphers',
      write(0x21, 0x11, ipv4, ssl(3, 0, vector(0x23, 'a'), vector(0x23, 'b'))),
      '0x23 comes twice',
    ],
    ['a certificate without its bit', write(0x21, 0x11, ipv4, ssl(1, 0, vector(0x28, 'a'))), 'no bit'],
    ['a common name without its bit', write(0x21, 0x11, ipv4, ssl(1, 0, vector(0x22, 'a'))), 'no bit'],
    ['the bit of a certificate without TLS', write(0x21, 0x11, ipv4, ssl(2, 0)), 'without TLS'],
    ['a certificate without TLS', write(0x21, 0x11, ipv4, ssl(0, 0, vector(0x28, 'a'))), 'no bit'],
    ['an empty certificate', write(0x21, 0x11, ipv4, ssl(3, 0, vector(0x28, ''))), 'an empty certificate'],
    ['a host that is not UTF-8', write(0x21, 0x11, ipv4, vector(2, Buffer.from('ff', 'hex'))), 'not UTF-8'],
    [
      'a common name that is not UTF-8',
      write(0x21, 0x11, ipv4, ssl(3, 0, vector(0x22, Buffer.from('c3', 'hex')))),
      'not UTF-8',
    ],
  ];
  for (const [title, octets, words] of wrong) {
    it(`refuses ${title} [PROXYv2-2.2]`, () => {
      expect(() => parseProxyHeader(octets))
        .to.throw(ProxyFormatError, words)
        .that.includes({ code: 'SERVER_PROXY', blame: 'peer', reason: 'malformed' });
    });
  }

  it('takes a unique identifier of 128 octets and a name of 255 [PROXYv2-2.2.5]', () => {
    const header = headerOf(
      write(0x21, 0x11, ipv4, vector(5, 'a'.repeat(128)), vector(0xe5, 'b'.repeat(255))),
    );
    expect([header.uniqueId?.length, header.clientName?.length]).to.deep.equal([128, 255]);
  });

  it('bounds the header, before it has come', () => {
    const long = write(0x21, 0x11, ipv4, vector(4, Buffer.alloc(16_384 - 16 - 12 - 3)));
    expect(parseProxyHeader(long)).to.have.property('length', 16_384);
    expect(parseProxyHeader(long.subarray(0, 16))).to.deep.equal({ needMore: 16_384 - 16 });
    const longer = write(0x20, 0x00, Buffer.alloc(16_384 - 15));
    expect(() => parseProxyHeader(longer.subarray(0, 16))).to.throw(
      ProxyFormatError,
      '16385 octets announced',
    );
    expect(parseProxyHeader(longer, { maxOctets: 16_385 })).to.have.property('length', 16_385);
  });

  it('says how many octets are missing, wherever the header is cut', () => {
    for (let cut = 0; cut < whole.length; cut++) {
      const end = cut < 16 ? 16 : whole.length;
      expect(parseProxyHeader(whole.subarray(0, cut))).to.deep.equal({ needMore: end - cut });
    }
  });

  it('refuses at the first octet that is wrong, not later', () => {
    for (let at = 0; at < 12; at++) {
      const octets = Buffer.from(whole.subarray(0, at + 1));
      octets.writeUInt8(octets.readUInt8(at) ^ 0x20, at);
      expect(() => parseProxyHeader(octets)).to.throw(ProxyFormatError);
    }
    expect(() => parseProxyHeader(Buffer.concat([magic, Buffer.from([0x11])]))).to.throw(ProxyFormatError);
    expect(() => parseProxyHeader(Buffer.concat([magic, Buffer.from([0x21, 0x12])]))).to.throw(
      ProxyFormatError,
    );
  });

  it('keeps copies, so that the octets it read may be used again', () => {
    const octets = Buffer.from(whole);
    const header = headerOf(octets);
    octets.fill(0);
    expect(header).to.deep.equal(headerOf(whole));
  });

  it('refuses every single changed bit of a header with a checksum [PROXYv2-2.2.3]', () => {
    for (let bit = 16 * 8; bit < whole.length * 8; bit++) {
      const octets = Buffer.from(whole);
      octets.writeUInt8(octets.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      // The one way around a checksum is to have none: its type changed into an unknown one.
      const outcome = outcomeOf(octets);
      const typeOfChecksum = whole.length - 7;
      if (bit >> 3 !== typeOfChecksum) expect(outcome, `bit ${bit}`).to.equal('refused');
    }
  });

  it('throws nothing but its error for any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), fc.nat(3), (octets, proxied, at) => {
        outcomeOf(Buffer.from(octets));
        const family = [0x00, 0x11, 0x21, 0x31][at] ?? 0;
        outcomeOf(write(proxied ? 0x21 : 0x20, family, Buffer.alloc(at === 1 ? 12 : 0), Buffer.from(octets)));
        outcomeOf(write(0x21, 0x00, vector(0x20, Buffer.from(octets))));
      }),
    );
  });

  it('throws nothing but its error for good headers with changes, and never reads past their end', () => {
    const random = randomNumbers(9440);
    const plain = [whole, whole.subarray(0, whole.length - 7), write(0x21, 0x21, ipv6, ssl(3, 0))];
    for (let round = 0; round < 3000; round++) {
      const octets = mutate(plain[round % plain.length] ?? whole, random);
      if (outcomeOf(octets) === 'read') {
        expect(parseProxyHeader(octets).header).to.have.property('local');
      }
    }
  });

  it('gives back what was written, for any values', () => {
    const octets = (maxLength: number): fc.Arbitrary<Buffer> =>
      fc.uint8Array({ maxLength }).map((values) => Buffer.from(values));
    const optional = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
      fc.option(values, { nil: undefined });
    fc.assert(
      fc.property(
        fc.record({
          address: fc.uint8Array({ minLength: 16, maxLength: 16 }),
          port: fc.nat(65_535),
          name: optional(octets(255)),
          alpn: optional(octets(40)),
          authority: optional(fc.string({ unit: 'grapheme' })),
          commonName: optional(fc.string({ unit: 'grapheme' })),
          der: optional(octets(300).filter(({ length }) => length > 0)),
          verify: fc.nat(3),
          sum: fc.boolean(),
        }),
        ({ address, port, name, alpn, authority, commonName, der, verify, sum }) => {
          const ports = Buffer.from([port >> 8, port & 0xff, 0, 53]);
          const vectors = [
            ssl(3, verify, ...present(0x28, der), ...present(0x22, commonName)),
            ...present(0xe5, name),
            ...present(0x02, authority),
            ...present(0x01, alpn),
            ...present(0x03, sum ? Buffer.alloc(4) : undefined),
          ];
          const plain = write(0x21, 0x21, Buffer.from(address), Buffer.alloc(16), ports, ...vectors);
          const header = headerOf(sum ? sealed(plain) : plain);
          const groups = Array.from({ length: 8 }, (_, at) =>
            Buffer.from(address)
              .readUInt16BE(2 * at)
              .toString(16),
          );
          expect(header).to.deep.equal({
            local: false,
            source: {
              address: new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address,
              port,
            },
            destination: { address: '::', port: 53 },
            tls: {
              ...(commonName !== undefined && { commonName }),
              ...(der && { certificate: der }),
              certificateVerified: verify === 0,
              certOnConnection: true,
            },
            ...(name && { clientName: name }),
            ...(alpn && { alpn }),
            ...(authority !== undefined && { authority }),
          });
        },
      ),
    );
  });

  it('has its limits in a table like the others', () => {
    const table: LimitsTable = proxyHeaderLimits;
    for (const limit of Object.values(table)) expect(limit.default).to.be.within(limit.min, limit.max);
  });
});

/** Whatever is neither a header nor the promise of one must be refused with the one error. */
function outcomeOf(octets: Buffer): 'read' | 'more' | 'refused' {
  try {
    const parsed = parseProxyHeader(octets);
    if (parsed.header === undefined) {
      expect(parsed.needMore).to.be.greaterThan(0);
      return 'more';
    }
    expect(parsed.length).to.be.within(16, octets.length);
    return 'read';
  } catch (error) {
    expect(error).to.be.instanceOf(ProxyFormatError);
    return 'refused';
  }
}
