/**
 * DNS over TLS to whoever answers at an address: the opportunistic way from a recursive resolver to an authoritative server
 * (RFC 9539 section 4.6.3). It hides the questions from who only listens. It proves NOTHING: any certificate is taken, so who
 * can answer in the server's place reads all of it. Only for questions that would otherwise leave in clear; the strict way
 * is dot.ts.
 *
 *  - No server name is sent (SNI; RFC 9539 section 4.6.3.3): what is in clear of a handshake says no more than the addresses.
 *  - We are nobody: no certificate, no key and no name of ours is in reach of this context, whatever the server asks for.
 *  - ALPN `dot` must be taken by the server, or not one query is sent: at the port may be something else. Who says so takes a
 *    server that knows nothing of ALPN all the same (RFC 7301 section 3.1), and should then look at its first answer.
 *  - Tickets of a server are used for the next connections to it (RFC 9539 section 4.6.3.2); those of TLS 1.3 once (RFC 8446
 *    appendix C.4). Who is in another network has them forgotten: they would tell that it is the same client.
 *
 * Limitations: no early data (RFC 9539 section 4.6.3.1), which Node does not offer and anybody could send again; tickets are
 * kept in memory only, two a server. TLS 1.2 is taken as well as 1.3. Keys and signatures that OpenSSL's default security
 * level refuses end the handshake.
 */
import tls from 'node:tls';
import type { Endpoint } from '../../config/endpoint.ts';
import type { StreamTransport } from './stream.ts';

/** How a connection ended, as its socket saw it. */
export interface TlsEnd {
  /** Whether it had come to the point where queries may be sent. */
  readonly wasOpen: boolean;
  /** What broke it; undefined where one of the ends has closed it. */
  readonly error: Error | undefined;
  /** The server has closed it. With neither this nor an error it was our side. */
  readonly byServer: boolean;
}

/** A connection on which queries may be sent. */
export interface OpenedTls {
  readonly localAddress: string | undefined;
  /** As Node names it: `TLSv1.3`. */
  readonly protocol: string;
  readonly isResumed: boolean;
}

/** Is told what becomes of a connection, before anybody else is. */
export interface TlsWatcher {
  opened(connection: OpenedTls): void;
  /** Once, whether it was opened or not. */
  ended(end: TlsEnd): void;
}

/** A ticket is a few hundred octets; nobody needs to have us keep more. */
const largestTicketOctets = 16_384;
/** Many servers give two after a whole handshake, and none after one that resumes. */
const mostTickets = 2;
/** RFC 9539 section 4.6.3: the protocol that is offered. */
const alpn = 'dot';

/** Of all these connections: empty, so that nothing is trusted and nothing can be shown. */
let emptyContext: tls.SecureContext | undefined;

export interface UnauthenticatedTlsOptions {
  /** Called as each connection is begun. */
  readonly watch: () => TlsWatcher;
}

/** A way on which tickets are kept. */
export interface ResumingTransport extends StreamTransport {
  /** In another network a ticket would tell whoever listens there, or stands in the way, that we are who was elsewhere before. */
  readonly forgetTickets: () => void;
}

/** The opportunistic way to an address, and the port of DNS over TLS there. */
export function dnsOverUnauthenticatedTls(
  endpoint: Endpoint,
  { watch }: UnauthenticatedTlsOptions,
): ResumingTransport {
  let tickets: readonly Buffer[] = [];
  /** Counts what was forgotten: connections of before must not bring it back. */
  let era = 0;
  return {
    word: 'TLS',
    ready: 'agreed',
    // RFC 9539 section 4.6.8.
    pad: true,
    // NSD 4.6 reads the first query of a TLS record, and the others when the next record comes.
    oneByOne: true,
    wordsFor: ({ message }) => message,
    forgetTickets: () => {
      tickets = [];
      era += 1;
    },
    open: () => {
      const eraOfThis = era;
      const session = tickets.at(-1);
      tickets = tickets.slice(0, -1);
      const watcher = watch();
      try {
        const socket = connect(endpoint, session);
        report(socket, watcher);
        socket.on('session', (next: Buffer) => {
          if (era === eraOfThis && next.length <= largestTicketOctets)
            tickets = [...tickets, next].slice(-mostTickets);
        });
        socket.once('agreed', () => {
          // TLS 1.2 gives no new one to who resumes.
          const isKept =
            session !== undefined && socket.getProtocol() === 'TLSv1.2' && socket.isSessionReused();
          if (isKept && era === eraOfThis && tickets.length === 0) tickets = [session];
        });
        return socket;
      } catch (error) {
        // What net and tls throw at once, as for a machine without sockets left.
        watcher.ended({ wasOpen: false, error: error as Error, byServer: false });
        throw error;
      }
    },
  };
}

function connect({ address, port }: Endpoint, session: Buffer | undefined): tls.TLSSocket {
  // RFC 8310 section 9: TLS 1.2 at least.
  emptyContext ??= tls.createSecureContext({ ca: [], minVersion: 'TLSv1.2' });
  return tls
    .connect({
      host: address,
      port,
      secureContext: emptyContext,
      ALPNProtocols: [alpn],
      ...(session !== undefined && { session }),
      // RFC 9539 section 4.6.3.4: any certificate is accepted, and no fault of one ends the handshake.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
    .setNoDelay(true);
}

function report(socket: tls.TLSSocket, watcher: TlsWatcher): void {
  let wasOpen = false;
  let byServer = false;
  let error: Error | undefined;
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    watcher.ended({ wasOpen, error, byServer });
  };
  socket.once('secureConnect', () => {
    // False: the server knows nothing of ALPN (RFC 7301 section 3.1), as NSD 4.6 and Unbound 1.17, and is asked all the same.
    if (socket.alpnProtocol !== false && socket.alpnProtocol !== alpn) {
      socket.destroy(new Error(`the server did not take ALPN "${alpn}"`));
      return;
    }
    wasOpen = true;
    watcher.opened({
      localAddress: socket.localAddress,
      protocol: socket.getProtocol() ?? 'unknown',
      isResumed: socket.isSessionReused(),
    });
    socket.emit('agreed');
  });
  socket.once('error', (fault) => {
    error = fault;
    end();
  });
  socket.once('end', () => {
    byServer = true;
    end();
  });
  socket.once('close', end);
}
