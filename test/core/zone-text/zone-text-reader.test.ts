import { expect } from 'chai';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import { readZoneFile } from '../../../core/dns/zone-file.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { ZoneTextError } from '../../../core/zone-text/zone-text-error.ts';
import { maxEntryOctets, maxIncludeDepth, ZoneTextReader } from '../../../core/zone-text/zone-text-reader.ts';
import { corp, linesOf, needed, recordsOf } from './reading.ts';

const errorOf = (text: string, reading?: Parameters<typeof linesOf>[1]): string => {
  try {
    linesOf(text, reading);
  } catch (error) {
    if (error instanceof ZoneTextError) return error.message;
    throw error;
  }
  return 'no error';
};

describe('ZoneTextReader', () => {
  it('reads the example of the standard [RFC1035-5.3]', () => {
    const text = `@   IN  SOA     VENERA      Action\\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        NS      VAXA
        MX      10      VENERA
        MX      20      VAXA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32

$INCLUDE <SUBSYS>ISI-MAILBOXES.TXT
`;
    const included = 'MOE     MB      A.ISI.EDU.\nLARRY   MB      A.ISI.EDU.\n';
    const reading = {
      ...{ origin: Name.parse('ISI.EDU'), includes: true, isWhole: true },
      files: { '<SUBSYS>ISI-MAILBOXES.TXT': included },
    };
    expect(linesOf(text, reading)).to.deep.equal([
      'ISI.EDU. 60 IN SOA VENERA.ISI.EDU. Action\\.domains.ISI.EDU. 20 7200 600 3600000 60',
      'ISI.EDU. 60 IN NS A.ISI.EDU.',
      'ISI.EDU. 60 IN NS VENERA.ISI.EDU.',
      'ISI.EDU. 60 IN NS VAXA.ISI.EDU.',
      'ISI.EDU. 60 IN MX 10 VENERA.ISI.EDU.',
      'ISI.EDU. 60 IN MX 20 VAXA.ISI.EDU.',
      'A.ISI.EDU. 60 IN A 26.3.0.103',
      'VENERA.ISI.EDU. 60 IN A 10.1.0.52',
      'VENERA.ISI.EDU. 60 IN A 128.9.0.32',
      'MOE.ISI.EDU. 60 IN MB \\# 11 0141034953490345445500',
      'LARRY.ISI.EDU. 60 IN MB \\# 11 0141034953490345445500',
    ]);
  });

  it('keeps its place over pieces that are cut anywhere', () => {
    const text = `$TTL 300
@ SOA ns host (1 2
  3 ; a comment (
  4 5 )
 NS ns
$ORIGIN sub
a 60 IN A 192.0.2.1
 AAAA 2001:db8::1
b\\.c IN 7 TXT "x;y" ( "z"
 z )
$GENERATE 1-3 h$ A 192.0.2.$
d CNAME a
$ORIGIN corp.example.
ns A 192.0.2.9`;
    const whole = linesOf(text, { isWhole: true });
    expect(whole).to.have.length(10);
    for (const piece of [1, 2, 3, 7, 50]) {
      expect(linesOf(text, { isWhole: true, piece }), `pieces of ${piece}`).to.deep.equal(whole);
    }
  });

  it('gives a record without a TTL that of $TTL, not that of the record before [RFC2308-4]', () => {
    expect(linesOf('$TTL 300\na A 192.0.2.1\nb 60 A 192.0.2.1\nc A 192.0.2.1')).to.deep.equal([
      'a.corp.example. 300 IN A 192.0.2.1',
      'b.corp.example. 60 IN A 192.0.2.1',
      'c.corp.example. 300 IN A 192.0.2.1',
    ]);
  });

  it('gives a record without a TTL that of the record before where there is no $TTL [RFC1035-5.1]', () => {
    expect(linesOf('a 60 A 192.0.2.1\nb A 192.0.2.1')[1]).to.equal('b.corp.example. 60 IN A 192.0.2.1');
    expect(linesOf('a 60 TXT "\\065"\nb A 192.0.2.1\nc 7 A 192.0.2.1\nd TXT "\\065"')).to.deep.equal([
      'a.corp.example. 60 IN TXT "A"',
      'b.corp.example. 60 IN A 192.0.2.1',
      'c.corp.example. 7 IN A 192.0.2.1',
      'd.corp.example. 7 IN TXT "A"',
    ]);
  });

  it('gives a record that begins with a space the owner before, over directives and odd entries [RFC1035-5.1]', () => {
    const text =
      'a 1 A 192.0.2.1\n$TTL 5\n A 192.0.2.2\n$ORIGIN sub\n A 192.0.2.3\n(\n)\n A 192.0.2.4\n;x\n\n A 192.0.2.5';
    expect(linesOf(text)).to.deep.equal(
      [1, 2, 3, 4, 5].map((last) => `a.corp.example. ${last === 1 ? 1 : 5} IN A 192.0.2.${last}`),
    );
  });

  it('reads TTL and class in either order, or none [RFC1035-5.1]', () => {
    const texts = [
      'a 7 IN A 192.0.2.1',
      'a IN 7 A 192.0.2.1',
      'a 7 A 192.0.2.1',
      'a in 7 a 192.0.2.1',
      'a CLASS1 7s A 192.0.2.1',
    ];
    for (const text of texts) expect(linesOf(text), text).to.deep.equal(['a.corp.example. 7 IN A 192.0.2.1']);
  });

  it('reads types and data that it does not know [RFC3597-5]', () => {
    expect(
      linesOf('a 1 CLASS1 TYPE731 \\# 6 abcdef 01 23 45\nb 1 TYPE1 \\# 4 0a000001\nc 1 TYPE2 a'),
    ).to.deep.equal([
      'a.corp.example. 1 IN TYPE731 \\# 6 abcdef012345',
      'b.corp.example. 1 IN A 10.0.0.1',
      'c.corp.example. 1 IN NS a.corp.example.',
    ]);
  });

  describe('$INCLUDE', () => {
    const includes = true;

    it('reads the file with the origin that stands there, and has its own back afterwards [RFC1035-5.1]', () => {
      const text = 'a 1 A 192.0.2.1\n$INCLUDE one sub\n A 192.0.2.3\nb A 192.0.2.4';
      const files = { one: ' A 192.0.2.2\nx A 192.0.2.5\n$ORIGIN elsewhere.corp.example.\n@ 9 A 192.0.2.6' };
      expect(linesOf(text, { includes, files })).to.deep.equal([
        'a.corp.example. 1 IN A 192.0.2.1',
        'a.corp.example. 1 IN A 192.0.2.2',
        'x.sub.corp.example. 1 IN A 192.0.2.5',
        'elsewhere.corp.example. 9 IN A 192.0.2.6',
        'a.corp.example. 9 IN A 192.0.2.3',
        'b.corp.example. 9 IN A 192.0.2.4',
      ]);
    });

    it('asks for it with the path as it is meant, and says where', () => {
      const reader = new ZoneTextReader({ origin: corp, file: 'f', includes, sink: () => undefined });
      reader.push(Buffer.from('\n$include "a\\"b c" ; x\n'));
      expect(reader.wanted).to.deep.equal({ path: 'a"b c', place: { file: 'f', line: 2, column: 10 } });
    });

    it('says in which file a mistake is', () => {
      expect(errorOf('$INCLUDE one\n', { includes, files: { one: '\na 1 A 1.2.3\n' } })).to.match(
        /^one:2:7: not an IPv4/,
      );
      expect(errorOf('$INCLUDE one\n\na 1 A 1.2.3\n', { includes, files: { one: '\n' } })).to.match(
        /^corp\.zone:3:7: /,
      );
    });

    it('refuses files that include each other without end', () => {
      const text = errorOf('$INCLUDE one', { includes, files: { one: '\n$INCLUDE one' } });
      expect(text).to.match(
        new RegExp(`^one:2:10: files included in each other more than ${maxIncludeDepth} deep; see`),
      );
    });

    it('refuses it where nobody opens files, and words that do not belong there', () => {
      expect(errorOf('$INCLUDE one')).to.match(/^corp\.zone:1:10: \$INCLUDE is not read here; write/);
      expect(errorOf('$INCLUDE', { includes })).to.match(/^corp\.zone:1:1: the path of the file is missing/);
      expect(errorOf('$INCLUDE a b c', { includes })).to.match(/^corp\.zone:1:14: words after the end/);
    });
  });

  describe('errors', () => {
    const cases: [what: string, text: string, words: RegExp][] = [
      ['an address', 'a 1 A 192.0.2.256', /^corp\.zone:1:7: not an IPv4 address; correct this entry/],
      ['a type', '\na 1 IN FOO x', /^corp\.zone:2:8: type "FOO" is not known; write a type/],
      ['a class', 'a 1 CH A x', /^corp\.zone:1:5: class CH; only IN is read; leave the class out/],
      ['a TTL', 'a 2147483648 A 192.0.2.1', /^corp\.zone:1:3: a TTL is a number of seconds below 2\^31/],
      ['a TTL that is missing', 'a A 192.0.2.1', /^corp\.zone:1:5: a record without a TTL/],
      [
        'an owner that is missing',
        ' 1 A 192.0.2.1',
        /^corp\.zone:1:2: a record without an owner; begin the line/,
      ],
      ['a name that is too long', `a 1 NS ${'a'.repeat(64)}`, /^corp\.zone:1:8: a label of more than 63/],
      ['a line of an entry', 'a 1 MX (\n 10\n  a..b )', /^corp\.zone:3:3: an empty label/],
      ['a number', 'a 1 MX 65536 b', /^corp\.zone:1:8: the preference is not a number/],
      ['base 64', 'a 1 DNSKEY 256 3 13 AAA', /^corp\.zone:1:21: the public key is not base 64/],
      ['a quote', '\n\na 1 TXT "x', /^corp\.zone:3:9: a quote without its other half; end the text/],
      [
        'a parenthesis',
        'a 1 TXT ( x\nb 1 A 192.0.2.1',
        /^corp\.zone:1:1: a parenthesis without its other half; each/,
      ],
      ['a parenthesis that closes nothing', 'a 1 TXT x )', /^corp\.zone:1:11: a parenthesis without/],
      ['an octet', 'a 1 TXT \xe9', /^corp\.zone:1:9: a character that must be escaped; write it/],
      ['a directive', '$FOO x', /^corp\.zone:1:1: \$FOO is not read here/],
      [
        'a name out of the zone',
        'a.example. 1 A 192.0.2.1',
        /^corp\.zone:1:\d+: a record of "a\.example", which is not in the zone "corp\.example"/,
      ],
      ['a name that ends like the zone', 'xcorp.example. 1 A 192.0.2.1', /which is not in the zone/],
      [
        'a second SOA record',
        '@ 1 SOA a b 1 2 3 4 5',
        /^corp\.zone:2:1: a second SOA record; a zone has one/,
      ],
      ['an SOA record below', 'a 1 SOA a b 1 2 3 4 5', /^corp\.zone:1:1: an SOA record below the apex/],
      [
        'an alias beside data',
        'a 1 A 192.0.2.1\na 1 CNAME b',
        /^corp\.zone:2:1: a CNAME record beside another/,
      ],
      [
        'data beside an alias',
        'a 1 CNAME b\n 1 TXT "\\065"',
        /^corp\.zone:2:1: a CNAME record beside another/,
      ],
      ['two aliases', 'a 1 CNAME b\na 1 CNAME c', /^corp\.zone:2:1: a CNAME record beside another/],
      [
        'a type of questions',
        'a 1 TYPE255 \\# 0',
        /^corp\.zone:1:1: a record of type ANY, which no zone has/,
      ],
      ['data of another length', 'a 1 TYPE731 \\# 3 0102', /^corp\.zone:1:\d+: data that has another length/],
    ];
    for (const [what, text, words] of cases) {
      it(`names the place of ${what}`, () => {
        expect(errorOf(text)).to.match(words);
      });

      it(`and of ${what} in small pieces`, () => {
        expect(errorOf(text, { piece: 3 })).to.match(words);
      });
    }

    it('tells a zone without SOA record and without name servers [RFC1035-5.2]', () => {
      const soa = '@ 1 SOA a b 1 2 3 4 5\n';
      expect(errorOf('a 1 A 192.0.2.1\n', { isWhole: true })).to.match(
        /^corp\.zone:2:1: no SOA record at the apex "corp/,
      );
      expect(errorOf(`${soa}a 1 NS b\n`, { isWhole: true })).to.match(
        /^corp\.zone:3:1: no NS record at the apex/,
      );
      expect(errorOf(`${soa}@ 1 NS b\n`, { isWhole: true })).to.equal('no error');
    });

    it('refuses more records than it may', () => {
      expect(errorOf('a 1 A 192.0.2.1\n', { maxRecords: 2 })).to.match(
        /^corp\.zone:4:1: more than 2 records; raise/,
      );
    });

    it('refuses an entry that does not end', () => {
      const text = `a 1 TXT (\n${' x\n'.repeat(maxEntryOctets / 2)}`;
      expect(errorOf(text, { piece: 1 << 16 })).to.match(
        /^corp\.zone:1:1: an entry of more than 524288 octets; see/,
      );
    });

    it('is a DnsFormatError with its place apart', () => {
      try {
        recordsOf('a 1 A x');
        expect.fail('it was read');
      } catch (error) {
        expect(error).to.be.instanceOf(DnsFormatError);
        expect((error as ZoneTextError).place).to.deep.equal({ file: 'corp.zone', line: 1, column: 7 });
      }
    });
  });

  it('takes DNSSEC records beside an alias [RFC4034-3]', () => {
    const text =
      'a 1 CNAME b\n 1 NSEC b CNAME RRSIG NSEC\n 1 RRSIG CNAME 13 3 1 20360101000000 20260101000000 1 @ AAAA';
    expect(recordsOf(text)).to.have.length(3);
  });

  it('lets others have their turn', () => {
    const reader = new ZoneTextReader({ origin: corp, file: 'f', recordsPerTurn: 2, sink: () => undefined });
    reader.push(Buffer.from(`$GENERATE 1-3 a$ 1 A 192.0.2.$${needed}`));
    const turns: number[] = [];
    while (reader.wanted === 'turn') {
      turns.push(reader.records);
      reader.resume();
    }
    expect(turns).to.deep.equal([2, 4]);
    expect(reader.wanted).to.equal('octets');
    reader.end();
    expect(reader.wanted).to.equal('nothing');
  });

  it('reads what the reader of core/dns reads', () => {
    const text = `$TTL 1h\n@ SOA ns host 1 2 3 4 5\n NS ns\nns 1D A 192.0.2.1\n${needed.split('\n')[2] ?? ''}`;
    expect(linesOf(text, { isWhole: true })).to.deep.equal(
      [...readZoneFile(text, { origin: corp })].map(({ record }) => presentRecord(record)),
    );
  });
});
