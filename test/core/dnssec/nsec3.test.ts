import { expect } from 'chai';
import { WorkBudget, defaultValidationLimits } from '../../../core/dnssec/budget.ts';
import {
  proveNoCloser,
  proveNoData,
  proveNoDs,
  proveNoName,
  readDenialRecords,
} from '../../../core/dnssec/denial.ts';
import type { DenialRecords } from '../../../core/dnssec/denial.ts';
import { HashedNames } from '../../../core/dnssec/nsec3-hash.ts';
import type { SignedRrset } from '../../../core/dnssec/rrset.ts';
import { RrType, rrTypeFromName } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeNsec3 } from '../../../core/dns/rdata.ts';
import type { Nsec3 } from '../../../core/dns/rdata.ts';
import { base32hex, nsec3Hash } from '../../support/denial-chain.ts';

const zone = Name.parse('example');
const budget = new WorkBudget();

/** Hashes of names as RFC 5155 appendix A lists them: salt aabbccdd, 12 iterations. */
const knownHashes = {
  example: '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom',
  'a.example': '35mthgpgcu1qg68fab165klnsnk3dpvl',
  'ai.example': 'gjeqe526plbf1g8mklp59enfd789njgi',
  'ns1.example': '2t7b4g4vsa5smi47k61mv5bv1a22bojr',
  'ns2.example': 'q04jkcevqvmu85r014c7dkba38o0ji5r',
  'w.example': 'k8udemvp1j2f7eg6jebps17vp3n8i58h',
  '*.w.example': 'r53bq7cc2uvmubfu5ocmm6pers9tk9en',
  'x.w.example': 'b4um86eghhds6nea196smvmlo4ors995',
  'y.w.example': 'ji6neoaepv8b5o6k4ev33abha8ht9fgc',
  'x.y.w.example': '2vptu5timamqttgl4luu9kg21e0aor3s',
  'XX.example': 't644ebqk9bibcna874givr6joj62mlhv',
  '2t7b4g4vsa5smi47k61mv5bv1a22bojr.example': 'kohar7mbb8dc2ce8a9qvl8hon4k53uhi',
} as const;

describe('the hash of NSEC3', () => {
  it('is that of the RFC for the names of its example [RFC5155-5] [RFC5155-A]', () => {
    for (const [text, hash] of Object.entries(knownHashes)) {
      const parameters = { salt: Buffer.from('aabbccdd', 'hex'), iterations: 12 };
      const records = readDenialRecords(zone, [
        nsec3Rrset(zone.prepend(hash), Buffer.alloc(20), 'A', parameters),
      ]);
      expect(new HashedNames(records, budget).matching(Name.parse(text)), text).to.equal(records.nsec3[0]);
    }
  });

  it('is that of the definition for any salt, iterations and length of the name [RFC5155-5]', () => {
    const long = Name.fromLabels([63, 63, 63, 61].map((length) => Buffer.alloc(length, 'Q')));
    expect(long.wire).to.have.length(255);
    for (const name of [Name.root, zone, long]) {
      for (const [salt, iterations] of [
        [Buffer.alloc(0), 0],
        [Buffer.alloc(255, 7), 0],
        [Buffer.alloc(0), 50],
        [Buffer.alloc(255, 0xfe), 3],
      ] as const) {
        const owner = Name.fromLabels([Buffer.from(base32hex(nsec3Hash(name, iterations, salt)))]);
        const rrset = nsec3Rrset(owner, Buffer.alloc(20), 'A', { salt, iterations });
        const records = readDenialRecords(Name.root, [rrset]);
        expect(new HashedNames(records, new WorkBudget()).matching(name)).to.equal(records.nsec3[0]);
      }
    }
  });

  it('is made once for a name in all proofs of an answer', () => {
    const used = new WorkBudget();
    const records = read(at('example', 'SOA NS'), over('a.example', '', 'b.example'));
    proveNoName(Name.parse('b.example'), records, used);
    const rounds = used.hashRounds;
    expect(rounds).to.be.greaterThan(0);
    proveNoName(Name.parse('b.example'), records, used);
    proveNoData(Name.parse('b.example'), RrType.A, records, used);
    expect(used.hashRounds).to.equal(rounds);
  });
});

