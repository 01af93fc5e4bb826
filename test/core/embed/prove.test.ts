import { generateKeyPairSync } from 'node:crypto';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import type { HandedOn, ProofResult } from '../../../core/embed/handed-on.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { accessTo } from '../../support/access.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';
import { clientName, EmbedBed } from './bed.ts';

describe('Authenticator.prove', () => {
  let bed: EmbedBed;
  beforeEach(async () => {
    bed = await EmbedBed.open();
  });
  afterEach(async () => {
    mock.timers.reset();
    await bed.close();
  });

  async function prove(handed: HandedOn): Promise<string> {
    return words(await bed.danced.prove(handed));
  }

  it('proves a certificate by the name in it that the access list knows', async () => {
    const { certificate } = bed.client;
    const result = await bed.danced.prove({ certificate });
    expect(result.identity?.name.toString()).to.equal(clientName);
    expect(result).to.include({ source: 'certificate-name' });
    expect(result.identity?.notAfter).to.equal(bed.nowMs + 300_000);
    expect(await bed.danced.metrics.text()).to.include('danced_handed_on_total{outcome="proved"} 1');
  });

  it('proves a certificate by the name beside it, and by no other [DANCE-8.2]', async () => {
    const { certificate } = bed.client;
    expect(await prove({ certificate, name: clientName })).to.equal(clientName);
    expect(await prove({ certificate, name: Buffer.from(clientName) })).to.equal(clientName);
    // That of the certificate would be proved.
    expect(await prove({ certificate, name: 'other.example' })).to.match(/^not-admitted: other\.example/);
    expect(bed.resolver.asked).to.deep.equal([clientName, clientName]);
  });

  it('proves a raw public key by its name', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const parameters = { usage: 3, selector: 1, matchingType: 1 };
    bed.resolver.publish(clientName, [encodeTlsa(tlsaFor({ subjectPublicKeyInfo: spki }, parameters))]);
    expect(await prove({ publicKey: spki, name: clientName })).to.equal(clientName);
    expect(await prove({ publicKey: spki, name: 'other.example' })).to.match(/^not-admitted/);
    expect(await prove({ publicKey: bed.client.subjectPublicKeyInfo, name: clientName })).to.match(
      /^key-mismatch/,
    );
  });

  const badNames: [what: string, name: string | Buffer][] = [
    ['no name', ''],
    ['a dot at the end', `${clientName}.`],
    ['NUL', `${clientName}\0`],
    ['a U-label', 'münchen.example'],
    ['an octet above ASCII', Buffer.from([0xe9])],
    ['a wildcard', '*.device.example'],
    ['256 octets', 'a.'.repeat(128)],
  ];
  for (const [what, name] of badNames) {
    it(`refuses ${what} as a name, and asks nobody [DANCE-7]`, async () => {
      expect(await prove({ certificate: bed.client.certificate, name })).to.match(/^bad-name: the name /);
      expect(bed.resolver.asked).to.deep.equal([]);
    });
  }

  it('says why not', async () => {
    const { certificate } = bed.client;
    const other = await issueTestIdentity(clientName);
    expect(await prove({ certificate: other.certificate })).to.match(/^key-mismatch/);
    bed.resolver.publish(clientName, []);
    expect(await prove({ certificate })).to.match(/^no-tlsa/);
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status: 'insecure', detail: 'not signed' });
    expect(await prove({ certificate })).to.equal('insecure: not signed');
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status: 'bogus' });
    expect(await prove({ certificate })).to.match(/^bogus/);
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { status: 'indeterminate' });
    expect(await prove({ certificate })).to.match(/^lookup-failed/);
    expect(await prove({ certificate: Buffer.from('no certificate') })).to.match(/^bad-certificate/);
    expect(await prove({ publicKey: certificate, name: clientName })).to.match(/^bad-certificate/);
  });

  it('explains the reason', async () => {
    const result = await bed.danced.prove({ certificate: Buffer.alloc(3) });
    expect(result.identity === undefined && result.why).to.match(/cannot be read$/);
  });

  it('gives up after handshake-time, and holds the place until the lookup has ended', async () => {
    await bed.close();
    bed = await EmbedBed.open({ limits: { handshakes: 1 } });
    mock.timers.enable({ apis: ['setTimeout'] });
    const release = bed.resolver.hold();
    const { certificate } = bed.client;
    const late = prove({ certificate });
    while (bed.resolver.asked.length === 0) await nextTurn();
    mock.timers.tick(10_000);
    expect(await late).to.equal('timeout: ');
    expect(await prove({ certificate })).to.equal('busy: ');
    release();
    await nextTurn();
    expect(await prove({ certificate })).to.equal(clientName);
  });

  it('takes a proof to hold no longer than proof-time', async () => {
    await bed.close();
    bed = await EmbedBed.open({ limits: { 'proof-time': '10s' } });
    const { identity } = await bed.danced.prove({ certificate: bed.client.certificate });
    expect(identity?.notAfter).to.equal(bed.nowMs + 10_000);
  });

  it('hands over what it proved to the access list', async () => {
    await bed.close();
    const access = accessTo(clientName);
    bed = await EmbedBed.open({ access });
    const { identity } = await bed.danced.prove({ certificate: bed.client.certificate });
    const request = { action: 'transfer', zone: identity!.name } as const;
    expect(await bed.danced.access.decide(identity!, request)).to.include({ allowed: true });
  });
});

function words(result: ProofResult): string {
  return (
    result.identity?.name.toString() ?? `${String(result.reason)}: ${'detail' in result ? result.detail : ''}`
  );
}
