/** A connection after the scripted client's Finished: whatever the server then says, and whatever it is sent. */
import type { Alert, ApplicationData, Conversation, HandshakeMessage, ServerEvent } from './conversation.ts';
import { ContentType } from './numbers.ts';
import { ScriptedTlsError } from './octets.ts';
import { deadlineIn, type Closed, type Deadline, type Silence } from './record-stream.ts';
import type { ServerFlight } from './server-flight.ts';

/** What became of it: the first that the server said but handshake messages. */
export type Verdict = Alert | ApplicationData | Closed | Silence;

/**
 * To the client a TLS 1.3 handshake is complete before the server has seen the certificate: a refusal comes here, as
 * the session's verdict. Somebody must close it, best by `await using`.
 */
export class ScriptedSession {
  /** What the server said in the handshake. */
  readonly flight: ServerFlight;
  /** Handshake messages since, as NewSessionTicket; as far as events were asked for. */
  readonly handshakeMessages: HandshakeMessage[] = [];
  readonly #conversation: Conversation;
  #received: Buffer = Buffer.alloc(0);

  constructor(flight: ServerFlight, conversation: Conversation) {
    this.flight = flight;
    this.#conversation = conversation;
  }

  /** Application data, in as many records as it takes to the script's `recordOctets`, 2^14 at most. */
  send(octets: Buffer): Promise<void> {
    return this.#conversation.write(this.#conversation.records(ContentType.applicationData, [octets]));
  }

  /** One record with any content, as an alert or a handshake message out of place. */
  sendRecord(contentType: number, content: Buffer): Promise<void> {
    return this.#conversation.write(this.#conversation.record(contentType, content));
  }

  /** The next that the server says; silence if that is nothing. Throws ScriptedTlsError for what is not TLS 1.3. */
  next(timeoutMs: number): Promise<ServerEvent> {
    return this.#next(deadlineIn(timeoutMs));
  }

  /** The next that is no handshake message. Data that it gives is not given again by `receive`. */
  verdict(timeoutMs: number): Promise<Verdict> {
    return this.#verdict(deadlineIn(timeoutMs));
  }

  /** So many octets of application data, whatever records they come in. Throws ScriptedTlsError if they do not come. */
  async receive(count: number, timeoutMs: number): Promise<Buffer> {
    const deadline = deadlineIn(timeoutMs);
    while (this.#received.length < count) {
      const event = await this.#verdict(deadline);
      if (event.kind !== 'data') {
        const what = event.kind === 'alert' ? `alert ${event.name}` : event.kind;
        throw new ScriptedTlsError(`${what} after ${this.#received.length} octets of ${count}`);
      }
      this.#received = Buffer.concat([this.#received, event.octets]);
    }
    const octets = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return octets;
  }

  /** Ends the TCP connection at once, without close_notify; resolves when the socket is gone. */
  close(): Promise<void> {
    return this.#conversation.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #next(deadline: Deadline): Promise<ServerEvent> {
    const event = await this.#conversation.next(deadline);
    if (event.kind === 'handshake') this.handshakeMessages.push(event);
    return event;
  }

  async #verdict(deadline: Deadline): Promise<Verdict> {
    for (;;) {
      const event = await this.#next(deadline);
      if (event.kind !== 'handshake') return event;
    }
  }
}
