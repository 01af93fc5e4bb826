import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { RrType, rrTypeName } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { presentTlsa } from '../../../core/dns/present.ts';
import { parseRrsig } from '../../../core/dns/rdata.ts';
import { parseAnchors, TrustAnchors } from '../../../core/dnssec/anchors.ts';
import { WorkBudget } from '../../../core/dnssec/budget.ts';
import type { Verdict } from '../../../core/dnssec/lookup.ts';
import { lookUpIn, parseChain } from './chain-responder.ts';

interface Chain {
  readonly section: string;
  readonly file: string;
  readonly name: string;
  readonly status: string;
  readonly reason: string;
  readonly aliases: readonly string[];
  /**
   * Owners of records that the proof does without. In A.8 the record at the hash of `example` covers the hash of
   * `insecure.example` too; the one after it says nothing of either.
   */
  readonly withoutProof?: readonly string[];
}

interface Vectors {
  readonly anchor: string;
  readonly validFrom: string;
  readonly validUntil: string;
  readonly tlsa: string;
  readonly chains: readonly Chain[];
}

const folder = new URL('../../vectors/rfc9102/', import.meta.url);
const vectors = JSON.parse(readFileSync(new URL('chains.json', folder), 'utf8')) as Vectors;
const anchors = new TrustAnchors(parseAnchors(vectors.anchor));
const at = Date.parse('2019-06-01T00:00:00Z');

function recordsOf({ file }: Chain): ResourceRecord[] {
  return parseChain(Buffer.from(readFileSync(new URL(file, folder), 'utf8').trim(), 'hex'));
}

function judge(
  chain: Chain,
  records: readonly ResourceRecord[],
  nowMs = at,
  budget = new WorkBudget(),
): Verdict {
  return lookUpIn(records, { name: Name.parse(chain.name), type: RrType.TLSA }, anchors, nowMs, budget);
}

function describeRecord({ name, type, rdata }: ResourceRecord): string {
  const what = type === RrType.RRSIG ? `RRSIG of ${rrTypeName(rdata.readUInt16BE(0))}` : rrTypeName(type);
  return `${name.toString()} ${what}`;
}

/** Whether the other records of the chain prove as much without this one. */
function isSuperfluous(record: ResourceRecord, records: readonly ResourceRecord[], chain: Chain): boolean {
  if (chain.withoutProof?.includes(record.name.toString()) === true) return true;
  if (record.type !== RrType.RRSIG) return false;
  const { typeCovered } = parseRrsig(record.rdata);
  // RFC 6840 section 5.4: of several signatures over an RRset one is enough.
  const others = records.filter(
    ({ name, type, rdata }) =>
      type === RrType.RRSIG && name.equals(record.name) && rdata.readUInt16BE(0) === typeCovered,
  );
  return others.length > 1;
}

describe('the DNSSEC chains of RFC 9102', () => {
  /** Records that a chain before had too, and whose octets were changed there. */
  const seen = new Set<string>();

  for (const chain of vectors.chains) {
    describe(`${chain.file} (${chain.name})`, () => {
      const records = recordsOf(chain);
      const expected = { status: chain.status, reason: chain.reason };

      it(`is ${chain.status} on 2019-06-01 [RFC9102-${chain.section}]`, () => {
        const budget = new WorkBudget();
        const verdict = judge(chain, records, at, budget);
        expect(verdict).to.include(expected);
        expect(verdict.aliases.map(String)).to.deep.equal(chain.aliases);
        expect(verdict.records.map(({ rdata }) => presentTlsa(rdata))).to.deep.equal(
          chain.reason === 'signed' ? [vectors.tlsa] : [],
        );
        expect(budget.signatures, 'leaves room in the budget').to.be.below(budget.limits.signatures / 2);
      });

      it('is the same in any order, and with every record twice', () => {
        expect(judge(chain, records.toReversed())).to.include(expected);
        expect(judge(chain, [...records, ...records])).to.include(expected);
      });

      it('is the same with records beside it that nobody signed', () => {
        const [first] = records;
        const stray = { ...first!, name: Name.parse('stray.example.com') };
        expect(judge(chain, [stray, ...records])).to.include(expected);
      });

      it('is bogus before and after its time', () => {
        const from = Date.parse(vectors.validFrom);
        const until = Date.parse(vectors.validUntil);
        expect(judge(chain, records, from)).to.include(expected);
        expect(judge(chain, records, until)).to.include(expected);
        for (const early of [from - 1, from - 1000]) {
          expect(judge(chain, records, early)).to.include({
            status: 'bogus',
            reason: 'signature-not-yet-valid',
          });
        }
        for (const late of [until + 1, until + 1000]) {
          expect(judge(chain, records, late)).to.include({ status: 'bogus', reason: 'signature-expired' });
        }
      });

      it('is bogus without any one of its records, unless that carries no proof', () => {
        for (const record of records) {
          const rest = records.filter((each) => each !== record);
          const verdict = judge(chain, rest);
          const status = isSuperfluous(record, records, chain) ? chain.status : 'bogus';
          expect(verdict.status, describeRecord(record)).to.equal(status);
        }
      });

      it('is bogus with any octet of an RDATA changed, unless that carries no proof', () => {
        for (const [index, record] of records.entries()) {
          const key = `${record.name.key} ${String(record.type)} ${record.rdata.toString('hex')}`;
          if (seen.has(key)) continue;
          seen.add(key);
          const mayStand = isSuperfluous(record, records, chain);
          for (let octet = 0; octet < record.rdata.length; octet += 1) {
            const rdata = Buffer.from(record.rdata);
            rdata[octet]! ^= [0x01, 0x80, 0xff][octet % 3]!;
            const verdict = judge(chain, records.with(index, { ...record, rdata }));
            const allowed = mayStand ? ['bogus', chain.status] : ['bogus'];
            expect(allowed, `${describeRecord(record)}, octet ${octet}`).to.include(verdict.status);
          }
        }
      }).timeout(60_000);
    });
  }

  it('are indeterminate for those who trust another root', () => {
    const [chain] = vectors.chains;
    const nobody = new TrustAnchors(parseAnchors('other. DS 1 13 2 ' + '00'.repeat(32)));
    const verdict = lookUpIn(
      recordsOf(chain!),
      { name: Name.parse(chain!.name), type: RrType.TLSA },
      nobody,
      at,
    );
    expect(verdict).to.include({ status: 'indeterminate', reason: 'no-anchor' });
  });
});
