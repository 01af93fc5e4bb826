/**
 * Random well-formed names, records and messages for property tests.
 */
import * as fc from 'fast-check';
import { RrClass, RrType } from '../../../core/dns/constants.ts';
import type { Edns } from '../../../core/dns/edns.ts';
import type { Header, Message, Question, ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import {
  encodeDnskey,
  encodeDs,
  encodeMx,
  encodeName,
  encodeNsec,
  encodeNsec3,
  encodeNsec3Param,
  encodeRrsig,
  encodeSoa,
  encodeTlsa,
  encodeTxt,
} from '../../../core/dns/rdata.ts';

export const octets = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));

const hostLabel = fc
  .stringMatching(/^[A-Za-z0-9_]([A-Za-z0-9-]{0,8}[A-Za-z0-9])?$/)
  .map((text) => Buffer.from(text));
const fits = (labels: readonly Buffer[]): boolean =>
  labels.reduce((sum, label) => sum + label.length + 1, 1) <= 255;

/** Names whose labels may hold any octet. */
export const anyName: fc.Arbitrary<Name> = fc
  .array(octets(1, 63), { maxLength: 12 })
  .filter(fits)
  .map((labels) => Name.fromLabels(labels));

/** Names of letters, digits, hyphens and underscores, few enough to share suffixes. */
export const hostName: fc.Arbitrary<Name> = fc
  .tuple(
    fc.array(hostLabel, { maxLength: 3 }),
    fc.constantFrom('example', 'Example', 'a.example', 'net', '.'),
  )
  .map(([labels, suffix]) => Name.fromLabels([...labels, ...Name.parse(suffix).labels()]));

const uint8 = fc.integer({ min: 0, max: 0xff });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const seconds = fc.integer({ min: 0, max: 0x7fff_ffff });
const { A, NS, CNAME, SOA, MX, TXT, AAAA, DS, RRSIG, NSEC, DNSKEY, TLSA, CAA } = RrType;
const rrType = fc.constantFrom<number>(A, NS, CNAME, SOA, MX, TXT, AAAA, DS, RRSIG, NSEC, DNSKEY, TLSA, CAA);

const soa = (name: fc.Arbitrary<Name>): fc.Arbitrary<Buffer> =>
  fc
    .record({
      mname: name,
      rname: name,
      serial: uint32,
      refresh: seconds,
      retry: seconds,
      expire: seconds,
      minimum: seconds,
    })
    .map(encodeSoa);

const rrsig = (name: fc.Arbitrary<Name>): fc.Arbitrary<Buffer> =>
  fc
    .record({
      typeCovered: rrType,
      algorithm: uint8,
      labels: uint8,
      originalTtl: seconds,
      expiration: uint32,
      inception: uint32,
      keyTag: uint16,
      signer: name,
      signature: octets(1, 64),
    })
    .map(encodeRrsig);

const nsec3Param = { hashAlgorithm: uint8, flags: uint8, iterations: uint16, salt: octets(0, 255) };

