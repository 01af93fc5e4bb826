import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { FrameReader, frame } from '../../core/dns/framing.ts';
import { startServer } from '../../lab/servers.ts';
import type { MessageHandler, RunningServer } from '../../lab/servers.ts';
import { askUdp } from './ask-udp.ts';

const message = Buffer.alloc(12, 1);

describe('lab/servers', () => {
  let server: RunningServer;
  afterEach(() => server.close());

  async function connected(handle: MessageHandler): Promise<Socket> {
    server = await startServer(handle);
    const socket = connect({ host: server.address, port: server.port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  it('answers on one port over UDP and TCP', async () => {
    const socket = await connected((octets, { transport, send }) =>
      send(Buffer.concat([octets, Buffer.from(transport)])),
    );
    socket.write(frame(message));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(new FrameReader().push(chunk).map((each) => each.toString('latin1', 12))).to.deep.equal(['tcp']);
    expect((await askUdp(server, message)).toString('latin1', 12)).to.equal('udp');
    socket.destroy();
  });

  it('takes many messages of a connection at once, and answers in any order [RFC7766-6.2.1.1]', async () => {
    const waiting: (() => void)[] = [];
    const socket = await connected(async (octets, { send }) => {
      if (octets.readUInt8(0) === 1) await new Promise<void>((resolve) => waiting.push(resolve));
      await send(octets);
      waiting.pop()?.();
    });
    socket.write(Buffer.concat([frame(Buffer.alloc(12, 1)), frame(Buffer.alloc(12, 2))]));
    const reader = new FrameReader();
    const order: number[] = [];
    for await (const chunk of socket) {
      order.push(...reader.push(chunk as Buffer).map((each) => each.readUInt8(0)));
      if (order.length === 2) break;
    }
    expect(order).to.deep.equal([2, 1]);
  });

  it('sends no faster than the other side reads', async () => {
    let sent = 0;
    const largeMessages = 400;
    const socket = await connected(async (_octets, { send }) => {
      for (; sent < largeMessages; sent += 1) await send(Buffer.alloc(65_000));
    });
    socket.pause();
    socket.write(frame(message));
    let before = -1;
    while (sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(sent).to.be.within(1, largeMessages - 1);
    let received = 0;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => (received += reader.push(chunk).length));
    socket.resume();
    while (received < largeMessages) await once(socket, 'data');
    expect(sent).to.equal(largeMessages);
    socket.destroy();
  });

  it('stops sending to a peer that is gone', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const socket = await connected(async (_octets, { send }) => {
      try {
        for (;;) await send(Buffer.alloc(65_000));
      } catch (error) {
        resolve(error);
      }
    });
    socket.pause();
    socket.write(frame(message));
    await new Promise((later) => setTimeout(later, 50));
    socket.destroy();
    expect(await promise).to.be.instanceOf(Error);
    expect(server.connectionCount()).to.equal(0);
  });

  const ends: [title: string, handle: MessageHandler, octets: Buffer][] = [
    ['a length that no message has', () => undefined, Buffer.from([0, 3, 1, 1, 1])],
    ['a message that its handler fails at', () => Promise.reject(new Error('cannot')), frame(message)],
    ['a message that its handler throws at', failing, frame(message)],
  ];
  for (const [title, handle, octets] of ends) {
    it(`ends a connection after ${title}`, async () => {
      const socket = await connected(handle);
      socket.write(octets);
      socket.resume();
      await once(socket, 'close');
    });
  }
});

function failing(): never {
  throw new Error('cannot');
}