describe('NSEC3 records', () => {
  it('of unknown hash algorithms are left out [RFC5155-8.1]', () => {
    expect(read(at('example', 'SOA', { hashAlgorithm: 2 })).nsec3).to.have.length(0);
    expect(read(at('example', 'SOA', { hashAlgorithm: 1 })).nsec3).to.have.length(1);
  });

  it('with other flags than opt-out are left out [RFC5155-8.2]', () => {
    for (const flags of [2, 3, 0x80, 0xff]) {
      expect(read(at('example', 'SOA', { flags })).nsec3, String(flags)).to.have.length(0);
    }
    expect(read(at('example', 'SOA', { flags: 1 })).nsec3).to.have.length(1);
  });

  it('of different parameters are not put together; the cheapest are kept [RFC5155-8.2]', () => {
    const salt = Buffer.from([1]);
    const mixed = [
      at('a.example', 'A', { iterations: 5 }),
      at('example', 'SOA', { iterations: 1, salt }),
      at('b.example', 'A', { iterations: 1, salt }),
      at('c.example', 'A', { iterations: 1 }),
    ];
    const records = read(...mixed);
    expect(records.nsec3.map(({ nsec3 }) => [nsec3.iterations, nsec3.salt])).to.deep.equal([
      [1, salt],
      [1, salt],
    ]);
  });

  it('count only at 32 digits of base 32 directly below the apex, in either case [RFC5155-3] [RFC5155-3.3]', () => {
    const digits = knownHashes['a.example'];
    const count = (owner: Name | string): number => {
      const name = typeof owner === 'string' ? Name.parse(owner) : owner;
      return read(nsec3Rrset(name, Buffer.alloc(20), 'A')).nsec3.length;
    };
    expect(count(`${digits}.example`)).to.equal(1);
    expect(count(`${digits.toUpperCase()}.EXAMPLE`)).to.equal(1);
    expect(count('example')).to.equal(0);
    expect(count(`${digits}.x.example`)).to.equal(0);
    expect(count(`${digits}.other`)).to.equal(0);
    expect(count(`${digits.slice(1)}.example`)).to.equal(0);
    expect(count(`${digits}0.example`)).to.equal(0);
    expect(count(`${digits.slice(0, -1)}w.example`)).to.equal(0);
    expect(count(`${digits.slice(0, -1)}=.example`)).to.equal(0);
    expect(count(zone.prepend(Buffer.alloc(32, 0xe1)))).to.equal(0);
  });

  it('with a next hash of another length than the hash, or unreadable, are left out', () => {
    for (const length of [1, 19, 21, 255]) {
      const name = zone.prepend(knownHashes['a.example']);
      expect(read(nsec3Rrset(name, Buffer.alloc(length), 'A')).nsec3, String(length)).to.have.length(0);
    }
    const good = at('example', 'SOA');
    const [rdata = Buffer.alloc(0)] = good.rdatas;
    expect(read({ ...good, rdatas: [rdata.subarray(0, 4)] }).nsec3).to.have.length(0);
  });
});

