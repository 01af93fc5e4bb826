import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import net from 'node:net';
import { expect } from 'chai';
import { adminLimits, startAdminServer } from '../../../core/observe/admin.ts';
import type { AdminServer } from '../../../core/observe/admin.ts';
import { Feed, maxWaitingEvents } from '../../../core/observe/feed.ts';
import { Metrics } from '../../../core/observe/metrics.ts';

describe('the admin server', () => {
  let server: AdminServer;
  let waitingFor: string[] | undefined;
  const metrics = new Metrics();
  metrics.counter('starts_total', 'Starts.', []).add();

  function get(path: string, method = 'GET'): Promise<Response> {
    return fetch(`http://${server.address}:${String(server.port)}${path}`, { method });
  }

  beforeEach(async () => {
    waitingFor = [];
    server = await startAdminServer({
      listen: { port: 0 },
      metrics,
      ready: () => {
        if (waitingFor === undefined) throw new Error('broken');
        return { ready: waitingFor.length === 0, waitingFor };
      },
    });
  });

  afterEach(async () => {
    await server.close();
  });

  it('listens on loopback when no address is given', () => {
    expect(server.address).to.equal('127.0.0.1');
  });

  it('gives the metrics', async () => {
    const response = await get('/metrics');
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal(metrics.contentType);
    expect(await response.text()).to.include('danced_starts_total 1');
  });

  it('is alive', async () => {
    const response = await get('/livez');
    expect([response.status, await response.text()]).to.deep.equal([200, 'ok\n']);
  });

  it('is ready, or says what it waits for', async () => {
    expect((await get('/readyz')).status).to.equal(200);
    waitingFor = ['the primary 127.0.0.1:53', 'the resolver'];
    const response = await get('/readyz?verbose');
    expect(response.status).to.equal(503);
    expect(await response.text()).to.equal(
      'waiting for the primary 127.0.0.1:53\nwaiting for the resolver\n',
    );
  });

  it('answers 500 and lives on when readiness cannot be told', async () => {
    waitingFor = undefined;
    expect((await get('/readyz')).status).to.equal(500);
    expect((await get('/livez')).status).to.equal(200);
  });

  it('knows no other path and no other method', async () => {
    expect((await get('/')).status).to.equal(404);
    expect((await get('/metrics/../../etc/passwd')).status).to.equal(404);
    const posted = await get('/livez', 'POST');
    expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    const head = await get('/livez', 'HEAD');
    expect([head.status, await head.text()]).to.deep.equal([200, '']);
  });

  it('refuses headers beyond its bound', async () => {
    const response = await exchange(
      `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(adminLimits.headerOctets)}\r\n\r\n`,
    );
    expect(response).to.match(/^HTTP\/1\.1 431 /);
  });

  it('refuses what is not HTTP', async () => {
    expect(await exchange('\x16\x03\x01\x02\0\x01\0\r\n\r\n')).to.match(/^HTTP\/1\.1 400 /);
  });

  it('closes connections beyond its bound and goes on serving', async () => {
    const open = Array.from({ length: adminLimits.connections + 8 }, () =>
      net.connect(server.port, server.address),
    );
    const closed: Promise<unknown>[] = [];
    let closedCount = 0;
    for (const socket of open) {
      socket.on('error', () => undefined);
      closed.push(once(socket, 'close').then(() => closedCount++));
    }
    await Promise.race(closed);
    while (closedCount < 8) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const socket of open) socket.destroy();
    await Promise.all(closed);
    expect((await get('/livez')).status).to.equal(200);
  });

  it('says why it cannot listen', async () => {
    const failure = await startAdminServer({
      listen: { address: server.address, port: server.port },
      metrics,
      ready: () => ({ ready: true, waitingFor: [] }),
    }).catch((error: unknown) => error);
    expect(failure).to.have.property('code', 'EADDRINUSE');
  });

  it('has no decisions to show unless it is given some', async () => {
    const response = await get('/access/decisions');
    expect([response.status, await response.text()]).to.deep.equal([
      404,
      'there are /metrics, /livez, /readyz\n',
    ]);
  });

  async function exchange(request: string): Promise<string> {
    const socket = net.connect(server.port, server.address);
    let response = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (response += text));
    socket.on('error', () => undefined);
    socket.write(request, 'latin1');
    await once(socket, 'close');
    return response;
  }
});

