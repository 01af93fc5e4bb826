/**
 * Our reading and writing against dns-packet's, on well-formed messages whose names both can hold.
 */
import { expect } from 'chai';
import dnsPacket from 'dns-packet';
import type { Answer, DecodedPacket } from 'dns-packet';
import * as fc from 'fast-check';
import { RrType, rrTypeName } from '../../../core/dns/constants.ts';
import type { Message, ResourceRecord } from '../../../core/dns/message.ts';
import { encodeMessage, parseMessage } from '../../../core/dns/message.ts';
import * as rdata from '../../../core/dns/rdata.ts';
import { hostName, recordOf, rdataOf } from './arbitraries.ts';

const { A, AAAA, CNAME, DNAME, DNSKEY, DS, MX, NS, NSEC, PTR, RRSIG, SOA, SRV, TLSA, TXT } = RrType;
/** Types that both know; those whose names dns-packet prints as text are compared as text. */
const shared: readonly number[] = [
  A,
  AAAA,
  CNAME,
  DNAME,
  DNSKEY,
  DS,
  MX,
  NS,
  NSEC,
  PTR,
  RRSIG,
  SOA,
  SRV,
  TLSA,
  TXT,
];
const rdataOfShared = Object.fromEntries(
  Object.entries(rdataOf(hostName)).filter(([type]) => shared.includes(Number(type))),
);
const records = fc.array(recordOf(hostName, rdataOfShared), { maxLength: 6 });

const message: fc.Arbitrary<Message> = fc.record({
  header: fc.record({
    id: fc.integer({ min: 0, max: 65_535 }),
    qr: fc.constant(true),
    opcode: fc.constant(0),
    aa: fc.boolean(),
    tc: fc.boolean(),
    rd: fc.boolean(),
    ra: fc.boolean(),
    ad: fc.boolean(),
    cd: fc.boolean(),
    rcode: fc.integer({ min: 0, max: 10 }),
  }),
  questions: fc.array(
    fc.record({ name: hostName, type: fc.constantFrom<number>(...shared), class: fc.constant(1) }),
    { maxLength: 1 },
  ),
  answers: records,
  authorities: records,
  additionals: records,
});

describe('against dns-packet', () => {
  it('messages that we write are read alike, compressed or not', () => {
    fc.assert(
      fc.property(message, fc.boolean(), (ours, compress) => {
        const theirs = dnsPacket.decode(encodeMessage(ours, { compress }));
        expectSameHeader(theirs, ours);
        expect(theirs.questions?.map(({ name, type }) => [name, type])).to.deep.equal(
          ours.questions.map(({ name, type }) => [name.toString(), rrTypeName(type)]),
        );
        const sections = [
          [theirs.answers, ours.answers],
          [theirs.authorities, ours.authorities],
          [theirs.additionals, ours.additionals],
        ] as const;
        for (const [theirSection = [], ourSection] of sections) {
          expect(theirSection).to.have.lengthOf(ourSection.length);
          ourSection.forEach((record, index) => expectSameRecord(theirSection[index], record));
        }
      }),
    );
  });

  it('messages that it writes are read to the same octets', () => {
    fc.assert(
      fc.property(message, (ours) => {
        const written = dnsPacket.encode(dnsPacket.decode(encodeMessage(ours)));
        // It never compresses, so these are the octets that we write without compression.
        expect(written).to.deep.equal(encodeMessage(ours, { compress: false }));
        expect(encodeMessage(parseMessage(written))).to.deep.equal(encodeMessage(ours));
      }),
    );
  });
});

function expectSameHeader(theirs: DecodedPacket, { header }: Message): void {
  expect(theirs).to.include({
    id: header.id,
    flag_qr: header.qr,
    flag_aa: header.aa,
    flag_tc: header.tc,
    flag_rd: header.rd,
    flag_ra: header.ra,
    flag_ad: header.ad,
    flag_cd: header.cd,
  });
  expect((theirs.flags ?? 0) & 15).to.equal(header.rcode);
}

function expectSameRecord(theirs: Answer | undefined, ours: ResourceRecord): void {
  if (theirs === undefined || theirs.type === 'OPT') throw new TypeError('not a record');
  expect(theirs.name).to.equal(ours.name.toString());
  expect(theirs.type).to.equal(rrTypeName(ours.type));
  expect(theirs.ttl).to.equal(ours.ttl);
  const { data } = theirs as { data: unknown };
  switch (ours.type) {
    case NS:
    case CNAME:
    case PTR:
    case DNAME:
      expect(data).to.equal(rdata.parseName(ours.rdata).toString());
      break;
    case A:
      expect(data).to.equal(rdata.parseA(ours.rdata));
      break;
    case TXT:
      expect(data).to.deep.equal(rdata.parseTxt(ours.rdata));
      break;
    case SOA: {
      const { mname, rname, ...numbers } = rdata.parseSoa(ours.rdata);
      expect(data).to.deep.equal({ mname: mname.toString(), rname: rname.toString(), ...numbers });
      break;
    }
    case TLSA: {
      const { data: certificate, ...fields } = rdata.parseTlsa(ours.rdata);
      expect(data).to.deep.equal({ ...fields, certificate });
      break;
    }
    case DS:
      expect(data).to.deep.equal(rdata.parseDs(ours.rdata));
      break;
    case RRSIG: {
      const { originalTtl, signer, typeCovered, ...fields } = rdata.parseRrsig(ours.rdata);
      const named = {
        originalTTL: originalTtl,
        signersName: signer.toString(),
        typeCovered: rrTypeName(typeCovered),
      };
      expect(data).to.deep.equal({ ...fields, ...named });
      break;
    }
    case MX: {
      const { preference, exchange } = rdata.parseMx(ours.rdata);
      expect(data).to.deep.equal({ preference, exchange: exchange.toString() });
      break;
    }
  }
}
