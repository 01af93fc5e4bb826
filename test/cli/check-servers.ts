/** Name servers that answer what a test says, on a free port of loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import {
  encodeMessage,
  makeResponse,
  parseMessage,
  type Message,
  type ResourceRecord,
} from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeSoa } from '../../core/dns/rdata.ts';

export interface TestServer {
  readonly port: number;
  close(): Promise<void>;
}

/** What to answer; undefined for silence, 'close' to end the connection, octets to send them as they are. */
export type Answer = Message | Buffer | 'close' | undefined;

/** A server on TCP, as a primary. */
export async function tcpServer(answer: (query: Message) => Answer): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const reader = new FrameReader();
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      for (const octets of reader.push(chunk)) {
        const reply = answer(parseMessage(octets));
        if (reply === 'close') socket.end();
        else if (reply !== undefined)
          socket.write(Buffer.isBuffer(reply) ? reply : frame(encodeMessage(reply)));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A server on UDP, as a resolver whose answers are small. */
export async function udpServer(answer: (query: Message) => Message | undefined): Promise<TestServer> {
  const socket = createSocket('udp4');
  socket.on('message', (octets, { port, address }) => {
    const reply = answer(parseMessage(octets));
    if (reply !== undefined) socket.send(encodeMessage(reply), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** A port of loopback that nothing listens on, most probably: it was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = await tcpServer(() => undefined);
  await server.close();
  return server.port;
}

export function soaOf(zone: string): ResourceRecord {
  const name = Name.parse(zone);
  const rdata = encodeSoa({
    mname: name,
    rname: name,
    serial: 7,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: 1,
  });
  return { name, type: RrType.SOA, class: RrClass.IN, ttl: 60, rdata };
}

/** The answers of a primary that has the zone and lets everybody transfer it. */
export function servesZone(zone: string): (query: Message) => Message {
  return (query) => {
    const isOurs = query.questions[0]?.name.equals(Name.parse(zone)) === true;
    return isOurs
      ? makeResponse(query, { aa: true, answers: [soaOf(zone)] })
      : makeResponse(query, { rcode: Rcode.REFUSED });
  };
}
