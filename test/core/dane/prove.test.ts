import { expect } from 'chai';
import { ClientIdentity } from '../../../core/dane/identity.ts';
import { proveClient } from '../../../core/dane/prove.ts';
import type { TlsaAnswer } from '../../../core/dane/types.ts';
import { Name } from '../../../core/dns/name.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
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
    return proveClient(name, whole, credentialsOf(client), nowMs, hourMs);
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
    ['only records of other usages', () => [tlsaOf(client, { usage: 2 })], 'no-usable-record'],
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
});
