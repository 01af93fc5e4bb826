/**
 * Two small TLS-terminating proxies, as haproxy or nginx would be one: they ask each client for a certificate, check nothing
 * of it but that the client has its key (TLS does that), and hand it on.
 *
 * What every proxy before such an application must do: remove what its own clients send under the names that it sends itself,
 * and hand on nothing of a session that was resumed, in which no key was used. These two resume none.
 */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls, { TLSSocket } from 'node:tls';

export interface ProxyOptions {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** Port of the application, on 127.0.0.1. */
  readonly to: number;
}

export interface RunningProxy {
  readonly port: number;
  close(): void;
}

/** Hands on the fields of RFC 9440. */
export function startFieldsProxy(options: ProxyOptions): Promise<RunningProxy> {
  const proxy = https.createServer(tlsOptions(options), (request, response) => {
    const { socket } = request;
    const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const onward = httpRequest({
      port: options.to,
      host: '127.0.0.1',
      method: request.method,
      path: request.url,
      headers: {
        ...withoutOurs(request.headers),
        ...(shown && { 'client-cert': `:${shown.raw.toString('base64')}:` }),
      },
    });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return listening(proxy);
}

/** The fields of a request but those that are for this proxy alone to say. */
function withoutOurs(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const ours = ['client-cert', 'client-cert-chain', 'client-dane-name'];
  return Object.fromEntries(Object.entries(headers).filter(([field]) => !ours.includes(field)));
}

/** Sends a PROXY header, and then the client's octets as they are. */
export function startHeaderProxy(options: ProxyOptions): Promise<RunningProxy> {
  const proxy = tls.createServer(tlsOptions(options), (client) => {
    const onward = net.connect(options.to, '127.0.0.1');
    onward.write(proxyHeader(client));
    client.pipe(onward).pipe(client);
    client.on('error', () => onward.destroy());
    onward.on('error', () => client.destroy());
    onward.on('close', () => client.end());
  });
  return listening(proxy);
}

function tlsOptions({ certificatePem, keyPem }: ProxyOptions): tls.TlsOptions {
  return {
    cert: certificatePem,
    key: keyPem,
    minVersion: 'TLSv1.3',
    requestCert: true,
    // Who the client is, the application finds out. haproxy: verify optional crt-ignore-err all ca-ignore-err all.
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** PROXY protocol, version 2, section 2.2: over TCP and IPv4, with the TLS vector and in it the client's certificate. */
function proxyHeader(client: TLSSocket): Buffer {
  const shown = client.getPeerX509Certificate();
  const addresses = Buffer.alloc(12);
  Buffer.from([127, 0, 0, 1, 127, 0, 0, 1]).copy(addresses);
  addresses.writeUInt16BE(client.remotePort ?? 0, 8);
  addresses.writeUInt16BE(client.localPort ?? 0, 10);
  // PP2_CLIENT_SSL and PP2_CLIENT_CERT_CONN; the four octets of `verify` say no more than what a CA thinks.
  const fields = Buffer.from([shown ? 0x03 : 0x01, 0, 0, 0, shown ? 0 : 1]);
  const body = Buffer.concat([
    addresses,
    vector(0x20, fields, shown ? vector(0x28, shown.raw) : Buffer.alloc(0)),
  ]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11', 'latin1'), length, body]);
}

function vector(type: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

async function listening(server: net.Server): Promise<RunningProxy> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
