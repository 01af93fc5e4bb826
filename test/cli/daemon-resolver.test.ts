/** What the daemon makes of `resolver` and `dane` in its configuration. */
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { encodePem } from '../../core/pki/pem.ts';
import { authority, endEntity, makeKey } from '../support/certificate-factory.ts';
import { TestGate, until, type TestGateOptions } from '../support/gate.ts';

const client = '_xfr.ns2.example';
const zone = 'example.com';

describe('a daemon', () => {
  let gate: TestGate | undefined;

  afterEach(async () => {
    await gate?.close();
    gate = undefined;
  });

  async function start(options: TestGateOptions = {}): Promise<TestGate> {
    gate = await TestGate.start({
      lab: { transferZone: { name: zone, records: 10 } },
      clients: { [client]: [zone] },
      ...options,
    });
    return gate;
  }

  for (const validation of ['local', 'trust-ad'] as const) {
    it(`serves a client with validation: ${validation}`, async () => {
      const { lab } = await start({ validation });
      const identity = await gate!.client(client);
      expect((await gate!.transfer(identity)).outcome).to.equal('complete');
      const types = new Set(lab.resolver.queries.map(({ type }) => type));
      expect(types.has(RrType.DNSKEY), 'asks for keys').to.equal(validation === 'local');
    });
  }

  it('asks once for what it knows already', async () => {
    const { lab } = await start();
    const identity = await gate!.client(client);
    await gate!.transfer(identity);
    const asked = lab.resolver.queries.length;
    await gate!.transfer(identity);
    expect(lab.resolver.queries).to.have.length(asked);
    await until('the count is handed on', async () => {
      const values = await gate!.metrics();
      return values.get('danced_lookups_total{status="secure",source="cache"}') === 1;
    });
    const values = await gate!.metrics();
    expect(values.get('danced_lookups_total{status="secure",source="resolver"}')).to.equal(1);
  });

  it('has the records of the exact names in its access list at hand before a client comes', async () => {
    const options = {
      resolver: { prefetch: 'true' },
      clients: { [client]: [zone], '*.ns2.example': [zone] },
    };
    const { lab } = await start(options);
    const found = async (): Promise<number> =>
      (await gate!.metrics()).get('danced_lookups_total{status="secure",source="resolver"}') ?? 0;
    await until('it was looked up that there is none', async () => (await found()) === 1);
    const identity = await gate!.client(client);
    gate!.passTime();
    await until('it was looked up again', async () => (await found()) === 2);
    lab.resolver.isDead = true;
    expect((await gate!.transfer(identity)).outcome).to.equal('complete');
    const about = lab.resolver.queries.filter(({ type }) => type === RrType.TLSA);
    expect(new Set(about.map(({ name }) => name.toString()))).to.deep.equal(new Set([client]));
  });

  it('asks nothing by itself when it is told so', async () => {
    const { lab } = await start({ resolver: { prefetch: 'false' } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(lab.resolver.queries).to.have.length(0);
  });

  const pastTtl: [what: string, staleMax: string, outcome: string][] = [
    ['uses no record past its TTL', '0s', 'closed'],
    ['uses a record past its TTL while nobody answers, if it may [RFC8767-4]', '1h', 'complete'],
  ];
  for (const [what, staleMax, outcome] of pastTtl) {
    it(what, async () => {
      const { lab } = await start({ resolver: { 'stale-max': staleMax }, resolverTimeout: '500ms' });
      const identity = await gate!.client(client);
      expect((await gate!.transfer(identity)).outcome).to.equal('complete');
      lab.resolver.isDead = true;
      gate!.passTime();
      expect((await gate!.transfer(identity)).outcome).to.equal(outcome);
    });
  }

  it('says at the start what it does not validate, and lets nobody in from there [RFC7646-2]', async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const past = new Date(Date.now() - 3_600_000).toISOString();
    const anchors = `[{ name: ns2.example, until: "${until}" }, { name: past.example, until: "${past}" }]`;
    await start({ resolver: { 'negative-trust-anchors': anchors } });
    const [off] = gate!.log.of('validation is off');
    expect(String(off?.fields['name'])).to.equal('ns2.example');
    expect(String(gate!.log.of('negative trust anchor has ended')[0]?.fields['name'])).to.equal(
      'past.example',
    );
    const identity = await gate!.client(client);
    expect((await gate!.transfer(identity)).outcome).to.equal('closed');
    expect(gate!.log.of('connection refused')[0]?.fields).to.include({ reason: 'insecure' });
    gate!.passTime(3_700_000);
    expect((await gate!.transfer(identity)).outcome).to.equal('complete');
  });

  it('does not start with trust anchors that cannot be read', async () => {
    const failure = await start({ resolver: { 'trust-anchors': 'none.key' } }).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).to.match(/none\.key:1:1: there is no such file; /);
  });

  for (const hasRoots of [false, true]) {
    it(`${hasRoots ? 'takes' : 'does not take'} a PKIX record ${hasRoots ? 'with' : 'without'} roots in its configuration [RFC6698-4.1]`, async () => {
      const root = authority({ key: makeKey(), subject: 'root' });
      const leaf = endEntity({ key: makeKey(), issuer: root, names: [client] });
      const pem = (der: Buffer): string => encodePem(der, 'CERTIFICATE');
      const credentials = {
        certificatePem: pem(leaf.der) + pem(root.der),
        privateKeyPem: leaf.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      };
      const subject = { certificate: root.der, subjectPublicKeyInfo: root.spki };
      const record = encodeTlsa(tlsaFor(subject, { usage: 0, selector: 0, matchingType: 1 }));
      const { lab } = await start(hasRoots ? { roots: pem(root.der) } : {});
      lab.publishTlsa(client, [record]);
      expect((await gate!.transfer(credentials)).outcome).to.equal(hasRoots ? 'complete' : 'closed');
      if (!hasRoots) {
        const [line] = await gate!.lines('connection refused');
        expect(line?.fields).to.include({ reason: 'no-usable-record' });
      }
    });
  }
});
