import { expect } from 'chai';
import type tls from 'node:tls';
import { parseCertificateMessage } from '../../../../core/tls/certificate-message.ts';
import { type ContextOptions } from '../../../../core/tls/native/native.ts';
import type { KeyKind } from '../../../support/certificate-factory.ts';
import { clientContext, nameBody, NativeBed, serverContext, theAddon } from '../../../support/native-bed.ts';
import { certificateOf, shows } from '../../../support/native-shows.ts';

const name = nameBody('_xfr.ns2.example');
/** RFC 7250 section 3. */
const [x509, rawKey] = [0, 2] as const;
const either = Buffer.from([rawKey, x509]);
const rawOnly = Buffer.from([rawKey]);
const kinds: readonly KeyKind[] = ['p256', 'p384', 'ed25519', 'rsa2048'];

describe('raw public keys by the addon', function () {
  before(() => {
    theAddon();
  });

  let bed: NativeBed;
  afterEach(() => bed.close());

  for (const kind of kinds) {
    it(`are taken from a client, kind ${kind}, with its name [RFC7250-4.2]`, async () => {
      bed = await NativeBed.open(serverContext({ clientCertificateTypes: either }));
      const { server } = await bed.meet(client(kind, { clientCertificateTypes: rawOnly, body: name }));
      const { certificateType, certificate, claim } = server.shown!;
      expect(certificateType).to.equal(rawKey);
      expect(parseCertificateMessage(certificate, 'TLSv1.3')).to.deep.equal([certificateOf(kind).spki]);
      expect(claim).to.deep.equal(name);
    });

    it(`are taken from a server, kind ${kind}, before anything is said to it [RFC7250-4.1]`, async () => {
      const offered = serverContext({ serverCertificateTypes: either }, shows(certificateOf(kind, 'server')));
      bed = await NativeBed.open(offered);
      const seen: [Buffer, number][] = [];
      const { client: end } = await bed.meet(
        clientContext({
          serverCertificateTypes: either,
          verifyServer: (message, type) => seen.push([message, type]) === 1,
        }),
      );
      const [[message, type]] = seen as [[Buffer, number]];
      expect(type).to.equal(rawKey);
      expect(parseCertificateMessage(message, 'TLSv1.3')).to.deep.equal([certificateOf(kind, 'server').spki]);
      expect(end.shown).to.include({ certificateType: rawKey });
      expect(end.shown?.certificate).to.deep.equal(message);
    });
  }

  it('give way to a certificate where the server takes none', async () => {
    bed = await NativeBed.open();
    const both = Buffer.from([rawKey, x509]);
    const { server } = await bed.meet(client('p256', { clientCertificateTypes: both, body: name }));
    const { certificateType, certificate } = server.shown!;
    expect(certificateType).to.equal(x509);
    expect(parseCertificateMessage(certificate, 'TLSv1.3')).to.deep.equal([certificateOf('p256').der]);
  });

  it('are not the choice of a client that has only a certificate', async () => {
    bed = await NativeBed.open(serverContext({ clientCertificateTypes: either }));
    const { server } = await bed.meet(client('p256', { body: name }));
    expect(server.shown).to.include({ certificateType: x509 });
    expect(server.shown?.claim).to.deep.equal(name);
  });

  it('come in the form of TLS 1.2 there, one vector without a list [RFC7250-3]', async () => {
    const old = { isDraft09: true, inHello: true } as const;
    bed = await NativeBed.open(
      serverContext({ ...old, body: Buffer.alloc(0), clientCertificateTypes: either }),
    );
    const { server } = await bed.meet(
      client('p256', { ...old, clientCertificateTypes: rawOnly, body: name }, { maxVersion: 'TLSv1.2' }),
    );
    const { certificateType, certificate, helloClaim } = server.shown!;
    expect(certificateType).to.equal(rawKey);
    const { spki } = certificateOf('p256');
    expect(certificate).to.deep.equal(Buffer.concat([Buffer.from([0, 0, spki.length]), spki]));
    expect(helloClaim).to.deep.equal(name);
  });
});

function client(
  kind: KeyKind,
  options: Partial<ContextOptions>,
  more: tls.SecureContextOptions = {},
): tls.SecureContext {
  return clientContext(options, { ...shows(certificateOf(kind)), ...more });
}
