import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { defaultExtensionType, type Dialect } from '../../../core/tls/client-id.ts';
import { certificatesOnly, gateContext, type GateTls } from '../../../core/tls/context.ts';
import type { ClientCredentials, VerifyServer } from '../../../core/tls/dial-context.ts';
import { alertOf, dial, tlsErrorWords, type Dialled, type DialOptions } from '../../../core/tls/dial.ts';
import { parseCertificateMessage } from '../../../core/tls/certificate-message.ts';
import { snapshotPeer, type PeerSnapshot } from '../../../core/tls/peer-snapshot.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';
import { TlsMeetingPlace } from '../../support/tls-meeting.ts';

const clientName = '_xfr.ns2.example';

function listener(more: Partial<GateTls> = {}): GateTls {
  return { ...certificatesOnly, asksForName: true, extensionType: defaultExtensionType, ...more };
}

describe('dialling a server', () => {
  let server: IssuedIdentity;
  let client: IssuedIdentity;
  let place: TlsMeetingPlace | undefined;

  before(async () => {
    server = await issueTestIdentity('ns1.example');
    client = await issueTestIdentity(clientName);
  });
  afterEach(async () => {
    await place?.close();
    place = undefined;
  });

  function options(port: number, more: Partial<DialOptions> = {}): DialOptions {
    return {
      address: '127.0.0.1',
      port,
      serverName: 'ns1.example',
      alpnProtocols: ['dot'],
      needsAlpn: true,
      tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
      takesRawPublicKey: false,
      verify: () => true,
      timeMs: 5000,
      ...more,
    };
  }

  function credentials(more: Partial<ClientCredentials> = {}): ClientCredentials {
    return { identity: asLoaded(client), name: Name.parse(clientName), shows: 'certificate', ...more };
  }

  /** Both ends of a handshake with a listener of ours. */
  async function meet(
    gate: GateTls,
    more: Partial<DialOptions> = {},
  ): Promise<{ readonly dialled: Dialled; readonly seen: PeerSnapshot | undefined }> {
    place = await TlsMeetingPlace.open(gateContext(asLoaded(server), gate));
    const shaken = place.next();
    const dialled = await dial(options(place.port, more));
    const { socket } = await shaken;
    const seen = socket && snapshotPeer(socket);
    dialled.socket?.destroy();
    return { dialled, seen };
  }

  it('says its name to a server that asks for it [DANCE-8.1]', async () => {
    const { dialled, seen } = await meet(listener(), { credentials: credentials() });
    expect(dialled).to.deep.include({ asked: { certificate: true, name: true } });
    expect(seen?.clientId?.toString()).to.equal(clientName);
    expect(seen?.credentials?.certificate?.equals(client.certificate)).to.equal(true);
  });

  it('says it beside a raw public key [RFC7250-4.2]', async () => {
    const { seen } = await meet(listener({ rawPublicKeys: true }), {
      credentials: credentials({ shows: 'raw-public-key' }),
    });
    expect(seen?.clientId?.toString()).to.equal(clientName);
    expect(seen?.credentials).to.deep.equal({
      subjectPublicKeyInfo: client.subjectPublicKeyInfo,
      dnsNames: [],
      chain: [],
    });
  });

  it('says no name to a server that does not ask [DANCE-8.1]', async () => {
    const { dialled, seen } = await meet(listener({ asksForName: false }), { credentials: credentials() });
    expect(dialled).to.deep.include({ asked: { certificate: true, name: false } });
    expect(seen?.clientId).to.equal(undefined);
    expect(seen?.credentials).not.to.equal(undefined);
  });

  it('says no name that it was not given', async () => {
    const nameless = { identity: asLoaded(client), shows: 'certificate' } as const;
    const { dialled, seen } = await meet(listener(), { credentials: nameless });
    expect(dialled).to.deep.include({ asked: { certificate: true, name: true } });
    expect(seen?.clientId).to.equal(undefined);
  });

  it('shows no certificate in the place of a raw public key [RFC7250-4.2]', async () => {
    const { seen } = await meet(listener({ rawPublicKeys: false }), {
      credentials: credentials({ shows: 'raw-public-key' }),
    });
    expect(seen).to.include({ reason: 'no-certificate' });
  });

  for (const dialect of ['draft-13', 'draft-09'] as const satisfies readonly Dialect[]) {
    it(`speaks ${dialect} [DANCE-7]`, async () => {
      const { seen } = await meet(listener({ dialect }), {
        credentials: credentials(),
        tls: { dialect, extensionType: defaultExtensionType, recordPadding: 0 },
      });
      expect(seen?.clientId?.toString()).to.equal(clientName);
    });
  }

  it('shows the verifier what the server sent, once, and nothing of ours to a server that it refuses', async () => {
    const shown: [Buffer, number][] = [];
    const verify: VerifyServer = (message, type) => {
      shown.push([Buffer.from(message), type]);
      return false;
    };
    const { dialled, seen } = await meet(listener(), { credentials: credentials(), verify });
    expect(dialled).to.deep.include({ reason: 'not-proved', isConnected: true });
    expect(seen).to.equal(undefined);
    expect(shown).to.have.length(1);
    const [[message, type]] = shown as [[Buffer, number]];
    expect(type).to.equal(0);
    expect(parseCertificateMessage(message, 'TLSv1.3')).to.deep.equal([server.certificate]);
  });

  it('refuses a server when the verifier fails', async () => {
    const verify: VerifyServer = () => {
      throw new Error('no idea');
    };
    const { dialled, seen } = await meet(listener(), { credentials: credentials(), verify });
    expect(dialled).to.deep.include({ reason: 'not-proved' });
    expect(seen).to.equal(undefined);
  });

  it('takes a raw public key of the server if it can judge one [RFC7250-4.1]', async () => {
    const types: number[] = [];
    const verify: VerifyServer = (_, type) => types.push(type) > 0;
    await meet(listener({ rawPublicKeys: true }), { takesRawPublicKey: true, verify });
    await place?.close();
    await meet(listener({ rawPublicKeys: true }), { takesRawPublicKey: false, verify });
    expect(types).to.deep.equal([2, 0]);
  });

  it('knows a server that asks for nothing', async () => {
    const plain = tls.createServer({
      cert: server.certificatePem,
      key: server.privateKeyPem,
      ALPNProtocols: ['dot'],
    });
    const { port } = await listening(plain);
    const dialled = await dial(options(port, { credentials: credentials() }));
    expect(dialled).to.deep.include({ asked: { certificate: false, name: false } });
    dialled.socket?.destroy();
    plain.close();
  });

  it('wants ALPN "dot" where it is needed, and does without where it is not [RFC9103-7.1]', async () => {
    const silent = tls.createServer({ cert: server.certificatePem, key: server.privateKeyPem });
    const other = tls.createServer({
      cert: server.certificatePem,
      key: server.privateKeyPem,
      ALPNProtocols: ['h2'],
    });
    const { port } = await listening(silent);
    expect(await dial(options(port))).to.deep.include({ reason: 'no-alpn' });
    const without = await dial(options(port, { needsAlpn: false }));
    expect(without.socket?.alpnProtocol).to.equal(false);
    without.socket?.destroy();
    expect(await dial(options((await listening(other)).port))).to.deep.include({ reason: 'no-alpn' });
    silent.close();
    other.close();
  });

  it('speaks TLS 1.3 only [RFC9103-7.2]', async () => {
    const old = tls.createServer({
      cert: server.certificatePem,
      key: server.privateKeyPem,
      maxVersion: 'TLSv1.2',
    });
    const { port } = await listening(old);
    const dialled = await dial(options(port));
    expect(dialled).to.include({ reason: 'tls-failed', detail: 'the server does not speak TLS 1.3' });
    old.close();
  });

  it('says where nobody listens, nothing is said, or something else than TLS', async () => {
    const silent = net.createServer();
    const { port } = await listening(silent);
    expect(await dial(options(port, { timeMs: 50 }))).to.include({ reason: 'timeout', isConnected: true });
    const abort = new AbortController();
    const given = dial(options(port, { signal: abort.signal }));
    abort.abort();
    expect(await given).to.include({ reason: 'given-up' });
    expect(await dial(options(port, { signal: abort.signal }))).to.include({ reason: 'given-up' });
    silent.close();
    const talker = net.createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('220 hello\r\n'),
    );
    const { port: talking } = await listening(talker);
    expect(await dial(options(talking))).to.include({ reason: 'tls-failed', isConnected: true });
    talker.close();
    await once(talker, 'close');
    expect(await dial(options(talking))).to.include({
      reason: 'connect-failed',
      detail: 'nobody listens there',
      isConnected: false,
    });
  });

  it('refuses settings that TLS cannot have', async () => {
    const refused = async (more: Partial<DialOptions>): Promise<unknown> =>
      dial(options(1, more)).catch((error: unknown) => error);
    const number = await refused({ tls: { dialect: 'draft-13', extensionType: 43, recordPadding: 0 } });
    expect(number)
      .to.be.instanceOf(RangeError)
      .with.property('message')
      .that.matches(/extension 43/);
    const long = Name.parse(`${'\\000'.repeat(63)}.example`);
    const name = await refused({ credentials: credentials({ name: long }) });
    expect(name).to.be.instanceOf(RangeError).with.property('message').that.matches(/255/);
  });
});

async function listening(server: net.Server): Promise<AddressInfo> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address() as AddressInfo;
}

describe('the words for an alert', () => {
  const cases: [words: string, name: string | undefined][] = [
    ['ssl/tls alert handshake failure', 'handshake_failure'],
    ['sslv3 alert bad certificate', 'bad_certificate'],
    ['tlsv13 alert certificate required', 'certificate_required'],
    ['tlsv1 alert unknown ca', 'unknown_ca'],
    ['wrong version number', undefined],
    ['socket hang up', undefined],
  ];
  for (const [words, name] of cases) {
    it(`in "${words}" are ${String(name)} [RFC8446-6.2]`, () => {
      expect(alertOf(Object.assign(new Error('x'), { reason: words }))).to.equal(name);
    });
  }

  it('come without file names and numbers', () => {
    const error = new Error('40F39A:error:0A000410:SSL routines\nmore');
    expect(tlsErrorWords(error)).to.equal('40F39A:error:0A000410:SSL routines');
    expect(tlsErrorWords(Object.assign(error, { reason: 'wrong version number' }))).to.equal(
      'wrong version number',
    );
  });
});
