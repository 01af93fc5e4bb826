/** One visit to a gate by a TLS client: one request is sent at once, and what comes of it is told. */
import tls from 'node:tls';
import { FrameReader, frame } from '../../core/dns/framing.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../core/dns/message.ts';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import type { Endpoint } from '../../lab/servers.ts';
import { edns } from '../plugins/xot/messages.ts';

export interface Visit {
  /** The answer to the request; undefined when the connection ended without. */
  readonly reply: Message | undefined;
  /** Code of the error that ended the connection; '' for an end without error. */
  readonly error: string;
}

/** What node:tls makes of the alert handshake_failure. */
export const handshakeFailure = 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE';

/** Asks for the SOA of a zone on a connection of its own; resolves when it is closed. */
export function visit(
  { address, port }: Endpoint,
  options: tls.ConnectionOptions,
  zone = 'example.com',
): Promise<Visit> {
  const query = makeQuery({
    id: 7,
    name: Name.parse(zone),
    type: RrType.SOA,
    class: RrClass.IN,
    edns: edns(),
  });
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: address,
      port,
      ALPNProtocols: ['dot'],
      rejectUnauthorized: false,
      ...options,
    });
    const reader = new FrameReader();
    let reply: Message | undefined;
    let error = '';
    socket.on('error', (cause) => (error = 'code' in cause ? String(cause.code) : cause.message));
    socket.on('data', (chunk: Buffer) => {
      const [octets] = reader.push(chunk);
      if (octets === undefined) return;
      reply = parseMessage(octets);
      socket.end();
    });
    // The gate has not decided yet: a client of TLS 1.3 may write before it hears whether it is let in.
    socket.once('secureConnect', () => socket.write(frame(encodeMessage(query))));
    socket.once('close', () => {
      resolve({ reply, error });
    });
  });
}
