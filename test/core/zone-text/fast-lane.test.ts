import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { readZoneFile } from '../../../core/dns/zone-file.ts';
import { Entry, FastLane } from '../../../core/zone-text/fast-lane.ts';
import { rdataStart, slackOctets } from '../../../core/zone-text/word-cursor.ts';
import { anyName, hostName, recordOf } from '../dns/arbitraries.ts';

const origin = Name.parse('a.example');

/** What the quick way makes of a text of one entry; undefined for what it leaves alone. */
function takeQuickly(text: string, apex = Name.root): ResourceRecord | undefined {
  const lane = new FastLane(apex.canonicalWire());
  const octets = Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(slackOctets)]);
  lane.setOrigin(origin.wire);
  lane.cursor.use(octets);
  if (lane.take() !== Entry.RECORD) return undefined;
  const { out, outAt, at } = lane.cursor;
  expect(at, 'where the entry ends').to.equal(text.length);
  const name = Name.fromWire(out.subarray(lane.ownerAt, lane.ownerEnd));
  return {
    name,
    type: lane.type,
    class: 1,
    ttl: lane.ttl,
    rdata: Buffer.from(out.subarray(rdataStart, outAt)),
  };
}

/** What the careful reader makes of it; undefined for what it refuses. */
function readCarefully(text: string): ResourceRecord | undefined {
  try {
    return [...readZoneFile(text, { origin })][0]?.record;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

const shown = (record: ResourceRecord | undefined): string | undefined =>
  record &&
  `${record.name.wire.toString('hex')} ${record.ttl} ${record.type} ${record.rdata.toString('hex')}`;

/** Words as people write them: more blanks, lines, comments, other cases. */
const layouts: fc.Arbitrary<(line: string) => string> = fc
  .record({
    blanks: fc.array(fc.constantFrom(' ', '  ', '\t', ' \t ', '\r '), { minLength: 1, maxLength: 5 }),
    inner: fc.array(fc.constantFrom(' ', '\n', ' ; note (\n', '\t', ' ;"\n  '), {
      minLength: 1,
      maxLength: 5,
    }),
    opensAt: fc.integer({ min: 3, max: 9 }),
    closes: fc.constantFrom(')', ' )', ' ) ; end', '\n)'),
    isOpen: fc.boolean(),
    isUpper: fc.boolean(),
    hasClass: fc.boolean(),
    cut: fc.integer({ min: 0, max: 60 }),
  })
  .map((layout) => (line) => {
    const words = line.match(/"(?:\\.|[^"\\])*"|(?:\\.|[^\s"\\])+/g) ?? [];
    if (!layout.hasClass) words.splice(2, 1);
    const last = words.at(-1) ?? '';
    // The last word may be cut where it is digits of base 16, 32 or 64.
    if (/^[\w+/=]{8,}$/.test(last) && layout.cut < last.length && layout.cut > 0 && words.length > 6) {
      words.splice(-1, 1, last.slice(0, layout.cut), last.slice(layout.cut));
    }
    let text = '';
    for (const [index, word] of words.entries()) {
      const isInside = layout.isOpen && index > layout.opensAt;
      const between = isInside ? layout.inner : layout.blanks;
      if (index > 0) text += between[index % between.length] ?? ' ';
      if (layout.isOpen && index === layout.opensAt) text += '(';
      text += layout.isUpper && index > 0 && index < 4 ? word.toUpperCase() : word;
    }
    return text + (layout.isOpen && words.length > layout.opensAt ? layout.closes : '') + '\n';
  });

/** One character more, less or other. */
const mutations: fc.Arbitrary<(text: string) => string> = fc
  .tuple(fc.nat(), fc.constantFrom(...Array.from(' \t();"\\$@.0a:=-/\0\x80')), fc.nat(2))
  .map(([place, char, kind]) => (text) => {
    const at = place % text.length;
    return text.slice(0, at) + (kind === 0 ? '' : char) + text.slice(kind === 1 ? at : at + 1);
  });

