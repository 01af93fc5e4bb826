import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRrsig } from '../../../core/dns/rdata.ts';
import type { Rrsig } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import {
  canonicalRdatas,
  ownerLabels,
  signedLength,
  signedOctets,
  wildcardSource,
} from '../../../core/dnssec/canonical.ts';
import { groupRrsets } from '../../../core/dnssec/rrset.ts';
import type { SignedRrset } from '../../../core/dnssec/rrset.ts';
import { hex } from '../dns/wire.ts';

function rrsetOf(text: string): SignedRrset {
  return groupRrsets(parseRecords(text))[0]!;
}

function rrsig(fields: Partial<Rrsig> = {}): Rrsig {
  const [record] = parseRecords('x. 1 IN RRSIG A 13 2 3600 20260101000000 20250101000000 258 Example. AAAA');
  return { ...parseRrsig(record!.rdata), ...fields };
}

/** Names with capitals, as they would come in an RDATA of the type. */
const upper = '0141 00';
const lower = '0161 00';

describe('canonicalRdatas', () => {
  const named: [type: keyof typeof RrType, before: string, names: number, after: string][] = [
    ['NS', '', 1, ''],
    ['MD', '', 1, ''],
    ['MF', '', 1, ''],
    ['CNAME', '', 1, ''],
    ['SOA', '', 2, '41'.repeat(20)],
    ['MB', '', 1, ''],
    ['MG', '', 1, ''],
    ['MR', '', 1, ''],
    ['PTR', '', 1, ''],
    ['MINFO', '', 2, ''],
    ['MX', '4141', 1, ''],
    ['RP', '', 2, ''],
    ['AFSDB', '4141', 1, ''],
    ['RT', '4141', 1, ''],
    ['SIG', '41'.repeat(18), 1, '4141'],
    ['PX', '4141', 2, ''],
    ['NXT', '', 1, '4141'],
    ['NAPTR', '41414141 0141 0142 0143', 1, ''],
    ['KX', '4141', 1, ''],
    ['SRV', '414141414141', 1, ''],
    ['DNAME', '', 1, ''],
    ['RRSIG', '41'.repeat(18), 1, '4141'],
  ];
  for (const [type, before, names, after] of named) {
    it(`has the names in ${type} records, and nothing else there, in lower case [RFC4034-6.2]`, () => {
      const rdata = (name: string): Buffer => hex(`${before} ${name.repeat(names)} ${after}`);
      const came = rdata(upper);
      const before2 = Buffer.from(came);
      expect(canonicalRdatas({ type: RrType[type], rdatas: [came] })).to.deep.equal([rdata(lower)]);
      expect(came, 'what came is not written to').to.deep.equal(before2);
    });
  }

  const untouched: [type: keyof typeof RrType, rdata: string][] = [
    ['NSEC', `${upper} 0001 40`],
    ['HINFO', '0141 0142'],
    ['TXT', '0141'],
    ['TLSA', '03010141'],
    ['SVCB', `0001 ${upper}`],
    ['A', '41414141'],
  ];
  for (const [type, rdata] of untouched) {
    it(`leaves ${type} records as they are [RFC6840-5.1]`, () => {
      expect(canonicalRdatas({ type: RrType[type], rdatas: [hex(rdata)] })).to.deep.equal([hex(rdata)]);
    });
  }

  it('sorts by octets, unsigned, and what ends first before what goes on [RFC4034-6.3]', () => {
    const rdatas = ['ff', '0100', '01', '80', '7f', ''].map(hex);
    expect(canonicalRdatas({ type: 65280, rdatas })).to.deep.equal(
      ['', '01', '0100', '7f', '80', 'ff'].map(hex),
    );
  });

  it('sorts after lower case, and keeps what is the same then once [RFC4034-6.3]', () => {
    const names = ['0142 00', '0161 00', '0141 00', '0143 00'].map(hex);
    expect(canonicalRdatas({ type: RrType.NS, rdatas: names })).to.deep.equal(
      ['0161 00', '0162 00', '0163 00'].map(hex),
    );
  });

  it('takes octets that are no RDATA of the type as they are', () => {
    for (const octets of ['', '41', '4141', 'c00c']) {
      expect(canonicalRdatas({ type: RrType.MX, rdatas: [hex(octets)] })).to.deep.equal([hex(octets)]);
    }
  });
});

