/**
 * Handshakes with certificate and name, one after the other, leave the memory of a server as it was.
 *
 * Some thousand; DANCED_HANDSHAKES=100000 does as many.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { clientContext, nameBody, theAddon } from '../support/native-bed.ts';
import { certificateOf, shows } from '../support/native-shows.ts';

const handshakes = Number(process.env['DANCED_HANDSHAKES'] ?? 3_000);
/** Until the heap has its size and every code path its machine code. */
const warmUp = 1_500;
const most = 1.05;
/** Else the nursery of V8's heap grows for the first ten thousand handshakes, and hides what would be lost. */
const smallNursery = '--max-semi-space-size=2';
const atOnce = 8;

interface Memory {
  readonly rss: number;
  readonly named: number;
  readonly kept: number;
}

describe(`a server and ${handshakes} handshakes`, function () {
  this.timeout(60_000 + handshakes * 50);
  let server: HandshakeServer | undefined;

  before(async () => {
    theAddon();
    server = await HandshakeServer.start();
  });

  after(() => server?.end());

  it('has within 5 % the memory at the end that it had after the first', async () => {
    const { port } = server!;
    await shakeHands(port, warmUp);
    const before = await server!.memory();
    await shakeHands(port, handshakes);
    const after = await server!.memory();
    if (process.env['DANCED_HANDSHAKES']) {
      process.stdout.write(`      ${JSON.stringify({ handshakes, before, after })}\n`);
    }
    expect(after.named).to.equal(warmUp + handshakes);
    expect(after.kept).to.equal(0);
    expect(after.rss / before.rss, JSON.stringify({ before, after })).to.be.below(most);
  });
});

/** The server in a process of its own: the clients' memory is not to be counted. */
class HandshakeServer {
  readonly port: number;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>, lines: Interface, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
  }

  static async start(): Promise<HandshakeServer> {
    const program = fileURLToPath(new URL('../support/native-handshake-server.ts', import.meta.url));
    const child = spawn(process.execPath, [smallNursery, program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [port] = (await once(lines, 'line')) as [string];
    return new HandshakeServer(child, lines, Number(port));
  }

  async memory(): Promise<Memory> {
    const answer = once(this.#lines, 'line') as Promise<[string]>;
    this.#child.stdin.write('memory\n');
    return JSON.parse((await answer)[0]) as Memory;
  }

  async end(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.stdin.write('end\n');
    await gone;
  }
}

async function shakeHands(port: number, count: number): Promise<void> {
  const identity = shows(certificateOf('p256', 'client'));
  const secureContext = clientContext({ body: nameBody('_xfr.ns2.example') }, identity);
  let left = count;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const options = { host: '127.0.0.1', port, secureContext, rejectUnauthorized: false };
      const client = tls.connect({ ...options, ALPNProtocols: ['dot'] });
      client.resume();
      await once(client, 'close');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}