describe('the admin server with a feed of decisions', () => {
  let server: AdminServer;
  let feed: Feed;
  const open = new Set<IncomingMessage>();

  beforeEach(async () => {
    feed = new Feed(() => 0);
    server = await startWith('127.0.0.1');
  });

  afterEach(async () => {
    for (const response of open) response.destroy();
    open.clear();
    await server.close();
  });

  function startWith(address: string): Promise<AdminServer> {
    return startAdminServer({
      listen: { address, port: 0 },
      metrics: new Metrics(),
      ready: () => ({ ready: true, waitingFor: [] }),
      decisions: feed,
    });
  }

  /** Asks for the decisions. */
  async function watch(headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> {
    const { address: host, port } = server;
    const asked = request({ host, port, path: '/access/decisions', headers, method, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    open.add(response);
    return response;
  }

  const rests = new WeakMap<IncomingMessage, string>();

  /** The next lines of the answer. */
  async function lines(response: IncomingMessage, count: number): Promise<unknown[]> {
    const found: unknown[] = [];
    let rest = rests.get(response) ?? '';
    while (found.length < count) {
      const end = rest.indexOf('\n');
      if (end < 0) {
        const chunk = response.read() as string | null;
        if (chunk === null) await once(response, 'readable');
        else rest += chunk;
        continue;
      }
      found.push(JSON.parse(rest.slice(0, end)));
      rest = rest.slice(end + 1);
    }
    rests.set(response, rest);
    return found;
  }

  async function whole(response: IncomingMessage): Promise<string> {
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return text;
  }

  async function quiet(): Promise<void> {
    while (feed.isWatched) await new Promise(setImmediate);
  }

  it('says first what it shows, then each decision on a line, as they come', async () => {
    const response = await watch();
    expect(response.statusCode).to.equal(200);
    expect(response.headers['content-type']).to.equal('application/x-ndjson; charset=utf-8');
    const [head] = await lines(response, 1);
    expect(head).to.include({ version: 1, feed: 'decisions' });
    feed.say({ client: 'ns2.example\n', allowed: true });
    expect(await lines(response, 1)).to.deep.equal([
      { time: '1970-01-01T00:00:00.000Z', client: 'ns2.example\\x0a', allowed: true },
    ]);
    feed.say({ n: 2 });
    feed.say({ n: 3 });
    expect(await lines(response, 2)).to.have.length(2);
  });

  it('stops composing when the watcher has gone', async () => {
    const response = await watch();
    await lines(response, 1);
    expect(feed.isWatched).to.equal(true);
    response.destroy();
    await quiet();
  });

  it('takes four watchers, and goes on serving the others', async () => {
    const watchers = [];
    for (let at = 0; at < adminLimits.watchers; at++) watchers.push(await watch());
    const one = await watch();
    expect([one.statusCode, await whole(one)]).to.deep.equal([503, 'at most 4 can watch at once\n']);
    expect((await fetch(`http://127.0.0.1:${server.port}/livez`)).status).to.equal(200);
    watchers[0]?.destroy();
    let again = await watch();
    // The server hears of it in its own time.
    while (again.statusCode === 503) again = await watch();
    expect(again.statusCode).to.equal(200);
  });

  it('keeps no more for a watcher who does not read than its bound, and says what is missed', async function () {
    this.timeout(60_000);
    const response = await watch();
    await lines(response, 1);
    const filler = 'x'.repeat(1000);
    // More than the sockets of both sides hold.
    const count = 20_000;
    for (let n = 0; n < count; n++) {
      feed.say({ n, filler });
      if (n % 100 === 0) await new Promise(setImmediate);
    }
    let seen = 0;
    let missed = 0;
    while (seen + missed < count) {
      for (const line of await lines(response, 1)) {
        const event = line as { missed?: number };
        if (event.missed === undefined) seen++;
        else missed += event.missed;
      }
    }
    expect(missed).to.be.above(0);
    expect(seen).to.be.at.least(maxWaitingEvents);
  });

  it('ends the watching when it is closed', async () => {
    const response = await watch();
    await lines(response, 1);
    await server.close();
    await quiet();
    while (!response.closed) await new Promise(setImmediate);
  });

  it('answers HEAD without a body, and knows no other method', async () => {
    const head = await watch({}, 'HEAD');
    expect([head.statusCode, await whole(head)]).to.deep.equal([200, '']);
    expect(feed.isWatched).to.equal(false);
    const posted = await watch({}, 'POST');
    expect(posted.statusCode).to.equal(405);
  });

  const strangers: [who: string, headers: Record<string, string>, says: string][] = [
    ['through a proxy', { 'x-forwarded-for': '192.0.2.1' }, 'decisions are not shown through a proxy\n'],
    [
      'through a proxy that says so properly',
      { forwarded: 'for=192.0.2.1' },
      'decisions are not shown through a proxy\n',
    ],
    [
      'from a web page whose name leads here',
      { host: 'rebound.example:9153' },
      'decisions are not shown to web pages: ask by address\n',
    ],
  ];
  for (const header of ['origin', 'sec-fetch-site']) {
    strangers.push([
      `from a web page, which says so by ${header}`,
      { [header]: 'null' },
      'decisions are not shown to web pages: ask by address\n',
    ]);
  }
  for (const [who, headers, says] of strangers) {
    it(`shows nothing to whoever comes ${who}`, async () => {
      const response = await watch(headers);
      expect([response.statusCode, await whole(response)]).to.deep.equal([403, says]);
      expect(feed.isWatched).to.equal(false);
    });
  }

  it('shows nothing to whoever asks by HTTP/1.0, as proxies do', async () => {
    const socket = net.connect(server.port, server.address);
    socket.end('GET /access/decisions HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer)
      .to.match(/^HTTP\/1\.1 403 /)
      .and.include('not shown through a proxy');
  });

  it('takes localhost and bracketed addresses for this machine', async () => {
    for (const host of ['localhost:9153', '[::1]:9153', '127.0.0.1']) {
      expect((await watch({ host })).statusCode).to.equal(200);
    }
  });
});
