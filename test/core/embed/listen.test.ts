import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { mock } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { ApplicationConnection } from '../../../core/embed/application.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';
import { ask, clientName, EmbedBed, line, outcomeOf } from './bed.ts';

const handshakeFailure = 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE';

describe('Authenticator.listen', () => {
  let bed: EmbedBed;
  afterEach(async () => {
    mock.timers.reset();
    await bed.close();
  });

  async function start(
    options: Parameters<typeof EmbedBed.open>[0] = {},
    listen: Parameters<EmbedBed['listen']>[0] = {},
  ): Promise<void> {
    bed = await EmbedBed.open(options);
    await bed.listen(listen);
  }

  it('tells at each request who the client is, by the name of its certificate', async () => {
    await start();
    const socket = await bed.connect();
    expect(await ask(socket)).to.equal(`hello ${clientName}`);
    expect(bed.resolver.asked).to.deep.equal([clientName]);
    socket.destroy();
    const said = await line(bed, 'connection');
    expect(said).to.include({ gate: 'library', client: clientName, claim: 'certificate-name', requests: 1 });
    expect(said['octetsIn']).to.be.above(0);
    expect(said['octetsOut']).to.be.above(0);
  });

  it('takes the name that the client says, before those of its certificate [DANCE-8.2]', async () => {
    await start();
    bed.resolver.publish('other.example', [tlsaOf(bed.client)]);
    expect(await ask(await bed.connect({ name: clientName }))).to.equal(`hello ${clientName}`);
    expect(await outcomeOf(await bed.connect({ name: 'other.example' }))).to.equal(handshakeFailure);
    expect(bed.resolver.asked).to.deep.equal([clientName]);
  });

  it('takes a raw public key with a name', async () => {
    await start();
    expect(await ask(await bed.connect({ name: clientName, rawPublicKey: true }))).to.equal(
      `hello ${clientName}`,
    );
  });

  it('sends the alert to who is not identified, and the application sees nothing of it [DANCE-8.2]', async () => {
    await start();
    bed.api.on('connection', () => {
      throw new Error('the application saw it');
    });
    const stranger = await issueTestIdentity('stranger.example');
    expect(await outcomeOf(await bed.connect({ credentials: stranger }))).to.equal(handshakeFailure);
    expect(await line(bed, 'connection refused')).to.include({ reason: 'not-admitted' });
    expect(bed.resolver.asked).to.deep.equal([]);
  });

  it('takes old clients by TLS 1.2 where told so, with a certificate or a bare key, and warns of it [RFC7250-3]', async () => {
    await start({}, { dialect: 'draft-09', allowsTls12: true });
    expect(bed.log.of('TLS 1.2 is allowed').map(({ level }) => level)).to.deep.equal(['warn']);
    for (const rawPublicKey of [false, true]) {
      const socket = await bed.connect({ name: clientName, dialect: 'draft-09', tls12: true, rawPublicKey });
      expect(socket.getProtocol()).to.equal('TLSv1.2');
      expect(await ask(socket)).to.equal(`hello ${clientName}`);
    }
  });

  it('takes nobody by TLS 1.2 in either dialect where not told so', async () => {
    for (const dialect of ['draft-13', 'draft-09'] as const) {
      await start({}, { dialect });
      const refused = await bed.connect({ tls12: true }).catch((error: unknown) => error);
      expect(refused).to.include({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
      expect(bed.log.of('TLS 1.2 is allowed')).to.deep.equal([]);
      await bed.close();
    }
  });

  it('serves who is not identified without identity where that is asked for', async () => {
    await start({}, { onFailure: 'anonymous' });
    const stranger = await issueTestIdentity('stranger.example');
    expect(await ask(await bed.connect({ credentials: stranger }))).to.equal('hello stranger');
  });

  it('refuses a client that offers none of the protocols, and asks for none when told so', async () => {
    await start();
    expect(await outcomeOf(await bed.connect({}, []))).to.not.match(/hello/);
    expect(await line(bed, 'connection refused')).to.include({ reason: 'no-alpn' });
    await bed.listen({ alpn: [] });
    expect(await ask(await bed.connect({}, []))).to.equal(`hello ${clientName}`);
  });

  it('loses nothing of what the client sends while it is being proved', async () => {
    await start();
    const body = 'x'.repeat(300_000);
    bed.api.removeAllListeners('request').on('request', (request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => (length += chunk.length));
      request.on('end', () =>
        response.end(`${String(length)} ${String(bed.danced.clientOf(request.socket)?.name)}`),
      );
    });
    const release = bed.resolver.hold();
    const socket = await bed.connect();
    const request = http.request({ method: 'POST', createConnection: () => socket });
    request.end(body);
    while (bed.resolver.asked.length === 0) await nextTurn();
    release();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const text = (await response.toArray()).join('');
    expect(text).to.equal(`300000 ${clientName}`);
  });

  it('ends the connection when the proof is gone, also one with a request under way', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    await start();
    const held: [http.IncomingMessage, http.ServerResponse][] = [];
    bed.api.removeAllListeners('request').on('request', (request, response) => {
      held.push([request, response]);
    });
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds: 100 });
    const socket = await bed.connect();
    const outcome = outcomeOf(socket);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    while (held.length === 0) await nextTurn();
    const [request, response] = held[0]!;
    expect(bed.danced.clientOf(request.socket)?.name.toString()).to.equal(clientName);
    bed.resolver.publish(clientName, []);
    bed.nowMs += 80_000;
    mock.timers.tick(80_000);
    expect(await outcome).to.equal('');
    expect(await line(bed, 'connection')).to.include({ ended: 'proof-gone' });
    expect(bed.danced.clientOf(request.socket)).to.equal(undefined);
    response.end('too late');
  });

  it('gives the newest proof', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    await start();
    const seen: number[] = [];
    bed.api.on('request', (request) => seen.push(bed.danced.clientOf(request.socket)!.notAfter));
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds: 100 });
    const socket = await bed.connect();
    socket.on('data', () => undefined);
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write(request);
    while (seen.length === 0) await nextTurn();
    bed.nowMs += 80_000;
    mock.timers.tick(80_000);
    while (bed.resolver.asked.length < 2) await nextTurn();
    await nextTurn();
    socket.write(request);
    while (seen.length === 1) await nextTurn();
    expect(seen[1]! - seen[0]!).to.equal(80_000);
  });

  it('knows nobody at a socket that is closed, or is not its own', async () => {
    await start();
    const server = once(bed.api, 'connection');
    const client = await bed.connect();
    const [socket] = (await server) as [TLSSocket];
    expect(bed.danced.clientOf(socket)).not.to.equal(undefined);
    client.destroy();
    await line(bed, 'connection');
    expect(bed.danced.clientOf(socket)).to.equal(undefined);
    expect(bed.danced.clientOf({})).to.equal(undefined);
    expect(bed.danced.clientOf(undefined)).to.equal(undefined);
  });

  it('bounds the time for the headers of a request as http.Server does where it listens itself', async () => {
    bed = await EmbedBed.open();
    const api = http.createServer({
      connectionsCheckingInterval: 20,
      headersTimeout: 60,
      requestTimeout: 90,
    });
    await bed.listen({}, api);
    const socket = await bed.connect();
    const outcome = outcomeOf(socket);
    socket.write('GET / HTTP/1.1\r\nHost');
    expect(await outcome).to.match(/^HTTP\/1\.1 408 /);
    api.close();
  });

  it('ends a connection on which nothing is said', async () => {
    await start({ limits: { 'idle-time': '1s' } });
    const socket = await bed.connect();
    expect(await outcomeOf(socket)).to.equal('');
    expect(await line(bed, 'connection')).to.include({ ended: 'idle' });
  });

  it('keeps the limits of a gate', async () => {
    await start({ limits: { 'connections-per-address': 1 } });
    await ask(await bed.connect());
    let error: unknown;
    await bed.connect().catch((caught: unknown) => (error = caught));
    expect(error).to.be.instanceOf(Error);
    expect(await bed.danced.metrics.text()).to.include(
      'danced_turned_away_total{gate="library",limit="connections"} 1',
    );
  });

  it('closes what is idle at once and lets a request under way finish', async () => {
    bed = await EmbedBed.open();
    const { promise: held, resolve: hold } = Promise.withResolvers<http.ServerResponse>();
    bed.api.removeAllListeners('request').on('request', (_request, response) => {
      hold(response);
    });
    const listener = await bed.listen();
    const idle = await bed.connect();
    const busy = await bed.connect();
    const outcomes = [outcomeOf(idle), outcomeOf(busy)];
    busy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const response = await held;
    const closed = listener.close(5000);
    expect(await outcomes[0]).to.equal('');
    response.end('done');
    expect(await outcomes[1]).to.match(/Connection: close[^]*done/);
    await closed;
  });

  it('cuts what is not done by the deadline', async () => {
    bed = await EmbedBed.open();
    bed.api.removeAllListeners('request');
    const listener = await bed.listen();
    const busy = await bed.connect();
    const arrived = once(bed.api, 'request');
    busy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await arrived;
    const outcome = outcomeOf(busy);
    await listener.close(50);
    expect(await outcome).to.equal('');
    expect(await line(bed, 'connection')).to.include({ ended: 'gate-closing' });
  });

  describe('with a function', () => {
    it('gives a plain TLSSocket, and says when the listener closes', async () => {
      bed = await EmbedBed.open();
      const connections: ApplicationConnection[] = [];
      const listener = await bed.listen({ alpn: ['echo'] }, (socket, connection) => {
        connections.push(connection);
        socket.write(`${bed.danced.clientOf(socket)!.name.toString()} ${String(socket.alpnProtocol)}\n`);
        socket.pipe(socket);
        connection.closing.addEventListener('abort', () => socket.end('bye'));
      });
      const socket = await bed.connect({}, ['echo']);
      const outcome = outcomeOf(socket);
      socket.write('ping');
      await once(socket, 'data');
      while (socket.bytesRead === 0) await nextTurn();
      await listener.close(5000);
      expect(await outcome).to.match(new RegExp(`^${clientName} echo\n(ping)?bye$`));
      expect(connections[0]).to.include({ id: 1 });
    });

    it('loses a connection for which the function throws, and says so', async () => {
      bed = await EmbedBed.open();
      await bed.listen({ alpn: [] }, () => {
        throw new Error('a mistake');
      });
      expect(await outcomeOf(await bed.connect())).to.equal('');
      expect(String((await line(bed, 'defect'))['error'])).to.include('a mistake');
    });

    it('serves HTTP/2 with it', async () => {
      bed = await EmbedBed.open();
      const api = http2.createServer();
      const clients = new WeakMap<object, TLSSocket>();
      api.on('stream', (stream) => {
        stream.end(`hello ${String(bed.danced.clientOf(clients.get(stream.session!))?.name)}`);
      });
      await bed.listen({ alpn: ['h2'] }, (socket) => {
        const remember = (session: object): unknown => clients.set(session, socket);
        api.once('session', remember);
        api.emit('connection', socket);
        api.off('session', remember);
      });
      const socket = await bed.connect({}, ['h2']);
      const session = http2.connect('https://api.example', { createConnection: () => socket });
      const text = (await session.request({ ':path': '/' }).setEncoding('utf8').toArray()).join('');
      expect(text).to.equal(`hello ${clientName}`);
      session.destroy();
    });
  });

  describe('without the TLS addon', () => {
    const features = {
      addon: false,
      extension: false,
      rawPublicKeys: false,
      alerts: false,
      recordPadding: false,
      openssl: '3.5.8',
      problem: 'it is not built',
    };

    it('takes names of certificates, and says once what is missing', async () => {
      await start({ features });
      await bed.listen();
      expect(await ask(await bed.connect())).to.equal(`hello ${clientName}`);
      expect(bed.log.of('TLS addon is missing').map(({ fields }) => fields['problem'])).to.deep.equal([
        'it is not built',
      ]);
    });

    const cases: [title: string, options: object, words: RegExp][] = [
      [
        'names from the extension',
        { claims: ['extension', 'certificate-name'] },
        /^claims: taking names from the extension needs the TLS addon: it is not built; /,
      ],
      ['raw public keys', { rawPublicKeys: true }, /^rawPublicKeys: taking raw public keys needs/],
      ['the older dialect', { dialect: 'draft-09' }, /^dialect: /],
      ['padding', { recordPadding: 512 }, /^recordPadding: /],
    ];
    for (const [title, options, words] of cases) {
      it(`refuses ${title} when asked for by name`, async () => {
        bed = await EmbedBed.open({ features });
        let message = '';
        await bed.listen(options).catch((error: unknown) => (message = (error as Error).message));
        expect(message).to.match(words);
      });
    }
  });

  it('refuses an https.Server, which would speak TLS inside of TLS', async () => {
    bed = await EmbedBed.open();
    let message = '';
    await bed
      .listen({}, https.createServer() as unknown as http.Server)
      .catch((error: unknown) => (message = (error as Error).message));
    expect(message).to.match(/https\.Server cannot be used/);
  });

  it('listens no more when danced is closed', async () => {
    bed = await EmbedBed.open();
    const listening = bed.listen();
    await bed.danced.close(0);
    const { addresses } = await listening;
    const socket = net.connect(addresses[0]!.port, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error).to.include({ code: 'ECONNREFUSED' });
    let message = '';
    await bed.listen().catch((caught: unknown) => (message = (caught as Error).message));
    expect(message).to.match(/is closed/);
  });

  it('wants an identity of its own', async () => {
    bed = await EmbedBed.open({ identity: undefined as never });
    let message = '';
    await bed.listen().catch((error: unknown) => (message = (error as Error).message));
    expect(message).to.match(/^identity: missing/);
  });
});
