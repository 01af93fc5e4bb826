import { expect } from 'chai';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA, encodeTxt } from '../../core/dns/rdata.ts';
import { Zone } from '../../lab/zone.ts';

const apex = Name.parse('example');
const nameServer = Name.parse('ns.example');
const address = encodeA('192.0.2.1');
const text = encodeTxt([Buffer.from('text')]);

function record(name: string, type: number, rdata: Buffer): Parameters<Zone['add']>[0] {
  return { name: Name.parse(name), type, class: RrClass.IN, ttl: 60, rdata };
}

describe('lab/zone', () => {
  describe('find', () => {
    const zone = new Zone({ apex, nameServer });
    zone.add(record('a.b.example', RrType.A, address));
    zone.add(record('alias.example', RrType.CNAME, Name.parse('a.b.example').wire));
    zone.add(record('child.example', RrType.NS, nameServer.wire));
    zone.add(record('child.example', RrType.TXT, text));
    zone.add(record('ns.child.example', RrType.A, address));

    const cases: [question: string, type: number, kind: string][] = [
      ['example', RrType.SOA, 'answer'],
      ['a.b.example', RrType.A, 'answer'],
      ['A.B.EXAMPLE', RrType.A, 'answer'],
      ['a.b.example', RrType.TXT, 'no-data'],
      ['b.example', RrType.A, 'no-data'], // an empty non-terminal exists [RFC8020-2]
      ['c.example', RrType.A, 'no-name'],
      ['x.a.b.example', RrType.A, 'no-name'],
      ['alias.example', RrType.A, 'alias'],
      ['alias.example', RrType.CNAME, 'answer'],
      ['child.example', RrType.A, 'referral'],
      ['child.example', RrType.TXT, 'referral'],
      ['child.example', RrType.DS, 'no-data'], // the parent's own [RFC4035-3.1.4.1]
      ['ns.child.example', RrType.A, 'referral'],
      ['x.child.example', RrType.DS, 'referral'],
    ];
    for (const [question, type, kind] of cases) {
      it(`says ${kind} for ${question} type ${type}`, () => {
        expect(zone.find(Name.parse(question), type).kind).to.equal(kind);
      });
    }

    it('names the closest encloser of a name that does not exist', () => {
      const found = zone.find(Name.parse('x.y.b.example'), RrType.A);
      expect(found.kind === 'no-name' && found.closestEncloser.toString()).to.equal('b.example');
    });
  });

  it('adds a record once and keeps one TTL for the RRset [RFC2181-5.2]', () => {
    const zone = new Zone({ apex, nameServer });
    expect(zone.add(record('a.example', RrType.A, address))).to.be.true;
    expect(zone.add({ ...record('a.example', RrType.A, address), ttl: 5 })).to.be.false;
    expect(zone.add({ ...record('a.example', RrType.A, encodeA('192.0.2.2')), ttl: 5 })).to.be.true;
    expect(zone.rrset(Name.parse('a.example'), RrType.A)?.ttl).to.equal(60);
    expect([...zone.records()]).to.have.length(4);
  });

  it('forgets a name with its last record, and the empty non-terminals above it', () => {
    const zone = new Zone({ apex, nameServer });
    zone.add(record('a.b.c.example', RrType.A, address));
    zone.add(record('d.c.example', RrType.A, address));
    expect(zone.remove(record('a.b.c.example', RrType.A, text))).to.be.false;
    expect(zone.remove(record('a.b.c.example', RrType.A, address))).to.be.true;
    expect(zone.typesAt(Name.parse('b.c.example'))).to.be.undefined;
    expect(zone.typesAt(Name.parse('c.example'))).to.deep.equal([]);
    zone.replace({ name: Name.parse('d.c.example'), type: RrType.A, ttl: 1, rdatas: [] });
    expect([...zone.names()].map(String)).to.deep.equal(['example']);
  });

  it('leaves no trace of a name that is emptied before it was filled', () => {
    const zone = new Zone({ apex, nameServer });
    zone.replace({ name: Name.parse('a.b.example'), type: RrType.A, ttl: 1, rdatas: [] });
    expect([...zone.names()]).to.have.length(1);
  });

  it('takes no record from outside', () => {
    const zone = new Zone({ apex, nameServer });
    expect(() => zone.add(record('a.example.net', RrType.A, address))).to.throw(RangeError, 'is not in');
  });

  it('lists the SOA record first, with the serial it was given', () => {
    const zone = new Zone({ apex, nameServer, serial: 41 });
    zone.serial = 42;
    const [first] = zone.records();
    expect(first?.type).to.equal(RrType.SOA);
    expect(zone.serial).to.equal(42);
  });
});
