/**
 * The zones of RFC 4035 appendix A and RFC 5155 appendix A: every signature in them, and that the chains which the
 * tests make for zones of their own are those of the RFCs.
 */
import { expect } from 'chai';
import { WorkBudget } from '../../../core/dnssec/budget.ts';
import { groupRrsets } from '../../../core/dnssec/rrset.ts';
import { verifyRrset } from '../../../core/dnssec/signature.ts';
import type { ZoneKey } from '../../../core/dnssec/signature.ts';
import { RrType, rrTypeName } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { keyTag, parseDnskey } from '../../../core/dns/rdata.ts';
import type { RrSet } from '../../../lab/zone.ts';
import { nsec3Chain, nsecChain } from '../../support/denial-chain.ts';
import { readZone } from '../../support/published-response.ts';
import { groupRecords } from '../../support/zone-signer.ts';

const apex = Name.parse('example');
const zones = [
  { path: 'rfc4035/zone.txt', tag: '[RFC4035-A]', algorithm: 5, at: '2004-05-01T00:00:00Z', signed: 26 },
  { path: 'rfc5155/zone.txt', tag: '[RFC5155-A]', algorithm: 7, at: '2010-01-01T00:00:00Z', signed: 30 },
] as const;

for (const { path, tag, algorithm, at, signed } of zones) {
  it(`every signature of a published zone holds ${tag}`, () => {
    const records = readZone(path);
    const keys = records.filter(({ type }) => type === RrType.DNSKEY).map(zoneKey);
    const context = { nowMs: Date.parse(at), alsoAlgorithms: [algorithm] };
    const rrsets = groupRrsets(records).filter(({ signatures }) => signatures.length > 0);
    for (const rrset of rrsets) {
      for (const signature of rrset.signatures) {
        const one = { ...rrset, signatures: [signature] };
        const verified = verifyRrset(one, apex, keys, { ...context, budget: new WorkBudget() });
        expect(verified.ok, `${rrset.name.toString()} ${rrTypeName(rrset.type)}`).to.equal(true);
      }
    }
    expect(rrsets).to.have.length(signed);
  });
}

describe('chains that tests make', () => {
  it('are those of the RFC for its zone, with NSEC [RFC4035-A]', () => {
    const records = readZone('rfc4035/zone.txt');
    expect(described(nsecChain(apex, dataOf(records), 3600))).to.deep.equal(published(records, RrType.NSEC));
  });

  it('are those of the RFC for its zone, with NSEC3 [RFC5155-A]', () => {
    const records = readZone('rfc5155/zone.txt');
    const options = { salt: Buffer.from('aabbccdd', 'hex'), iterations: 12, optOut: true };
    const chain = nsec3Chain(apex, dataOf(records), 3600, options);
    expect(described(chain)).to.deep.equal(published(records, RrType.NSEC3));
  });
});

function zoneKey({ rdata }: ResourceRecord): ZoneKey {
  return { dnskey: parseDnskey(rdata), tag: keyTag(rdata), rdata };
}

/** What a zone has before it is signed, and its keys. */
function dataOf(records: readonly ResourceRecord[]): RrSet[] {
  const made: readonly number[] = [RrType.RRSIG, RrType.NSEC, RrType.NSEC3];
  return groupRecords(records.filter(({ type }) => !made.includes(type)));
}

function published(records: readonly ResourceRecord[], type: number): string[] {
  return described(groupRecords(records.filter((record) => record.type === type)));
}

function described(rrsets: readonly RrSet[]): string[] {
  return rrsets
    .map(({ name, rdatas }) => `${name.toString()} ${rdatas.map((rdata) => rdata.toString('hex')).join(' ')}`)
    .sort();
}
