/**
 * The server's end of one TLS handshake, on a raw TCP socket.
 *
 * A bare TLSSocket instead of tls.Server: the gate counts and bounds connections before a single octet of TLS is read,
 * and the handshake uses the context passed in, whatever the ClientHello names.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { alpnProtocol } from './context.ts';

export type Handshake =
  | { readonly socket: tls.TLSSocket }
  | {
      readonly socket?: undefined;
      readonly reason: 'tls-failed' | 'no-alpn' | 'gone' | 'timeout';
      readonly detail: string;
    };

/** Resolves when the handshake has ended, well or not; rejects never. On failure the connection is destroyed. */
export function handshake(
  raw: Socket,
  context: tls.SecureContext,
  deadline: AbortSignal,
): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = new tls.TLSSocket(raw, {
      isServer: true,
      secureContext: context,
      requestCert: true,
      // Not node's verdict but DANE's decides; see core/dane.
      rejectUnauthorized: false,
      // A client that offers ALPN without "dot" gets the alert no_application_protocol.
      ALPNProtocols: [alpnProtocol],
    });
    let failure: Error | undefined;
    const onFailure = (error: Error): void => {
      failure ??= error;
    };
    const onDeadline = (): void => {
      end({ reason: 'timeout', detail: 'the TLS handshake was not finished in time' });
    };
    const onClose = (): void => {
      end(
        failure
          ? { reason: 'tls-failed', detail: describeTlsError(failure) }
          : { reason: 'gone', detail: 'the client closed the connection in the handshake' },
      );
    };
    const onSecure = (): void => {
      // RFC 9103 section 7.1: without "dot" it is not a zone transfer over TLS.
      if (socket.alpnProtocol === alpnProtocol) end({ socket });
      else end({ reason: 'no-alpn', detail: 'the client did not offer ALPN "dot" (RFC 9103 section 7.1)' });
    };
    const end = (result: Handshake): void => {
      deadline.removeEventListener('abort', onDeadline);
      socket.off('secure', onSecure).off('close', onClose).off('_tlsError', onFailure);
      if (!result.socket) {
        // The error listener stays: a destroyed socket may still say why.
        socket.destroy();
        raw.destroy();
      } else {
        socket.off('error', onFailure);
        // Node destroys a broken session by itself only where tls.Server made the socket; here it would stay open,
        // deaf, until its idle time is over.
        socket.once('_tlsError', (error: Error) => socket.destroy(error));
      }
      resolve(result);
    };
    socket.on('error', onFailure);
    socket.once('_tlsError', onFailure);
    socket.once('secure', onSecure);
    socket.once('close', onClose);
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline);
  });
}

/** OpenSSL's words without its file names and numbers, as "ssl/tls alert bad certificate". */
function describeTlsError(error: Error): string {
  if ('reason' in error && typeof error.reason === 'string') return error.reason;
  return error.message.split('\n', 1)[0] ?? 'unknown error';
}
