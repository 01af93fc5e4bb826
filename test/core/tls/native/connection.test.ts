import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import {
  clientContext,
  comesAbout,
  nameBody,
  NativeBed,
  serverContext,
  theAddon,
} from '../../../support/native-bed.ts';
import { certificateOf, shows } from '../../../support/native-shows.ts';

const name = nameBody('_xfr.ns2.example');
const ours = shows(certificateOf('p256', 'client'));
const handshakeFailure = 40;
const noneKept = (): boolean => theAddon().connectionsKept() === 0;

describe('a connection that the addon watches', function () {
  before(() => {
    theAddon();
  });

  let bed: NativeBed;
  afterEach(() => bed.close());

  it('shows its handshake once', async () => {
    bed = await NativeBed.open();
    const { server } = await bed.meet(clientContext({ body: name }, ours));
    expect(server.shown).to.not.equal(undefined);
    expect(theAddon().takeHandshake(server.socket!.getPeerFinished()!)).to.equal(undefined);
  });

  it('is found by its own Finished message among others', async () => {
    bed = await NativeBed.open();
    const names = Array.from({ length: 20 }, (_, index) => nameBody(`n${index}.example`));
    const contexts = names.map((body) => clientContext({ body }, ours));
    const ends = Promise.all(names.map(() => bed.next()));
    const clients = contexts.map((secureContext) =>
      tls.connect({ host: '127.0.0.1', port: bed.port, secureContext, rejectUnauthorized: false }),
    );
    const seen = (await ends).map(({ shown }) => shown?.claim?.toString('latin1'));
    for (const client of clients) client.destroy();
    expect(new Set(seen)).to.deep.equal(new Set(names.map((body) => body.toString('latin1'))));
  });

  it('is forgotten when it is closed, in whatever state it was', async () => {
    expect(await comesAbout(noneKept)).to.equal(true);
    bed = await NativeBed.open();
    const good = await bed.meet(clientContext({ body: name }, ours));
    await bed.meet(clientContext({ body: Buffer.from([9]) }, ours));
    await bed.meet(clientContext({ verifyServer: () => false }, ours));
    for (const octets of ['', '\x16\x03\x01', 'GET / HTTP/1.1\r\n\r\n']) {
      const end = bed.next();
      const raw = net.connect(bed.port, '127.0.0.1');
      raw.end(octets);
      await end;
      raw.destroy();
    }
    expect(theAddon().connectionsKept()).to.be.above(0);
    good.clientSocket.destroy();
    good.server.socket?.destroy();
    expect(await comesAbout(noneKept)).to.equal(true);
  });

  it('sends no ticket, and keeps no session [RFC8446-4.6.1]', async () => {
    bed = await NativeBed.open();
    const { server, clientSocket } = await bed.meet(clientContext({}, ours));
    let tickets = 0;
    clientSocket.on('session', () => (tickets += 1));
    server.socket!.write('x');
    await once(clientSocket, 'data');
    expect(tickets).to.equal(0);
  });

  it('is never resumed with TLS 1.2 either', async () => {
    bed = await NativeBed.open(serverContext({ isDraft09: true, body: Buffer.alloc(0) }));
    const context = clientContext({ isDraft09: true }, { ...ours, maxVersion: 'TLSv1.2' });
    const first = await bed.meet(context);
    const session = first.clientSocket.getSession();
    const again = await bed.meet(context, { session: session! });
    expect(again.clientSocket.isSessionReused()).to.equal(false);
    expect(again.server.shown?.certificate.includes(certificateOf('p256', 'client').der)).to.equal(true);
  });

  it('is not negotiated anew with TLS 1.2', async () => {
    bed = await NativeBed.open(serverContext({ isDraft09: true, body: Buffer.alloc(0) }));
    const context = clientContext({ isDraft09: true }, { ...ours, maxVersion: 'TLSv1.2' });
    const { clientSocket, server } = await bed.meet(context);
    server.socket!.on('error', () => undefined);
    const error = await new Promise<Error | null>((resolve) => {
      clientSocket.renegotiate({}, resolve);
      clientSocket.once('close', () => {
        resolve(new Error('closed'));
      });
    });
    expect(error).to.be.an('error');
  });

  describe('and an alert after the handshake', () => {
    it('shows the client its name, and there is one [RFC8446-6.2]', async () => {
      bed = await NativeBed.open();
      const { server, clientSocket, clientClosed } = await bed.meet(clientContext({ body: name }, ours));
      const data: Buffer[] = [];
      clientSocket.on('data', (chunk: Buffer) => data.push(chunk));
      const { socket, shown } = server;
      expect(theAddon().sendAlert(shown!.id, handshakeFailure)).to.equal(true);
      expect(theAddon().sendAlert(shown!.id, handshakeFailure), 'a second one').to.equal(false);
      socket!.on('error', () => undefined);
      socket!.end();
      expect(await clientClosed).to.include('handshake failure');
      expect(data).to.deep.equal([]);
    });

    it('is one record, without a close_notify after it', async () => {
      bed = await NativeBed.open();
      const relay = await Relay.open(bed.port);
      try {
        const end = bed.next();
        relay.connect(clientContext({ body: name }, ours));
        const { socket, shown } = await end;
        // With TLS 1.3 nothing of the server's is under way: it sends no ticket.
        const before = relay.recordsOf('server').length;
        theAddon().sendAlert(shown!.id, handshakeFailure);
        socket!.end();
        await relay.closed;
        // Two octets of alert, one of type, sixteen of tag (RFC 8446 section 5.2).
        expect(relay.recordsOf('server').slice(before)).to.deep.equal([19]);
      } finally {
        relay.close();
      }
    });

    it('comes also after data, and not after close_notify', async () => {
      bed = await NativeBed.open();
      const first = await bed.meet(clientContext({}, ours));
      first.server.socket!.write('x');
      await once(first.clientSocket, 'data');
      expect(theAddon().sendAlert(first.server.shown!.id, handshakeFailure)).to.equal(true);
      first.server.socket!.end();
      expect(await first.clientClosed).to.include('handshake failure');

      const second = await bed.meet(clientContext({}, ours));
      second.server.socket!.end();
      await once(second.clientSocket.resume(), 'end');
      expect(theAddon().sendAlert(second.server.shown!.id, handshakeFailure)).to.equal(false);
    });

    it('is for the living: a destroyed connection has none', async () => {
      bed = await NativeBed.open();
      const { server, clientSocket } = await bed.meet(clientContext({}, ours));
      const { socket, shown } = server;
      clientSocket.destroy();
      socket!.destroy();
      await once(socket!, 'close');
      await comesAbout(noneKept);
      expect(theAddon().sendAlert(shown!.id, handshakeFailure)).to.equal(false);
    });
  });

  describe('and padding', () => {
    for (const recordPadding of [0, 256, 512]) {
      it(`of ${recordPadding} octets shows on the wire [RFC8446-5.4]`, async () => {
        bed = await NativeBed.open(serverContext({ recordPadding }));
        const relay = await Relay.open(bed.port);
        try {
          const end = bed.next();
          const client = relay.connect(clientContext({}, ours));
          const { socket } = await end;
          const before = relay.recordsOf('server').length;
          for (const length of [1, 100, 600]) {
            socket!.write(Buffer.alloc(length));
            await once(client, 'data');
          }
          const sizes = relay.recordsOf('server').slice(before);
          const overhead = 16;
          const padded = (length: number): number => {
            const content = length + 1;
            return recordPadding === 0 ? content : Math.ceil(content / recordPadding) * recordPadding;
          };
          expect(sizes).to.deep.equal([1, 100, 600].map((length) => padded(length) + overhead));
        } finally {
          relay.close();
        }
      });
    }
  });

  it('lives and dies in a worker thread of its own, also where no other thread has the addon', function () {
    this.timeout(60_000);
    const script = fileURLToPath(new URL('../../../support/native-threads.ts', import.meta.url));
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script], {
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect({ status, signal, stdout, stderr }).to.include({ status: 0, signal: null, stdout: 'done\n' });
  });
});

