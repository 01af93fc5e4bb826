/**
 * The server's end of one TLS handshake, on a raw TCP socket.
 *
 * A bare TLSSocket instead of tls.Server: the gate counts and bounds connections before a single octet of TLS is read,
 * and the handshake uses the context passed in, whatever the ClientHello names.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';

export type Handshake =
  | { readonly socket: tls.TLSSocket }
  | {
      readonly socket?: undefined;
      readonly reason: 'tls-failed' | 'bad-client-id' | 'no-alpn' | 'gone' | 'timeout';
      readonly detail: string;
    };

/**
 * Resolves when the handshake has ended, well or not; rejects never. On failure the connection is destroyed.
 *
 * @param alpnProtocols one of them must be what the client offers (RFC 7301); none: ALPN is not looked at
 * @param isAlpnOptional a client that offers nothing at all is taken too
 */
export function handshake(
  raw: Socket,
  context: tls.SecureContext,
  deadline: AbortSignal,
  alpnProtocols: readonly string[],
  isAlpnOptional = false,
): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = new tls.TLSSocket(raw, {
      isServer: true,
      secureContext: context,
      requestCert: true,
      // Not node's verdict but DANE's decides; see core/dane.
      rejectUnauthorized: false,
      // A client that offers ALPN without any of ours gets the alert no_application_protocol.
      ALPNProtocols: [...alpnProtocols],
    });
    let failure: Error | undefined;
    const onFailure = (error: Error): void => {
      failure ??= error;
    };
    const onDeadline = (): void => {
      end({ reason: 'timeout', detail: 'the TLS handshake was not finished in time' });
    };
    const onClose = (): void => {
      if (!failure) end({ reason: 'gone', detail: 'the client closed the connection in the handshake' });
      else if (isBadExtension(failure)) end({ reason: 'bad-client-id', detail: '' });
      else end({ reason: 'tls-failed', detail: describeTlsError(failure) });
    };
    const onSecure = (): void => {
      // RFC 9103 section 7.1: without "dot" it is not a zone transfer over TLS. RFC 7858 knows no ALPN.
      if (alpnProtocols.length === 0 || socket.alpnProtocol || isAlpnOptional) end({ socket });
      else end({ reason: 'no-alpn', detail: `the client did not offer ALPN ${quoted(alpnProtocols)}` });
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

/** The addon refused the extension and marked the error; OpenSSL has sent the alert. */
function isBadExtension(error: Error): boolean {
  return 'library' in error && error.library === 'dane_clientid';
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(' or ');
}

/** OpenSSL's words without its file names and numbers, as "ssl/tls alert bad certificate". */
function describeTlsError(error: Error): string {
  if ('reason' in error && typeof error.reason === 'string') return error.reason;
  return error.message.split('\n', 1)[0] ?? 'unknown error';
}
