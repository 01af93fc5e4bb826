/**
 * A flood of strangers, as a process of its own: so many TCP connections a second from many addresses of the loopback
 * network, each with a ClientHello; and as many TLS handshakes as the machine can do besides, by clients with a certificate
 * whose name nobody knows. Told by a message, tells by messages.
 *
 *     node test/support/flood-process.ts     (with an IPC channel; test/support/flood.ts)
 */
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { FloodOrder, FloodReport } from './flood.ts';

const tickMs = 10;
/** Connections of this process at a time: no more descriptors than most systems give. */
const openAtOnce = 4000;
const handshakesAtOnce = 24;

process.once('message', (order: FloodOrder) => {
  void flood(order).then((report) =>
    process.send?.(report, () => {
      process.disconnect?.();
    }),
  );
});

async function flood(order: FloodOrder): Promise<FloodReport> {
  const hello = await clientHello();
  const report = { offered: 0, accepted: 0, turnedAway: 0, answered: 0, handshakes: 0, durationMs: 0 };
  const startMs = performance.now();
  const endMs = startMs + order.durationMs;
  const isOver = (): boolean => performance.now() >= endMs;
  let open = 0;
  let stranger = 0;
  const nextAddress = (): string => {
    stranger = (stranger + 1) % order.addresses;
    return `127.7.${stranger >> 8}.${stranger & 255}`;
  };
  const target = (): { host: string; port: number; localAddress: string } => ({
    host: order.address,
    port: order.port,
    localAddress: nextAddress(),
  });
  const knock = (): void => {
    report.offered++;
    open++;
    const socket = connect({ ...target(), noDelay: true });
    let isAnswered = false;
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      report.accepted++;
      socket.write(hello);
    });
    socket.once('data', () => {
      isAnswered = true;
      report.answered++;
      socket.resetAndDestroy();
    });
    socket.once('close', () => {
      open--;
      if (!isAnswered) report.turnedAway++;
    });
  };
  const shakeHands = async (): Promise<void> => {
    while (!isOver()) {
      report.offered++;
      await new Promise<void>((resolve) => {
        const socket = connectTls({
          ...target(),
          cert: order.certificatePem,
          key: order.privateKeyPem,
          ALPNProtocols: ['dot'],
          rejectUnauthorized: false,
        });
        socket.on('error', () => undefined);
        socket.once('secureConnect', () => {
          report.accepted++;
          report.handshakes++;
        });
        socket.resume();
        socket.once('close', () => {
          resolve();
        });
      });
      await sleep(1);
    }
  };
  const shaking = Array.from({ length: handshakesAtOnce }, shakeHands);
  let due = 0;
  let lastMs = startMs;
  while (!isOver()) {
    const nowMs = performance.now();
    due = Math.min(due + ((nowMs - lastMs) / 1000) * order.perSecond, order.perSecond);
    lastMs = nowMs;
    for (; due >= 1 && open < openAtOnce; due--) knock();
    await sleep(open < openAtOnce ? tickMs : 1);
  }
  await Promise.all(shaking);
  report.durationMs = performance.now() - startMs;
  return report;
}

/** The first octets of a client of TLS 1.3, as they go over the wire. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const hello = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', resolve);
    });
  });
  const client = connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['dot'], rejectUnauthorized: false });
  client.on('error', () => undefined);
  try {
    return await hello;
  } finally {
    client.destroy();
    server.close();
  }
}
