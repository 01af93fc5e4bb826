import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { everythingChanged, type AccessListener } from '../../../core/acl/access-control.ts';
import type { HandedRequest } from '../../../core/embed/from-proxy.ts';
import type { ProofResult } from '../../../core/embed/handed-on.ts';
import { OptionsError } from '../../../core/embed/options.ts';
import { TrustedProxies } from '../../../core/embed/proxies.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { accessTo, everybodyAdmitted, nobodyAdmitted } from '../../support/access.ts';
import { authority, endEntity, sharedKey } from '../../support/certificate-factory.ts';
import { tlsaOf } from '../../support/test-identity.ts';
import { ipv4, present, ssl, vector, write } from '../server/proxy-writer.ts';
import { clientName, EmbedBed, line } from './bed.ts';

const proxies = ['127.0.0.1'];

function words(result: ProofResult): string {
  return (
    result.identity?.name.toString() ?? `${String(result.reason)}: ${'detail' in result ? result.detail : ''}`
  );
}

describe('Authenticator.proveFromHeaders', () => {
  let bed: EmbedBed;
  beforeEach(async () => {
    bed = await EmbedBed.open();
  });
  afterEach(() => bed.close());

  const base64 = (octets: Buffer): string => `:${octets.toString('base64')}:`;
  const fields = (more: Record<string, string> = {}): Record<string, string> => ({
    'client-cert': base64(bed.client.certificate),
    ...more,
  });

  async function prove(headers: HandedRequest['headers'], remoteAddress = '127.0.0.1'): Promise<string> {
    return words(await bed.danced.proveFromHeaders({ headers, socket: { remoteAddress } }, { proxies }));
  }

  it('proves the certificate of Client-Cert [RFC9440-2.2]', async () => {
    expect(await prove(fields())).to.equal(clientName);
  });

  it('proves it by Client-Dane-Name where that is sent, and by no other name', async () => {
    expect(await prove(fields({ 'client-dane-name': `"${clientName}"` }))).to.equal(clientName);
    expect(await prove(fields({ 'client-dane-name': '"other.example"' }))).to.match(/^not-admitted/);
    expect(await prove(fields({ 'client-dane-name': '""' }))).to.match(/^bad-name/);
  });

  it('finds the path in Client-Cert-Chain that a record demands [RFC9440-2.3]', async () => {
    const ca = authority({ subject: 'ca', key: sharedKey('ca') });
    const leaf = endEntity({ names: [clientName], key: sharedKey('leaf'), issuer: ca });
    const published = { certificate: ca.der, subjectPublicKeyInfo: ca.spki };
    const record = tlsaFor(published, { usage: 2, selector: 1, matchingType: 1 });
    bed.resolver.publish(clientName, [encodeTlsa(record)]);
    const shown = { 'client-cert': base64(leaf.der) };
    expect(await prove({ ...shown, 'client-cert-chain': base64(ca.der) })).to.equal(clientName);
    expect(await prove(shown)).to.match(/^key-mismatch/);
    expect(await prove({ 'client-cert-chain': base64(ca.der) })).to.match(/^bad-header: client-cert-chain/);
  });

  it('believes nobody but the proxies that are named [RFC9440-4]', async () => {
    expect(await prove(fields(), '127.0.0.2')).to.equal('not-from-proxy: 127.0.0.2');
    expect(await prove({}, '127.0.0.2')).to.match(/^not-from-proxy/);
    const noAddress = { headers: fields(), socket: {} };
    expect(words(await bed.danced.proveFromHeaders(noAddress, { proxies }))).to.match(/^not-from-proxy/);
    expect(bed.resolver.asked).to.deep.equal([]);
  });

  it('cannot be called without proxies', async () => {
    const request = { headers: fields(), socket: { remoteAddress: '127.0.0.1' } };
    for (const options of [undefined, {}, { proxies: undefined }, { proxies: [] }, { proxies: ['all'] }]) {
      let caught: unknown;
      await bed.danced
        .proveFromHeaders(request, options as never)
        .catch((error: unknown) => (caught = error));
      expect(caught).to.be.instanceOf(OptionsError);
      expect(String(caught)).to.match(/proxies/);
    }
    expect(
      words(await bed.danced.proveFromHeaders(request, { proxies: new TrustedProxies(proxies) })),
    ).to.equal(clientName);
  });

  it('knows nobody where the proxy says nothing', async () => {
    expect(await prove({})).to.match(/^no-certificate/);
    expect(await prove({ 'client-dane-name': `"${clientName}"` })).to.match(/^no-certificate/);
  });

  it('refuses fields that are not what their standard says [RFC9440-2.2]', async () => {
    expect(await prove({ 'client-cert': bed.client.certificatePem })).to.match(/^bad-header: client-cert: /);
    expect(await prove(fields({ 'client-dane-name': clientName }))).to.match(
      /^bad-header: client-dane-name: /,
    );
    expect(await prove({ 'client-cert': [base64(Buffer.alloc(3)), base64(Buffer.alloc(3))] })).to.match(
      /^bad-header: .*more than once/,
    );
    expect(await prove({ 'client-cert': base64(Buffer.from('no certificate')) })).to.match(
      /^bad-certificate/,
    );
  });

  it('sees in a request of node:http what comes twice', async () => {
    const seen: string[] = [];
    const api = http.createServer((request, response) => {
      void bed.danced.proveFromHeaders(request, { proxies }).then((result) => {
        seen.push(words(result));
        response.end();
      });
    });
    api.listen(0, '127.0.0.1');
    await once(api, 'listening');
    const send = async (...certificates: string[]): Promise<void> => {
      const { port } = api.address() as net.AddressInfo;
      const request = http.get({ port, host: '127.0.0.1', headers: { 'Client-Cert': certificates } });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      await response.toArray();
    };
    const certificate = base64(bed.client.certificate);
    await send(certificate);
    await send(certificate, certificate);
    api.close();
    expect(seen[0]).to.equal(clientName);
    expect(seen[1]).to.match(/^bad-header: client-cert: comes more than once/);
  });
});

