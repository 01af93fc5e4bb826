import { expect } from 'chai';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseDnskey, parseDs } from '../../../core/dns/rdata.ts';
import { builtinAnchors, parseAnchors, TrustAnchors } from '../../../core/dnssec/anchors.ts';
import type { NegativeAnchor, TrustAnchor } from '../../../core/dnssec/anchors.ts';

const dsText = '12345 13 2 3AA5AB37EFCE57F737FC1627013FEE07BDF241BD10F3B1964AB55C78E79A304B';
const keyText = '257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=';
const nowMs = Date.UTC(2026, 0, 1);

function anchorOf(zone: string): TrustAnchor {
  return { zone: Name.parse(zone), ds: [Buffer.from(zone)], dnskeys: [] };
}

function negative(name: string, untilMs = nowMs + 1000): NegativeAnchor {
  return { name: Name.parse(name), untilMs };
}

describe('the built-in trust anchors', () => {
  it('are the keys of the root, of 2017 and of 2024', () => {
    const [root, ...more] = builtinAnchors;
    expect(more).to.deep.equal([]);
    expect(String(root!.zone)).to.equal('.');
    const seen = root!.ds.map(parseDs).map((ds) => [ds.keyTag, ds.algorithm, ds.digestType]);
    expect(seen).to.deep.equal([
      [20326, 8, 2],
      [38696, 8, 2],
    ]);
    for (const rdata of root!.ds) expect(parseDs(rdata).digest).to.have.lengthOf(32);
  });
});

describe('TrustAnchors', () => {
  const anchors = new TrustAnchors(['.', 'example', 'b.a.example'].map(anchorOf));

  const closest: [name: string, zone: string][] = [
    ['.', '.'],
    ['com', '.'],
    ['example', 'example'],
    ['EXAMPLE', 'example'],
    ['a.example', 'example'],
    ['b.a.example', 'b.a.example'],
    ['x.b.a.Example', 'b.a.example'],
    ['bb.a.example', 'example'],
    ['notexample', '.'],
  ];
  for (const [name, zone] of closest) {
    it(`finds ${zone} for ${name}`, () => {
      expect(String(anchors.closest(Name.parse(name))?.zone)).to.equal(zone);
    });
  }

  it('finds nothing outside its zones', () => {
    const island = new TrustAnchors([anchorOf('example')]);
    expect(island.closest(Name.parse('com'))).to.equal(undefined);
    expect(island.closest(Name.root)).to.equal(undefined);
    expect(new TrustAnchors([]).closest(Name.parse('com'))).to.equal(undefined);
  });

  it('puts the anchors of one zone together', () => {
    const one = anchorOf('example');
    const two: TrustAnchor = { zone: Name.parse('Example'), ds: [], dnskeys: [Buffer.from('key')] };
    const joined = new TrustAnchors([one, two]).closest(Name.parse('example'));
    expect(joined).to.deep.include({ ds: one.ds, dnskeys: two.dnskeys });
  });
});

