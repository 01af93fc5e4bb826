/**
 * The client's end inside of another program: connections to a server that is proved, over which our certificate or raw
 * public key, and our name by the extension dane_clientid, go to it when it asks. Any protocol: what comes out is a TLSSocket.
 *
 * The server is judged inside of the handshake, before anything of ours has left but its own name (core/tls/dial.ts), and again
 * when the evidence has grown old; when it is not proved any more, the socket is destroyed.
 *
 * Limitations: addresses, not host names; needs the TLS addon.
 */
import type { TLSSocket } from 'node:tls';
import { keepServerProved } from '../client/keep-server-proved.ts';
import { clientLimits } from '../client/limits.ts';
import { openServer } from '../client/open-server.ts';
import { NoAnswerError } from '../client/reasons.ts';
import { checkPolicy, parsePin, type ServerPolicy } from '../client/server-policy.ts';
import { formatEndpoint, parseEndpoint } from '../config/endpoint.ts';
import { choice, domainName, textBlock, wholeNumber, z } from '../config/schema.ts';
import type { PeerCredentials } from '../dane/types.ts';
import { Metrics } from '../observe/metrics.ts';
import type { ClientCredentials } from '../tls/dial-context.ts';
import { checkOptions, commonKeys, OptionsError, type CommonOptions } from './options.ts';
import { TlsAddonMissing } from '../tls/context.ts';
import { nativeTls } from '../tls/native/native.ts';
import { checkExtensionType, openParts, type CommonParts } from './parts.ts';

export interface ConnectorOptions extends CommonOptions {
  /** Owner name of our TLSA record, said to a server that asks; without it none is told. */
  readonly name?: string;
  /**
   * What is shown to a server that asks. `either`: a certificate, or a raw public key to one that takes no certificate. The
   * default is `certificate`.
   */
  readonly shows?: ClientCredentials['shows'];
}

export interface ConnectOptions {
  /** IP address and port, as `192.0.2.1:8443`. */
  readonly to: string;
  /** Name of the server, by which it must be proved (RFC 8310 section 2); also said to it by SNI. */
  readonly server: string;
  /**
   * `required`: by TLSA records of `_PORT._tcp.SERVER`. See ServerPolicy for the others. The default is `required`, but `off`
   * where there are pins, which prove the server by themselves; with both said, both must hold (RFC 8310 section 6.4).
   */
  readonly dane?: ServerPolicy['dane'];
  /** SHA-256 of the server's SubjectPublicKeyInfo in base64 each; one of them must be the server's. */
  readonly pins?: readonly string[];
  /** Offered by ALPN; if there are any, the server must take one. */
  readonly alpn?: readonly string[];
  /** Milliseconds for TCP and TLS together. */
  readonly timeMs?: number;
  readonly signal?: AbortSignal;
}

const connectorSchema = z.strictObject({
  ...commonKeys,
  name: domainName('_sensor-1._device.example').optional(),
  shows: choice(['certificate', 'raw-public-key', 'either']).default('certificate'),
});

const connectSchema = z.strictObject({
  to: textBlock({ what: 'an address with its port', example: '192.0.2.1:8443' }, (text) => {
    const endpoint = parseEndpoint(text, -1);
    if (endpoint.port <= 0) throw new RangeError('has no port');
    return endpoint;
  }),
  server: domainName('api.example'),
  dane: choice(['required', 'if-published', 'off']).optional(),
  pins: z
    .array(textBlock({ what: 'a SHA-256 digest in base64', example: '…=' }, parsePin))
    .max(16)
    .default([]),
  alpn: z
    .array(textBlock({ what: 'the name of a protocol', example: 'http/1.1' }, (text) => text))
    .default([]),
  timeMs: wholeNumber({ ...clientLimits['connect-time'], example: 10_000 }).default(
    clientLimits['connect-time'].default,
  ),
  signal: z.instanceof(AbortSignal).optional(),
});

