import { expect } from 'chai';
import { WorkBudget } from '../../../core/dnssec/budget.ts';
import {
  proveNoCloser,
  proveNoData,
  proveNoDs,
  proveNoName,
  readDenialRecords,
} from '../../../core/dnssec/denial.ts';
import type { DenialRecords } from '../../../core/dnssec/denial.ts';
import type { SignedRrset } from '../../../core/dnssec/rrset.ts';
import { RrType, rrTypeFromName } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeNsec } from '../../../core/dns/rdata.ts';

const budget = new WorkBudget();

describe('proofs by NSEC records', () => {
  it('show that a name does not exist by the gap it is in and the gap of the wildcard [RFC4035-5.4]', () => {
    const records = read('example', 'b.example ns1.example NS', 'example a.example SOA NS');
    const denial = proveNoName(Name.parse('ml.example'), records, budget);
    expect(denial).to.deep.equal({
      kind: 'secure',
      detail: 'no ml.example between b.example and ns1.example; no *.example between example and a.example',
    });
  });

  it('compare names as labels from the right, in lower case [RFC4034-6.1]', () => {
    // In the order of RFC 4034 section 6.1.
    const order = ['a.example', 'yljkjljk.a.example', 'Z.a.example', 'zABC.a.EXAMPLE', 'z.example'];
    order.push('\\001.z.example', '*.z.example', '\\200.z.example', 'zz.example');
    for (const [index, text] of order.slice(1, -1).entries()) {
      const name = Name.parse(text);
      if (text === 'z.example') continue; // names below it are next, so it is not in a gap
      const wildcard = name.parent().prepend('*');
      const span = `${order[index] ?? ''} ${order[index + 2] ?? ''} A`;
      expect(proveNoCloser(name, wildcard, read('example', span), budget).kind, span).to.equal('secure');
      const [early, late] = [`example ${order[index] ?? ''} SOA`, `${order[index + 2] ?? ''} example A`];
      for (const other of [early, late]) {
        expect(proveNoCloser(name, wildcard, read('example', other), budget).kind, other).to.equal('bogus');
      }
    }
  });

  it('take the last record, which points back to the apex, as the end of the zone [RFC4034-4.1.1]', () => {
    const records = read('example', 'xx.example example A', 'example a.example SOA NS');
    expect(proveNoName(Name.parse('zz.example'), records, budget).kind).to.equal('secure');
    expect(proveNoName(Name.parse('www.example'), records, budget).kind).to.equal('bogus');
  });

  it('take the only record of a zone as denying all other names [RFC4034-4.1.1]', () => {
    const records = read('example', 'example example SOA NS');
    expect(proveNoName(Name.parse('a.b.example'), records, budget).kind).to.equal('secure');
  });

  it('want the wildcard of the closest encloser, not of another ancestor, denied [RFC4035-5.4]', () => {
    const gap = 'a.b.example d.b.example A';
    const name = Name.parse('x.c.b.example');
    const atEncloser = read('example', gap, 'b.example a.b.example A');
    expect(proveNoName(name, atEncloser, budget).kind).to.equal('secure');
    const above = read('example', gap, 'example b.example SOA');
    expect(proveNoName(name, above, budget)).to.include({ kind: 'bogus', reason: 'denial-missing' });
  });

  it('do not deny a name that the wildcard stands in for [RFC4035-5.4]', () => {
    const records = read('example', 'b.example ns1.example NS', '*.example a.example MX');
    const name = Name.parse('ml.example');
    expect(proveNoName(name, records, budget)).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    expect(proveNoData(name, RrType.A, records, budget).kind).to.equal('secure');
    expect(proveNoData(name, RrType.MX, records, budget)).to.include({ reason: 'denial-wrong' });
  });

  it('know an empty non-terminal by the name below it [RFC4035-5.4]', () => {
    const records = read('example', 'example a.b.c.example SOA');
    for (const empty of ['c.example', 'b.c.example']) {
      expect(proveNoData(Name.parse(empty), RrType.A, records, budget).kind, empty).to.equal('secure');
      expect(proveNoName(Name.parse(empty), records, budget), empty).to.include({ reason: 'denial-wrong' });
      expect(proveNoDs(Name.parse(empty), records, budget).kind, empty).to.equal('no-cut');
    }
  });

  it('know a wildcard that is an empty non-terminal, which stands in without data [RFC4592-2.2.2]', () => {
    const records = read('example', 'example a.*.example SOA', 'a.*.example b.example A');
    const name = Name.parse('aa.example');
    expect(proveNoName(name, records, budget)).to.include({ reason: 'denial-wrong' });
    expect(proveNoData(name, RrType.A, records, budget).kind).to.equal('secure');
  });

  it('deny nothing below a zone cut or a DNAME [RFC6840-4.1]', () => {
    const apex = 'example a.example SOA NS';
    const name = Name.parse('www.cut.example');
    for (const types of ['NS', 'NS DS', 'DNAME', 'A DNAME']) {
      const records = read('example', `cut.example d.example ${types}`, apex);
      for (const denial of [
        proveNoName(name, records, budget),
        proveNoData(name, RrType.A, records, budget),
        proveNoDs(name, records, budget),
        proveNoCloser(name, Name.parse('*.cut.example'), records, budget),
      ]) {
        expect(denial, types).to.include({ kind: 'bogus', reason: 'denial-missing' });
      }
      expect(proveNoName(Name.parse('cuu.example'), records, budget).kind, types).to.equal('secure');
    }
  });

  it('deny at a zone cut the DS record only [RFC6840-4.1]', () => {
    const records = read('example', 'cut.example d.example NS');
    const name = Name.parse('cut.example');
    expect(proveNoData(name, RrType.A, records, budget)).to.include({ reason: 'denial-wrong' });
    expect(proveNoData(name, RrType.DS, records, budget).kind).to.equal('secure');
    expect(proveNoDs(name, records, budget).kind).to.equal('insecure-delegation');
  });

  it('deny every type at once only where nothing but the proof is there [RFC6840-4.2]', () => {
    const name = Name.parse('a.example');
    const full = read('example', 'a.example b.example TXT');
    expect(proveNoData(name, RrType.ANY, full, budget)).to.include({ reason: 'denial-wrong' });
    const empty = read('example', 'a.example \\000.a.example TYPE128');
    expect(proveNoData(name, RrType.ANY, empty, budget).kind).to.equal('secure');
  });

  it('do not deny a type where there is an alias [RFC6840-4.3]', () => {
    const records = read('example', 'a.example b.example CNAME', '*.example a.example CNAME');
    for (const name of ['a.example', '0.example']) {
      const denial = proveNoData(Name.parse(name), RrType.TLSA, records, budget);
      expect(denial, name).to.include({ kind: 'bogus', reason: 'denial-wrong' });
      expect(proveNoDs(Name.parse(name), records, budget).kind, name).to.equal('bogus');
    }
  });

  it('tell an unsigned delegation by NS without DS and SOA [RFC6840-4.4] [RFC4035-5.2]', () => {
    const at = (types: string): string =>
      proveNoDs(Name.parse('a.example'), read('example', `a.example b.example ${types}`), budget).kind;
    expect(at('NS')).to.equal('insecure-delegation');
    expect(at('A')).to.equal('no-cut');
    expect(at('NS DS')).to.equal('bogus');
    expect(at('NS SOA')).to.equal('bogus');
    expect(at('SOA')).to.equal('bogus');
  });

  it('do not let the apex of a zone deny its own DS record, but for the root [RFC4035-3.1.4.1]', () => {
    const records = read('example', 'example a.example SOA NS DNSKEY');
    const apex = Name.parse('example');
    expect(proveNoData(apex, RrType.DS, records, budget)).to.include({ reason: 'denial-wrong' });
    expect(proveNoDs(apex, records, budget)).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    const root = read('.', '. aaa SOA NS DNSKEY');
    expect(proveNoData(Name.root, RrType.DS, root, budget).kind).to.equal('secure');
  });

  it('say of a name below nothing that there is no such name', () => {
    const records = read('example', 'example b.example SOA');
    expect(proveNoDs(Name.parse('a.example'), records, budget).kind).to.equal('no-name');
  });

  it('show that nothing is closer than the wildcard that an answer came from [RFC4035-5.3.4]', () => {
    const records = read('example', 'x.y.w.example xx.example MX');
    const name = Name.parse('a.z.w.example');
    const by = (wildcard: string): unknown => proveNoCloser(name, Name.parse(wildcard), records, budget);
    expect(by('*.w.example')).to.include({ kind: 'secure' });
    expect(by('*.example')).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    expect(by('*.z.w.example')).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    expect(by('*.other.example')).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    expect(by('w.example')).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    const existing = read('example', 'a.z.w.example xx.example MX');
    expect(proveNoCloser(name, Name.parse('*.w.example'), existing, budget).kind).to.equal('bogus');
    const below = read('example', 'x.y.w.example b.a.z.w.example MX');
    expect(proveNoCloser(name, Name.parse('*.w.example'), below, budget).kind).to.equal('bogus');
  });

  it('leave out records with a name from outside the zone, or out of order [RFC4034-4.1.1]', () => {
    const count = (...lines: string[]): number => read('b.example', ...lines).nsec.length;
    expect(count('a.b.example c.b.example A')).to.equal(1);
    expect(count('a.example c.b.example A')).to.equal(0);
    expect(count('a.b.example c.example A')).to.equal(0);
    expect(count('c.b.example a.b.example A')).to.equal(0);
    expect(count('a.b.example a.b.example A')).to.equal(0);
    expect(count('c.b.example b.example A')).to.equal(1);
  });

  it('leave out what cannot be read, and two records of one name', () => {
    const zone = Name.parse('example');
    const good = nsecRrset('a.example c.example A');
    const [rdata = Buffer.alloc(0)] = good.rdatas;
    const cut = { ...good, rdatas: [rdata.subarray(0, -1)] };
    expect(readDenialRecords(zone, [cut]).nsec).to.have.length(0);
    const other = nsecRrset('a.example d.example A');
    const two = { ...good, rdatas: [...good.rdatas, ...other.rdatas] };
    expect(readDenialRecords(zone, [two]).nsec).to.have.length(0);
    expect(readDenialRecords(zone, [good, { ...good, type: RrType.A }]).nsec).to.have.length(1);
  });

  it('hold for names of 255 octets and labels of any octets', () => {
    const long = Name.fromLabels([
      ...[63, 63, 63, 53].map((length) => Buffer.alloc(length, 0xff)),
      Buffer.from('example'),
    ]);
    expect(long.wire).to.have.length(255);
    const records = read('example', 'a.example b.example A', 'example example SOA');
    expect(
      proveNoName(long, read('example', 'b.example example A', 'example a.example SOA'), budget).kind,
    ).to.equal('secure');
    expect(proveNoName(Name.parse('a\\.b.example'), records, budget).kind).to.equal('secure');
  });
});

/** Records from lines of owner, next name and types. */
function read(zone: string, ...lines: readonly string[]): DenialRecords {
  return readDenialRecords(Name.parse(zone), lines.map(nsecRrset));
}

function nsecRrset(line: string): SignedRrset {
  const [owner = '', next = '', ...types] = line.split(' ');
  const numbers = [...types, 'RRSIG', 'NSEC'].map((type) => rrTypeFromName(type) ?? NaN);
  const rdata = encodeNsec({ nextName: Name.parse(next), types: numbers });
  return { name: Name.parse(owner), type: RrType.NSEC, ttl: 60, rdatas: [rdata], signatures: [] };
}
