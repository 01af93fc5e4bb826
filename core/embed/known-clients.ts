/**
 * Which client is at the other end of a socket, by the newest proof.
 *
 * A socket is known from its proof to its end, or to the loss of the proof, whichever is first: then there is no answer any
 * more, so that a request that comes late, or that was read before, is nobody's.
 */
import type { ClientIdentity } from '../dane/identity.ts';

export class KnownClients {
  readonly #bySocket = new WeakMap<object, () => ClientIdentity | undefined>();

  /** From now on `client` says who it is. */
  know(socket: object, client: () => ClientIdentity | undefined): void {
    this.#bySocket.set(socket, client);
  }

  forget(socket: object): void {
    this.#bySocket.delete(socket);
  }

  clientOf(socket: object | null | undefined): ClientIdentity | undefined {
    return socket ? this.#bySocket.get(socket)?.() : undefined;
  }
}
