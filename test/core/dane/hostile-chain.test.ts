/**
 * Chains of a stranger: with anything changed in them, and built to waste time. Matching gives an answer, never an
 * exception, in bounded time, and never "yes" for what nobody signed.
 */
import { expect } from 'chai';
import { matchTlsa, type MatchResult } from '../../../core/dane/match.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { parseCertificate, type Certificate } from '../../../core/pki/certificate.ts';
import { alternativeNames, nameConstraints } from '../../support/certificate-extensions.ts';
import { authority, sharedKey, type TestCertificate } from '../../support/certificate-factory.ts';
import { dnsNameEntry } from '../../support/crafted-certificate.ts';
import { mutate, randomNumbers } from '../../support/mutation.ts';
import { ca, leafOf, nowMs, otherRoot, root } from '../../support/path-search.ts';

const name = Name.parse('ns2.example.net');
const middle = ca('Middle', {
  more: [
    nameConstraints({ permitted: [dnsNameEntry('example.net')], excluded: [dnsNameEntry('example.org')] }),
  ],
});
const leaf = leafOf(middle, { names: ['ns2.example.net', '*.example.net'] });

function tlsa(usage: number, selector: number, matchingType: number, about: TestCertificate): Buffer {
  const subject = { certificate: about.der, subjectPublicKeyInfo: about.spki };
  return encodeTlsa(tlsaFor(subject, { usage, selector, matchingType }));
}

function match(
  records: readonly Buffer[],
  certificates: readonly Buffer[],
  roots: readonly Certificate[] = [],
): MatchResult {
  const [certificate, ...chain] = certificates;
  if (certificate === undefined) throw new Error('no certificate');
  const peer = { certificate, subjectPublicKeyInfo: leaf.spki, dnsNames: [], chain };
  return matchTlsa(records, peer, { name, nowMs, purpose: 'client', roots });
}

describe('a hostile chain', () => {
  describe('with octets changed', () => {
    const mutants = 4000;
    const sent = [leaf.der, middle.der, root.der];
    const roots = [parseCertificate(root.der)];
    const records = [
      tlsa(0, 1, 1, root),
      tlsa(1, 1, 2, leaf),
      tlsa(2, 0, 0, otherRoot),
      tlsa(2, 0, 1, root),
      tlsa(2, 1, 0, root),
    ];

    it('gives an answer and no other error', function () {
      this.timeout(60_000);
      const random = randomNumbers(20261123);
      const reasons = new Map<string, number>();
      for (let i = 0; i < mutants; i++) {
        const at = random(sent.length);
        const changed = sent.map((octets, index) => (index === at ? mutate(octets, random) : octets));
        const result = match(records, changed, roots);
        const outcome = result.matched ? 'matched' : result.reason;
        reasons.set(outcome, (reasons.get(outcome) ?? 0) + 1);
      }
      // A change to the root, which is not needed, or to the anchor's signature, which nobody checks, changes nothing.
      expect(reasons.get('matched')).to.be.within(mutants / 10, mutants / 2);
      expect(reasons.get('path-invalid')).to.be.above(mutants / 10);
    });

    it('never matches when a signed octet of the end entity is another', () => {
      const { signed } = parseCertificate(leaf.der);
      const start = leaf.der.indexOf(signed);
      for (let at = start; at < start + signed.length; at++) {
        const changed = Buffer.from(leaf.der);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(match(records, [changed, middle.der], roots).matched, `octet ${String(at)}`).to.equal(false);
      }
    });
  });

  describe('built to waste time', () => {
    /** Milliseconds of CPU; some ten times what it takes. */
    const budgetMs = 150;

    function expectQuick(
      records: readonly Buffer[],
      chain: readonly TestCertificate[],
      end = leaf,
    ): MatchResult {
      // Not the clock's time: other tests may be running.
      const before = process.cpuUsage();
      const result = match(
        records,
        [end, ...chain].map(({ der }) => der),
      );
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).to.be.below(budgetMs);
      return result;
    }

    for (const kind of ['rsa2048', 'p256', 'p384', 'p521', 'ed448'] as const) {
      it(`by a hundred CAs of one name that sign each other with ${kind}`, function () {
        this.timeout(60_000);
        const keys = Array.from({ length: 10 }, (_, i) => sharedKey(`maze ${String(i)}`, kind));
        const [first = keys[0]!] = keys;
        const { subject } = authority({ subject: 'Maze', key: first });
        const maze = keys.flatMap((key) =>
          keys.map((by) => authority({ subject, key, issuer: { subject, key: by }, keyIdentifiers: false })),
        );
        const end = leafOf({ ...maze[0]! }, { names: ['ns2.example.net'], keyIdentifiers: false });
        const records = [tlsa(2, 1, 0, root), tlsa(2, 0, 0, otherRoot)];
        expect(expectQuick(records, maze, end).matched).to.equal(false);
      });
    }

    it('by a hundred CAs of the same key', () => {
      const same = Array.from({ length: 100 }, () =>
        authority({
          subject: 'Middle',
          key: middle.key,
          issuer: { subject: middle.subject, key: middle.key },
        }),
      );
      const result = expectQuick([tlsa(2, 1, 0, root), tlsa(2, 0, 0, otherRoot)], same);
      expect(result).to.include({ reason: 'path-invalid' });
    });

    it('by every name against every constraint', () => {
      const names = Array.from({ length: 250 }, (_, i) => dnsNameEntry(`n${String(i)}.example.net`));
      const subtrees = Array.from({ length: 500 }, (_, i) => dnsNameEntry(`s${String(i)}.example.org`));
      const constrained = ca('Constrained', { more: [nameConstraints({ excluded: subtrees })] });
      const end = leafOf(constrained, {
        names: [],
        more: [alternativeNames([dnsNameEntry('ns2.example.net'), ...names])],
      });
      const result = expectQuick([tlsa(2, 0, 1, constrained)], [constrained], end);
      expect(result).to.include({ reason: 'work-limit' });
    });

    it('by certificates as large as they may be', () => {
      const large = Array.from({ length: 3 }, (_, i) =>
        ca('Middle', {
          more: [
            alternativeNames(
              Array.from({ length: 250 }, (__, j) =>
                dnsNameEntry(`${'x'.repeat(60)}.${'y'.repeat(60)}.n${String(i)}-${String(j)}.example`),
              ),
            ),
          ],
        }),
      );
      expect(expectQuick([tlsa(2, 0, 1, root)], [...large, root]).matched).to.equal(true);
    });
  });
});