/** A TCP relay that notes the length of each TLS record that passes. */
class Relay {
  readonly #server: net.Server;
  readonly #sockets: (net.Socket | tls.TLSSocket)[] = [];
  readonly #seen = { client: Buffer.alloc(0), server: Buffer.alloc(0) };
  /** Resolves when the server's side is at its end. */
  readonly closed: Promise<void>;

  private constructor(server: net.Server, to: number) {
    this.#server = server;
    this.closed = new Promise((resolve) => {
      server.on('connection', (client: net.Socket) => {
        const upstream = net.connect(to, '127.0.0.1');
        this.#sockets.push(client, upstream);
        for (const [from, into, side] of [
          [client, upstream, 'client'],
          [upstream, client, 'server'],
        ] as const) {
          from.on('error', () => undefined);
          from.on('data', (chunk: Buffer) => {
            this.#seen[side] = Buffer.concat([this.#seen[side], chunk]);
            into.write(chunk);
          });
          from.on('end', () => into.end());
        }
        upstream.on('end', resolve);
      });
    });
  }

  static async open(to: number): Promise<Relay> {
    const server = net.createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, to);
  }

  connect(secureContext: tls.SecureContext): tls.TLSSocket {
    const { port } = this.#server.address() as net.AddressInfo;
    const client = tls.connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: false });
    client.on('error', () => undefined);
    this.#sockets.push(client);
    return client;
  }

  /** Lengths as RFC 8446 section 5.2 counts them: content, type, padding and tag. */
  recordsOf(side: 'client' | 'server'): number[] {
    const octets = this.#seen[side];
    const lengths: number[] = [];
    for (let at = 0; at + 5 <= octets.length; at += 5 + octets.readUInt16BE(at + 3)) {
      lengths.push(octets.readUInt16BE(at + 3));
    }
    return lengths;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
