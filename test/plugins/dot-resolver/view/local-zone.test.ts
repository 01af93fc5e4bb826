import { expect } from 'chai';
import * as fc from 'fast-check';
import { ConfigError } from '../../../../core/config/errors.ts';
import { RrType, rrTypeFromName, rrTypeName } from '../../../../core/dns/constants.ts';
import { Name } from '../../../../core/dns/name.ts';
import { presentRdata } from '../../../../core/dns/present.ts';
import { parseRecords } from '../../../../core/dns/record-text.ts';
import { LocalZone, LocalZones, type Found } from '../../../../plugins/dot-resolver/view/local-zone.ts';
import { absolute, modelApex, modelFind, question, zoneRecords, zoneText } from './zone-model.ts';

const head = '$TTL 300\n@ SOA ns host 1 3600 600 86400 60\n';
const zoneOf = (text: string, apex = modelApex): LocalZone =>
  LocalZone.read(Name.parse(apex), text, 'corp.zone', 1000);
const find = (zone: LocalZone, asked: string): Found => {
  const [name = '', type = 'A'] = asked.split(' ');
  return zone.find(absolute(name === '@' ? '' : name), rrTypeFromName(type) ?? 0);
};

describe('LocalZone', () => {
  // The zone and the questions of RFC 4592 section 2.2.1.
  const wildcards = zoneOf(
    `$TTL 300
example.               SOA  ns host 1 3600 600 86400 60
example.               NS   ns.example.com.
*.example.             TXT  "this is a wildcard"
*.example.             MX   10 host1.example.
sub.*.example.         TXT  "this is not a wildcard"
host1.example.         A    192.0.2.1
_ssh._tcp.host1.example. SRV 0 0 22 host1.example.
subdel.example.        NS   ns.example.com.
`,
    'example',
  );
  const standard: [asked: string, type: string, kind: Found['kind']][] = [
    ['host3.example', 'MX', 'answer'],
    ['host3.example', 'A', 'no-data'],
    ['foo.bar.example', 'TXT', 'answer'],
    ['host1.example', 'MX', 'no-data'],
    ['sub.*.example', 'MX', 'no-data'],
    ['_telnet._tcp.host1.example', 'SRV', 'no-name'],
    ['host.subdel.example', 'A', 'delegated'],
    ['ghost.*.example', 'MX', 'no-name'],
    ['*.example', 'TXT', 'answer'],
    ['_tcp.host1.example', 'SRV', 'no-data'],
  ];
  for (const [asked, type, kind] of standard) {
    it(`has ${kind} for ${asked} ${type} [RFC4592-2.2.1]`, () => {
      expect(wildcards.find(Name.parse(asked), rrTypeFromName(type) ?? 0).kind).to.equal(kind);
    });
  }

  it('answers every question about every zone as a search through all records does [RFC4592-3.3.1] [RFC1034-4.3.2]', () => {
    fc.assert(
      fc.property(zoneRecords, fc.array(question, { minLength: 1, maxLength: 20 }), (records, questions) => {
        const zone = zoneOf(zoneText(records, rrTypeName));
        for (const { labels, type } of questions) {
          if (type === RrType.SOA && labels.length === 0) continue;
          const found = zone.find(absolute(labels), type);
          const model = modelFind(records, labels, type);
          const asked = `${absolute(labels).toString()} ${rrTypeName(type)}`;
          expect(found.kind, asked).to.equal(model.kind);
          if (!('rrset' in found) || !('data' in model)) continue;
          const typeName = rrTypeName(found.rrset.type);
          const expected = model.data.flatMap((data) =>
            parseRecords(`x. ${typeName} ${data}`, { origin: Name.parse(modelApex) }),
          );
          expect(found.rrset.rdatas, asked).to.deep.equal(expected.map(({ rdata }) => rdata));
          if (found.kind !== 'below-dname' || model.kind !== 'below-dname') continue;
          const owner = Name.fromWire(absolute(labels).wire.subarray(found.ownerAt));
          expect(owner.key).to.equal(absolute(model.owner).key);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not look at the case of letters [RFC4343-3]', () => {
    expect(find(zoneOf(`${head}WWW A 192.0.2.1`), 'wWw').kind).to.equal('answer');
  });

  it('has one RRset for a question for any [RFC8482-4.1]', () => {
    const found = find(zoneOf(`${head}a A 192.0.2.1\na A 192.0.2.2\na TXT x`), 'a ANY');
    expect('rrset' in found && present(found.rrset)).to.deep.equal(['A 192.0.2.1', 'A 192.0.2.2']);
  });

  it('has no data for a question for any about an empty name [RFC8020-2]', () => {
    expect(find(zoneOf(`${head}a.b A 192.0.2.1`), 'b ANY').kind).to.equal('no-data');
  });

  it('has the DS record of a cut, and nothing else of it [RFC4035-3.1.4.1]', () => {
    const zone = zoneOf(`${head}cut NS ns.cut\ncut DS 1 13 2 abcd\nns.cut A 192.0.2.1\nbare NS ns.cut`);
    expect(find(zone, 'cut DS').kind).to.equal('answer');
    expect(find(zone, 'bare DS').kind).to.equal('no-data');
    for (const asked of ['cut NS', 'cut A', 'ns.cut A', 'a.cut DS'])
      expect(find(zone, asked).kind).to.equal('delegated');
  });

  it('has the smaller of the TTL of the SOA record and its minimum for a denial [RFC2308-3]', () => {
    expect(zoneOf('@ 300 SOA ns host 1 2 3 4 60').denial.ttl).to.equal(60);
    expect(zoneOf('@ 30 SOA ns host 1 2 3 4 60').denial.ttl).to.equal(30);
  });

  it('gives an RRset one TTL, the smallest of its records [RFC2181-5.2]', () => {
    const found = find(zoneOf(`${head}a 60 A 192.0.2.1\na 30 A 192.0.2.2\na 90 A 192.0.2.3`), 'a');
    expect('rrset' in found && found.rrset.ttl).to.equal(30);
  });

  it('has a record once that stands twice in the file [RFC2181-5]', () => {
    const found = find(zoneOf(`${head}a A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.1`), 'a');
    expect('rrset' in found && present(found.rrset)).to.deep.equal(['A 192.0.2.1', 'A 192.0.2.2']);
  });

  it('leaves out signatures and the names that deny', () => {
    const zone = zoneOf(
      `${head}a A 192.0.2.1\na RRSIG A 13 3 300 20300101000000 20200101000000 1 ${modelApex}. AAAA\na NSEC b A RRSIG NSEC\n` +
        '2t7b4g4vsa5smi47k61mv5bv1a22bojr NSEC3 1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s A',
    );
    expect(find(zone, 'a RRSIG').kind).to.equal('no-data');
    expect(find(zone, 'a NSEC').kind).to.equal('no-data');
    expect(find(zone, '2t7b4g4vsa5smi47k61mv5bv1a22bojr').kind).to.equal('no-name');
  });

  const refused: [what: string, text: string, words: RegExp][] = [
    ['a line that is no record', `${head}a A x`, /^corp\.zone:3:1: not an IPv4 address.*correct this line/],
    ['a file to include', '$INCLUDE other', /^corp\.zone:1:1: \$INCLUDE is not read here/],
    [
      'no SOA record',
      'a 1 A 192.0.2.1',
      /^corp\.zone:1:1: no SOA record of corp\.example; give the zone one/,
    ],
    ['a second SOA record', `${head}@ SOA ns host 2 3 4 5 6`, /^corp\.zone:3:1: a second SOA record/],
    [
      'a SOA record elsewhere',
      `${head}a SOA ns host 2 3 4 5 6`,
      /^corp\.zone:3:1: a SOA record of a\.corp\.example/,
    ],
    [
      'a record of another zone',
      `${head}www.other. A 192.0.2.1`,
      /^corp\.zone:3:1: www\.other is not in the zone/,
    ],
    ['a type that is a question', `${head}a TYPE255 \\# 0`, /^corp\.zone:3:1: ANY is no type of records/],
    ['an OPT record', `${head}a OPT \\# 0`, /^corp\.zone:3:1: OPT is no type of records/],
    [
      'a CNAME record beside another',
      `${head}a TXT x\na CNAME b`,
      /^corp\.zone:4:1: a CNAME record beside others/,
    ],
    ['a CNAME record at the apex', `${head}@ CNAME b`, /^corp\.zone:3:1: a CNAME record beside others/],
    ['two CNAME records', `${head}a CNAME b\na CNAME c`, /^corp\.zone:3:1: two CNAME records of one name/],
    ['two DNAME records', `${head}a DNAME b\na DNAME c`, /^corp\.zone:3:1: two DNAME records of one name/],
    [
      'a DNAME record at a cut',
      `${head}a DNAME b\na NS c`,
      /^corp\.zone:3:1: a DNAME record at a delegation/,
    ],
    ['a cut at a wildcard', `${head}*.a NS b`, /^corp\.zone:3:1: a NS record at a wildcard/],
    ['a DNAME record at a wildcard', `${head}*.a DNAME b`, /^corp\.zone:3:1: a DNAME record at a wildcard/],
    [
      'more records than it may',
      head + 'a A 192.0.2.1\n'.repeat(1000),
      /^corp\.zone:1002:1: more than 1000 records/,
    ],
  ];
  for (const [what, text, words] of refused) {
    it(`refuses ${what}, and says where`, () => {
      expect(() => zoneOf(text)).to.throw(ConfigError, words);
    });
  }

  it('refuses a record below a DNAME record, and says where [RFC6672-2.4]', () => {
    const words = /^corp\.zone:4:1: a record below a DNAME record/;
    expect(() => zoneOf(`${head}a DNAME b\nx.y.a A 192.0.2.1`)).to.throw(ConfigError, words);
    expect(() => zoneOf(`${head}@ DNAME b.other.\nx A 192.0.2.1`)).to.throw(ConfigError, words);
  });

  it('refuses an RRset that no message has room for', () => {
    const big = 'x'.repeat(250);
    const lines = Array.from(
      { length: 250 },
      (_, number) => `a TXT ${big}${String(number).padStart(3, '0')}`,
    );
    expect(() => zoneOf(head + lines.slice(0, 200).join('\n'))).not.to.throw();
    expect(() => zoneOf(head + lines.join('\n'))).to.throw(
      ConfigError,
      /^corp\.zone:3:1: 250 TXT records of one name/,
    );
  });
});

describe('LocalZones', () => {
  const upper = zoneOf(`${head}corp DS 1 13 2 abcd`, 'example');
  const lower = zoneOf(head, 'corp.example');
  const zones = new LocalZones([upper, lower]);
  const found = (name: string, type: number = RrType.A): LocalZone | undefined =>
    zones.zoneFor(Name.parse(name), type)?.zone;

  it('has the most specific zone for a name', () => {
    expect(found('a.CORP.example')).to.equal(lower);
    expect(found('corp.example')).to.equal(lower);
    expect(found('acorp.example')).to.equal(upper);
    expect(found('net')).to.equal(undefined);
  });

  it('has the zone above for a DS record at an apex [RFC4035-3.1.4.1]', () => {
    expect(found('corp.example', RrType.DS)).to.equal(upper);
    expect(found('a.corp.example', RrType.DS)).to.equal(lower);
    expect(zones.zoneFor(Name.parse('example'), RrType.DS)).to.deep.equal({ zone: upper, isAboveApex: true });
  });
});

function present({ type, rdatas }: { type: number; rdatas: readonly Buffer[] }): string[] {
  return rdatas.map(
    (rdata) => `${rrTypeName(type)} ${presentRdata({ name: Name.root, type, class: 1, ttl: 0, rdata })}`,
  );
}
