import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { ProxyFormatError, readProxyHeader } from '../../../core/server/proxy-v2.ts';
import { headerOf, ipv4, vector, whole, write } from './proxy-writer.ts';

describe('readProxyHeader', () => {
  const never = new AbortController().signal;
  const expected = headerOf(whole);

  it('reads the header and leaves what follows to the next reader', async () => {
    const stream = new PassThrough();
    stream.write(Buffer.concat([whole, Buffer.from('GET / ')]));
    expect(await readProxyHeader(stream, { signal: never })).to.deep.equal(expected);
    stream.end('HTTP/1.1');
    const chunks: unknown[] = await stream.toArray();
    expect(chunks.join('')).to.equal('GET / HTTP/1.1');
  });

  it('reads a header that comes octet by octet', async () => {
    const stream = new PassThrough();
    const reading = readProxyHeader(stream, { signal: never });
    for (const octet of whole) {
      stream.write(Buffer.from([octet]));
      await new Promise(setImmediate);
    }
    stream.end('rest');
    expect(await reading).to.deep.equal(expected);
    expect(String(await stream.toArray())).to.equal('rest');
  });

  it('reads a header longer than the buffer of the stream', async () => {
    const stream = new PassThrough({ readableHighWaterMark: 64, writableHighWaterMark: 64 });
    const reading = readProxyHeader(stream, { signal: never });
    const long = write(0x21, 0x11, ipv4, vector(4, Buffer.alloc(9000)), vector(0xe5, 'a.example'));
    for (let at = 0; at < long.length; at += 50) stream.write(long.subarray(at, at + 50));
    stream.write('x');
    expect((await reading).clientName?.toString()).to.equal('a.example');
    expect(String(stream.read())).to.equal('x');
  });

  it('leaves no listeners behind but the one for errors', async () => {
    const stream = new PassThrough();
    const controller = new AbortController();
    const before = stream.eventNames().map((name) => [name, stream.listenerCount(name)]);
    stream.write(whole);
    await readProxyHeader(stream, { signal: controller.signal });
    const after = stream.eventNames().filter((name) => name !== 'error');
    expect(after.map((name) => [name, stream.listenerCount(name)])).to.deep.equal(before);
    expect(stream.listenerCount('error')).to.equal(1);
    controller.abort();
    stream.emit('error', new Error('a broken connection'));
    expect(stream.destroyed).to.equal(false);
  });

  it('refuses what is no header, at its first octet, and destroys the socket', async () => {
    const stream = new PassThrough();
    const reading = readProxyHeader(stream, { signal: never });
    stream.write('G');
    expect(await failureOf(reading)).to.include({ code: 'SERVER_PROXY', reason: 'malformed' });
    expect(stream.destroyed).to.equal(true);
  });

  it('refuses a header longer than it was told to take', async () => {
    const stream = new PassThrough();
    stream.write(whole);
    const failure = await failureOf(readProxyHeader(stream, { signal: never, maxOctets: 100 }));
    expect(failure.message).to.include(`${whole.length} octets announced, 100 are taken`);
  });

  for (const count of [0, 5, 16, whole.length - 1]) {
    it(`refuses a connection that ends after ${count} octets [PROXYv2-2.2]`, async () => {
      const stream = new PassThrough();
      const reading = readProxyHeader(stream, { signal: never });
      stream.end(whole.subarray(0, count));
      expect((await failureOf(reading)).reason).to.equal('gone');
      expect(stream.destroyed).to.equal(true);
    });
  }

  it('refuses a connection that ends on one side only', async () => {
    const stream = new PassThrough({ allowHalfOpen: true, autoDestroy: false });
    const reading = readProxyHeader(stream, { signal: AbortSignal.timeout(1500) });
    stream.push(whole.subarray(0, 40));
    stream.push(null);
    expect((await failureOf(reading)).reason).to.equal('gone');
  });

  it('waits until the signal, not longer', async () => {
    const stream = new PassThrough();
    const controller = new AbortController();
    const reading = readProxyHeader(stream, { signal: controller.signal });
    stream.write(whole.subarray(0, 20));
    await new Promise(setImmediate);
    controller.abort(new Error('too late'));
    const failure = await failureOf(reading);
    expect([failure.reason, failure.cause]).to.deep.equal(['timeout', controller.signal.reason]);
    expect(stream.destroyed).to.equal(true);
  });

  it('does not begin after the signal, or on a socket that is gone', async () => {
    const late = readProxyHeader(new PassThrough(), { signal: AbortSignal.abort() });
    expect((await failureOf(late)).reason).to.equal('timeout');
    const gone = readProxyHeader(new PassThrough().destroy(), { signal: never });
    expect((await failureOf(gone)).reason).to.equal('gone');
  });

  it('says what broke the connection', async () => {
    const stream = new PassThrough();
    const reading = readProxyHeader(stream, { signal: never });
    const cause = new Error('reset');
    stream.destroy(cause);
    expect(await failureOf(reading)).to.include({ reason: 'gone', cause });
  });

  for (const [title, pieces] of [
    ['in one piece', [Buffer.concat([whole, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')])]],
    ['after the header', [whole, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')]],
  ] as const) {
    it(`hands the socket to node:http, with a request that comes ${title}`, async () => {
      const http = createHttpServer((_request, response) => response.end('served'));
      const server = createServer((socket) => {
        void readProxyHeader(socket, { signal: never }).then((header) => {
          expect(header).to.deep.equal(expected);
          http.emit('connection', socket);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      try {
        expect(await answerTo(client, pieces)).to.match(/^HTTP\/1.1 200 OK[^]*served/);
      } finally {
        client.destroy();
        http.closeAllConnections();
        server.close();
      }
    });
  }
});

async function answerTo(client: Socket, pieces: readonly Buffer[]): Promise<string> {
  await once(client, 'connect');
  for (const piece of pieces) {
    client.write(piece);
    await new Promise(setImmediate);
  }
  let answer = '';
  for await (const chunk of client) {
    answer += String(chunk);
    if (answer.includes('served')) break;
  }
  return answer;
}

async function failureOf(reading: Promise<unknown>): Promise<ProxyFormatError> {
  const outcome: unknown = await reading.catch((error: unknown) => error);
  if (!(outcome instanceof ProxyFormatError)) throw new Error('no refusal');
  return outcome;
}
