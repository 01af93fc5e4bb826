import { expect } from 'chai';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import {
  dnsOverUnauthenticatedTls,
  type ResumingTransport,
  type OpenedTls,
  type TlsEnd,
} from '../../../../core/resolver/upstream/dot-unauthenticated.ts';
import type { StreamTransport } from '../../../../core/resolver/upstream/stream.ts';
import { authority, sharedKey } from '../../../support/certificate-factory.ts';
import { DotServer, type DotServerOptions } from '../../../support/dot-server.ts';
import { OctetRelay } from '../../../support/octet-relay.ts';

const extension = { serverName: 0, alpn: 16, earlyData: 42 } as const;

/** Numbers of the extensions of the first ClientHello, and what ALPN offers. */
function readClientHello(all: Buffer): { readonly extensions: readonly number[]; readonly alpn: string } {
  // What a connection before it said last may stand before it. A handshake record with the version of a first flight.
  const start = all.indexOf(Buffer.from('160301', 'hex'));
  expect(start, 'a handshake record').to.be.at.least(0);
  const octets = all.subarray(start);
  expect(octets[5], 'a ClientHello').to.equal(1);
  // Record header, message header, version and random, then session ID, cipher suites and compression methods.
  let at = 5 + 4 + 34;
  at += 1 + octets.readUInt8(at);
  at += 2 + octets.readUInt16BE(at);
  at += 1 + octets.readUInt8(at);
  const end = at + 2 + octets.readUInt16BE(at);
  at += 2;
  const extensions: number[] = [];
  let alpn = '';
  while (at < end) {
    const type = octets.readUInt16BE(at);
    const body = octets.subarray(at + 4, at + 4 + octets.readUInt16BE(at + 2));
    extensions.push(type);
    if (type === extension.alpn) alpn = body.subarray(2).toString('latin1');
    at += 4 + body.length;
  }
  return { extensions, alpn };
}

