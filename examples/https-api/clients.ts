/** The clients: what each of them gets from the API, as a status with the text, or as the name of a TLS alert. */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { alertOf, openConnector, type ConnectorOptions } from '../../core/index.ts'; // installed: 'danced/core'

/** A device with danced: it proves the server by DANE, and says its name when the server asks for it. */
export async function askAsDevice(options: ConnectorOptions, port: number): Promise<string> {
  const connector = await openConnector(options);
  try {
    const to = `127.0.0.1:${String(port)}`;
    const socket = await connector.connect({ to, server: 'api.example', alpn: ['http/1.1'] });
    return await ask({ createConnection: () => socket, headers: { host: 'api.example' } });
  } finally {
    connector.close();
  }
}

export interface PlainClient {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** PEM of the server that it expects. */
  readonly ca: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A device that knows nothing of danced: node:https with a certificate; curl --cert would do. */
export function askPlainly(
  { certificatePem, keyPem, ca, headers }: PlainClient,
  port: number,
): Promise<string> {
  const tls = {
    cert: certificatePem,
    key: keyPem,
    ca,
    servername: 'api.example',
    ALPNProtocols: ['http/1.1'],
  };
  const options = {
    host: '127.0.0.1',
    port,
    agent: false,
    ...tls,
    headers: { ...headers, host: 'api.example' },
  };
  return outcomeOf(https.get(options));
}

/** Somebody who writes to an application past its proxy, from another address. */
export function askPastProxy(headers: Readonly<Record<string, string>>, port: number): Promise<string> {
  return ask({ host: '127.0.0.1', port, localAddress: '127.0.0.2', agent: false, headers });
}

function ask(options: http.RequestOptions & { createConnection?: () => Duplex }): Promise<string> {
  return outcomeOf(http.get(options));
}

function outcomeOf(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve) => {
    request.on('error', (error) => {
      const alert = alertOf(error);
      resolve(alert === undefined ? 'the connection is closed' : `alert ${alert}`);
    });
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve(`${String(response.statusCode)} ${text}`);
      });
    });
  });
}