describe('signedOctets', () => {
  it('is the RRSIG without its signature and the records in canonical form [RFC4034-3.1.8.1]', () => {
    const rrset = rrsetOf('A.Example. 60 IN A 192.0.2.2\nA.Example. 60 IN A 192.0.2.1');
    const prefix = '0001 0d 02 00000e10 6955b900 67748580 0102 07 6578616d706c65 00';
    const record = (last: string): string =>
      `0161 07 6578616d706c65 00 0001 0001 00000e10 0004 c00002${last}`;
    const octets = signedOctets(rrset, rrsig());
    expect(octets).to.deep.equal(hex(`${prefix} ${record('01')} ${record('02')}`));
    expect(signedLength(rrset, rrsig())).to.equal(octets.length);
  });

  it('has the original TTL, not the one that is left [RFC4035-5.3.2]', () => {
    const text = (ttl: number): string => `a.example. ${ttl} IN A 192.0.2.1`;
    const octets = signedOctets(rrsetOf(text(60)), rrsig({ originalTtl: 7200 }));
    expect(octets).to.deep.equal(signedOctets(rrsetOf(text(7200)), rrsig({ originalTtl: 7200 })));
  });

  it('has the wildcard for an owner that was expanded from it [RFC4035-5.3.2]', () => {
    const expanded = rrsetOf('a.b.example. 60 IN A 192.0.2.1');
    const wildcard = rrsetOf('*.example. 60 IN A 192.0.2.1');
    const octets = signedOctets(expanded, rrsig({ labels: 1 }));
    expect(octets).to.deep.equal(signedOctets(wildcard, rrsig({ labels: 1 })));
    expect(octets).to.not.deep.equal(signedOctets(expanded, rrsig({ labels: 3 })));
    expect(signedLength(expanded, rrsig({ labels: 1 }))).to.be.at.least(octets.length);
  });

  it('changes with every field of the RRSIG', () => {
    const rrset = rrsetOf('a.example. 60 IN A 192.0.2.1');
    const variants: Partial<Rrsig>[] = [
      { typeCovered: 2 },
      { algorithm: 8 },
      { labels: 1 },
      { originalTtl: 1 },
      { expiration: 1 },
      { inception: 1 },
      { keyTag: 1 },
      { signer: Name.root },
    ];
    const all = [{}, ...variants].map((fields) => signedOctets(rrset, rrsig(fields)).toString('hex'));
    expect(new Set(all).size).to.equal(all.length);
    const same = [{ signer: Name.parse('eXAMPLE') }, { signature: hex('00') }];
    for (const fields of same) expect(signedOctets(rrset, rrsig(fields)).toString('hex')).to.equal(all[0]);
  });
});

describe('wildcardSource', () => {
  const cases: [owner: string, labels: number, source: string | undefined][] = [
    ['a.b.example', 3, undefined],
    ['a.b.example', 2, '*.b.example'],
    ['a.b.example', 1, '*.example'],
    ['a.b.example', 0, '*'],
    ['*.b.example', 2, undefined],
    ['*.b.example', 1, '*.example'],
    ['*', 0, undefined],
    ['.', 0, undefined],
  ];
  for (const [owner, labels, source] of cases) {
    it(`of ${owner} signed with ${labels} labels is ${String(source)} [RFC4035-5.3.2]`, () => {
      expect(wildcardSource(Name.parse(owner), labels)?.toString()).to.equal(source);
    });
  }

  it('counts labels without the root and a leading asterisk [RFC4034-3.1.3]', () => {
    const names = ['.', 'example', '*.example', 'a.*.example', '\\*a.example'];
    expect(names.map((name) => ownerLabels(Name.parse(name)))).to.deep.equal([0, 1, 1, 3, 2]);
  });
});