describe('proofs by NSEC3 records', () => {
  const name = Name.parse('a.c.x.example');
  const proof = (flags = 0): SignedRrset[] => [
    at('x.example', 'A', { flags }),
    over('c.x.example', 'A', undefined, { flags }),
    over('*.x.example', 'A', undefined, { flags }),
  ];

  it('show a name error by closest encloser, next closer name and wildcard [RFC5155-8.3] [RFC5155-8.4]', () => {
    expect(proveNoName(name, read(...proof()), budget)).to.deep.equal({
      kind: 'secure',
      detail: 'no c.x.example below x.example, by their hashes; nor is there *.x.example',
    });
    const [encloser, next] = proof();
    const withWildcard = [encloser, next, at('*.x.example', 'A')].filter((each) => each !== undefined);
    expect(proveNoName(name, read(...withWildcard), budget)).to.include({ reason: 'denial-wrong' });
    for (const left of proof().keys()) {
      const rest = proof().filter((_, index) => index !== left);
      expect(proveNoName(name, read(...rest), budget), String(left)).to.include({ reason: 'denial-missing' });
    }
  });

  it('want the next closer name covered, not another name below the encloser [RFC5155-8.3]', () => {
    const [encloser, , wildcard] = proof();
    const records = [encloser, over(name.toString(), 'A'), wildcard].filter((each) => each !== undefined);
    expect(proveNoName(name, read(...records), budget)).to.include({ reason: 'denial-missing' });
  });

  it('do not take a zone cut or a DNAME for the closest encloser [RFC5155-8.3] [RFC6840-4.1]', () => {
    const rest = proof().slice(1);
    for (const types of ['NS', 'NS DS', 'DNAME', 'A DNAME', 'NS SOA DNAME']) {
      const records = read(at('x.example', types), ...rest);
      expect(proveNoName(name, records, budget), types).to.include({ reason: 'denial-wrong' });
      expect(proveNoData(name, RrType.A, records, budget).kind, types).to.equal('bogus');
      expect(proveNoDs(name, records, budget).kind, types).to.equal('bogus');
    }
    expect(proveNoName(name, read(at('x.example', 'NS SOA'), ...rest), budget).kind).to.equal('secure');
  });

  it('show no data by the name itself, an empty one too [RFC5155-8.5]', () => {
    const self = Name.parse('a.example');
    const by = (types: string, type: number = RrType.TLSA): string =>
      proveNoData(self, type, read(at('a.example', types)), budget).kind;
    expect(by('A RRSIG')).to.equal('secure');
    expect(by('')).to.equal('secure');
    expect(by('', RrType.ANY)).to.equal('secure');
    expect(by('TLSA RRSIG')).to.equal('bogus');
    expect(by('A RRSIG', RrType.ANY)).to.equal('bogus');
    expect(proveNoName(self, read(at('a.example', 'A')), budget)).to.include({ reason: 'denial-wrong' });
  });

  it('do not deny a type where there is an alias [RFC6840-4.3] [RFC5155-8.5]', () => {
    const records = read(at('a.example', 'CNAME RRSIG'));
    expect(proveNoData(Name.parse('a.example'), RrType.TLSA, records, budget)).to.include({
      reason: 'denial-wrong',
    });
  });

  it('deny at a zone cut the DS record only, and at the apex all but that [RFC6840-4.1] [RFC5155-8.6]', () => {
    const self = Name.parse('a.example');
    const cut = read(at('a.example', 'NS'));
    expect(proveNoData(self, RrType.A, cut, budget).kind).to.equal('bogus');
    expect(proveNoData(self, RrType.DS, cut, budget).kind).to.equal('secure');
    const child = read(at('a.example', 'NS SOA'));
    expect(proveNoData(self, RrType.DS, child, budget).kind).to.equal('bogus');
    const apex = read(at('example', 'NS SOA'));
    expect(proveNoData(zone, RrType.DS, apex, budget).kind).to.equal('bogus');
    expect(proveNoData(zone, RrType.A, apex, budget).kind).to.equal('secure');
  });

  it('show no data by the wildcard that stands in [RFC5155-8.7]', () => {
    const [encloser, next] = proof();
    const by = (types: string, type: number): string =>
      proveNoData(
        name,
        type,
        read(...[encloser, next, at('*.x.example', types)].filter((each) => each !== undefined)),
        budget,
      ).kind;
    expect(by('A RRSIG', RrType.TLSA)).to.equal('secure');
    expect(by('', RrType.TLSA)).to.equal('secure');
    expect(by('A RRSIG', RrType.A)).to.equal('bogus');
    expect(by('CNAME RRSIG', RrType.A)).to.equal('bogus');
    expect(by('NS', RrType.A)).to.equal('bogus');
    expect(proveNoData(name, RrType.A, read(...proof()), budget)).to.include({ reason: 'denial-missing' });
  });

  it('show that nothing is closer than the wildcard of an answer by its next closer name [RFC5155-8.8]', () => {
    const wildcard = Name.parse('*.x.example');
    const prove = (...records: SignedRrset[]): unknown =>
      proveNoCloser(name, wildcard, read(...records), budget);
    expect(prove(over('c.x.example', 'A'))).to.include({ kind: 'secure' });
    expect(prove(over('a.c.x.example', 'A'))).to.include({ reason: 'denial-missing' });
    expect(prove(at('c.x.example', 'A'), over('c.x.example', 'A'))).to.include({ reason: 'denial-wrong' });
    expect(prove(over('c.x.example', 'A', undefined, { flags: 1 }))).to.include({
      kind: 'insecure',
      reason: 'opt-out',
    });
  });

  it('say nothing of a wildcard that the name cannot come from [RFC5155-8.8]', () => {
    // Each of these has a next closer name that is covered.
    const records = read(over('w.example', 'A'), over('example', 'A'), over('x.other', 'A'));
    for (const wildcard of ['*.other.example', '*', '*.other', 'b.example', '*.x.y.z.w.example']) {
      const denial = proveNoCloser(Name.parse('z.w.example'), Name.parse(wildcard), records, budget);
      expect(denial, wildcard).to.include({ kind: 'bogus', reason: 'denial-wrong' });
    }
    const right = proveNoCloser(Name.parse('z.w.example'), Name.parse('*.example'), records, budget);
    expect(right.kind).to.equal('secure');
  });

  it('tell an unsigned delegation by NS without DS and SOA [RFC5155-8.9] [RFC6840-4.4]', () => {
    const by = (types: string): string =>
      proveNoDs(Name.parse('a.example'), read(at('a.example', types)), budget).kind;
    expect(by('NS')).to.equal('insecure-delegation');
    expect(by('A RRSIG')).to.equal('no-cut');
    expect(by('')).to.equal('no-cut');
    expect(by('NS DS RRSIG')).to.equal('bogus');
    expect(by('NS SOA RRSIG')).to.equal('bogus');
    expect(by('CNAME RRSIG')).to.equal('bogus');
  });

  it('say that an unsigned delegation may be in an opt-out span [RFC5155-8.6] [RFC5155-8.9]', () => {
    expect(proveNoDs(name, read(...proof(1)), budget).kind).to.equal('opt-out');
    expect(proveNoDs(name, read(...proof(1).slice(0, 2)), budget).kind).to.equal('opt-out');
    expect(proveNoDs(name, read(...proof(1).slice(1)), budget).kind).to.equal('bogus');
    expect(proveNoDs(name, read(...proof(0)), budget).kind).to.equal('no-name');
    expect(proveNoDs(name, read(...proof(0).slice(0, 2)), budget).kind).to.equal('bogus');
  });

  it('are insecure where the next closer name is in an opt-out span [RFC5155-9.2]', () => {
    const insecure = { kind: 'insecure', reason: 'opt-out' };
    expect(proveNoName(name, read(...proof(1)), budget)).to.include(insecure);
    expect(proveNoData(name, RrType.A, read(...proof(1)), budget)).to.include(insecure);
    const [encloser, next] = proof(1);
    const wildcard = at('*.x.example', 'A');
    const records = [encloser, next, wildcard].filter((each) => each !== undefined);
    expect(proveNoData(name, RrType.TLSA, read(...records), budget)).to.include(insecure);
    expect(proveNoData(name, RrType.A, read(...records), budget).kind).to.equal('bogus');
    // The flag of a record that only shows a name to exist means nothing.
    const self = read(at('a.example', 'A', { flags: 1 }));
    expect(proveNoData(Name.parse('a.example'), RrType.TLSA, self, budget).kind).to.equal('secure');
  });

  it('take the last record of the chain as spanning its end and its beginning [RFC5155-3.1.7]', () => {
    const [first, last] = ['0'.repeat(31) + '1', 'v'.repeat(31) + 'u'];
    const low = Buffer.concat([Buffer.alloc(19), Buffer.from([1])]);
    const high = Buffer.concat([Buffer.alloc(19, 0xff), Buffer.from([0xfe])]);
    const wildcard = Name.parse('*.example');
    const prove = (owner: string, next: Buffer): string =>
      proveNoCloser(
        Name.parse('b.example'),
        wildcard,
        read(nsec3Rrset(zone.prepend(owner), next, 'A')),
        budget,
      ).kind;
    expect(prove(first, high)).to.equal('secure');
    expect(prove(last, low)).to.equal('bogus');
    const middle = nsec3Hash(Name.parse('b.example'));
    const below = Buffer.from(middle);
    below.writeUInt8(below.readUInt8(19) - 1, 19);
    expect(prove(base32hex(below), low)).to.equal('secure');
    expect(prove(last, middle)).to.equal('bogus');
    // The only record of a chain spans everything but itself.
    expect(prove(first, low)).to.equal('secure');
    expect(prove(base32hex(middle), middle)).to.equal('bogus');
  });

  it('are not computed beyond the limit of iterations, and then insecure [RFC9276-3.2]', () => {
    const limit = defaultValidationLimits['nsec3-iterations'];
    const used = new WorkBudget();
    const self = Name.parse('a.example');
    const records = (iterations: number): DenialRecords => read(at('a.example', 'A', { iterations }));
    expect(proveNoData(self, RrType.TLSA, records(limit), used).kind).to.equal('secure');
    const rounds = used.hashRounds;
    const insecure = { kind: 'insecure', reason: 'nsec3-iterations' };
    expect(proveNoData(self, RrType.TLSA, records(limit + 1), used)).to.include(insecure);
    expect(proveNoName(self, records(65_535), used)).to.include(insecure);
    expect(proveNoDs(self, records(500), used)).to.include(insecure);
    expect(proveNoCloser(self, Name.parse('*.example'), records(500), used)).to.include(insecure);
    expect(used.hashRounds).to.equal(rounds);
  });

  it('end where the lookup has no hash left (CVE-2023-50868) [RFC4035-5.4]', () => {
    const deep = Name.fromLabels([
      ...Array.from({ length: 120 }, () => Buffer.from('a')),
      Buffer.from('example'),
    ]);
    const limits = { ...defaultValidationLimits, 'nsec3-hash-rounds': 2000 };
    const used = new WorkBudget(limits);
    const records = read(
      at('example', 'SOA NS', { iterations: 50 }),
      over('a.example', 'A', undefined, { iterations: 50 }),
    );
    for (const denial of [
      proveNoName(deep, records, used),
      proveNoData(deep, RrType.A, records, used),
      proveNoDs(deep, records, used),
    ]) {
      expect(denial).to.include({ kind: 'bogus', reason: 'work-limit' });
    }
    expect(used.hashRounds).to.be.at.most(2000);
    expect(used.exhausted).to.equal('nsec3-hash-rounds');
  });
});

