import { expect } from 'chai';
import { gatherEvidence, takesRawPublicKey, tlsaName } from '../../../core/client/evidence.ts';
import type { ServerPolicy } from '../../../core/client/server-policy.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { authority, sharedKey } from '../../support/certificate-factory.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';

const name = Name.parse('ns1.example');
const owner = '_853._tcp.ns1.example';
const roots = [parseCertificate(authority({ key: sharedKey('evidence root'), subject: 'Root' }).der)];
const pins = [Buffer.alloc(32)];
const nowMs = (): number => 1_000_000;

function tlsa(usage: number, selector = 1, matchingType = 1, octets = 32): Buffer {
  return Buffer.concat([Buffer.from([usage, selector, matchingType]), Buffer.alloc(octets)]);
}

describe('the evidence about a server', () => {
  it('is sought at the port and the name [RFC8310-8.2]', async () => {
    const resolver = new ScriptedResolver();
    await gatherEvidence({ name, dane: 'required' }, 8853, resolver, nowMs);
    expect(resolver.asked).to.deep.equal(['_8853._tcp.ns1.example']);
    expect(tlsaName(name, 853).toString()).to.equal(owner);
  });

  it('is what the secure records say, until their TTL is over [RFC6698-8.2]', async () => {
    const resolver = new ScriptedResolver();
    resolver.publish(owner, [tlsa(3)], { ttlSeconds: 60 });
    const { evidence } = await gatherEvidence({ name, dane: 'required' }, 853, resolver, nowMs);
    expect(evidence).to.deep.equal({ tlsa: [tlsa(3)], endsMs: 1_060_000 });
  });

  it('is not looked for where DANE is off [RFC8310-8.1]', async () => {
    const resolver = new ScriptedResolver();
    const { evidence } = await gatherEvidence({ name, dane: 'off', roots }, 853, resolver, nowMs);
    expect(evidence).to.deep.equal({ tlsa: undefined, endsMs: Infinity });
    expect(resolver.asked).to.deep.equal([]);
  });

  const either = { name, dane: 'if-published', roots } as const;
  const cases: [
    string,
    Parameters<ScriptedResolver['publish']>[1],
    object,
    ServerPolicy,
    string | undefined,
  ][] = [
    ['bogus records', [tlsa(3)], { status: 'bogus' }, either, 'server-bogus'],
    ['a lookup that failed', [], { status: 'indeterminate' }, either, 'server-lookup-failed'],
    ['insecure records', [tlsa(3)], { status: 'insecure' }, either, undefined],
    ['no record', [], {}, either, undefined],
    [
      'insecure records',
      [tlsa(3)],
      { status: 'insecure' },
      { name, dane: 'required', roots },
      'server-insecure',
    ],
    ['no record', [], {}, { name, dane: 'required', roots }, 'server-no-tlsa'],
    ['no record', [], {}, { name, dane: 'if-published' }, 'server-no-tlsa'],
    ['no record', [], {}, { name, dane: 'if-published', pins }, 'server-no-tlsa'],
  ];
  for (const [what, records, fields, policy, reason] of cases) {
    const means = policy.roots && policy.dane !== 'required' ? 'PKIX beside DANE' : 'DANE alone';
    const title = reason === undefined ? 'leaves it to the PKIX' : `is "${reason}"`;
    it(`with ${what}, for ${means}${policy.pins ? ' and pins' : ''}, ${title} [RFC6698-4.1]`, async () => {
      const resolver = new ScriptedResolver();
      resolver.publish(owner, records, fields);
      const gathered = await gatherEvidence(policy, 853, resolver, nowMs);
      if (gathered.evidence) expect([gathered.evidence.tlsa, reason]).to.deep.equal([undefined, undefined]);
      else expect(gathered.reason).to.equal(reason);
    });
  }
});

describe('a raw public key of the server', () => {
  const keys: [string, boolean, ServerPolicy, readonly Buffer[] | undefined][] = [
    ['"3 1 1"', true, { name, dane: 'required' }, [tlsa(2), tlsa(3)]],
    ['"3 0 1"', false, { name, dane: 'required' }, [tlsa(3, 0)]],
    ['"2 1 1"', false, { name, dane: 'required' }, [tlsa(2)]],
    ['a malformed "3 1 1"', false, { name, dane: 'required' }, [tlsa(3, 1, 1, 31)]],
    ['pins alone', true, { dane: 'off', pins }, undefined],
    ['pins and a path', false, { name, dane: 'off', roots, pins }, undefined],
    ['a path', false, { name, dane: 'if-published', roots }, undefined],
  ];
  for (const [what, isTaken, policy, records] of keys) {
    it(`is ${isTaken ? '' : 'not '}asked for with ${what} [RFC7671-5.1]`, () => {
      expect(takesRawPublicKey(policy, { tlsa: records, endsMs: 0 })).to.equal(isTaken);
    });
  }
});
