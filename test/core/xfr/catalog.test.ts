import { expect } from 'chai';
import { RrClass, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseSoa } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import {
  CatalogError,
  memberLabel,
  readCatalog,
  readCatalogVersion,
  writeCatalog,
} from '../../../core/xfr/catalog.ts';
import { noPause, versionOf, versionOfText } from './checked-zones.ts';

const name = Name.parse('catalog.invalid');
/** RFC 9432 appendix A, but for the properties of others. */
const example = `catalog.invalid. 0 SOA invalid. invalid. 1625079950 3600 600 2147483646 0
catalog.invalid. 0 NS invalid.
example.vendor.ext.catalog.invalid. 0 CNAME example.net.
version.catalog.invalid. 0 TXT "2"
nj2xg5b.zones.catalog.invalid. 0 PTR example.com.
NVXXEZJ.zones.catalog.invalid. 0 PTR example.net.
group.nvxxezj.zones.catalog.invalid. 0 TXT "operator-x-foo"
group.nvxxezj.zones.catalog.invalid. 0 TXT "operator-y" "bar"
nfwxa33.Zones.catalog.invalid. 0 PTR example.org.
coo.nfwxa33.zones.catalog.invalid. 0 PTR newcatz.invalid.
metrics.vendor.ext.nfwxa33.zones.catalog.invalid. 0 CNAME collector.example.net.
`;

function read(
  text: string,
  most?: number,
): [unique: string, zone: string, coo: string | undefined, groups: readonly string[]][] {
  return readCatalog(name, parseRecords(text), most).map(({ unique, zone, coo, groups }) => [
    unique,
    zone.toString(),
    coo?.toString(),
    groups,
  ]);
}

describe('readCatalog', () => {
  const members = [
    ['nj2xg5b', 'example.com', undefined, []],
    ['nvxxezj', 'example.net', undefined, ['operator-x-foo', 'operator-y bar']],
    ['nfwxa33', 'example.org', 'newcatz.invalid', []],
  ];

  it('reads members and their properties [RFC9432-4.1] [RFC9432-4.3]', () => {
    expect(read(example)).to.deep.equal(members);
  });

  it('reads the messages of a version', async () => {
    const found = await readCatalogVersion(versionOfText(example, 2), 10, noPause);
    expect(found.map(({ zone }) => zone.toString())).to.deep.equal([
      'example.com',
      'example.net',
      'example.org',
    ]);
  });

  it('passes over what has no meaning [RFC9432-3]', () => {
    const more = `deep.er.zones.catalog.invalid. 0 PTR x.example.
zones.catalog.invalid. 0 PTR y.example.
a1.zones.catalog.invalid. 0 TXT "no PTR record"
group.b1.zones.catalog.invalid. 0 TXT "no member"
coo.nj2xg5b.zones.catalog.invalid. 0 TXT "another type"
x.catalog.invalid. 0 PTR z.example.
`;
    expect(read(example + more)).to.deep.equal(members);
    const twice = 'nj2xg5b.zones.catalog.invalid. 0 PTR example.com.\nversion.catalog.invalid. 60 TXT "2"\n';
    expect(read(example + twice)).to.deep.equal(members);
  });

  const broken: [title: string, text: string, words: RegExp][] = [
    [
      'without a version [RFC9432-4.2.1]',
      example.replace(/^version.*\n/m, ''),
      /no TXT record version\.catalog/,
    ],
    ['of version 1 [RFC9432-4.2.1]', example.replace('"2"', '"1"'), /its version is "1"/],
    [
      'with two versions [RFC9432-4.2.1]',
      `${example}version.catalog.invalid. 0 TXT "3"\n`,
      /its version is "3"/,
    ],
    ['with two strings as version [RFC9432-4.2.1]', example.replace('"2"', '"2" ""'), /its version/],
    [
      'with two PTR records of one member [RFC9432-4.1]',
      `${example}nj2xg5b.zones.catalog.invalid. 0 PTR other.example.\n`,
      /nj2xg5b\.zones\.catalog\.invalid has more than one PTR/,
    ],
    [
      'with one zone at two members [RFC9432-4.1]',
      `${example}another.zones.catalog.invalid. 0 PTR Example.COM.\n`,
      /lists example\.com twice, as nj2xg5b and another/i,
    ],
    [
      'with two new owners of one zone [RFC9432-4.3.1]',
      `${example}coo.nfwxa33.zones.catalog.invalid. 0 PTR third.invalid.\n`,
      /coo\.nfwxa33\.zones\.catalog\.invalid has more than one PTR/,
    ],
    ['without an NS record [RFC9432-4]', example.replace(/^catalog.* NS.*\n/m, ''), /no NS record/],
  ];
  for (const [title, text, words] of broken) {
    it(`gives nothing of a catalog ${title}`, () => {
      expect(() => read(text)).to.throw(CatalogError, words);
    });
  }

  it('gives nothing of a catalog with a record of another class [RFC9432-4.1]', () => {
    const records = parseRecords(example);
    const strange = records.map((record, index) => (index === 4 ? { ...record, class: RrClass.CH } : record));
    expect(() => readCatalog(name, strange)).to.throw(CatalogError, /not of class IN/);
  });

  it('gives nothing of a catalog with more members than the limit', () => {
    expect(read(example, 3)).to.have.length(3);
    expect(() => read(example, 2)).to.throw(CatalogError, /more than 2 members/);
    const nodes = Array.from({ length: 9 }, (_, index) => `group.n${index}.zones.catalog.invalid. 0 TXT "x"`);
    expect(() => read(example + nodes.join('\n'), 5)).to.throw(CatalogError, /more than 5 members/);
  });
});

describe('writeCatalog', () => {
  const zones = [
    'example.com',
    'EXAMPLE.net',
    '.',
    `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(59)}`,
  ].map((text) => Name.parse(text));
  const members = zones.map((zone, index) => ({ zone, groups: index === 0 ? ['a', 'b c'] : [] }));
  const records = writeCatalog({ name, serial: 42, members });

  it('writes what is read again [RFC9432-4]', () => {
    const found = readCatalog(name, records);
    expect(found.map(({ zone }) => zone.key)).to.deep.equal(zones.map(({ key }) => key));
    expect(found[0]!.groups).to.deep.equal(['a', 'b c']);
  });

  it('writes SOA, one NS record that leads nowhere, and the version [RFC9432-4] [RFC9432-4.2.1]', () => {
    expect(records[0]!.type).to.equal(RrType.SOA);
    expect(parseSoa(records[0]!.rdata).serial).to.equal(42);
    const others = records
      .slice(1, 3)
      .map(({ name: owner, type, rdata }) => [owner.toString(), type, rdata.toString('latin1')]);
    expect(others).to.deep.equal([
      ['catalog.invalid', RrType.NS, '\x07invalid\0'],
      ['version.catalog.invalid', RrType.TXT, '\x012'],
    ]);
    expect(versionOf(records).records).to.equal(records.length);
  });

  it('gives a zone the same label always, in whatever case [RFC9432-4.1]', () => {
    expect(memberLabel(Name.parse('Example.COM'))).to.equal(memberLabel(zones[0]!));
    expect(new Set(zones.map(memberLabel)).size).to.equal(zones.length);
    expect(memberLabel(zones[0]!)).to.equal('i0n9ohifkgvslc89q6jbinevgcpol35s');
  });
});
