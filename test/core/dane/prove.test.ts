import { expect } from 'chai';
import { ClientIdentity } from '../../../core/dane/identity.ts';
import { proveClient } from '../../../core/dane/prove.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import type { TlsaAnswer } from '../../../core/dane/types.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { extendedKeyUsage } from '../../support/certificate-extensions.ts';
import { ca, leafOf, nowMs as pathNowMs, otherRoot, root } from '../../support/path-search.ts';
import { credentialsOf, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

const name = Name.parse('_xfr.ns2.example');
const nowMs = Date.UTC(2026, 10, 22);
const hourMs = 3_600_000;

describe('proveClient', () => {
  let client: IssuedIdentity;
  before(async () => {
    client = await issueTestIdentity('_xfr.ns2.example');
  });

  function judge(answer: Partial<TlsaAnswer>) {
    const whole: TlsaAnswer = {
      status: 'secure',
      records: [tlsaOf(client)],
      ttlSeconds: 300,
      detail: 'words',
      ...answer,
    };
    return proveClient(name, whole, credentialsOf(client), { nowMs, longestMs: hourMs, roots: [] });
  }

  it('makes an identity of a secure record that matches [RFC6698-4.1]', () => {
    const { identity } = judge({});
    expect(ClientIdentity.isGenuine(identity)).to.equal(true);
    expect(identity?.name).to.equal(name);
    expect(identity?.proof).to.equal('DANE-EE SPKI SHA2-256');
  });

  for (const [status, reason] of [
    ['insecure', 'insecure'],
    ['bogus', 'bogus'],
    ['indeterminate', 'lookup-failed'],
  ] as const) {
    it(`does not believe a matching record that is ${status} [RFC6698-4.1]`, () => {
      expect(judge({ status })).to.deep.equal({ reason, detail: 'words' });
    });
  }

  for (const [what, records, reason] of [
    ['no record', () => [], 'no-tlsa'],
    ['only records that need roots', () => [tlsaOf(client, { usage: 1 })], 'no-usable-record'],
    ['garbage', () => [Buffer.from([3])], 'no-usable-record'],
  ] as const) {
    it(`makes no identity of ${what}, secure as it is`, () => {
      const verdict = judge({ records: records() });
      expect(verdict.identity).to.equal(undefined);
      expect(verdict).to.include({ reason });
    });
  }

  it('makes no identity for another key', async () => {
    const thief = await issueTestIdentity('_xfr.ns2.example');
    expect(judge({ records: [tlsaOf(thief)] })).to.include({ reason: 'key-mismatch' });
  });

  for (const [what, ttlSeconds, lifeMs] of [
    ['as long as the TTL', 300, 300_000],
    ['not at all beyond now with a TTL of 0', 0, 0],
    ['at most as long as is allowed', 86_400, hourMs],
  ] as const) {
    it(`counts ${what} [RFC6698-8.2]`, () => {
      expect(judge({ ttlSeconds }).identity?.notAfter).to.equal(nowMs + lifeMs);
    });
  }

  describe('by a certification path', () => {
    const middle = ca('Middle', { notAfterMs: pathNowMs + 60_000 });
    const leaf = leafOf(middle, { names: ['_xfr.ns2.example'] });
    const peer = {
      certificate: leaf.der,
      subjectPublicKeyInfo: leaf.spki,
      dnsNames: [],
      chain: [middle.der],
    };

    function judgeChain(
      usage: number,
      { about = root, claimed = name, certificate = peer, roots = [parseCertificate(root.der)] } = {},
    ) {
      const subject = { certificate: about.der, subjectPublicKeyInfo: about.spki };
      const records = [encodeTlsa(tlsaFor(subject, { usage, selector: 0, matchingType: 0 }))];
      const answer: TlsaAnswer = { status: 'secure', records, ttlSeconds: 300, detail: '' };
      return proveClient(claimed, answer, certificate, { nowMs: pathNowMs, longestMs: hourMs, roots });
    }

    it('makes an identity, for no longer than the path is valid', () => {
      for (const [usage, proof] of [
        [0, 'PKIX-TA Cert Full'],
        [2, 'DANE-TA Cert Full'],
      ] as const) {
        const { identity } = judgeChain(usage);
        expect(identity?.proof).to.equal(proof);
        expect(identity?.notAfter).to.equal(pathNowMs + 61_000);
      }
    });

    it('asks for the claimed name', () => {
      const claimed = Name.parse('_xfr.ns3.example');
      expect(judgeChain(2, { claimed })).to.include({ reason: 'name-mismatch' });
    });

    it('asks for a TLS client', () => {
      const server = leafOf(middle, {
        names: ['_xfr.ns2.example'],
        extendedKeyUsage: extendedKeyUsage(['serverAuth']),
      });
      const certificate = { ...peer, certificate: server.der };
      expect(judgeChain(2, { certificate })).to.include({ reason: 'path-invalid' });
    });

    it('asks for the roots that it was given', () => {
      expect(judgeChain(0, { roots: [parseCertificate(otherRoot.der)] })).to.include({
        reason: 'path-invalid',
      });
      expect(judgeChain(0, { roots: [] })).to.include({ reason: 'no-usable-record' });
    });
  });
});