/** RDATA by type. */
export function rdataOf(name: fc.Arbitrary<Name>): Record<number, fc.Arbitrary<Buffer>> {
  return {
    [RrType.A]: octets(4, 4),
    [RrType.AAAA]: octets(16, 16),
    [RrType.NS]: name.map(encodeName),
    [RrType.CNAME]: name.map(encodeName),
    [RrType.PTR]: name.map(encodeName),
    [RrType.DNAME]: name.map(encodeName),
    [RrType.MX]: fc.record({ preference: uint16, exchange: name }).map(encodeMx),
    [RrType.TXT]: fc.array(octets(0, 40), { minLength: 1, maxLength: 4 }).map(encodeTxt),
    [RrType.SOA]: soa(name),
    [RrType.SRV]: fc.tuple(octets(6, 6), name).map(([fixed, target]) => Buffer.concat([fixed, target.wire])),
    [RrType.TLSA]: fc
      .record({ usage: uint8, selector: uint8, matchingType: uint8, data: octets(1, 64) })
      .map(encodeTlsa),
    [RrType.DS]: fc
      .record({ keyTag: uint16, algorithm: uint8, digestType: uint8, digest: octets(1, 48) })
      .map(encodeDs),
    [RrType.DNSKEY]: fc
      .record({ flags: uint16, protocol: fc.constant(3), algorithm: uint8, publicKey: octets(1, 64) })
      .map(encodeDnskey),
    [RrType.RRSIG]: rrsig(name),
    [RrType.NSEC]: fc
      .record({ nextName: name, types: fc.uniqueArray(rrType, { minLength: 1 }) })
      .map(encodeNsec),
    [RrType.NSEC3]: fc
      .record({
        ...nsec3Param,
        nextHashedOwner: octets(1, 255),
        types: fc.uniqueArray(rrType),
      })
      .map(encodeNsec3),
    [RrType.NSEC3PARAM]: fc.record(nsec3Param).map(encodeNsec3Param),
  };
}

export function recordOf(name: fc.Arbitrary<Name>, rdata = rdataOf(name)): fc.Arbitrary<ResourceRecord> {
  const kinds = Object.entries(rdata).map(([type, octetsOfType]) =>
    fc.record({
      name,
      type: fc.constant(Number(type)),
      class: fc.constant<number>(RrClass.IN),
      ttl: seconds,
      rdata: octetsOfType,
    }),
  );
  return fc.oneof(...kinds);
}

/** Records of unknown types and classes. */
const opaqueRecord: fc.Arbitrary<ResourceRecord> = fc.record({
  name: anyName,
  type: fc.integer({ min: 1000, max: 0xffff }),
  class: uint16,
  ttl: seconds,
  rdata: octets(0, 100),
});

const edns: fc.Arbitrary<Edns> = fc.record({
  udpPayloadSize: uint16,
  version: uint8,
  dnssecOk: fc.boolean(),
  extendedRcode: uint8,
  options: fc.array(fc.record({ code: uint16, data: octets(0, 30) }), { maxLength: 3 }),
});

const header = (rcodeMax: number): fc.Arbitrary<Header> =>
  fc.record({
    id: uint16,
    qr: fc.boolean(),
    opcode: fc.integer({ min: 0, max: 15 }),
    aa: fc.boolean(),
    tc: fc.boolean(),
    rd: fc.boolean(),
    ra: fc.boolean(),
    ad: fc.boolean(),
    cd: fc.boolean(),
    rcode: fc.integer({ min: 0, max: rcodeMax }),
  });

const question = (name: fc.Arbitrary<Name>): fc.Arbitrary<Question> =>
  fc.record({ name, type: uint16, class: uint16 });

/** Messages of which our own reading and writing are inverse to one another. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(messageWithEdns(), messageOf(header(15)));

function messageOf(headers: fc.Arbitrary<Header>): fc.Arbitrary<Message> {
  const records = fc.array(fc.oneof(recordOf(anyName), recordOf(hostName), opaqueRecord), { maxLength: 6 });
  return fc.record({
    header: headers,
    questions: fc.array(question(fc.oneof(anyName, hostName)), { maxLength: 2 }),
    answers: records,
    authorities: records,
    additionals: records,
  });
}

function messageWithEdns(): fc.Arbitrary<Message> {
  return fc.tuple(messageOf(header(0xfff)), edns).map(([message, opt]) => ({
    ...message,
    edns: { ...opt, extendedRcode: message.header.rcode >> 4 },
  }));
}

/** Splits octets at random places. */
export const chunksOf = (whole: Buffer): fc.Arbitrary<Buffer[]> =>
  fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 12 }).map((cuts) => {
    const places = [0, ...cuts.sort((a, b) => a - b), whole.length];
    return places.slice(1).map((end, index) => whole.subarray(places[index], end));
  });
