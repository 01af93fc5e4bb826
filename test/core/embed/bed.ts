/**
 * A program with danced inside, for tests: an authenticator with a scripted resolver and a clock that stands still until the test
 * moves it, behind it an http.Server that says hello; and clients for it.
 */
import http from 'node:http';
import { once } from 'node:events';
import tls from 'node:tls';
import type { Application } from '../../../core/embed/application.ts';
import { Authenticator, type Listener } from '../../../core/embed/authenticator.ts';
import type { AuthenticatorOptions, ListenOptions } from '../../../core/embed/options.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import type { LoadedIdentity } from '../../../core/tls/identity.ts';
import { accessTo } from '../../support/access.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { namedClientContext, type NamedClient } from '../../support/named-client.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';
import { asLoaded, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

export const clientName = '_sensor-1._device.example';

export class EmbedBed {
  readonly resolver = new ScriptedResolver();
  readonly log = memoryLog();
  readonly danced: Authenticator;
  /** Its name is in the access list, and its key is published. */
  readonly client: IssuedIdentity;
  nowMs = Date.UTC(2026, 10, 22);
  /** Says hello to who asks, by the name that is proved. */
  readonly api: http.Server = http.createServer((request, response) => {
    response.end(`hello ${this.danced.clientOf(request.socket)?.name.toString() ?? 'stranger'}`);
  });
  port = 0;
  readonly #sockets: tls.TLSSocket[] = [];

  private constructor(client: IssuedIdentity, own: LoadedIdentity, options: Partial<AuthenticatorOptions>) {
    this.client = client;
    this.resolver.publish(clientName, [tlsaOf(client)]);
    this.danced = new Authenticator({
      identity: own,
      access: accessTo(clientName),
      resolver: this.resolver,
      log: this.log,
      nowMs: () => this.nowMs,
      ...options,
    });
  }

  static async open(options: Partial<AuthenticatorOptions> = {}): Promise<EmbedBed> {
    const own = asLoaded(await issueTestIdentity('api.example'));
    return new EmbedBed(await issueTestIdentity(clientName), own, options);
  }

  async listen(options: Partial<ListenOptions> = {}, application: Application = this.api): Promise<Listener> {
    const listener = await this.danced.listen({ addresses: ['127.0.0.1:0'], ...options }, application);
    this.port = listener.addresses[0]?.port ?? 0;
    return listener;
  }

  /** Connects; resolves when the client's end of the handshake is over. */
  async connect(client: Partial<NamedClient> = {}, alpn: string[] = ['http/1.1']): Promise<tls.TLSSocket> {
    const secureContext = namedClientContext({ credentials: this.client, ...client });
    const options = { host: '127.0.0.1', port: this.port, rejectUnauthorized: false, ALPNProtocols: alpn };
    const socket = tls.connect({ ...options, secureContext });
    this.#sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.danced.close(0);
    this.api.close();
  }
}

/** What came of a connection: the error that ended it, or the text that it gave. */
export function outcomeOf(socket: tls.TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on('error', (error) => {
      resolve('code' in error ? String(error.code) : error.message);
    });
    socket.on('close', () => {
      resolve(text);
    });
  });
}

/** Asks on a connection of its own, which stays open; gives the body of the answer. */
export async function ask(socket: tls.TLSSocket, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ path, createConnection: () => socket, headers: { connection: 'keep-alive' } });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve(text);
      });
    });
  });
}

/** The line of the log, when it is there. */
export async function line(bed: EmbedBed, event: string): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const [found] = bed.log.of(event);
    if (found) return found.fields;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
