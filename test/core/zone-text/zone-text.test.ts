import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeSoa } from '../../../core/dns/rdata.ts';
import { rdataLine } from '../../../core/zone-text/rdata-line.ts';
import { zoneText } from '../../../core/zone-text/zone-text.ts';
import type { ZoneVersion } from '../../../core/xfr/zone-version.ts';
import { ZoneWriter } from '../../../core/xfr/zone-writer.ts';
import { anyName, hostName, octets, recordOf } from '../dns/arbitraries.ts';
import { corp, recordsOf } from './reading.ts';

const soa: ResourceRecord = {
  ...{ name: corp, type: RrType.SOA, class: 1, ttl: 1 },
  rdata: encodeSoa({
    ...{
      mname: Name.parse('ns.corp.example'),
      rname: corp,
      serial: 7,
      refresh: 1,
      retry: 2,
      expire: 3,
      minimum: 4,
    },
  }),
};

function versionOf(records: readonly ResourceRecord[]): ZoneVersion {
  const messages: Buffer[] = [];
  const writer = new ZoneWriter(corp, (message) => messages.push(message));
  for (const record of records) writer.add(record);
  writer.finish();
  return { zone: corp, soa, serial: 7, records: records.length + 1, octets: 0, messages };
}

const piecesOf = async (records: readonly ResourceRecord[]): Promise<string[]> => {
  const pieces: string[] = [];
  for await (const piece of zoneText(versionOf(records))) pieces.push(piece);
  return pieces;
};

const textOf = async (records: readonly ResourceRecord[]): Promise<string> =>
  (await piecesOf(records)).join('');

const shown = ({ name, type, ttl, rdata }: ResourceRecord): string =>
  `${name.wire.toString('hex')} ${ttl} ${type} ${rdata.toString('hex')}`;

describe('zoneText', () => {
  it('writes one record a line, the SOA record first, in words that every server knows [RFC1035-5.1]', async () => {
    const record = (type: number, hex: string): ResourceRecord => ({
      ...{ name: Name.parse('a\\.b.corp.example'), type, class: 1, ttl: 60, rdata: Buffer.from(hex, 'hex') },
    });
    const text = await textOf([
      record(RrType.A, 'c0000201'),
      record(RrType.TXT, '0561226322ff026162'),
      record(RrType.NAPTR, '00640032017301780000'),
      record(RrType.HTTPS, '000100'),
      record(RrType.NSEC, '0161000006200000000003'),
    ]);
    const lines = text.split('\n');
    expect(lines[0]).to.equal('corp.example. 1 IN SOA ns.corp.example. corp.example. 7 1 2 3 4');
    expect(lines[1]).to.equal('a\\.b.corp.example. 60 IN A 192.0.2.1');
    expect(lines[2]).to.equal('a\\.b.corp.example. 60 IN TXT "a\\"c\\"\\255" "ab"');
    expect(lines[3]).to.equal('a\\.b.corp.example. 60 IN TYPE35 \\# 10 00640032017301780000');
    expect(lines[4]).to.equal('a\\.b.corp.example. 60 IN TYPE65 \\# 3 000100');
    expect(lines[5]).to.equal('a\\.b.corp.example. 60 IN NSEC a. NS RRSIG NSEC');
    expect(lines[6]).to.equal('');
  });

  it('is read as the records that it was made of, octet by octet', async () => {
    const inZone = (name: Name): Name => {
      const labels = name.labels();
      while (labels.reduce((sum, label) => sum + label.length + 1, 0) > 200) labels.pop();
      return Name.fromLabels([...labels, ...corp.labels()]);
    };
    const record = fc.oneof(
      recordOf(anyName),
      recordOf(hostName),
      fc
        .tuple(
          recordOf(hostName),
          fc.constantFrom(RrType.HTTPS, RrType.CAA, RrType.ZONEMD, 731),
          octets(0, 30),
        )
        .map(([base, type, rdata]) => ({
          ...base,
          type,
          rdata,
        })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 6 }), async (made) => {
        const records = made
          .filter(({ type }) => type !== RrType.SOA && type !== RrType.CNAME)
          .map((each) => ({ ...each, name: inZone(each.name) }));
        const read = recordsOf(`${await textOf(records)}${corp.toString()}. 1 IN NS .\n`, { isWhole: true });
        expect(read.slice(1, -1).map(shown)).to.deep.equal(records.map(shown));
        expect(read[0] && shown(read[0])).to.equal(shown(soa));
      }),
      { numRuns: 1_000 },
    );
  });

  it('gives large zones in pieces', async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => ({
      ...{ name: corp.prepend(`a${index}`), type: RrType.A, class: 1, ttl: 1, rdata: Buffer.of(1, 2, 3, 4) },
    }));
    const pieces = await piecesOf(many);
    expect(pieces.length).to.be.greaterThan(2);
    expect(Math.max(...pieces.map((piece) => piece.length))).to.be.lessThan(70_000);
    expect(pieces.join('').split('\n')).to.have.length(5_002);
  });
});

describe('rdataLine', () => {
  const odd: [what: string, type: number, hex: string, line: string][] = [
    ['a key of no octets', RrType.DNSKEY, '0100030d', 'TYPE48 \\# 4 0100030d'],
    ['a signature of no octets', RrType.RRSIG, `${'00'.repeat(18)}00`, `TYPE46 \\# 19 ${'00'.repeat(19)}`],
    ['a digest of no octets', RrType.DS, '0001080200', 'DS 1 8 2 00'],
    ['a bit map with zeros at its end', RrType.NSEC, '0000024000', 'TYPE47 \\# 5 0000024000'],
    ['a tag with a blank', RrType.CAA, '0003612062aa', 'TYPE257 \\# 6 0003612062aa'],
    ['a hash of no octets', RrType.NSEC3, '010000000000', 'TYPE50 \\# 6 010000000000'],
    ['data of no octets', 65280, '', 'TYPE65280 \\# 0'],
  ];
  for (const [what, type, hex, line] of odd) {
    it(`writes ${what} so that it is the same again`, () => {
      expect(rdataLine(type, Buffer.from(hex, 'hex'))).to.equal(line);
    });
  }

  it('writes new types in a bit map by their number', () => {
    const bits = Buffer.concat([Buffer.of(0, 0, 9, 0x20), Buffer.alloc(7), Buffer.of(0xc0)]);
    expect(rdataLine(RrType.NSEC, bits)).to.equal('NSEC . NS TYPE64 TYPE65');
  });
});
