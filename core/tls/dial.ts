/**
 * The client's end of a TLS connection: TCP, and a handshake in which the server is judged before anything of ours leaves
 * but the ClientHello, with the server's name in it (SNI).
 *
 * Limitations: addresses only, no host names; one address at a time.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { dialContext, type DialContextOptions, type VerifyServer } from './dial-context.ts';
import { nativeTls } from './native/native.ts';

export interface DialOptions extends DialContextOptions {
  readonly address: string;
  readonly port: number;
  /** For SNI: the server's name without trailing dot; undefined: none is sent. */
  readonly serverName?: string | undefined;
  /** Offered by ALPN (RFC 7301). */
  readonly alpnProtocols: readonly string[];
  /** Whether the server must take one of them; RFC 9103 section 7.1 demands it, RFC 7858 does not know it. */
  readonly needsAlpn: boolean;
  /** Milliseconds for TCP and TLS together. */
  readonly timeMs: number;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
}

/** What a server asked of us in the handshake. */
export interface AskedByServer {
  /** A certificate, or a raw public key. */
  readonly certificate: boolean;
  /** Our name, by the extension dane_clientid. */
  readonly name: boolean;
}

export type DialFailure =
  'connect-failed' | 'timeout' | 'given-up' | 'not-proved' | 'refused-by-server' | 'no-alpn' | 'tls-failed';

export type Dialled =
  | { readonly socket: tls.TLSSocket; readonly asked: AskedByServer }
  | {
      readonly socket?: undefined;
      readonly reason: DialFailure;
      readonly detail: string;
      /** Whether TCP was connected. */
      readonly isConnected: boolean;
    };

/**
 * Connects. Resolves when the handshake has ended, well or not; rejects only for what dialContext throws.
 *
 * In TLS 1.3 a server that refuses us says so when our end of the handshake is over: `alertOf` reads it from the socket's
 * error.
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const judgement = new Judgement();
  const secureContext = dialContext({ ...options, verify: watched(options.verify, judgement) });
  return new Promise((resolve) => {
    const { address: host, port, serverName, alpnProtocols, signal } = options;
    const socket = tls.connect({
      host,
      port,
      ...(serverName !== undefined && { servername: serverName }),
      ALPNProtocols: [...alpnProtocols],
      secureContext,
      // The verdict was given inside of the handshake; what node:tls makes of it afterwards is looked at by nobody.
      rejectUnauthorized: false,
    });
    socket.setNoDelay(true);
    let isConnected = false;
    const timer = setTimeout(() => {
      const what = isConnected ? 'the TLS handshake was not finished' : 'TCP was not connected';
      fail('timeout', `${what} in ${String(options.timeMs)} ms`);
    }, options.timeMs);
    const end = (result: Dialled): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect).off('secureConnect', onSecure).off('close', onClose);
      socket.off('error', onError);
      // A destroyed socket may still say why, and an open one that it breaks before its user listens.
      socket.on('error', () => undefined);
      if (!result.socket) socket.destroy();
      resolve(result);
    };
    const fail = (reason: DialFailure, detail: string): void => {
      end({ reason, detail, isConnected });
    };
    const onAbort = (): void => {
      fail('given-up', 'nobody waits for it any more');
    };
    const onConnect = (): void => {
      isConnected = true;
    };
    const onError = (error: Error): void => {
      if (!isConnected) fail('connect-failed', connectWords(error));
      else if (judgement.verdict === false) fail('not-proved', 'the server is not the right one');
      else fail(...handshakeFault(error));
    };
    const onClose = (): void => {
      fail('tls-failed', 'the server closed the connection in the handshake');
    };
    const onSecure = (): void => {
      // Fail closed: a handshake that ended without the question is nobody's.
      if (judgement.verdict !== true) fail('not-proved', 'the server was not judged');
      else if (options.needsAlpn && !socket.alpnProtocol) fail('no-alpn', noAlpn(alpnProtocols));
      else end({ socket, asked: askedBy(socket) });
    };
    socket.once('connect', onConnect).once('secureConnect', onSecure);
    socket.on('error', onError).once('close', onClose);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}

/** The name of the alert (RFC 8446 section 6) with which the peer ended the connection, as "handshake_failure". */
export function alertOf(error: Error): string | undefined {
  const words = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  const name = /\balert ([a-z][a-z ]*[a-z])/.exec(words)?.[1];
  return name?.replaceAll(' ', '_');
}

/** OpenSSL's words without its file names and numbers. */
export function tlsErrorWords(error: Error): string {
  if ('reason' in error && typeof error.reason === 'string') return error.reason;
  return error.message.split('\n', 1)[0] ?? 'unknown error';
}

/** What the verifier said; undefined: it was not asked. */
class Judgement {
  verdict: boolean | undefined;
}

/** A function of its own scope: one made beside the socket would keep the socket, and with it the context, for ever. */
function watched(verify: VerifyServer, judgement: Judgement): VerifyServer {
  return (message, type) => {
    judgement.verdict = false;
    // A later "no" is not undone by an earlier "yes", nor the other way round: there is one Certificate message.
    judgement.verdict = verify(message, type);
    return judgement.verdict;
  };
}

function handshakeFault(error: Error): [DialFailure, string] {
  const alert = alertOf(error);
  if (alert === 'no_application_protocol')
    return ['no-alpn', 'the server takes none of the protocols offered'];
  if (alert === 'protocol_version') return ['tls-failed', 'the server does not speak TLS 1.3'];
  return alert === undefined ? ['tls-failed', tlsErrorWords(error)] : ['refused-by-server', alert];
}

function noAlpn(offered: readonly string[]): string {
  const list = offered.map((protocol) => `"${protocol}"`).join(' or ');
  return `the server did not take ALPN ${list}`;
}

function connectWords(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'nobody listens there';
  if (code === 'ECONNRESET') return 'the connection was reset';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'there is no way to the address';
  return error.message;
}

function askedBy(socket: tls.TLSSocket): AskedByServer {
  const finished = (socket as Socket & tls.TLSSocket).getPeerFinished();
  const shown = finished && nativeTls?.takeHandshake(finished);
  return {
    // OpenSSL, as a client, knows shared signature algorithms only from a CertificateRequest (RFC 8446 section 4.3.2).
    certificate: socket.getSharedSigalgs().length > 0,
    name: shown?.claim !== undefined,
  };
}