describe('negative trust anchors', () => {
  const nameFor = (anchors: TrustAnchors, name: string, at = nowMs): string | undefined =>
    anchors.negativeFor(Name.parse(name), at)?.name.toString();

  it('cover their name and all below, and nothing else [RFC7646-2]', () => {
    const anchors = new TrustAnchors(builtinAnchors, [negative('broken.example')]);
    for (const name of ['broken.example', 'BROKEN.example', 'a.b.broken.example']) {
      expect(nameFor(anchors, name)).to.equal('broken.example');
    }
    for (const name of ['example', '.', 'other.example', 'xbroken.example']) {
      expect(nameFor(anchors, name)).to.equal(undefined);
    }
  });

  it('end by themselves [RFC7646-2]', () => {
    const anchors = new TrustAnchors(builtinAnchors, [negative('broken.example', nowMs)]);
    expect(nameFor(anchors, 'broken.example', nowMs - 1)).to.equal('broken.example');
    expect(nameFor(anchors, 'broken.example', nowMs)).to.equal(undefined);
  });

  it('leave one above in force when they end', () => {
    const anchors = new TrustAnchors(builtinAnchors, [
      negative('example', nowMs + 1000),
      negative('a.example', nowMs + 10),
    ]);
    expect(nameFor(anchors, 'x.a.example', nowMs)).to.equal('a.example');
    expect(nameFor(anchors, 'x.a.example', nowMs + 10)).to.equal('example');
  });

  it('win over a trust anchor of the same name [RFC7646-2]', () => {
    const anchors = new TrustAnchors([anchorOf('example')], [negative('example')]);
    expect(nameFor(anchors, 'a.example')).to.equal('example');
  });

  it('yield to a trust anchor below them, at and below it [RFC7646-2]', () => {
    const anchors = new TrustAnchors([anchorOf('.'), anchorOf('good.example')], [negative('example')]);
    expect(nameFor(anchors, 'x.good.example')).to.equal(undefined);
    expect(nameFor(anchors, 'good.example')).to.equal(undefined);
    expect(nameFor(anchors, 'bad.example')).to.equal('example');
  });

  it('count again below such a trust anchor', () => {
    const anchors = new TrustAnchors([anchorOf('good.example')], [negative('x.good.example')]);
    expect(nameFor(anchors, 'x.good.example')).to.equal('x.good.example');
    expect(nameFor(anchors, 'good.example')).to.equal(undefined);
  });

  it('of one name last as long as the longest', () => {
    const both = [negative('example', nowMs + 10), negative('example', nowMs + 20)];
    for (const order of [both, both.toReversed()]) {
      expect(nameFor(new TrustAnchors([], order), 'example', nowMs + 15)).to.equal('example');
    }
  });
});

describe('parseAnchors', () => {
  it('reads DS and DNSKEY records of several zones [RFC4034-2.2]', () => {
    const anchors = parseAnchors(`
; the keys that we trust
.        IN DS ${dsText}
.        172800 IN DNSKEY 257 3 15 (
           l02Woi0iS8Aa25FQkUd9RMzZ ; first part
           HJpBoRQwAQEX1SxZJA4= )
example. DS ${dsText}
EXAMPLE. DS 1 8 4 ${'ab'.repeat(48)}
`);
    expect(anchors.map(({ zone, ds, dnskeys }) => [String(zone), ds.length, dnskeys.length])).to.deep.equal([
      ['.', 1, 1],
      ['example', 2, 0],
    ]);
    expect(parseDs(anchors[0]!.ds[0]!)).to.include({ keyTag: 12345, algorithm: 13, digestType: 2 });
    expect(parseDnskey(anchors[0]!.dnskeys[0]!)).to.include({ flags: 257, algorithm: 15 });
  });

  it('reads algorithms by their mnemonics [RFC4034-2.2]', () => {
    const [anchor] = parseAnchors('. DS 20326 RSASHA256 2 E06D44B80B8F1D39A95C0B0D7C65D084');
    expect(parseDs(anchor!.ds[0]!).algorithm).to.equal(8);
  });

  it('reads nothing from nothing', () => {
    expect(parseAnchors('')).to.deep.equal([]);
    expect(parseAnchors('; no anchors\n\n')).to.deep.equal([]);
  });

  const refused: [what: string, text: string, words: RegExp][] = [
    ['another type', `. DS ${dsText}\n. NS a.root.`, /^line 2: .*DS or DNSKEY/],
    ['another class', `. CH DS ${dsText}`, /^line 1: .*CH/],
    ['a digest that is not hexadecimal', '\n\n. DS 1 8 2 xyz', /^line 3: the digest is not hexadecimal/],
    ['a digest of half an octet', '. DS 1 8 2 abc', /^line 1: the digest/],
    ['a key that is not base 64', '. DNSKEY 257 3 8 !!!', /^line 1: the public key is not base 64/],
    ['a record without its end', '. DS 1 8', /^line 1: the digest type is missing/],
    ['a key tag out of range', `. DS 65536 8 2 ab`, /^line 1: the key tag is not a number from 0 to 65535/],
    ['an open parenthesis', `\n. DNSKEY ( ${keyText}`, /^line 2: a parenthesis/],
    ['a name that is none', `a..b DS ${dsText}`, /^line 1: an empty label/],
    ['a directive that it does not know', '$INCLUDE other', /^line 1: \$INCLUDE is not read/],
    ['something else', 'hello world', /^line 1: type "world" is not known/],
  ];
  for (const [what, text, words] of refused) {
    it(`refuses ${what} and says where`, () => {
      expect(() => parseAnchors(text)).to.throw(DnsFormatError, words);
    });
  }
});
