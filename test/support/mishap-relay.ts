/**
 * A TCP relay on loopback, to which something happens at a point that the test names: after so many octets from the
 * server the connection ends, breaks, falls silent or loses octets, or the test is told so that it can kill somebody.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/**
 * `close`: both ends see an orderly end. `reset`: both see a broken connection. `silence`: nothing passes any more, and
 * nobody is told, until `heal`. `hole`: some octets never arrive, what follows does.
 */
export type Mishap = 'close' | 'reset' | 'silence' | 'hole';

/** Octets that a hole swallows. */
const holeLength = 700;

interface Armed {
  /** Octets from the server that pass before, over all connections. */
  octetsLeft: number;
  readonly mishap: Mishap | (() => void);
  readonly happened: () => void;
}

interface Pair {
  readonly client: net.Socket;
  readonly onward: net.Socket;
  /** Octets still to swallow. */
  hole: number;
  isSilent: boolean;
}

export class MishapRelay {
  readonly port: number;
  readonly #server: net.Server;
  readonly #pairs = new Set<Pair>();
  #armed: Armed | undefined;
  /** Octets that have come from the server. */
  octets = 0;

  private constructor(server: net.Server, to: () => number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => {
      this.#join({ client, onward: net.connect(to(), '127.0.0.1'), hole: 0, isSilent: false });
    });
  }

  /** Starts a relay to the port of loopback that `to` names at the time of each connection. */
  static async start(to: () => number): Promise<MishapRelay> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new MishapRelay(server, to);
  }

  /** Something happens once, after so many more octets from the server; resolves when it has, or `heal` was first. */
  arm(afterOctets: number, mishap: Armed['mishap']): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#armed = { octetsLeft: afterOctets, mishap, happened: () => resolve(undefined) };
    return promise;
  }

  /** Nothing happens any more, and what is silent is over. */
  heal(): void {
    this.#armed?.happened();
    this.#armed = undefined;
    for (const pair of this.#pairs) if (pair.isSilent) end(pair);
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) end(pair);
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(pair: Pair): void {
    const { client, onward } = pair;
    this.#pairs.add(pair);
    for (const socket of [client, onward]) {
      socket.setNoDelay(true);
      socket
        .on('error', () => undefined)
        .once('close', () => {
          // In silence one end does not learn of the other's.
          if (!pair.isSilent) end(pair);
          if (client.destroyed && onward.destroyed) this.#pairs.delete(pair);
        });
    }
    client.on('data', (chunk) => {
      if (!pair.isSilent) onward.write(chunk);
    });
    client.once('end', () => {
      if (!pair.isSilent) onward.end();
    });
    onward.once('end', () => {
      if (!pair.isSilent) client.end();
    });
    onward.on('data', (chunk: Buffer) => {
      this.#pass(pair, chunk);
    });
    client.on('drain', () => onward.resume());
  }

  #pass(pair: Pair, chunk: Buffer): void {
    this.octets += chunk.length;
    if (pair.isSilent) return;
    const armed = this.#armed;
    if (armed === undefined || armed.octetsLeft >= chunk.length) {
      if (armed) armed.octetsLeft -= chunk.length;
      this.#write(pair, chunk);
      return;
    }
    this.#write(pair, chunk.subarray(0, armed.octetsLeft));
    this.#armed = undefined;
    armed.happened();
    befall(pair, armed.mishap);
    this.#write(pair, chunk.subarray(armed.octetsLeft));
  }

  #write(pair: Pair, chunk: Buffer): void {
    if (pair.isSilent || pair.client.destroyed) return;
    const swallowed = Math.min(pair.hole, chunk.length);
    pair.hole -= swallowed;
    const rest = chunk.subarray(swallowed);
    if (rest.length > 0 && pair.client.writable && !pair.client.write(rest)) pair.onward.pause();
  }
}

function befall(pair: Pair, mishap: Armed['mishap']): void {
  if (typeof mishap === 'function') mishap();
  else if (mishap === 'hole') pair.hole = holeLength;
  else if (mishap === 'silence') pair.isSilent = true;
  else if (mishap === 'reset') {
    pair.client.resetAndDestroy();
    pair.onward.resetAndDestroy();
  } else {
    // What follows in this connection must not arrive.
    pair.isSilent = true;
    pair.client.end();
    pair.onward.destroy();
  }
}

function end({ client, onward }: Pair): void {
  client.destroy();
  onward.destroy();
}
