import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { parseRrsig } from '../../../core/dns/rdata.ts';
import { parseRecordLines, parseRecords, parseTlsaText } from '../../../core/dns/record-text.ts';
import { anyName, hostName, recordOf } from './arbitraries.ts';
import { hex } from './wire.ts';

const lines = (text: string, origin?: string): string[] =>
  parseRecords(text, origin === undefined ? {} : { origin: Name.parse(origin) }).map(presentRecord);

describe('parseRecords', () => {
  it('reads what presentRecord wrote, whatever the record', () => {
    fc.assert(
      fc.property(fc.oneof(recordOf(anyName), recordOf(hostName)), (record) => {
        const [again, ...more] = parseRecords(presentRecord(record));
        expect(more).to.deep.equal([]);
        expect(again).to.deep.include({ type: record.type, ttl: record.ttl, rdata: record.rdata });
        expect(again!.name.wire).to.deep.equal(record.name.wire);
      }),
    );
  });

  const same: [what: string, text: string][] = [
    ['an A record', 'a.example. 300 IN A 192.0.2.1'],
    ['an AAAA record', 'a.example. 300 IN AAAA 2001:db8::1'],
    ['an HINFO record', 'a.example. 300 IN HINFO "KLH-10" "ITS"'],
    ['a CAA record', 'a.example. 300 IN CAA 0 issue "ca.example"'],
    ['an SSHFP record', 'a.example. 300 IN SSHFP 4 2 aabb'],
    ['an AFSDB record as octets', 'a.example. 300 IN AFSDB \\# 5 0001016100'],
    ['an NSEC3PARAM record', 'example. 300 IN NSEC3PARAM 1 0 0 -'],
    ['an NSEC3 record', 'h.example. 300 IN NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA'],
    ['a record of an unknown type', 'a.example. 300 IN TYPE65280 \\# 3 0102ff'],
    ['a record of no octets', 'a.example. 300 IN TYPE65280 \\# 0'],
    ['a name with escapes', 'a\\.b\\032c\\\\.example. 300 IN NS \\000.example.'],
    ['text with quotes and escapes', 'a.example. 300 IN TXT "a;b \\"c\\" \\\\" "" "\\255"'],
  ];
  for (const [what, text] of same) {
    it(`reads ${what} [RFC1035-5.1]`, () => {
      expect(lines(text)).to.deep.equal([text]);
    });
  }

  const forms: [what: string, text: string, record: string][] = [
    ['TTL and class left out', 'a.example. A 192.0.2.1', 'a.example. 3600 IN A 192.0.2.1'],
    ['class before TTL', 'a.example. IN 60 A 192.0.2.1', 'a.example. 60 IN A 192.0.2.1'],
    ['class and type in lower case', 'a.example. 60 in a 192.0.2.1', 'a.example. 60 IN A 192.0.2.1'],
    ['class by number', 'a.example. 60 CLASS1 A 192.0.2.1', 'a.example. 60 IN A 192.0.2.1'],
    ['type by number', 'a.example. 60 TYPE1 192.0.2.1', 'a.example. 60 IN A 192.0.2.1'],
    ['a known type as octets', 'a.example. 60 A \\# 4 c0000201', 'a.example. 60 IN A 192.0.2.1'],
    ['octets in several words', 'a.example. 60 A \\# 4 c000 0201', 'a.example. 60 IN A 192.0.2.1'],
    [
      'tabs, spaces and a carriage return',
      'a.example.\t60  IN A\t192.0.2.1 \r',
      'a.example. 60 IN A 192.0.2.1',
    ],
    ['a comment', 'a.example. 60 IN A 192.0.2.1;x "(', 'a.example. 60 IN A 192.0.2.1'],
    [
      'parentheses over lines, with comments',
      'a.example. 60 IN TLSA ( 3 1 ; first\n 1\n   abcd\n ef01 ) ; last',
      'a.example. 60 IN TLSA 3 1 1 abcdef01',
    ],
    ['text without quotes', 'a.example. 60 TXT a\\;b c', 'a.example. 60 IN TXT "a;b" "c"'],
    ['text that only looks like octets', 'a.example. 60 TXT "\\#" 1', 'a.example. 60 IN TXT "#" "1"'],
    ['a quote beside a word', 'a.example. 60 TXT a"b c"', 'a.example. 60 IN TXT "a" "b c"'],
    ['a parenthesis that is escaped', 'a\\(b.example. 60 A 192.0.2.1', 'a\\(b.example. 60 IN A 192.0.2.1'],
    ['hexadecimal in capitals', 'a.example. 60 DS 1 8 2 ABCD', 'a.example. 60 IN DS 1 8 2 abcd'],
    ['an SRV record', 'a.example. 60 SRV 1 2 3 b.', 'a.example. 60 IN SRV \\# 9 000100020003016200'],
    ['an RP record', 'a.example. 60 RP a. b.', 'a.example. 60 IN RP \\# 6 016100016200'],
  ];
  for (const [what, text, record] of forms) {
    it(`reads ${what} [RFC1035-5.1] [RFC3597-5]`, () => {
      expect(lines(text)).to.deep.equal([record]);
    });
  }

  it('repeats owner and TTL where they are left out [RFC1035-5.1]', () => {
    expect(
      lines('a.example. 60 A 192.0.2.1\n  A 192.0.2.2\n\t30 AAAA ::1\n\nb.example. A 192.0.2.3'),
    ).to.deep.equal([
      'a.example. 60 IN A 192.0.2.1',
      'a.example. 60 IN A 192.0.2.2',
      'a.example. 30 IN AAAA ::1',
      'b.example. 30 IN A 192.0.2.3',
    ]);
  });

  it('completes relative names with the origin, which may change [RFC1035-5.1]', () => {
    const text =
      '@ 60 NS ns\nns A 192.0.2.1\nx\\. A 192.0.2.1\n$ORIGIN sub\na MX 1 b.other.\n$ORIGIN .\nc NS d';
    expect(lines(text, 'example')).to.deep.equal([
      'example. 60 IN NS ns.example.',
      'ns.example. 60 IN A 192.0.2.1',
      'x\\..example. 60 IN A 192.0.2.1',
      'a.sub.example. 60 IN MX 1 b.other.',
      'c. 60 IN NS d.',
    ]);
  });

  it('takes all names as absolute without an origin', () => {
    expect(lines('a.example 60 CNAME b.example')).to.deep.equal(['a.example. 60 IN CNAME b.example.']);
  });

  it('takes the TTL of $TTL where none is stated [RFC2308-4]', () => {
    expect(lines('$TTL 77\na. A 192.0.2.1')).to.deep.equal(['a. 77 IN A 192.0.2.1']);
  });

  it('reads times of signatures as dates and as seconds [RFC4034-3.2]', () => {
    const rrsig = (times: string): { expiration: number; inception: number } => {
      const [record] = parseRecords(`a. 60 RRSIG A 13 1 60 ${times} 1 . AAAA`);
      return parseRrsig(record!.rdata);
    };
    const dates = rrsig('20260131235959 19700101000000');
    expect(dates).to.include({ expiration: Date.UTC(2026, 0, 31, 23, 59, 59) / 1000, inception: 0 });
    expect(rrsig('4294967295 1769903999')).to.include({ expiration: 2 ** 32 - 1 });
    // RFC 4034 section 3.1.5: modulo 2^32.
    expect(rrsig('21060207062816 0')).to.include({ expiration: 0 });
  });

  it('says in which line a record begins', () => {
    const found = parseRecordLines('; a\n\na. A 192.0.2.1\nb. TXT (\n "x"\n )\nc. A 192.0.2.1');
    expect(found.map(({ line }) => line)).to.deep.equal([3, 4, 7]);
  });

  const refused: [what: string, text: string, words: RegExp][] = [
    ['an unknown type', 'a. FOO x', /^line 1: type "FOO" is not known/],
    ['no type', 'a. 60 IN', /^line 1: type "" is not known/],
    ['another class', 'a. CH TXT x', /^line 1: class CH; only IN is read/],
    ['a record before there is an owner', ' A 192.0.2.1', /^line 1: a record without an owner/],
    ['an address that is none', '\na. A 192.0.2.256', /^line 2: not an IPv4 address/],
    ['an IPv6 address that is none', 'a. AAAA 1::2::3', /^line 1: not an IPv6 address/],
    ['words after the end', 'a. A 192.0.2.1 192.0.2.2', /^line 1: words after the end/],
    ['too few words', 'a. MX 10', /^line 1: the name is missing/],
    [
      'a number that is too large',
      'a. MX 65536 b.',
      /^line 1: the preference is not a number from 0 to 65535/,
    ],
    ['a number that is none', 'a. MX 1x b.', /^line 1: the preference is not a number/],
    ['a TTL that is too large', 'a. 2147483648 A 192.0.2.1', /^line 1: a TTL is/],
    ['a name that is too long', `${'a.'.repeat(128)} A 192.0.2.1`, /^line 1: a name of more than 255/],
    ['a string that is too long', `a. TXT ${'x'.repeat(256)}`, /^line 1: the text has more than 255/],
    ['a letter beyond ASCII', 'a. TXT "ä"', /^line 1: a character that must be escaped/],
    ['a bad escape', 'a. TXT "\\256"', /^line 1: a bad escape/],
    ['an escape of one digit', 'a. TXT "\\9x"', /^line 1: a bad escape/],
    ['two TTLs', 'a. 60 60 A 192.0.2.1', /^line 1: type "60" is not known/],
    ['an open parenthesis', '\na. TXT ( x\n\n', /^line 2: a parenthesis/],
    ['half an escape', 'a. TXT x\\', /^line 1: a bad escape/],
    ['a quote without its other half', 'a. TXT "x\nb. A 192.0.2.1', /^line 1: a quote/],
    ['a closing parenthesis alone', 'a. TXT x )', /^line 1: a parenthesis/],
    ['nested parentheses', 'a. TXT ( ( x ) )', /^line 1: a parenthesis/],
    [
      'octets of another length than stated',
      'a. TYPE65280 \\# 3 0102',
      /^line 1: data that has another length/,
    ],
    ['octets that are not the type', 'a. A \\# 3 010203', /^line 1: an RDATA shorter/],
    ['a type that is read as octets only', 'a. WKS x', /^line 1: WKS records are read as/],
    [
      'a date that does not exist',
      'a. RRSIG A 8 1 1 20260230000000 1 1 . AAAA',
      /^line 1: the expiration is not a time/,
    ],
    ['a hash that is not base 32', 'a. NSEC3 1 0 0 - xyz A', /^line 1: the next hash/],
    ['base 64 that is cut', 'a. DNSKEY 257 3 8 AAA', /^line 1: the public key is not base 64/],
    ['a file to include', '$INCLUDE x', /^line 1: \$INCLUDE is not read here/],
  ];
  for (const [what, text, words] of refused) {
    it(`refuses ${what} and says where`, () => {
      expect(() => parseRecords(text)).to.throw(DnsFormatError, words);
    });
  }

  it('reads or refuses any text with DnsFormatError', () => {
    const word = fc.constantFrom(
      'a.',
      '60',
      'IN',
      'A',
      'TXT',
      'NSEC3',
      '(',
      ')',
      '"',
      '\\',
      ';',
      '\n',
      ' ',
      '1',
      '\\#',
      '$ORIGIN',
      '@',
      'ü',
    );
    const text = fc.array(fc.oneof(word, fc.string({ maxLength: 3 })), { maxLength: 20 });
    fc.assert(
      fc.property(text, (words) => {
        try {
          parseRecords(words.join(' '));
        } catch (error) {
          expect(error).to.be.instanceOf(DnsFormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes time in proportion to the text', () => {
    const read = (count: number): void => {
      const [strings] = parseRecords(`a. TXT (${' x\n'.repeat(count)})`);
      expect(strings!.rdata).to.have.lengthOf(2 * count);
      expect(parseRecords('a. A 192.0.2.1\n'.repeat(count))).to.have.lengthOf(count);
    };
    /** The least of several, in microseconds: the rest is what the machine did besides. */
    const costOf = (count: number): number => {
      const costs = Array.from({ length: 5 }, () => {
        const begin = process.cpuUsage();
        read(count);
        return process.cpuUsage(begin).user;
      });
      return Math.min(...costs);
    };
    costOf(2_000);
    // In proportion it is 10; by the square 100.
    expect(costOf(20_000) / Math.max(1, costOf(2_000))).to.be.below(40);
  });
});

describe('parseTlsaText', () => {
  it('reads usage, selector, matching type and data [RFC6698-2.2]', () => {
    expect(parseTlsaText('3 1 1 AB cd')).to.deep.equal({
      usage: 3,
      selector: 1,
      matchingType: 1,
      data: hex('abcd'),
    });
    expect(parseTlsaText(' ( 3 1\n 1 abcd )')).to.deep.include({ usage: 3 });
  });

  for (const text of ['', '3 1 1', '3 1 1 xyz', '256 1 1 ab', '3 1 1 ab\n3 1 1 ab', 'DANE-EE 1 1 ab']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseTlsaText(text)).to.throw(DnsFormatError);
    });
  }
});

describe('the type of a record', () => {
  it('may be any number', () => {
    expect(parseRecords('a. TYPE257 \\# 1 00')[0]!.type).to.equal(RrType.CAA);
  });
});