function read(...rrsets: readonly SignedRrset[]): DenialRecords {
  return readDenialRecords(zone, rrsets);
}

/** The record of a name, with the next hash right behind it. */
function at(owner: string, types: string, parameters: Partial<Nsec3> = {}): SignedRrset {
  const hash = nsec3Hash(Name.parse(owner), parameters.iterations, parameters.salt);
  return nsec3Rrset(zone.prepend(base32hex(hash)), neighbour(hash, 1), types, parameters);
}

/** A record that covers a name and as little else as possible, or up to another one. */
function over(covered: string, types: string, next?: string, parameters: Partial<Nsec3> = {}): SignedRrset {
  const hash = nsec3Hash(Name.parse(covered), parameters.iterations, parameters.salt);
  const end = next === undefined ? neighbour(hash, 1) : nsec3Hash(Name.parse(next));
  return nsec3Rrset(zone.prepend(base32hex(neighbour(hash, -1))), end, types, parameters);
}

/** The hash that is next to another. */
function neighbour(hash: Buffer, step: 1 | -1): Buffer {
  const value = BigInt(`0x${hash.toString('hex')}`) + BigInt(step);
  return Buffer.from(value.toString(16).padStart(40, '0'), 'hex');
}

function nsec3Rrset(
  owner: Name,
  nextHashedOwner: Buffer,
  types: string,
  parameters: Partial<Nsec3> = {},
): SignedRrset {
  const rdata = encodeNsec3({
    hashAlgorithm: 1,
    flags: 0,
    iterations: 0,
    salt: Buffer.alloc(0),
    nextHashedOwner,
    types: types === '' ? [] : types.split(' ').map((type) => rrTypeFromName(type) ?? NaN),
    ...parameters,
  });
  return { name: owner, type: RrType.NSEC3, ttl: 60, rdatas: [rdata], signatures: [] };
}
