import { expect } from 'chai';
import { Opcode, Rcode, RrType, rrTypeName } from '../../core/dns/constants.ts';
import { makeQuery } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { Authoritative } from '../../lab/authoritative.ts';
import { SignedZone } from '../../lab/signed-zone.ts';
import { Zone } from '../../lab/zone.ts';

const nameServer = Name.parse('ns.example');

function addZone(server: Authoritative, apex: string): SignedZone {
  const zone = new Zone({ apex: Name.parse(apex), nameServer });
  const signed = new SignedZone(zone, { signing: 'valid', validForSeconds: 3600, nowMs: Date.now });
  server.add(signed);
  return signed;
}

function tree(): Authoritative {
  const server = new Authoritative();
  const parent = addZone(server, 'example').zone;
  const child = addZone(server, 'child.example');
  const put = (name: string, type: number, rdata: Buffer): void =>
    parent.replace({ name: Name.parse(name), type, ttl: 60, rdatas: [rdata] });
  put('child.example', RrType.NS, nameServer.wire);
  put('child.example', RrType.DS, child.key.ds);
  put('signed.example', RrType.NS, Name.parse('ns.signed.example').wire);
  put('signed.example', RrType.DS, child.key.ds);
  put('ns.signed.example', RrType.A, encodeA('192.0.2.1'));
  put('plain.example', RrType.NS, nameServer.wire);
  put('a.b.example', RrType.A, encodeA('192.0.2.2'));
  put('alias.example', RrType.CNAME, Name.parse('a.b.example').wire);
  return server;
}

/** The types of a section, without signatures; `+` for one that is signed. */
function types(records: readonly ResourceRecord[]): string {
  const signed = (name: Name): boolean =>
    records.some((record) => record.type === RrType.RRSIG && record.name.equals(name));
  return records
    .filter(({ type }) => type !== RrType.RRSIG)
    .map(({ name, type }) => `${name.toString()} ${rrTypeName(type)}${signed(name) ? '+' : ''}`)
    .join(', ');
}

function query(name: string, type: number, dnssecOk = true): Message {
  const edns = { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk, options: [] };
  return makeQuery({ id: 1, name: Name.parse(name), type, edns });
}

describe('lab/authoritative', () => {
  const server = tree();
  const { NOERROR, NXDOMAIN } = Rcode;
  const cases: [name: string, type: number, rcode: number, answer: string, authority: string][] = [
    ['a.b.example', RrType.A, NOERROR, 'a.b.example A+', ''],
    ['alias.example', RrType.A, NOERROR, 'alias.example CNAME+', ''],
    ['child.example', RrType.DNSKEY, NOERROR, 'child.example DNSKEY+', ''],
    // The DS RRset is the parent's, all else at the cut the child's [RFC4035-3.1.4.1].
    ['child.example', RrType.DS, NOERROR, 'child.example DS+', ''],
    ['child.example', RrType.A, NOERROR, '', 'child.example SOA+, child.example NSEC+'],
    ['a.b.example', RrType.TLSA, NOERROR, '', 'example SOA+, a.b.example NSEC+'],
    ['b.example', RrType.A, NOERROR, '', 'example SOA+, alias.example NSEC+'],
    ['plain.example', RrType.DS, NOERROR, '', 'example SOA+, plain.example NSEC+'],
    ['nobody.example', RrType.A, NXDOMAIN, '', 'example SOA+, child.example NSEC+, example NSEC+'],
    ['alias.example', RrType.NSEC, NOERROR, 'alias.example NSEC+', ''],
    // A referral: NS unsigned, DS or its denial signed [RFC4035-3.1.4].
    ['www.signed.example', RrType.A, NOERROR, '', 'signed.example NS+, signed.example DS+'],
    ['www.plain.example', RrType.A, NOERROR, '', 'plain.example NS+, plain.example NSEC+'],
  ];
  for (const [name, type, rcode, answer, authority] of cases) {
    it(`answers ${name} ${rrTypeName(type)}`, () => {
      const { header, answers, authorities } = server.respond(query(name, type));
      expect([header.rcode, types(answers), types(authorities)]).to.deep.equal([rcode, answer, authority]);
    });
  }

  it('signs no NS RRset of a delegation, gives glue, and does not claim authority', () => {
    const { header, authorities, additionals } = server.respond(query('www.signed.example', RrType.A));
    const signatures = authorities.filter(({ type }) => type === RrType.RRSIG);
    expect(signatures).to.have.length(1);
    expect(types(additionals)).to.equal('ns.signed.example A');
    expect(header.aa).to.be.false;
  });

  it('gives no DNSSEC record to who does not say DO [RFC4035-3.1]', () => {
    for (const name of ['a.b.example', 'nobody.example', 'www.signed.example']) {
      const { answers, authorities } = server.respond(query(name, RrType.A, false));
      const found = [...answers, ...authorities].map(({ type }) => type);
      expect(found).not.to.include.members([RrType.RRSIG]);
      expect(found).not.to.include.members([RrType.NSEC]);
    }
  });

  it('says no to what it does not do', () => {
    const other = query('a.b.example', RrType.A);
    const rcodes = [
      query('example.net', RrType.A),
      query('example', RrType.AXFR),
      { ...other, header: { ...other.header, opcode: Opcode.UPDATE } },
      { ...other, questions: [] },
    ].map((each) => server.respond(each).header.rcode);
    expect(rcodes).to.deep.equal([Rcode.REFUSED, Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR]);
  });
});
