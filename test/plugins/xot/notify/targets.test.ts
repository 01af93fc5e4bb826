/** NOTIFY messages on their way: by UDP, by TCP where UDP does not get there, and through an upstream. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Opcode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { frame, FrameReader } from '../../../../core/dns/framing.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { NoReply } from '../../../../plugins/xot/notify/exchange.ts';
import { notifyMessage } from '../../../../plugins/xot/notify/message.ts';
import { PlainTarget, TlsTarget, type Telling } from '../../../../plugins/xot/notify/targets.ts';
import { soa, zone } from '../messages.ts';

/** A server on one port, whose answers the test makes. */
class PlainServer {
  readonly udp: string[] = [];
  readonly tcp: string[] = [];
  /** Gets the port that asked, too. */
  byUdp: (octets: Buffer, port: number) => readonly Buffer[] = () => [];
  byTcp: (octets: Buffer) => readonly Buffer[] = () => [];
  readonly #socket = dgram.createSocket('udp4');
  readonly #server = net.createServer((socket) => {
    const reader = new FrameReader();
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const octets of reader.push(chunk)) {
        this.tcp.push(socket.remoteAddress ?? '');
        for (const reply of this.byTcp(octets)) socket.write(frame(reply));
      }
    });
    this.#sockets.add(socket);
  });
  readonly #sockets = new Set<net.Socket>();

  async open(transports: readonly ('udp' | 'tcp')[]): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    if (!transports.includes('tcp')) this.#server.close();
    if (!transports.includes('udp')) return port;
    this.#socket.on('message', (octets, { address, port: from }) => {
      this.udp.push(address);
      for (const reply of this.byUdp(octets, from)) this.#socket.send(reply, from, address);
    });
    this.#socket.bind(port, '127.0.0.1');
    await once(this.#socket, 'listening');
    return port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    try {
      this.#socket.close();
    } catch {
      // It was never opened.
    }
  }
}

function answer(octets: Buffer, rcode: number = Rcode.NOERROR): Buffer {
  return encodeMessage(makeResponse(parseMessage(octets), { aa: true, answers: [], rcode }));
}

function forged(octets: Buffer): Buffer[] {
  const otherId = answer(octets, Rcode.NOTIMP);
  otherId.writeUInt16BE(otherId.readUInt16BE(0) ^ 1, 0);
  const query = makeQuery({
    id: octets.readUInt16BE(0),
    name: Name.parse('other.example'),
    type: RrType.SOA,
  });
  const otherZone = makeResponse(query, { rcode: Rcode.NOTIMP });
  return [
    otherId,
    encodeMessage({ ...otherZone, header: { ...otherZone.header, opcode: Opcode.NOTIFY } }),
    Buffer.from('garbage'),
  ];
}

