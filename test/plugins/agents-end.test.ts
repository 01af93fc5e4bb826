/** That an agent which was stopped leaves nothing behind that keeps its process alive, also a moment after a reload. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { issueTestIdentity } from '../support/test-identity.ts';

const script = fileURLToPath(new URL('../support/agent-end-process.ts', import.meta.url));
/** Milliseconds for a server to close its end, after which it is dropped (`gate-close-time`), and some more for a busy machine. */
const longestMs = 6_000;

describe('an agent that is stopped just after a reload', function () {
  this.timeout(60_000);
  const servers: { close(): unknown }[] = [];
  const sockets = new Set<net.Socket>();
  let asked: number;
  let pin: string;
  let gatePort: number;
  let clearPort: number;

  beforeEach(async () => {
    asked = 0;
    const {
      certificatePem: cert,
      privateKeyPem: key,
      subjectPublicKeyInfo,
    } = await issueTestIdentity('g.example');
    pin = createHash('sha256').update(subjectPublicKeyInfo).digest('base64');
    // Both take everything, say nothing, and do not hang up.
    const gate = tls.createServer({ cert, key, ALPNProtocols: ['dot'], allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => (asked += 1));
    });
    gate.on('connection', (socket: net.Socket) => sockets.add(socket));
    const clear = net.createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).resume();
    });
    for (const server of [gate, clear]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
    }
    gatePort = (gate.address() as AddressInfo).port;
    clearPort = (clear.address() as AddressInfo).port;
    const udp = dgram.createSocket('udp4').bind(clearPort, '127.0.0.1');
    await once(udp, 'listening');
    servers.push(udp);
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    for (const server of servers.splice(0)) server.close();
  });

  for (const agent of ['dot-resolver', 'recursive-auth', 'xot']) {
    it(`of ${agent} lets its process end by itself`, async () => {
      const words = [script, agent, String(gatePort), pin, String(clearPort)];
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      let said = '';
      let stoppedMs = Infinity;
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('stopped') && stoppedMs === Infinity) stoppedMs = performance.now();
      });
      const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const [code] = (await ended) as [number | null];
      clearTimeout(kill);
      expect(asked, 'the gate was asked').to.be.greaterThan(0);
      expect(code, said).to.equal(0);
      expect(performance.now() - stoppedMs, said).to.be.lessThan(longestMs);
    });
  }
});
