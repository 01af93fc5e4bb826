/** A server on UDP that answers so many questions a second, one after the other, and drops what its queue has no room for. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Questions that wait, as a socket's buffer has room for. */
const mostWaiting = 1_000;
const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);

export class CappedServer {
  /** Questions that came. */
  asked = 0;
  /** The most that waited at a time. */
  mostWaited = 0;
  readonly #socket: Socket;
  readonly #perSecond: number;
  #waiting = 0;
  #freeMs = 0;

  private constructor(socket: Socket, perSecond: number) {
    this.#socket = socket;
    this.#perSecond = perSecond;
    socket.on('message', (octets, from) => {
      this.#take(octets, from);
    });
  }

  static async start(perSecond: number): Promise<CappedServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new CappedServer(socket, perSecond);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }

  #take(octets: Buffer, from: RemoteInfo): void {
    this.asked += 1;
    if (this.#waiting >= mostWaiting) return;
    this.#waiting += 1;
    this.mostWaited = Math.max(this.mostWaited, this.#waiting);
    const nowMs = performance.now();
    this.#freeMs = Math.max(this.#freeMs, nowMs) + 1000 / this.#perSecond;
    setTimeout(() => {
      this.#waiting -= 1;
      this.#socket.send(responseTo(octets), from.port, from.address, () => undefined);
    }, this.#freeMs - nowMs);
  }
}

/** One address for whatever was asked; the OPT record is that of the question. */
function responseTo(octets: Buffer): Buffer {
  // After the name: type and class.
  let end = 12;
  for (let length = octets[end] ?? 0; length > 0; length = octets[end] ?? 0) end += 1 + length;
  end += 5;
  const response = Buffer.concat([octets.subarray(0, end), answer, octets.subarray(end)]);
  response[2] = 0x84;
  response[3] = 0;
  response.writeUInt16BE(1, 6);
  return response;
}
