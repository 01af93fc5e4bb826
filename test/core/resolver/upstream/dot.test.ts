import { expect } from 'chai';
import { once } from 'node:events';
import net from 'node:net';
import { Rcode, RrType } from '../../../../core/dns/constants.ts';
import { makeResponse } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { defaultResolverLimits, type ResolverLimits } from '../../../../core/resolver/limits.ts';
import { dnsOverTls } from '../../../../core/resolver/upstream/dot.ts';
import type { UpstreamServer, UpstreamTls } from '../../../../core/resolver/upstream/server.ts';
import { StreamClient } from '../../../../core/resolver/upstream/stream.ts';
import { authority, sharedKey } from '../../../support/certificate-factory.ts';
import {
  dotAuthority,
  DotServer,
  pemOf,
  type DotQuery,
  type DotServerOptions,
} from '../../../support/dot-server.ts';

const asked = { name: Name.parse('_xfr.ns2.example'), type: RrType.TLSA };
const never = new AbortController().signal;
const minute = 60_000;

describe('DNS over TLS', () => {
  const open: { close(): unknown }[] = [];

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  async function serve(
    answer: (query: DotQuery) => void = ({ message, reply }) => reply(makeResponse(message, { ra: true })),
    options: DotServerOptions = {},
  ): Promise<DotServer> {
    const server = await DotServer.start(answer, options);
    open.push(server);
    return server;
  }

  function clientOf(
    { address, port }: { address: string; port: number },
    secrets: Partial<UpstreamTls> = {},
    limits: Partial<ResolverLimits> = {},
  ): StreamClient {
    const server: UpstreamServer = {
      address,
      port,
      tls: { name: 'resolver.example', ca: [pemOf(dotAuthority)], ...secrets },
    };
    const transport = dnsOverTls(server, server.tls!);
    const client = new StreamClient(server, transport, { ...defaultResolverLimits, ...limits });
    open.push(client);
    return client;
  }

  it('asks a server that proves its name [RFC8310-8.1]', async () => {
    const server = await serve();
    const answer = await clientOf(server).ask(asked, never);
    expect(answer).to.have.nested.property('header.rcode', Rcode.NOERROR);
    expect(server.heard).to.have.length(1);
    expect(server.heard[0]!.octets.length % 128).to.equal(0);
    expect([...server.sockets][0]!.alpnProtocol).to.equal('dot');
    expect([...server.sockets][0]!.servername).to.equal('resolver.example');
  });

  it('takes a server that knows nothing of ALPN', async () => {
    const server = await serve(undefined, { ALPNProtocols: undefined });
    expect(await clientOf(server).ask(asked, never)).to.have.property('header');
  });

  it('takes a wildcard as one whole label [RFC9525-6.3]', async () => {
    const server = await serve(undefined, { certificate: { names: ['*.resolver.example'] } });
    const ask = (name: string) => clientOf(server, { name }).ask(asked, never);
    expect(await ask('a.resolver.example')).to.have.property('header');
    expect(await ask('a.b.resolver.example')).to.have.property('failure');
    expect(await ask('resolver.example')).to.have.property('failure');
  });

  const otherCa = authority({ key: sharedKey('other ca'), subject: 'Other CA' });
  const liars: [title: string, certificate: DotServerOptions['certificate'], words: RegExp][] = [
    ['has another name', { names: ['other.example'] }, /certificate is not for resolver\.example/],
    [
      'has the name as its common name only [RFC8310-8.1]',
      { names: [], subject: 'resolver.example' },
      /certificate is not for resolver\.example/,
    ],
    [
      'has the name as its common name beside another one [RFC8310-8.1]',
      { names: ['other.example'], subject: 'resolver.example' },
      /certificate is not for resolver\.example/,
    ],
    ['has a wildcard for a part of a label', { names: ['res*.example'] }, /certificate is not for/],
    [
      'has its certificate from another CA',
      { issuer: otherCa },
      /TLS: its certificate is from an authority that is not known here; .*`ca`/,
    ],
    [
      'has a certificate that has expired',
      { notAfterMs: Date.now() - minute },
      /TLS: certificate has expired/,
    ],
    [
      'has a certificate that is not valid yet',
      { notBeforeMs: Date.now() + 24 * 60 * minute },
      /TLS: certificate is not yet valid/,
    ],
    ['has a certificate with a false signature', { spoilSignature: true }, /TLS: /],
  ];
  for (const [title, certificate = {}, words] of liars) {
    it(`sends not one query to a server that ${title} [RFC8310-5]`, async () => {
      const server = await serve(undefined, { certificate });
      const answer = await clientOf(server).ask(asked, never);
      expect(answer).to.have.property('failure').that.matches(words);
      expect(server.heard).to.have.length(0);
    });
  }

  it('does not trust the CAs of the Web where the configuration names its own', async () => {
    const server = await serve(undefined, { certificate: { issuer: otherCa } });
    expect(await clientOf(server, { ca: [pemOf(otherCa)] }).ask(asked, never)).to.have.property('header');
    expect(await clientOf(server, { ca: [pemOf(dotAuthority)] }).ask(asked, never)).to.have.property(
      'failure',
    );
  });

  it('does not speak TLS 1.1 [RFC8310-9]', async () => {
    const server = await serve(undefined, {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const answer = await clientOf(server).ask(asked, never);
    expect(answer)
      .to.have.property('failure')
      .that.matches(/cannot be reached by TLS/);
    expect(server.heard).to.have.length(0);
  });

  it('speaks TLS 1.2', async () => {
    const server = await serve(undefined, { maxVersion: 'TLSv1.2' });
    expect(await clientOf(server).ask(asked, never)).to.have.property('header');
  });

  it('gives up a server that never ends its handshake', async () => {
    const silent = net.createServer((socket) => socket.on('error', () => undefined));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    open.push({ close: () => silent.close() });
    const { port } = silent.address() as net.AddressInfo;
    const answer = await clientOf({ address: '127.0.0.1', port }, {}, { 'handshake-time': 100 }).ask(
      asked,
      never,
    );
    expect(answer)
      .to.have.property('failure')
      .that.matches(/did not complete the TLS connection in time/);
  });

  it('asks many questions on one connection [RFC7858-3.4]', async () => {
    const server = await serve();
    const client = clientOf(server);
    const names = Array.from({ length: 20 }, (_, n) => Name.parse(`n${n}.example`));
    await Promise.all(names.map((name) => client.ask({ name, type: RrType.TLSA }, never)));
    await client.ask(asked, never);
    expect(server.connections).to.equal(1);
    expect(server.heard).to.have.length(21);
  });

  it('refuses CAs that cannot be read, when it is made', () => {
    const tls = {
      name: 'resolver.example',
      ca: ['-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'],
    };
    expect(() => dnsOverTls({ address: '127.0.0.1', port: 853, tls }, tls)).to.throw();
  });
});