describe('DNS over TLS to whoever answers', () => {
  const open: { close(): unknown }[] = [];
  let opened: OpenedTls[];
  let ended: TlsEnd[];

  beforeEach(() => {
    opened = [];
    ended = [];
  });

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  function keep<T extends { close(): unknown }>(one: T): T {
    open.push(one);
    return one;
  }

  const serve = async (options: DotServerOptions = {}): Promise<DotServer> =>
    keep(await DotServer.start(() => undefined, options));

  function to(port: number): ResumingTransport {
    return dnsOverUnauthenticatedTls(
      { address: '127.0.0.1', port },
      {
        watch: () => ({
          opened: (connection) => opened.push(connection),
          ended: (end) => ended.push(end),
        }),
      },
    );
  }

  /** Connects, and waits until queries may be sent, or it is over. */
  async function connect(
    transport: StreamTransport,
  ): Promise<{ socket: Socket; isReady: boolean; ticket: Promise<void> }> {
    const socket = transport.open();
    keep({ close: () => socket.destroy() });
    socket.on('error', () => undefined);
    let tickets = 0;
    const ticket = new Promise<void>((resolve) => {
      socket.on('session', () => ((tickets += 1) === 2 ? resolve() : undefined));
    });
    const isReady = await new Promise<boolean>((resolve) => {
      socket.once(transport.ready, () => resolve(true)).once('close', () => resolve(false));
    });
    return { socket, isReady, ticket };
  }

  it('says no name of a server, and offers "dot" [RFC9539-4.6.3.3] [RFC9539-4.6.3]', async () => {
    const server = await serve();
    const relay = keep(await OctetRelay.start(() => server.port));
    const { isReady } = await connect(to(relay.port));
    expect(isReady).to.be.true;
    const { extensions, alpn } = readClientHello(relay.take());
    expect(extensions).not.to.include(extension.serverName);
    expect(alpn).to.equal('\x03dot');
    while (server.sockets.size === 0) await new Promise((done) => setTimeout(done, 5));
    expect([...server.sockets][0]?.servername).to.equal(false);
  });

  const owner = sharedKey('dot server');
  const certificates: Readonly<Record<string, DotServerOptions>> = {
    'of an authority that is not known': {
      certificate: { issuer: authority({ key: sharedKey('stranger'), subject: 'Strangers CA' }) },
    },
    'that has expired': { certificate: { notAfterMs: Date.now() - 60_000 } },
    'that is not valid yet': { certificate: { notBeforeMs: Date.now() + 3_600_000 } },
    'of another name': { certificate: { names: ['other.example'] } },
    'without any name': { certificate: { names: [], subject: '' } },
    'that signed itself': { certificate: { issuer: undefined, key: owner, subject: 'me' } },
    'whose signature is wrong': { certificate: { spoilSignature: true } },
    'for clients': { certificate: { extendedKeyUsage: null, keyUsage: null } },
  };
  for (const [what, options] of Object.entries(certificates)) {
    it(`takes a certificate ${what} [RFC9539-4.6.3.4]`, async () => {
      const server = await serve(options);
      expect((await connect(to(server.port))).isReady).to.be.true;
      expect(opened).to.have.length(1);
    });
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`speaks ${version}, and shows no certificate to a server that asks for one`, async () => {
      const wants = { minVersion: version, maxVersion: version } as const;
      const server = await serve({ ...wants, requestCert: true, rejectUnauthorized: false });
      const relay = keep(await OctetRelay.start(() => server.port));
      const { isReady } = await connect(to(relay.port));
      expect(isReady).to.be.true;
      expect(opened[0]).to.include({ protocol: version, localAddress: '127.0.0.1', isResumed: false });
      while (server.sockets.size === 0) await new Promise((done) => setTimeout(done, 5));
      const [socket] = server.sockets;
      expect(socket?.getPeerX509Certificate()).to.be.undefined;
      // In TLS 1.2 it can be read on the way: the message Certificate (11) with an empty list.
      if (version === 'TLSv1.2')
        expect(relay.take().includes(Buffer.from('0b000003000000', 'hex'))).to.be.true;
    });
  }

  it('does without a server that wants a certificate and takes no other', async () => {
    const server = await serve({ maxVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: true });
    const { isReady } = await connect(to(server.port));
    // Such a server speaks its mind by ending the connection.
    if (isReady) while (ended.length === 0) await new Promise((done) => setTimeout(done, 5));
    expect(ended).to.have.length(1);
    expect(server.heard).to.deep.equal([]);
  });

  it('is never ready with a server that has another protocol [RFC9539-4.6.3]', async () => {
    const server = await serve({ ALPNProtocols: ['h2'] });
    const { isReady } = await connect(to(server.port));
    expect(isReady).to.be.false;
    expect(opened).to.deep.equal([]);
    expect(ended).to.have.length(1);
    expect(ended[0]).to.include({ wasOpen: false });
    expect(ended[0]?.error).to.be.instanceOf(Error);
  });

  it('takes a server that knows nothing of ALPN', async () => {
    const server = await serve({ ALPNProtocols: undefined });
    expect((await connect(to(server.port))).isReady).to.be.true;
  });

  it('says of a refused connection that it was not open', async () => {
    const server = await serve();
    await server.close();
    open.pop();
    const { isReady } = await connect(to(server.port));
    expect(isReady).to.be.false;
    expect(ended).to.have.length(1);
    expect(ended[0]?.error).to.have.property('code', 'ECONNREFUSED');
  });

  it('says of something that is not TLS that it was not open', async () => {
    const other = net.createServer((socket) =>
      socket.on('error', () => undefined).end('220 smtp.example\r\n'),
    );
    keep(other.listen(0, '127.0.0.1'));
    await once(other, 'listening');
    const { isReady } = await connect(to((other.address() as AddressInfo).port));
    expect(isReady).to.be.false;
    expect(ended[0]).to.include({ wasOpen: false });
  });

  it('tells a close by the server from one of ours', async () => {
    const server = await serve();
    const transport = to(server.port);
    await connect(transport);
    while (server.sockets.size === 0) await new Promise((done) => setTimeout(done, 5));
    for (const socket of server.sockets) socket.end();
    while (ended.length < 1) await new Promise((done) => setTimeout(done, 5));
    const { socket } = await connect(transport);
    socket.destroy();
    while (ended.length < 2) await new Promise((done) => setTimeout(done, 5));
    expect(ended).to.deep.equal([
      { wasOpen: true, error: undefined, byServer: true },
      { wasOpen: true, error: undefined, byServer: false },
    ]);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resumes with ${version}, and sends no early data [RFC9539-4.6.3.2] [RFC9539-4.6.3.1]`, async () => {
      const server = await serve({ minVersion: version, maxVersion: version });
      const relay = keep(await OctetRelay.start(() => server.port));
      const transport = to(relay.port);
      for (let n = 0; n < 3; n++) {
        const { socket, ticket } = await connect(transport);
        const { extensions } = readClientHello(relay.take());
        expect(extensions).not.to.include(extension.earlyData);
        expect(extensions).not.to.include(extension.serverName);
        // The tickets of TLS 1.3 come after the handshake: two, for the next two connections.
        if (version === 'TLSv1.3' && n === 0) await ticket;
        socket.destroy();
      }
      expect(opened.map(({ isResumed }) => isResumed)).to.deep.equal([false, true, true]);
      expect(opened.every(({ protocol }) => protocol === version)).to.be.true;
    });
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resumes nothing of before the tickets were forgotten, with ${version}`, async () => {
      const server = await serve({ minVersion: version, maxVersion: version });
      const transport = to(server.port);
      const first = await connect(transport);
      if (version === 'TLSv1.3') await first.ticket;
      // One that resumes while they are forgotten must not bring its own back.
      const second = transport.open();
      keep({ close: () => second.destroy() });
      transport.forgetTickets();
      await new Promise((resolve) => second.once(transport.ready, resolve));
      await connect(transport);
      expect(opened.map(({ isResumed }) => isResumed)).to.deep.equal([false, true, false]);
      await connect(transport);
      if (version === 'TLSv1.2') expect(opened.at(-1)?.isResumed).to.equal(true);
    });
  }

  it('uses no ticket of TLS 1.3 twice', async () => {
    const server = await serve({ minVersion: 'TLSv1.3' });
    const transport = to(server.port);
    const first = await connect(transport);
    await first.ticket;
    // Three at once have two tickets between them.
    const three = await Promise.all([connect(transport), connect(transport), connect(transport)]);
    expect(three.every(({ isReady }) => isReady)).to.be.true;
    expect(opened.filter(({ isResumed }) => isResumed)).to.have.length(2);
  });
});