/** Opens the client's end. Rejects with OptionsError, ConfigError, IdentityError, or TlsAddonMissing without the TLS addon. */
export function openConnector(options: ConnectorOptions): Promise<Connector> {
  return Promise.resolve().then(() => new Connector(options));
}

export class Connector {
  readonly #parts: CommonParts;
  readonly #options: z.infer<typeof connectorSchema>;

  /** As openConnector, but throws. */
  constructor(options: ConnectorOptions) {
    this.#options = checkOptions(connectorSchema, options);
    if (options.name !== undefined && options.identity === undefined) {
      const right = 'give the directory of key.pem and certificate.pem, or leave the name out';
      throw new OptionsError([
        { path: ['identity'], wrong: 'missing, and a name is proved by a key', right },
      ]);
    }
    if (nativeTls === undefined) throw new TlsAddonMissing('dialling a server, which must be proved first,');
    checkExtensionType(options.extensionType);
    this.#parts = openParts(options, new Metrics());
  }

  /**
   * Connects to a server and proves it. Rejects with NoAnswerError, whose `reason` says why not, and with OptionsError.
   *
   * A server of TLS 1.3 that refuses us says so when our end of the handshake is over: by an error of the socket, of which
   * `alertOf` tells the alert.
   */
  async connect(options: ConnectOptions): Promise<TLSSocket> {
    const checked = checkOptions(connectSchema, options);
    const { to, server, pins, alpn, timeMs, signal } = checked;
    const dane = checked.dane ?? (pins.length > 0 ? 'off' : 'required');
    const { resolver, roots, nowMs, extensionType } = this.#parts;
    const policy: ServerPolicy = { name: server, dane, roots, pins };
    refuseEmptyPolicy(policy);
    const opened = await openServer(
      {
        endpoint: to,
        policy,
        tls: { dialect: 'draft-13', extensionType, recordPadding: 0 },
        credentials: this.#credentials(),
        alpnProtocols: alpn,
        needsAlpn: alpn.length > 0,
        nowMs,
      },
      resolver,
      timeMs,
      signal,
    );
    if (opened.socket === undefined) {
      throw new NoAnswerError(formatEndpoint(to), opened.reason, opened.detail);
    }
    const { socket, shown, verdict } = opened;
    this.#keep(socket, { policy, port: to.port, shown, endsMs: verdict.endsMs });
    return socket;
  }

  /** Reads our identity anew, for connections that are to come; a broken one stays as it was, and the log says so. */
  reload(): void {
    this.#parts.reloadIdentity();
  }

  /** Asks no resolver any more. Sockets are the program's to close, and no server is proved anew. */
  close(): void {
    this.#parts.close();
  }

  #credentials(): ClientCredentials | undefined {
    const identity = this.#parts.identity();
    if (identity === undefined) return undefined;
    const { name, shows } = this.#options;
    return { identity, shows, ...(name && { name }) };
  }

  #keep(socket: TLSSocket, server: Kept): void {
    const { resolver, nowMs, log } = this.#parts;
    const stop = keepServerProved({
      ...server,
      resolver,
      nowMs,
      limits: {
        'proof-min': clientLimits['proof-min'].default,
        'proof-max': clientLimits['proof-max'].default,
      },
      onLost: ({ reason, detail }) => {
        log.warn('server is not proved any more', { server: server.policy.name?.toString(), reason, detail });
        socket.destroy(new NoAnswerError(socket.remoteAddress ?? '', reason, detail));
      },
    });
    socket.once('close', stop);
  }
}

interface Kept {
  readonly policy: ServerPolicy;
  readonly port: number;
  readonly shown: PeerCredentials;
  readonly endsMs: number;
}

function refuseEmptyPolicy(policy: ServerPolicy): void {
  try {
    checkPolicy(policy);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const right = 'name a server whose TLSA record is published, or give roots or pins';
    throw new OptionsError([{ path: ['server'], wrong: error.message, right }]);
  }
}
