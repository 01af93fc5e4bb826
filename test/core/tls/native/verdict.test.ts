import { expect } from 'chai';
import { generateKeyPairSync } from 'node:crypto';
import { authority, endEntity, sharedKey, type TestKey } from '../../../support/certificate-factory.ts';
import {
  clientContext,
  comesAbout,
  nameBody,
  NativeBed,
  serverContext,
  theAddon,
} from '../../../support/native-bed.ts';
import { certificateOf, shows } from '../../../support/native-shows.ts';

const name = nameBody('_xfr.ns2.example');
const ours = shows(certificateOf('p256', 'client'));

describe('the verdict on a peer by the addon', function () {
  before(() => {
    theAddon();
  });

  let bed: NativeBed;
  afterEach(() => bed.close());

  const noes: [title: string, verify: () => boolean][] = [
    ['says false', () => false],
    ['says something that is not true', () => 1 as unknown as boolean],
    ['says nothing', () => undefined as unknown as boolean],
    ['promises to say true', () => Promise.resolve(true) as unknown as boolean],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['throws what is no error', () => thrownUndefined()],
  ];
  for (const [title, verifyServer] of noes) {
    it(`on a server is no when the function ${title}, and nothing of the client's leaves`, async () => {
      bed = await NativeBed.open();
      const { server, client } = await bed.meet(clientContext({ verifyServer, body: name }, ours));
      expect(client.error).to.include({ reason: 'certificate verify failed' });
      // The alert came in place of the client's Certificate.
      expect(server.error?.message).to.include('alert');
      expect(server.socket).to.equal(undefined);
    });
  }

  it('is asked for once, with the message as it was sent', async () => {
    bed = await NativeBed.open();
    const seen: Buffer[] = [];
    const verifyServer = (message: Buffer): boolean => seen.push(message) > 0;
    const { client } = await bed.meet(clientContext({ verifyServer }));
    expect(seen).to.have.length(1);
    expect(seen[0]!.includes(certificateOf('p256', 'server').der)).to.equal(true);
    expect(client.shown?.certificate).to.deep.equal(seen[0]);
  });

  for (const verdict of [true, false]) {
    it(`may destroy the socket that it is about, and say ${verdict}`, async () => {
      bed = await NativeBed.open();
      const verifyServer = (): boolean => {
        bed.destroyClient();
        return verdict;
      };
      const { client, clientSocket } = await bed.meet(clientContext({ verifyServer, body: name }, ours));
      expect(client.socket).to.equal(undefined);
      expect(clientSocket.destroyed).to.equal(true);
    });
  }

  it('on neither end makes node:tls call it authorized', async () => {
    bed = await NativeBed.open();
    const { server, client } = await bed.meet(clientContext({}, ours));
    expect(server.socket?.authorized).to.equal(false);
    expect(client.socket?.authorized).to.equal(false);
    // For tls.Server, which would ask.
    const handle = (server.socket as unknown as { ssl: { verifyError: () => unknown } }).ssl;
    expect(handle.verifyError()).to.be.an('error');
  });

  it('is all that looks at a server, whose chain has a key on a curve without NIST name', async () => {
    const odd = authority({ subject: 'Odd', key: brainpoolKey() });
    const leaf = endEntity({ key: sharedKey('server'), names: ['server.example'], issuer: odd });
    bed = await NativeBed.open(serverContext({}, shows(leaf, odd)));
    // node:tls of Node 26.10 ends the process when it makes an object of such a chain.
    const { client } = await bed.meet(clientContext());
    expect(client.socket && client.shown?.certificate.includes(odd.der)).to.equal(true);
  });

  it('on a client is left to others, whatever the chain, dates and signatures', async () => {
    bed = await NativeBed.open();
    const issuer = authority({ subject: 'CA', key: sharedKey('ca') });
    const past = Date.UTC(2001, 0, 1);
    const bad = endEntity({
      key: sharedKey('bad'),
      issuer,
      spoilSignature: true,
      notAfterMs: past,
      notBeforeMs: past - 1000,
    });
    const { server } = await bed.meet(clientContext({ body: name }, shows(bad, certificateOf('p384'))));
    expect(server.socket && server.shown?.certificate.includes(bad.der)).to.equal(true);
  });

  it('comes after a limit on octets: a Certificate message beyond it is an alert', async () => {
    bed = await NativeBed.open(serverContext({ largestCertificateMessage: 500 }));
    const chain = shows(certificateOf('p256', 'client'), certificateOf('rsa2048'));
    const { server, clientClosed } = await bed.meet(clientContext({ body: name }, chain));
    expect(server.error).to.include({ reason: 'excessive message size' });
    expect(await clientClosed).to.include('illegal parameter');
  });

  it('keeps no context and no function when the connection is gone, though each knows the other', async () => {
    bed = await NativeBed.open();
    const made = await metOnce(bed);
    expect(made.isAsked).to.equal(true);
    expect(await comesAbout(() => made.context.deref() === undefined)).to.equal(true);
  });

  it('does not go away while its context is in use', async () => {
    bed = await NativeBed.open();
    let asked = 0;
    const context = clientContext({ verifyServer: () => ++asked > 0 });
    for (let round = 1; round <= 3; round += 1) {
      await comesAbout(() => false, 100);
      const { client } = await bed.meet(context);
      expect(client.socket?.destroyed).to.equal(false);
      expect(asked).to.equal(round);
    }
  });
});

/** A connection whose function knows the context, as one of a dialer easily does. */
async function metOnce(bed: NativeBed): Promise<{ isAsked: boolean; context: WeakRef<object> }> {
  const known: { context?: object; isAsked: boolean } = { isAsked: false };
  const verifyServer = (): boolean => {
    known.isAsked = known.context !== undefined;
    return true;
  };
  const context = clientContext({ verifyServer });
  known.context = context;
  const { clientSocket, clientClosed } = await bed.meet(context);
  clientSocket.destroy();
  await clientClosed;
  return { isAsked: known.isAsked, context: new WeakRef(context.context as object) };
}

function brainpoolKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' });
  return { kind: 'p256', privateKey, publicKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
}

function thrownUndefined(): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- what foreign code may do
  throw undefined;
}
