import { expect } from 'chai';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { readZoneFile, type ZoneFileOptions } from '../../../core/dns/zone-file.ts';

const origin = Name.parse('corp.example');
const read = (text: string, options: ZoneFileOptions = { origin }): string[] =>
  [...readZoneFile(text, options)].map(({ record }) => presentRecord(record));

describe('readZoneFile', () => {
  it('reads the example of the standard [RFC1035-5.3]', () => {
    const text = `@   IN  SOA     VENERA      Action\\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        MX      10      VENERA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32
`;
    expect(read(text, { origin: Name.parse('ISI.EDU') })).to.deep.equal([
      'ISI.EDU. 60 IN SOA VENERA.ISI.EDU. Action\\.domains.ISI.EDU. 20 7200 600 3600000 60',
      'ISI.EDU. 60 IN NS A.ISI.EDU.',
      'ISI.EDU. 60 IN NS VENERA.ISI.EDU.',
      'ISI.EDU. 60 IN MX 10 VENERA.ISI.EDU.',
      'A.ISI.EDU. 60 IN A 26.3.0.103',
      'VENERA.ISI.EDU. 60 IN A 10.1.0.52',
      'VENERA.ISI.EDU. 60 IN A 128.9.0.32',
    ]);
  });

  it('gives a record without a TTL that of $TTL, not that of the record before [RFC2308-4]', () => {
    expect(read('$TTL 300\na A 192.0.2.1\nb 60 A 192.0.2.1\nc A 192.0.2.1')).to.deep.equal([
      'a.corp.example. 300 IN A 192.0.2.1',
      'b.corp.example. 60 IN A 192.0.2.1',
      'c.corp.example. 300 IN A 192.0.2.1',
    ]);
  });

  it('obeys a later $TTL from there on [RFC2308-4]', () => {
    expect(read('$TTL 300\na A 192.0.2.1\n$TTL 1\nb A 192.0.2.1')).to.deep.equal([
      'a.corp.example. 300 IN A 192.0.2.1',
      'b.corp.example. 1 IN A 192.0.2.1',
    ]);
  });

  it('gives a record without a TTL that of the record before where there is no $TTL [RFC1035-5.1]', () => {
    expect(read('a 60 A 192.0.2.1\nb A 192.0.2.1')[1]).to.equal('b.corp.example. 60 IN A 192.0.2.1');
  });

  it('reads times with units', () => {
    const text = '$TTL 1h30m\n@ 1D SOA ns host 1 2h 600s 1w 1H\nns A 192.0.2.1';
    expect(read(text)).to.deep.equal([
      'corp.example. 86400 IN SOA ns.corp.example. host.corp.example. 1 7200 600 604800 3600',
      'ns.corp.example. 5400 IN A 192.0.2.1',
    ]);
  });

  it('keeps its place over $ORIGIN, @ and owners left out [RFC1035-5.1]', () => {
    const text = '$TTL 1\na A 192.0.2.1\n$ORIGIN sub\n  A 192.0.2.2\n@ A 192.0.2.3\nb A 192.0.2.4';
    expect(read(text)).to.deep.equal([
      'a.corp.example. 1 IN A 192.0.2.1',
      'a.corp.example. 1 IN A 192.0.2.2',
      'sub.corp.example. 1 IN A 192.0.2.3',
      'b.sub.corp.example. 1 IN A 192.0.2.4',
    ]);
  });

  it('reads types and data that it does not know [RFC3597-5]', () => {
    expect(read('a 1 CLASS1 TYPE731 \\# 6 abcdef 01 23 45')).to.deep.equal([
      'a.corp.example. 1 IN TYPE731 \\# 6 abcdef012345',
    ]);
  });

  it('says in which line each record begins', () => {
    const text = '; first\n$TTL 1\na A 192.0.2.1\nb TXT (\n x\n)\nc A 192.0.2.1';
    expect([...readZoneFile(text, { origin })].map(({ line }) => line)).to.deep.equal([3, 4, 7]);
  });

  const refused: [what: string, text: string, words: RegExp][] = [
    [
      'a file to include',
      'a 1 A 192.0.2.1\n$INCLUDE more',
      /^line 2: \$INCLUDE is not read here: write the records/,
    ],
    ['names to generate', '$GENERATE 1-2 a$ A 192.0.2.$', /^line 1: \$GENERATE is not read here/],
    ['a record before there is a TTL', 'a A 192.0.2.1', /^line 1: a record without a TTL.*\$TTL 3600/],
    ['a TTL with an unknown unit', '$TTL 1y', /^line 1: a TTL is a number of seconds/],
    ['a TTL with a unit that makes it too large', '$TTL 4000w', /^line 1: a TTL is a number of seconds/],
    [
      'a SOA record with a time that is none',
      '@ 1 SOA a b 1 2x 3 4 5',
      /^line 1: refresh is not a number of/,
    ],
    ['a word after a directive', '$TTL 1 2', /^line 1: words after the end/],
    [
      'more records than it may',
      '$TTL 1\na A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1',
      /^line 4: more than 2 rec/,
    ],
  ];
  for (const [what, text, words] of refused) {
    it(`refuses ${what}, and says where`, () => {
      expect(() => read(text, { origin, maxRecords: 2 })).to.throw(DnsFormatError, words);
    });
  }
});
