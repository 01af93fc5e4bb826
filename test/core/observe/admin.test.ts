import net from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { adminLimits, startAdminServer } from '../../../core/observe/admin.ts';
import type { AdminServer } from '../../../core/observe/admin.ts';
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
