/**
 * danced's matching beside OpenSSL's own DANE verification, case by case over the matrix.
 *
 * Where the two disagree, test/support/openssl-dane/differences.ts must have the reason, and every reason there must
 * really occur. Run with DANCED_FUZZ_SEED to try other cases of chance.
 */
import { expect } from 'chai';
import { matchTlsa } from '../../core/dane/match.ts';
import type { MatchResult } from '../../core/dane/match.ts';
import type { TlsaParameters } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { dnsNames, parseCertificate, subjectPublicKeyInfo } from '../../core/pki/certificate.ts';
import { fuzzSeed } from '../fuzz/random.ts';
import { differences } from '../support/openssl-dane/differences.ts';
import { caseGroups } from '../support/openssl-dane/matrix.ts';
import type { DaneCase } from '../support/openssl-dane/matrix.ts';
import { askOpenssl, buildHarness, withLess } from '../support/openssl-dane/openssl-dane.ts';
import type { DaneQuestion, OpensslAnswer } from '../support/openssl-dane/openssl-dane.ts';
import { TestBed } from '../support/peers/test-bed.ts';

/** Cases of failures that are shown. */
const shownFailures = 10;

describe('matching beside OpenSSL', function () {
  this.timeout(120_000);
  const bed = new TestBed();
  const occurred = new Map<string, number>();
  const counts = { cases: 0, matches: 0 };
  let harness: string;

  before(async () => {
    harness = await buildHarness(bed);
  });

  after(() => bed.close());

  for (const { title, make } of caseGroups) {
    it(`agrees on ${title}, but for the listed differences`, () => {
      const cases = make(fuzzSeed);
      const answers = askOpenssl(
        harness,
        cases.map(({ question }) => question),
      );
      const unlisted: string[] = [];
      for (const [index, one] of cases.entries()) {
        const openssl = answers[index];
        if (openssl === undefined) throw new Error('a case without an answer');
        const danced = askDanced(one.question);
        counts.cases += 1;
        if (danced.matched) counts.matches += 1;
        if (isSame(one.question, openssl, danced)) continue;
        const isFoundWithLess = (): boolean => doesOpensslFind(harness, one.question, danced);
        const listed = differences.find(({ covers }) => covers({ one, openssl, danced, isFoundWithLess }));
        if (listed === undefined) unlisted.push(describeFailure(one, openssl, danced));
        else occurred.set(listed.title, (occurred.get(listed.title) ?? 0) + 1);
      }
      expect(unlisted.slice(0, shownFailures), `${String(unlisted.length)} unlisted`).to.deep.equal([]);
    });
  }

  it('compares thousands of cases, of which many match and many do not', () => {
    expect(counts.cases).to.be.above(2000);
    expect(counts.matches).to.be.within(counts.cases / 5, (counts.cases * 4) / 5);
  });

  for (const { title, clause } of differences) {
    it(`differs by design: ${title} (${clause})`, () => {
      expect(occurred.get(title) ?? 0).to.be.above(0);
    });
  }
});

function askDanced({ purpose, name, nowMs, records, chain, roots }: DaneQuestion): MatchResult {
  const [certificate, ...others] = chain;
  if (certificate === undefined) throw new Error('a case without a certificate');
  return matchTlsa(
    records,
    {
      certificate,
      subjectPublicKeyInfo: subjectPublicKeyInfo(certificate),
      dnsNames: dnsNames(certificate).names,
      chain: others,
    },
    { name: Name.parse(name), nowMs, purpose, roots: roots.map(parseCertificate) },
  );
}

/**
 * The same verdict, and if it is "match", by the same kind of record at the same place of the path. Of several records any
 * one that matches will do (RFC 6698 section 4.1).
 */
function isSame({ records }: DaneQuestion, openssl: OpensslAnswer, danced: MatchResult): boolean {
  if (openssl.kind !== 'match' || !danced.matched) return openssl.kind !== 'match' && !danced.matched;
  if (records.length > 1) return true;
  const { usage, selector, matchingType } = danced.record;
  return (
    usage === openssl.usage &&
    selector === openssl.selector &&
    matchingType === openssl.matchingType &&
    danced.depth === openssl.depth
  );
}

/** Whether OpenSSL finds what danced found, at the same place of the path, when it is given less. */
function doesOpensslFind(harness: string, question: DaneQuestion, danced: MatchResult): boolean {
  if (!danced.matched) return false;
  const { record, depth } = danced;
  // The first of the differences.
  const isBareKey = record.usage === 2 && record.selector === 1 && record.matchingType === 0;
  return askOpenssl(harness, withLess(question, record)).some(
    (answer) =>
      answer.kind === 'match' && (answer.depth === depth || (isBareKey && answer.depth === depth - 1)),
  );
}

function describeFailure({ title }: DaneCase, openssl: OpensslAnswer, danced: MatchResult): string {
  const opensslWords =
    openssl.kind === 'match' ? describeMatch(openssl, openssl.depth) : Object.values(openssl).join(': ');
  const dancedWords = danced.matched
    ? describeMatch(danced.record, danced.depth)
    : `${danced.reason}: ${danced.detail}`;
  return `${title}: OpenSSL says ${opensslWords}, danced ${dancedWords}`;
}

function describeMatch({ usage, selector, matchingType }: TlsaParameters, depth: number): string {
  return `match ${String(usage)} ${String(selector)} ${String(matchingType)} at depth ${String(depth)}`;
}
