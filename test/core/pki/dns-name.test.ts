import { expect } from 'chai';
import fc from 'fast-check';
import { Name } from '../../../core/dns/name.ts';
import {
  dnsNameFromName,
  isNameMatched,
  nameFromDnsName,
  patternFromDnsName,
} from '../../../core/pki/dns-name.ts';

describe('nameFromDnsName', () => {
  const taken = [
    'ns2.example.net',
    '_xfr.ns2.example.net',
    'NS2.Example.NET',
    'xn--mller-kva.example',
    'a-b.example',
    '1.2.0.192.in-addr.arpa',
    'localhost',
    `${'a'.repeat(63)}.example`,
    Array.from({ length: 127 }, () => 'a').join('.'),
  ];
  for (const text of taken) {
    it(`takes ${text.slice(0, 40)}`, () => {
      expect(nameFromDnsName(Buffer.from(text))?.toString()).to.equal(text);
    });
  }

  // Each of these has been read as another name by some program.
  const refused = [
    { title: 'nothing', text: '' },
    { title: 'the root', text: '.' },
    { title: 'a trailing dot', text: 'ns2.example.net.' },
    { title: 'an empty label', text: 'ns2..example' },
    { title: 'a leading dot', text: '.example.net' },
    { title: 'a NUL that hides what follows', text: 'ns2.example.net\0.evil.example' },
    { title: 'a wildcard', text: '*.example.net' },
    { title: 'a wildcard in a label', text: 'ns*.example.net' },
    { title: 'a space', text: 'ns2 .example' },
    { title: 'an escape', text: 'ns2\\.example.net' },
    { title: 'a decimal escape', text: 'ns2\\046example.net' },
    { title: 'a line break', text: 'ns2.example.net\n' },
    { title: 'UTF-8', text: 'müller.example' },
    { title: 'a full-width dot', text: 'ns2．example' },
    { title: 'a hyphen at the start of a label', text: 'ns2.-a.example' },
    { title: 'a hyphen at the end of a label', text: 'ns2-.example' },
    { title: 'a label of 64', text: `${'a'.repeat(64)}.example` },
    { title: 'a name of 254', text: `${Array.from({ length: 126 }, () => 'a').join('.')}.bb` },
    { title: 'an address in brackets', text: '[::1]' },
    { title: 'a URI', text: 'https://example.net' },
    { title: 'a mail address', text: 'user@example.net' },
  ];
  for (const { title, text } of refused) {
    it(`refuses ${title} [RFC5280-4.2.1.6]`, () => {
      expect(nameFromDnsName(Buffer.from(text))).to.equal(undefined);
    });
  }

  it('takes no octets but those whose text is the name itself', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const name = nameFromDnsName(Buffer.from(octets));
        if (name !== undefined) expect(name.toString()).to.equal(Buffer.from(octets).toString('latin1'));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('dnsNameFromName', () => {
  it('is the way back, of names with underscores too [DANCE-10]', () => {
    expect(dnsNameFromName(Name.parse('_xfr.NS2.example.net.'))).to.equal('_xfr.NS2.example.net');
  });

  for (const text of ['.', 'a\\.b.example', '*.example', 'a\\032b.example', '\\195\\188.example']) {
    it(`has nothing for ${text}`, () => {
      expect(dnsNameFromName(Name.parse(text))).to.equal(undefined);
    });
  }
});

describe('isNameMatched', () => {
  const matched: [dnsName: string, name: string][] = [
    ['ns2.example.net', 'ns2.example.net'],
    ['NS2.Example.NET', 'ns2.eXample.net'],
    ['_xfr.ns2.example.net', '_xfr.ns2.example.net'],
    ['sensor7._device.example.com', 'sensor7._device.example.com'],
    ['*.example.net', 'ns2.example.net'],
    ['*.example.net', 'xn--mller-kva.example.net'],
    ['*._device.example.com', 'sensor7._device.example.com'],
  ];
  for (const [dnsName, name] of matched) {
    it(`finds ${name} in ${dnsName} [RFC9525-6.3]`, () => {
      expect(isNameMatched(patternFromDnsName(Buffer.from(dnsName))!, Name.parse(name))).to.equal(true);
    });
  }

  const others: [dnsName: string, name: string][] = [
    ['ns2.example.net', 'ns3.example.net'],
    ['ns2.example.net', 'a.ns2.example.net'],
    ['ns2.example.net', 'example.net'],
    ['ns2.example.net', '.'],
    ['ns2.example.net', 'ns2\\.example.net'],
    ['*.example.net', 'example.net'],
    ['*.example.net', 'a.ns2.example.net'],
    ['*.example.net', '*.example.net'],
    // Given for hosts, not for what is beside a host.
    ['*.ns2.example.net', '_xfr.ns2.example.net'],
    ['*._device.example.com', 'a.b._device.example.com'],
  ];
  for (const [dnsName, name] of others) {
    it(`does not find ${name} in ${dnsName} [RFC9525-6.3]`, () => {
      expect(isNameMatched(patternFromDnsName(Buffer.from(dnsName))!, Name.parse(name))).to.equal(false);
    });
  }

  for (const text of [
    '*',
    '*.',
    '*.net',
    'ns*.example.net',
    '*ns.example.net',
    'a.*.example.net',
    '**.example.net',
    '',
    'a..b',
  ]) {
    it(`has no use for "${text}" [RFC9525-6.3]`, () => {
      expect(patternFromDnsName(Buffer.from(text))).to.equal(undefined);
    });
  }
});
