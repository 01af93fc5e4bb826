import { expect } from 'chai';
import { clientContext, nameBody, NativeBed, serverContext, theAddon } from '../../../support/native-bed.ts';
import { certificateOf, shows } from '../../../support/native-shows.ts';

const name = nameBody('_xfr.ns2.example');
const asks = Buffer.from([0]);
const nothing = Buffer.alloc(0);
const withCertificate = shows(certificateOf('p256', 'client'));
const tls13 = { minVersion: 'TLSv1.3' } as const;
const tls12 = { maxVersion: 'TLSv1.2' } as const;

describe('the extension dane_clientid by the addon', function () {
  before(() => {
    theAddon();
  });

  let bed: NativeBed;
  afterEach(() => bed.close());

  it('goes from the client to a server that asks, and the question to the client [DANCE-7]', async () => {
    bed = await NativeBed.open();
    const { server, client } = await bed.meet(clientContext({ body: name }, withCertificate));
    expect(server.socket && server.shown?.claim).to.deep.equal(name);
    expect(client.socket && client.shown?.claim).to.deep.equal(asks);
    expect(server.shown).to.not.have.property('helloClaim');
  });

  it('says all 255 octets of a name as they are [DANCE-7]', async () => {
    bed = await NativeBed.open();
    const body = Buffer.concat([Buffer.from([255]), Buffer.from(Array.from({ length: 255 }, (_, i) => i))]);
    const { server } = await bed.meet(clientContext({ body }, withCertificate));
    expect(server.socket && server.shown?.claim).to.deep.equal(body);
  });

  it('stays with a client that is not asked [DANCE-7]', async () => {
    bed = await NativeBed.open(serverContext({ extensionType: 0 }));
    const { server, client } = await bed.meet(clientContext({ body: name }, withCertificate));
    expect(server.socket && server.shown)
      .to.include.keys('certificate')
      .and.not.have.property('claim');
    expect(client.shown).to.not.have.property('claim');
  });

  it('is no matter to a client without a name, and to one that does not know it', async () => {
    bed = await NativeBed.open();
    for (const options of [{}, { extensionType: 0 }]) {
      const { server } = await bed.meet(clientContext(options, withCertificate));
      expect(server.socket && server.shown)
        .to.include.keys('certificate')
        .and.not.have.property('claim');
    }
  });

  it('cannot go with an empty Certificate message', async () => {
    bed = await NativeBed.open();
    const { server } = await bed.meet(clientContext({ body: name }));
    // A context and a list, both empty.
    expect(server.socket && server.shown?.certificate).to.deep.equal(Buffer.alloc(4));
    expect(server.shown).to.not.have.property('claim');
  });

  it('stands in the first entry alone of a chain [RFC8446-4.4.2]', async () => {
    bed = await NativeBed.open();
    const chain = shows(certificateOf('p256', 'client'), certificateOf('p384'), certificateOf('ed25519'));
    const { server } = await bed.meet(clientContext({ body: name }, chain));
    const { certificate, claim } = server.shown!;
    expect(claim).to.deep.equal(name);
    expect(certificate.indexOf(name)).to.be.above(0);
    expect(certificate.indexOf(name)).to.equal(certificate.lastIndexOf(name));
  });

  it('is asked for once and answered once when the ClientHello is sent twice [RFC8446-4.1.4]', async () => {
    bed = await NativeBed.open(serverContext({}, { ecdhCurve: 'P-384' }));
    const { server } = await bed.meet(clientContext({ body: name }, withCertificate), {
      ecdhCurve: 'X25519:P-384',
    });
    expect(server.socket && server.shown?.claim).to.deep.equal(name);
  });

  const refused: [title: string, body: Buffer, alert: string][] = [
    ['an empty name, by handshake_failure [DANCE-8.2]', asks, 'handshake failure'],
    ['a vector cut short, by decode_error [DANCE-7]', name.subarray(0, -1), 'decode error'],
    ['octets after the vector, by decode_error [DANCE-7]', Buffer.concat([name, asks]), 'decode error'],
    ['a length and no octets, by decode_error [DANCE-7]', Buffer.from([7]), 'decode error'],
  ];
  for (const [title, body, alert] of refused) {
    it(`refuses ${title}`, async () => {
      bed = await NativeBed.open();
      const { server, clientClosed } = await bed.meet(clientContext({ body }, withCertificate));
      // OpenSSL says "bad extension" of any; the library tells that it was this one.
      expect(server.error).to.include({ reason: 'bad extension', library: 'dane_clientid' });
      expect(await clientClosed).to.include(alert);
    });
  }

  it('of a server that names itself is refused by the client, by illegal_parameter [DANCE-7]', async () => {
    bed = await NativeBed.open(serverContext({ body: name }));
    const { server, client } = await bed.meet(clientContext({ body: name }, withCertificate));
    expect(client.error).to.include({ reason: 'bad extension', library: 'dane_clientid' });
    expect(server.error?.message).to.include('illegal parameter');
  });

  it('in a ClientHello is refused by a server that has no use for it there [RFC8446-4.2]', async () => {
    bed = await NativeBed.open();
    const old = { isDraft09: true, inHello: true, body: name };
    const { server, clientClosed } = await bed.meet(clientContext(old, withCertificate));
    expect(server.error).to.include({ reason: 'bad extension' });
    expect(await clientClosed).to.include('illegal parameter');
  });

  describe('in the dialect draft-09', () => {
    const draft09 = { isDraft09: true } as const;

    it('is asked for by a body of no octets', async () => {
      bed = await NativeBed.open(serverContext({ ...draft09, body: nothing }, tls13));
      const { server, client } = await bed.meet(clientContext({ ...draft09, body: name }, withCertificate));
      expect(server.socket && server.shown?.claim).to.deep.equal(name);
      expect(client.socket && client.shown?.claim).to.deep.equal(nothing);
    });

    it('may leave the name to the certificate, by an empty vector', async () => {
      bed = await NativeBed.open(serverContext({ ...draft09, body: nothing }, tls13));
      const { server } = await bed.meet(clientContext({ ...draft09, body: asks }, withCertificate));
      expect(server.socket && server.shown?.claim).to.deep.equal(asks);
    });

    it('breaks the handshake with a client of the draft as it stands, whose vectors are never absent', async () => {
      bed = await NativeBed.open(serverContext({ ...draft09, body: nothing }, tls13));
      const { server, client } = await bed.meet(clientContext({ body: name }, withCertificate));
      expect(client.error).to.include({ library: 'dane_clientid' });
      expect(server.error?.message).to.include('decode error');
    });

    it('is in the Hello messages of TLS 1.2', async () => {
      bed = await NativeBed.open(serverContext({ ...draft09, inHello: true, body: nothing }));
      const context = clientContext(
        { ...draft09, inHello: true, body: name },
        { ...withCertificate, ...tls12 },
      );
      const { server, client } = await bed.meet(context);
      expect(server.socket?.getProtocol()).to.equal('TLSv1.2');
      expect(server.shown?.helloClaim).to.deep.equal(name);
      expect(server.shown).to.not.have.property('claim');
      expect(client.shown?.helloClaim).to.deep.equal(nothing);
    });

    it('is not in a Hello unless that is wanted', async () => {
      bed = await NativeBed.open(serverContext({ ...draft09, inHello: true, body: nothing }));
      const context = clientContext({ ...draft09, body: name }, { ...withCertificate, ...tls12 });
      const { server, client } = await bed.meet(context);
      expect(server.socket && server.shown)
        .to.include.keys('certificate')
        .and.not.have.property('helloClaim');
      expect(client.shown).to.not.have.property('helloClaim');
    });

    it('refuses a malformed name in a ClientHello', async () => {
      bed = await NativeBed.open(serverContext({ ...draft09, inHello: true, body: nothing }));
      const context = clientContext(
        { ...draft09, inHello: true, body: name.subarray(0, -1) },
        { ...withCertificate, ...tls12 },
      );
      const { server, clientClosed } = await bed.meet(context);
      expect(server.error).to.include({ library: 'dane_clientid' });
      expect(await clientClosed).to.include('decode error');
    });
  });
});