describe('a NOTIFY on its way', () => {
  let server: PlainServer;
  const message = notifyMessage(zone, soa(1));
  const never = new AbortController().signal;

  beforeEach(() => {
    server = new PlainServer();
  });

  afterEach(() => {
    server.close();
  });

  async function target(transports: readonly ('udp' | 'tcp')[], source?: string): Promise<PlainTarget> {
    return new PlainTarget({ address: '127.0.0.1', port: await server.open(transports) }, source);
  }

  function telling(tries = 1): Telling {
    return { zone, tries, udpIsOver: false };
  }

  async function failure(promise: Promise<unknown>): Promise<NoReply> {
    try {
      await promise;
    } catch (error) {
      if (error instanceof NoReply) return error;
      throw error;
    }
    throw new Error('it was answered');
  }

  it('goes by UDP and is over with the answer [RFC1996-3.4]', async () => {
    server.byUdp = (octets) => [answer(octets)];
    const plain = await target(['udp', 'tcp']);
    expect(await plain.tell(message, telling(), 5000, never)).to.equal(Rcode.NOERROR);
    expect([server.udp.length, server.tcp.length]).to.deep.equal([1, 0]);
  });

  it('passes over what is no answer to it, and takes the one that comes after [RFC1996-3.6]', async () => {
    server.byUdp = (octets) => [...forged(octets), answer(octets, Rcode.REFUSED)];
    const plain = await target(['udp']);
    expect(await plain.tell(message, telling(), 5000, never)).to.equal(Rcode.REFUSED);
  });

  it('takes an answer from nobody but the server [RFC1996-3.6]', async () => {
    const other = dgram.createSocket('udp4');
    server.byUdp = (octets, port) => {
      other.send(answer(octets), port, '127.0.0.1');
      return [];
    };
    const plain = await target(['udp']);
    const { message: words } = await failure(plain.tell(message, telling(), 200, never));
    other.close();
    expect(words).to.match(/did not answer within 200 ms/);
  });

  it('goes by TCP where nobody listens by UDP, and stays there [RFC1996-3.6]', async () => {
    server.byTcp = (octets) => [answer(octets)];
    const plain = await target(['tcp']);
    const about = telling();
    expect(await plain.tell(message, about, 5000, never)).to.equal(Rcode.NOERROR);
    expect(about.udpIsOver).to.equal(true);
    expect(server.tcp).to.have.length(1);
  });

  it('goes by TCP after silence by UDP [RFC1996-3.4]', async () => {
    server.byTcp = (octets) => [answer(octets)];
    const plain = await target(['udp', 'tcp']);
    for (const tries of [1, 2]) await failure(plain.tell(message, telling(tries), 60, never));
    expect(await plain.tell(message, telling(3), 60, never)).to.equal(Rcode.NOERROR);
    expect([server.udp.length, server.tcp.length]).to.deep.equal([2, 1]);
  });

  it('takes no answer to something else by TCP', async () => {
    server.byTcp = (octets) => forged(octets).slice(0, 1);
    const plain = await target(['tcp']);
    expect((await failure(plain.tell(message, telling(3), 5000, never))).message).to.match(
      /sent what is no answer/,
    );
  });

  it('fails in words where nobody listens at all', async () => {
    const plain = await target([]);
    const error = await failure(plain.tell(message, telling(), 5000, never));
    expect(error.message).to.match(/^127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
    expect(error.isUnreachable).to.equal(true);
  });

  it('goes from the address that is said', async () => {
    server.byUdp = (octets) => [answer(octets)];
    server.byTcp = (octets) => [answer(octets)];
    const plain = await target(['udp', 'tcp'], '127.0.0.2');
    await plain.tell(message, telling(1), 5000, never);
    await plain.tell(message, telling(3), 5000, never);
    expect([server.udp, server.tcp]).to.deep.equal([['127.0.0.2'], ['127.0.0.2']]);
  });

  it('is given up when the signal says so', async () => {
    const plain = await target(['udp']);
    const ends = new AbortController();
    const asked = failure(plain.tell(message, telling(), 60_000, ends.signal));
    ends.abort();
    expect((await asked).message).to.match(/was not waited for/);
    await failure(plain.tell(message, telling(), 60_000, AbortSignal.abort()));
    await failure(plain.tell(message, telling(3), 60_000, AbortSignal.abort()));
  });

  describe('through an upstream', () => {
    function upstream(
      ask: (octets: Buffer, signal: AbortSignal) => Promise<Buffer>,
    ): TlsTarget & { closed: number } {
      const counted = { closed: 0 };
      const made = new TlsTarget({
        label: 'gate 192.0.2.1:853#ns2.example',
        ask,
        close: () => {
          counted.closed += 1;
        },
      });
      return Object.defineProperty(made, 'closed', { get: () => counted.closed }) as TlsTarget & {
        closed: number;
      };
    }

    it('is answered as by any other', async () => {
      const tls = upstream((octets) => Promise.resolve(answer(octets, Rcode.REFUSED)));
      expect(await tls.tell(message, telling(), 50, never)).to.equal(Rcode.REFUSED);
      tls.close();
      expect([tls.label, tls.closed]).to.deep.equal(['gate 192.0.2.1:853#ns2.example', 1]);
    });

    it('fails with what is no answer, and with what the upstream says', async () => {
      const wrong = upstream((octets) => Promise.resolve(forged(octets)[1] ?? octets));
      expect((await failure(wrong.tell(message, telling(), 50, never))).message).to.match(/no answer/);
      const broken = upstream(() => Promise.reject(new NoReply('broken')));
      expect((await failure(broken.tell(message, telling(), 50, never))).message).to.equal('broken');
    });

    it('hands the end of the signal on', async () => {
      const ends = new AbortController();
      const tls = upstream(
        (_, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(new NoReply('aborted'));
            });
          }),
      );
      const asked = failure(tls.tell(message, telling(), 50, ends.signal));
      ends.abort();
      expect((await asked).message).to.equal('aborted');
    });
  });
});
