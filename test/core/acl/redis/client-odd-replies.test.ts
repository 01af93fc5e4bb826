import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { RedisClient } from '../../../../core/acl/redis/client.ts';

/** What no server of Redis sends, each after its answer to a greeting; the library falls over every one of them. */
const oddReplies = {
  'a nothing that nobody asked for': '*-1\r\n',
  'two nothings at one go': '$-1\r\n$-1\r\n',
  'a message of a channel that has neither': '*3\r\n$7\r\nmessage\r\n$-1\r\n$-1\r\n',
  'a list whose first is nothing': '*2\r\n$-1\r\n$-1\r\n',
  'a kind of reply that there is not': '\u0007\r\n',
};

describe('a client of a Redis that is none', () => {
  let server: Server;
  let client: RedisClient | undefined;
  const sockets = new Set<Socket>();

  afterEach(async () => {
    await client?.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  async function listen(answer: (command: string, socket: Socket) => void): Promise<number> {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (octets) => {
        for (const [, command = ''] of octets.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
          answer(command.toUpperCase(), socket);
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  function greeting(command: string): string {
    if (command === 'HELLO') return '-ERR unknown command HELLO\r\n';
    return command === 'SUBSCRIBE' ? '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n' : '+OK\r\n';
  }

  for (const [what, reply] of Object.entries(oddReplies)) {
    it(`loses the connection by ${what}, and not the process`, async () => {
      const down: string[] = [];
      const { promise: isDown, resolve: noteDown } = Promise.withResolvers<undefined>();
      const port = await listen((command, socket) => {
        socket.write(greeting(command));
        if (command === 'PING' || command === 'SUBSCRIBE') socket.write(reply.repeat(3));
      });
      const lost = (why: string): void => {
        down.push(why);
        noteDown(undefined);
      };
      client = new RedisClient(
        { mode: 'single', servers: [{ host: '127.0.0.1', port }], timeoutMs: 200 },
        {
          onUp: () => undefined,
          onDown: lost,
          onMessage: () => undefined,
          onSubscribed: () => undefined,
          onUnsubscribed: lost,
        },
      );
      client.connect();
      client.subscribe('c');
      await isDown;
      // What is thrown where nobody can catch it comes in a later turn, and fails the test.
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(down[0]).to.match(/what it answers is not what Redis would|Unknown RESP type/);
    });
  }
});