describe('Authenticator.proveFromProxyHeader', () => {
  let bed: EmbedBed;
  const open: (net.Socket | net.Server)[] = [];
  beforeEach(async () => {
    bed = await EmbedBed.open();
  });
  afterEach(async () => {
    mock.timers.reset();
    for (const one of open.splice(0))
      if (one instanceof net.Server) one.close();
      else one.destroy();
    await bed.close();
  });

  interface Header {
    readonly client?: number;
    readonly verify?: number;
    readonly certificate?: Buffer | undefined;
    readonly name?: string;
  }

  /** What a proxy says of a client that showed the certificate of the bed, unless told otherwise. */
  function header({ client = 0x03, verify = 0, name, ...said }: Header = {}): Buffer {
    const certificate = 'certificate' in said ? said.certificate : bed.client.certificate;
    const tls = ssl(client, verify, vector(0x21, 'TLSv1.3'), ...present(0x28, certificate));
    return write(0x21, 0x11, ipv4, tls, ...present(0xe5, name));
  }

  interface Proved {
    readonly verdict: ProofResult;
    /** The application's end. */
    readonly socket: net.Socket;
    readonly proxy: net.Socket;
  }

  /** An application behind a proxy that sends these octets. */
  async function send(octets: Buffer, options: object = { proxies }): Promise<Proved> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const arrived = once(server, 'connection');
    const proxy = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    open.push(server, proxy);
    proxy.on('error', () => undefined);
    proxy.write(octets);
    const [socket] = (await arrived) as [net.Socket];
    open.push(socket);
    return { verdict: await bed.danced.proveFromProxyHeader(socket, options as never), socket, proxy };
  }

  it('proves the certificate, knows the client at the socket, and leaves the rest to the application', async () => {
    const request = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const { verdict, socket, proxy } = await send(Buffer.concat([header(), Buffer.from(request)]));
    expect(words(verdict)).to.equal(clientName);
    expect(bed.danced.clientOf(socket)?.name.toString()).to.equal(clientName);
    bed.api.emit('connection', socket);
    const text = (await proxy.setEncoding('utf8').toArray()).join('');
    expect(text).to.match(new RegExp(`hello ${clientName}`));
    expect(bed.danced.clientOf(socket)).to.equal(undefined);
  });

  it('proves it by the name that the proxy hands on, and by no other', async () => {
    expect(words((await send(header({ name: clientName }))).verdict)).to.equal(clientName);
    expect(words((await send(header({ name: 'other.example' }))).verdict)).to.match(/^not-admitted/);
    expect(words((await send(header({ name: '' }))).verdict)).to.match(/^bad-name/);
  });

  it('does not ask what the proxy thinks of the certificate', async () => {
    expect(words((await send(header({ verify: 18 }))).verdict)).to.equal(clientName);
  });

  it('wants a certificate that was shown on this very connection', async () => {
    const { verdict, socket } = await send(header({ client: 0x05 }));
    expect(words(verdict)).to.match(/^no-certificate: the proxy does not say that the client showed one/);
    expect(bed.danced.clientOf(socket)).to.equal(undefined);
    expect(socket.destroyed).to.equal(false);
  });

  it('knows nobody where the proxy says nothing of a certificate', async () => {
    expect(words((await send(header({ certificate: undefined }))).verdict)).to.match(/does not hand it on$/);
    expect(words((await send(header({ client: 0x01, certificate: undefined }))).verdict)).to.match(
      /^no-certificate/,
    );
    expect(words((await send(write(0x21, 0x11, ipv4))).verdict)).to.match(/did not speak TLS/);
  });

  it('takes a health check for what it is', async () => {
    expect(words((await send(write(0x20, 0))).verdict)).to.equal('proxy-itself: ');
  });

  it('believes nobody but the proxies that are named', async () => {
    const { verdict } = await send(header(), { proxies: ['127.0.0.2'] });
    expect(words(verdict)).to.equal('not-from-proxy: 127.0.0.1');
    let caught: unknown;
    await send(header(), {}).catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(OptionsError);
  });

  it('refuses what is no header, and a certificate that is none', async () => {
    const { verdict, socket } = await send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(words(verdict)).to.match(/^bad-header/);
    expect(socket.destroyed).to.equal(true);
    const other = await send(header({ certificate: Buffer.from('no certificate') }));
    expect(words(other.verdict)).to.match(/^bad-certificate/);
  });

  it('waits no longer than handshake-time', async () => {
    await bed.close();
    bed = await EmbedBed.open({ limits: { 'handshake-time': '500ms' } });
    const { verdict, socket } = await send(header().subarray(0, 20));
    expect(verdict.reason).to.equal('timeout');
    expect(socket.destroyed).to.equal(true);
  });

  it('gives no verdict on a connection that has gone meanwhile', async () => {
    const release = bed.resolver.hold();
    const sent = send(header());
    while (bed.resolver.asked.length === 0) await nextTurn();
    for (const one of open) if (one instanceof net.Socket) one.destroy();
    await nextTurn();
    release();
    expect(words((await sent).verdict)).to.match(/^gone/);
  });

  it('keeps the proof up, and destroys the socket when it is gone', async () => {
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds: 100 });
    mock.timers.enable({ apis: ['setTimeout'] });
    const { verdict, socket } = await send(header());
    expect(words(verdict)).to.equal(clientName);
    bed.resolver.publish(clientName, []);
    bed.nowMs += 80_000;
    mock.timers.tick(80_000);
    expect(await line(bed, 'proof gone')).to.include({ client: clientName, why: 'no-tlsa: no TLSA record' });
    expect(socket.destroyed).to.equal(true);
    expect(bed.danced.clientOf(socket)).to.equal(undefined);
  });

  it('destroys the socket of a client that the access list has lost, at once', async () => {
    await bed.close();
    const listeners = new Set<AccessListener>();
    let admission = everybodyAdmitted;
    bed = await EmbedBed.open({
      access: {
        ...accessTo(clientName),
        admit: () => Promise.resolve(admission),
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    });
    const { verdict, socket } = await send(header());
    expect(words(verdict)).to.equal(clientName);
    admission = nobodyAdmitted;
    for (const listener of listeners) listener(everythingChanged);
    expect(await line(bed, 'proof gone')).to.include({ client: clientName, why: 'not-admitted' });
    expect(socket.destroyed).to.equal(true);
    await bed.danced.close(0);
    expect(listeners.size).to.equal(0);
  });

  it('leaves no socket behind when danced is closed', async () => {
    const { socket } = await send(header());
    await bed.danced.close(0);
    expect(socket.destroyed).to.equal(true);
  });
});
