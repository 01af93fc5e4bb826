/**
 * A TCP relay between a client and a gate, through which the test can do what no TLS library lets it do: put octets
 * between the records of a live session, and reset the connection at any moment.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../../lab/servers.ts';

export class Wire {
  readonly #server: Server;
  /** The gate's side of each connection, by the client's port. */
  readonly #towardsGate = new Map<number | undefined, Socket>();

  private constructor(gate: Endpoint) {
    this.#server = createServer((client) => {
      const towards = connect({ host: gate.address, port: gate.port });
      this.#towardsGate.set(client.remotePort, towards);
      for (const [from, to] of [
        [client, towards],
        [towards, client],
      ] as const) {
        from.on('error', () => undefined);
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
  }

  static async open(gate: Endpoint): Promise<Wire> {
    const wire = new Wire(gate);
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    return wire;
  }

  /** Where to connect instead of the gate. */
  get endpoint(): Endpoint {
    return this.#server.address() as AddressInfo;
  }

  /** Puts octets into what the client sends. */
  inject(client: Socket, octets: Buffer): void {
    this.#of(client).write(octets);
  }

  /** Resets the connection of this client at the gate. */
  reset(client: Socket): void {
    this.#of(client).resetAndDestroy();
  }

  close(): void {
    for (const socket of this.#towardsGate.values()) socket.destroy();
    this.#server.close();
  }

  #of(client: Socket): Socket {
    const towards = this.#towardsGate.get(client.localPort);
    if (towards === undefined) throw new Error('the client is not connected by this wire');
    return towards;
  }
}
