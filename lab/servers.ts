/**
 * Sockets for the lab's name servers: UDP and TCP on one port of a loopback address (RFC 1035 section 4.2).
 *
 * Messages of one TCP connection are handled at the same time, so answers may leave in another order than the
 * questions came (RFC 7766 section 6.2.1.1).
 *
 * Limitations: made for friends on loopback. No limits on connections, sizes or time; nothing here is for a network.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { FrameReader, frame } from '../core/dns/framing.ts';

/** Who asked, and the way back. */
export interface Requester {
  readonly transport: 'udp' | 'tcp';
  /** Sends a message; resolves when there is room for the next. Rejects when the connection is gone. */
  readonly send: (message: Buffer) => Promise<void>;
  /** Closes a TCP connection as soon as what was sent is out, whatever else is under way. */
  readonly hangUp: () => void;
}

/** Handles one message. What it throws is the sender's problem: the connection ends. */
export type MessageHandler = (message: Buffer, requester: Requester) => void | Promise<void>;

/** Where a server listens. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A server that listens. */
export interface RunningServer extends Endpoint {
  /** TCP connections open at this moment. */
  connectionCount(): number;
  close(): Promise<void>;
}

const loopback = '127.0.0.1';
/** Another program may hold the UDP port whose TCP twin was free. */
const maxPortTries = 20;

/** Listens on a port of 127.0.0.1, the same for UDP and TCP: the one given, or with 0 an ephemeral one. */
export async function startServer(handle: MessageHandler, wantedPort = 0): Promise<RunningServer> {
  for (let tries = 1; ; tries += 1) {
    const tcp = createServer({ noDelay: true });
    tcp.listen(wantedPort, loopback);
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket('udp4');
    try {
      udp.bind(port, loopback);
      await once(udp, 'listening');
      return serve(tcp, udp, port, handle);
    } catch (error) {
      udp.close();
      tcp.close();
      if (wantedPort !== 0 || tries === maxPortTries) throw error;
    }
  }
}

function serve(tcp: Server, udp: UdpSocket, port: number, handle: MessageHandler): RunningServer {
  const connections = new Set<Socket>();
  tcp.on('connection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serveConnection(socket, handle);
  });
  udp.on('message', (message, remote) => {
    run(handle, message, udpRequester(udp, remote), () => undefined);
  });
  return {
    address: loopback,
    port,
    connectionCount: () => connections.size,
    close: async () => {
      const closed = Promise.all([once(tcp, 'close'), once(udp, 'close')]);
      tcp.close();
      udp.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

function serveConnection(socket: Socket, handle: MessageHandler): void {
  const reader = new FrameReader();
  const requester = tcpRequester(socket);
  const giveUp = (): void => {
    socket.destroy();
  };
  // A peer that goes away in mid-transfer is an ordinary event here.
  socket.on('error', giveUp);
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const message of reader.push(chunk)) run(handle, message, requester, giveUp);
    } catch {
      giveUp();
    }
  });
}

function run(handle: MessageHandler, message: Buffer, requester: Requester, onFailure: () => void): void {
  const handled = async (): Promise<void> => handle(message, requester);
  handled().catch(onFailure);
}

function tcpRequester(socket: Socket): Requester {
  return {
    transport: 'tcp',
    send: async (message) => {
      if (socket.destroyed) throw new Error('the connection is closed');
      if (socket.write(frame(message))) return;
      // Whichever comes first: a peer that went away must not hold the handler for ever.
      await new Promise<void>((resolve, reject) => {
        const done = (): void => {
          socket.off('drain', done).off('close', done);
          if (socket.destroyed) reject(new Error('the connection closed while a message was sent'));
          else resolve();
        };
        socket.on('drain', done).on('close', done);
      });
    },
    hangUp: () => {
      socket.destroySoon();
    },
  };
}

function udpRequester(udp: UdpSocket, remote: RemoteInfo): Requester {
  return {
    transport: 'udp',
    send: (message) =>
      new Promise((resolve, reject) => {
        udp.send(message, remote.port, remote.address, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    hangUp: () => undefined,
  };
}
