/**
 * The connection of a secondary to a primary, or to the gate before it: TLS 1.3 with ALPN `dot` (RFC 9103 section 7).
 *
 * Limitations: it believes any server unless it is given the certificate to expect.
 */
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from './servers.ts';

/** Whom to connect to, and as whom. */
export interface ConnectOptions extends Endpoint {
  /** Plain TCP, without TLS and whatever else is about TLS here. */
  readonly plain?: boolean;
  /** PEM of our certificate chain and of its key (PKCS#8); none: we show no certificate. */
  readonly certificatePem?: string;
  readonly keyPem?: string;
  /** DER of the only server certificate that is good; none: any is. */
  readonly expectedCertificate?: Buffer;
  readonly serverName?: string;
  readonly alpn?: readonly string[];
}

/** Connects. Rejects when the connection fails, takes too long, or the server is not the expected one. */
export async function connectToPrimary(options: ConnectOptions, timeoutMs: number): Promise<Socket> {
  const signal = AbortSignal.timeout(timeoutMs);
  if (options.plain === true) {
    const socket = connectTcp({ host: options.address, port: options.port, noDelay: true });
    await untilEvent(socket, 'connect', signal);
    return socket;
  }
  const { certificatePem, keyPem, serverName, alpn = ['dot'] } = options;
  const socket = connectTls({
    host: options.address,
    port: options.port,
    // RFC 9103 sections 7.1 and 7.2
    ALPNProtocols: [...alpn],
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    ...(certificatePem === undefined ? {} : { cert: certificatePem }),
    ...(keyPem === undefined ? {} : { key: keyPem }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  await untilEvent(socket, 'secureConnect', signal);
  socket.setNoDelay(true);
  const { expectedCertificate } = options;
  if (expectedCertificate !== undefined && !expectedCertificate.equals(socket.getPeerCertificate().raw)) {
    socket.destroy();
    throw new Error('the server showed another certificate than the expected one');
  }
  return socket;
}

/** Waits for an event; an error or the time limit rejects and ends the connection. */
async function untilEvent(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  // A server may close without a word in the middle of the handshake.
  const { promise: closed, reject } = Promise.withResolvers<never>();
  const onClose = (): void => {
    reject(new Error('the server closed the connection during the handshake'));
  };
  socket.once('close', onClose);
  try {
    await Promise.race([once(socket, event, { signal }), closed]);
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw error;
  } finally {
    socket.off('close', onClose);
  }
}
