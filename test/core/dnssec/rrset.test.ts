import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { validationLimits } from '../../../core/dnssec/budget.ts';
import { findRrset, groupRrsets } from '../../../core/dnssec/rrset.ts';

const signature = (covered: string, tag = 1, ttl = 300): string =>
  `a.example. ${ttl} IN RRSIG ${covered} 13 2 300 20260101000000 20250101000000 ${tag} example. AAAA`;

describe('groupRrsets', () => {
  it('puts records of one owner and type together, whatever the case and the order [RFC2181-5]', () => {
    const rrsets = groupRrsets(
      parseRecords(
        `
a.example. 300 IN A 192.0.2.1
b.example. 300 IN A 192.0.2.3
A.EXAMPLE. 300 IN A 192.0.2.2
a.example. 300 IN AAAA 2001:db8::1`,
      ),
    );
    expect(rrsets.map(({ name, type, rdatas }) => [String(name), type, rdatas.length])).to.deep.equal([
      ['a.example', RrType.A, 2],
      ['b.example', RrType.A, 1],
      ['a.example', RrType.AAAA, 1],
    ]);
  });

  it('keeps a record that comes twice once [RFC2181-5]', () => {
    const addresses = Array.from({ length: 20 }, (_, index) => `a.example. 1 IN A 192.0.2.${index}`);
    const [rrset] = groupRrsets(parseRecords([...addresses, ...addresses].join('\n')));
    expect(rrset!.rdatas).to.have.lengthOf(20);
    const [few] = groupRrsets(parseRecords('a.example. 1 IN A 192.0.2.1\na.example. 1 IN A 192.0.2.1'));
    expect(few!.rdatas).to.have.lengthOf(1);
  });

  it('takes the least TTL of records and signatures [RFC2181-5.2] [RFC4035-5.3.3]', () => {
    const records = (ttl: number): string =>
      `a.example. 300 IN A 192.0.2.1\na.example. 200 IN A 192.0.2.2\n${signature('A', 1, ttl)}`;
    expect(groupRrsets(parseRecords(records(300)))[0]!.ttl).to.equal(200);
    expect(groupRrsets(parseRecords(records(60)))[0]!.ttl).to.equal(60);
  });

  it('gives every RRset the signatures that cover it, wherever they stand [RFC4035-2.2]', () => {
    const rrsets = groupRrsets(
      parseRecords(
        `
${signature('AAAA', 3)}
a.example. 300 IN A 192.0.2.1
${signature('A', 1)}
${signature('A', 2)}
a.example. 300 IN AAAA 2001:db8::1`,
      ),
    );
    expect(rrsets.map(({ signatures }) => signatures.map(({ keyTag }) => keyTag))).to.deep.equal([
      [1, 2],
      [3],
    ]);
  });

  it('leaves out signatures of other owners and types, and those without their RRset', () => {
    const rrsets = groupRrsets(
      parseRecords(`a.example. 300 IN A 192.0.2.1\n${signature('MX')}\nb.${signature('A')}`),
    );
    expect(rrsets).to.have.lengthOf(1);
    expect(rrsets[0]!.signatures).to.deep.equal([]);
  });

  it('leaves out signatures that cannot be read', () => {
    const [address] = parseRecords('a.example. 300 IN A 192.0.2.1');
    const broken = { ...address!, type: RrType.RRSIG, rdata: Buffer.from([0, 1, 13]) };
    const empty = { ...broken, rdata: Buffer.alloc(0) };
    expect(groupRrsets([address!, broken, empty])[0]!.signatures).to.deep.equal([]);
  });

  it('leaves out other classes', () => {
    const [address] = parseRecords('a.example. 300 IN A 192.0.2.1');
    expect(groupRrsets([{ ...address!, class: 3 }])).to.deep.equal([]);
    const [rrset] = groupRrsets([address!, { ...parseRecords(signature('A'))[0]!, class: 3 }]);
    expect(rrset!.signatures).to.deep.equal([]);
  });

  it('keeps one signature more than may ever be looked at, of thousands', () => {
    const records = [
      ...parseRecords('a.example. 300 IN A 192.0.2.1'),
      ...Array.from({ length: 500 }, () => parseRecords(signature('A'))[0]!),
    ];
    expect(groupRrsets(records)[0]!.signatures).to.have.lengthOf(
      validationLimits['signatures-per-rrset'].max + 1,
    );
  });
});

describe('findRrset', () => {
  it('finds by name in any case, and type', () => {
    const rrsets = groupRrsets(
      parseRecords('a.example. 300 IN A 192.0.2.1\nb.example. 300 IN AAAA 2001:db8::1'),
    );
    expect(findRrset(rrsets, Name.parse('B.Example'), RrType.AAAA)).to.equal(rrsets[1]);
    expect(findRrset(rrsets, Name.parse('B.Example'), RrType.A)).to.equal(undefined);
  });
});