describe('FastLane', () => {
  it('reads records as the careful reader does, however they are laid out [RFC1035-5.1]', () => {
    let taken = 0;
    fc.assert(
      fc.property(recordOf(hostName), layouts, (record, layout) => {
        const text = layout(presentRecord(record));
        const quick = takeQuickly(text);
        const careful = readCarefully(text);
        if (quick === undefined) return;
        taken += 1;
        expect(shown(quick), JSON.stringify(text)).to.equal(shown(careful));
      }),
      { numRuns: 3_000 },
    );
    // Only escapes and a few odd ones are left alone.
    expect(taken).to.be.greaterThan(2_000);
  });

  it('takes no text that the careful reader refuses or reads in another way', () => {
    fc.assert(
      fc.property(
        fc.oneof(recordOf(hostName), recordOf(anyName)),
        layouts,
        fc.array(mutations, { minLength: 1, maxLength: 3 }),
        (record, layout, changes) => {
          const text = changes.reduce((changed, change) => change(changed), layout(presentRecord(record)));
          let quick: ResourceRecord | undefined;
          try {
            quick = takeQuickly(text);
          } catch {
            // It ended before the text does: several entries.
            return;
          }
          if (quick !== undefined)
            expect(shown(quick), JSON.stringify(text)).to.equal(shown(readCarefully(text)));
        },
      ),
      { numRuns: 6_000 },
    );
  });

  const plainTexts = [
    'a 1 IN A 192.0.2.1',
    '@ 1 IN AAAA ::',
    'a 1 AAAA 2001:DB8::1',
    'a 1 AAAA 1:2:3:4:5:6:7::',
    'a 1 AAAA ::2:3:4:5:6:7:8',
    'a 1 AAAA 1:2:3:4:5:6:7:8',
    '* 1 NS .',
    'a.example. 1 CNAME @',
    'a 1 DNAME b.example.',
    '1 1 PTR a',
    'a 1 MX 10 b',
    'a 1 SRV 1 2 3 b',
    'a 1 TXT "a b" c ""',
    'a 1 SPF v=spf1',
    'a 1 SOA b c 1 2 3 4 4294967295',
    'a 1 DS 1 8 2 ABCD ef',
    'a 1 CDS 1 8 2 ABCDEF',
    'a 1 DNSKEY 257 3 13 AAA=',
    'a 1 CDNSKEY 257 3 13 AA A = ',
    'a 1 RRSIG TYPE65280 13 1 3600 20360101000000 1234567890 1 b AAAA AA==',
    'a 1 NSEC b',
    'a 1 NSEC b A CAA TYPE255',
    'a 1 NSEC3 1 0 0 - 0123456789abcdefghijklmnopqrstuv A',
    'a 1 NSEC3PARAM 1 0 10 AABB',
    'a 1 TLSA 3 1 1 00',
    'a 1 SMIMEA 3 1 1 00 11',
    'a 1 CAA 0 issue "ca.example"',
    'a 1 CAA 0 issue ;',
    'a 1 SSHFP 1 2 abcd',
    'a 1 TYPE65280 \\# 0',
    'a 1 TYPE65280 \\# 3 0102 03',
  ];
  for (const text of plainTexts.filter((line) => !line.endsWith('issue ;'))) {
    it(`takes ${text}`, () => {
      expect(shown(takeQuickly(`${text}\n`))).to.equal(shown(readCarefully(text)));
    });
  }

  const oddTexts: [what: string, text: string][] = [
    ['an escape', 'a\\.b 1 A 192.0.2.1\n'],
    ['a directive', '$TTL 1\n'],
    ['a record without a TTL', 'a A 192.0.2.1\n'],
    ['a line without its end', 'a 1 A 192.0.2.1'],
    ['an entry without its end', 'a 1 SOA b c (1 2 3 4 5\n'],
    ['a comment without its end', '; comment'],
    ['another class', 'a 1 CH A 192.0.2.1\n'],
    ['a date that is none', 'a 1 RRSIG A 13 1 3600 20360230000000 20260101000000 1 b AAAA\n'],
    ['the date of no day', 'a 1 RRSIG A 13 1 3600 00000000000000 20260101000000 1 b AAAA\n'],
    ['bits that are left over', 'a 1 DNSKEY 257 3 13 AAB=\n'],
    ['digits of base 32 that are left over', 'a 1 NSEC3 1 0 0 - 00000000001 A\n'],
    ['an address with two gaps', 'a 1 AAAA 1::2::3\n'],
    ['an address with too many groups', 'a 1 AAAA 1:2:3:4:5:6:7:8:9\n'],
    ['half an octet', 'a 1 DS 1 8 2 ABC\n'],
    ['a type that a window more is for', 'a 1 NSEC b TYPE512\n'],
    ['data of a type of which we know the inside', 'a 1 A \\# 4 0a000001\n'],
  ];
  for (const [what, text] of oddTexts) {
    it(`leaves ${what} alone`, () => {
      expect(takeQuickly(text)).to.equal(undefined);
    });
  }

  it('leaves what is not in the zone alone, also where the octets look alike', () => {
    const apex = Name.parse(`${'0'.repeat(49)}.example`);
    const inside = `b.${'0'.repeat(49)}.example`;
    // A label of 50 octets: its own length is in the place of a character, and 49 is the character 1.
    const outside = `1${'0'.repeat(49)}.example`;
    expect(takeQuickly(`${inside}. 1 A 192.0.2.1\n`, apex)?.type).to.equal(RrType.A);
    expect(takeQuickly(`${outside}. 1 A 192.0.2.1\n`, apex)).to.equal(undefined);
    expect(takeQuickly('B.A.EXAMPLE. 1 A 192.0.2.1\n', origin)?.type).to.equal(RrType.A);
    expect(takeQuickly('ba.example. 1 A 192.0.2.1\n', origin)).to.equal(undefined);
  });
});
