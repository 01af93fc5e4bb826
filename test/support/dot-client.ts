/** A client of DNS over TLS, with a certificate or without, whose questions share one connection. */
import { readFileSync } from 'node:fs';
import { encodeMessage, parseMessage, type Message } from '../../core/dns/message.ts';
import { queryFor, type Inquiry } from '../../lab/ask.ts';
import { TestClient } from './gate-bed.ts';

const timeoutMs = 10_000;

export class DotClient {
  readonly #client: TestClient;

  private constructor(client: TestClient) {
    this.#client = client;
  }

  /** Connects to a port of 127.0.0.1. Rejects when the handshake fails; a server may refuse after it. */
  static async connect(
    port: number,
    identity?: { readonly certificateFile: string; readonly keyFile: string },
  ): Promise<DotClient> {
    const own = identity && {
      cert: readFileSync(identity.certificateFile),
      key: readFileSync(identity.keyFile),
    };
    const client = new TestClient(port, { ...own });
    await client.connected;
    return new DotClient(client);
  }

  /** The answer. Rejects when the connection ends before it comes, or it takes too long. */
  async ask(inquiry: Inquiry): Promise<Message> {
    const query = queryFor(inquiry);
    return parseMessage(await this.exchange(encodeMessage(query)));
  }

  /** The octets of the answer to a query in octets. */
  async exchange(query: Buffer): Promise<Buffer> {
    const late = setTimeout(() => {
      this.close();
    }, timeoutMs);
    try {
      // Of hundreds of questions two have the same ID easily: what has come before is no answer to this one.
      const before = this.#client.messages.length;
      this.#client.send(query);
      for (let count = before + 1; ; count += 1) {
        const messages = await this.#client.received(count);
        const answer = messages
          .slice(before)
          .find((message) => message.subarray(0, 2).equals(query.subarray(0, 2)));
        if (answer !== undefined) return answer;
      }
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#client.socket.destroy();
  }
}
