/** Clients whose CA is published instead of their key: through the real gate, with chains as clients really send them. */
import { expect } from 'chai';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { encodePem } from '../../core/pki/pem.ts';
import type { TestCertificate } from '../support/certificate-factory.ts';
import { TestGate, type Credentials } from '../support/gate.ts';
import { ca, leafOf, otherRoot, root } from '../support/path-search.ts';

const zone = 'example.com';
const name = '_xfr.ns2.example';
const middle = ca('Middle');
const leaf = leafOf(middle, { names: [name] });
const stranger = ca('Stranger', { issuer: otherRoot });

describe('a client with a chain at the gate', () => {
  let gate: TestGate;

  before(async () => {
    gate = await TestGate.start({
      lab: { zones: ['ns2.example'], transferZone: { name: zone, records: 200 } },
      clients: { [name]: [zone] },
    });
  });

  after(() => gate.close());

  beforeEach(() => {
    gate.passTime();
  });

  function publish(usage: number, selector: number, matchingType: number, about: TestCertificate): void {
    const subject = { certificate: about.der, subjectPublicKeyInfo: about.spki };
    gate.lab.publishTlsa(name, [encodeTlsa(tlsaFor(subject, { usage, selector, matchingType }))]);
  }

  /** What the log says of a client that was refused, and got not one octet of DNS. */
  async function refusal(credentials: Credentials): Promise<Readonly<Record<string, unknown>>> {
    const before = gate.log.of('connection refused').length;
    const result = await gate.transfer(credentials);
    expect(result).to.include({ outcome: 'closed', messageCount: 0 });
    return (await gate.lines('connection refused', before + 1)).at(-1)!.fields;
  }

  const shapes: readonly (readonly [title: string, chain: readonly TestCertificate[]])[] = [
    ['in order', [leaf, middle, root]],
    ['in another order, with others between', [leaf, stranger, root, middle, stranger]],
  ];
  for (const [title, chain] of shapes) {
    for (const [selector, matchingType] of [
      [0, 1],
      [1, 2],
    ] as const) {
      it(`gets the zone by "2 ${String(selector)} ${String(matchingType)}" when it sends its chain ${title}`, async () => {
        publish(2, selector, matchingType, root);
        expect(await gate.transfer(credentialsOf(chain))).to.include({ outcome: 'complete', rcode: 0 });
      });
    }
  }

  it('gets the zone by an anchor that only the DNS has [RFC7671-5.2.2]', async () => {
    publish(2, 0, 0, root);
    expect(await gate.transfer(credentialsOf([leaf, middle]))).to.include({ outcome: 'complete', rcode: 0 });
    gate.passTime();
    publish(2, 1, 0, middle);
    expect(await gate.transfer(credentialsOf([leaf]))).to.include({ outcome: 'complete', rcode: 0 });
  });

  it('gets nothing without the certificate between', async () => {
    publish(2, 0, 1, root);
    const line = await refusal(credentialsOf([leaf, root]));
    expect(line).to.include({ reason: 'path-invalid' });
    expect(line['detail']).to.include('depth 0 has no issuer');
  });

  it('gets nothing by the CA of somebody else', async () => {
    publish(2, 0, 1, otherRoot);
    expect(await refusal(credentialsOf([leaf, middle, root]))).to.include({ reason: 'key-mismatch' });
  });

  it('gets nothing by a public CA while the gate has no roots', async () => {
    publish(0, 0, 1, root);
    const line = await refusal(credentialsOf([leaf, middle, root]));
    expect(line).to.include({ reason: 'no-usable-record' });
    expect(line['detail']).to.include('dane.roots');
  });
});

/** The first certificate's key, and all of them in this order. */
function credentialsOf(chain: readonly TestCertificate[]): Credentials {
  return {
    certificatePem: chain.map(({ der }) => encodePem(der, 'CERTIFICATE')).join(''),
    privateKeyPem: leaf.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}
