/**
 * What a TLS-terminating proxy hands on of its client: by HTTP fields (RFC 9440) with each request, or by a PROXY header
 * (version 2) at the start of each connection. Here is decided what of it counts; the parsers are in core/server.
 *
 *  - Only what comes from the address of a named proxy. The proxy must remove what its own clients send under these names.
 *  - The proxy must have completed the handshake with the client's CertificateVerify: what it shows must be of this very
 *    connection (`certOnConnection`), not of an earlier one that was resumed. The HTTP fields cannot say that: the proxy must not
 *    send them for a resumed session, or must not resume any.
 *  - What the proxy thinks of the certificate (`verify`, certification authorities) does not count. Who the client is, DANE says;
 *    a self-signed certificate is as good as any.
 */
import type { Socket } from 'node:net';
import {
  ClientCertHeaderError,
  readClientCert,
  readClientName,
  type HeaderFields,
} from '../server/client-cert-header.ts';
import {
  ProxyFormatError,
  readProxyHeader,
  type ProxyHeader,
  type ProxyHeaderOptions,
} from '../server/proxy-v2.ts';
import { notProved, type HandedOn, type NotProved } from './handed-on.ts';
import { trustedProxies, type TrustedProxies } from './proxies.ts';

/** Needed wherever something of a proxy is believed, so that nobody forgets it. */
export interface FromProxies {
  /** Addresses and blocks of your own proxies, as `127.0.0.1` and `192.0.2.0/28`. */
  readonly proxies: readonly string[] | TrustedProxies;
}

export interface FromProxyHeader extends FromProxies, ProxyHeaderOptions {}

/** The part of an http.IncomingMessage that is looked at. */
export interface HandedRequest {
  readonly headers: HeaderFields;
  /** Preferred: it shows what came twice. */
  readonly headersDistinct?: HeaderFields;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** What the fields of a request hand on, or why it is nothing. Throws OptionsError. */
export function handedByFields(request: HandedRequest, options: FromProxies): HandedOn | NotProved {
  const proxies = trustedProxies((options as FromProxies | undefined)?.proxies);
  const { remoteAddress } = request.socket;
  // RFC 9440 section 4: from anybody else the fields are a stranger's own words.
  if (!proxies.has(remoteAddress)) return notProved('not-from-proxy', remoteAddress);
  const fields = request.headersDistinct ?? request.headers;
  try {
    const shown = readClientCert(fields);
    const name = readClientName(fields);
    if (shown === undefined) return notProved('no-certificate', 'the request has no Client-Cert');
    return { ...shown, ...(name && { name }) };
  } catch (error) {
    if (error instanceof ClientCertHeaderError) return notProved('bad-header', error.message);
    throw error;
  }
}

/**
 * Reads the PROXY header that a connection begins with. What follows it stays in the socket. After a malformed header, or
 * none within the deadline, the socket is destroyed; after another "no" it is the caller's to close. Throws OptionsError.
 */
export async function handedByProxyHeader(
  socket: Socket,
  { proxies, ...options }: FromProxyHeader,
  signal: AbortSignal,
): Promise<HandedOn | NotProved> {
  if (!trustedProxies(proxies).has(socket.remoteAddress)) {
    return notProved('not-from-proxy', socket.remoteAddress);
  }
  try {
    return handedBy(await readProxyHeader(socket, { ...options, signal }));
  } catch (error) {
    if (!(error instanceof ProxyFormatError)) throw error;
    return notProved(error.reason === 'malformed' ? 'bad-header' : error.reason, error.message);
  }
}

function handedBy({ local, tls, clientName }: ProxyHeader): HandedOn | NotProved {
  // PROXYv2 section 2.2: LOCAL is a connection that the proxy made for itself.
  if (local) return notProved('proxy-itself');
  if (tls === undefined)
    return notProved('no-certificate', 'the client did not speak TLS, or the proxy does not tell');
  const { certificate, certOnConnection } = tls;
  // PROXYv2 section 2.2.6: a certificate of the session only is that of a resumed one, and its key was not used today.
  if (!certOnConnection) {
    return notProved(
      'no-certificate',
      'the proxy does not say that the client showed one on this connection',
    );
  }
  if (certificate === undefined) return notProved('no-certificate', 'the proxy does not hand it on');
  return { certificate, ...(clientName && { name: clientName }) };
}
