/**
 * One connection's life, as a list of steps. Each has its bound, and each "no" its reason:
 *
 *     place → TLS handshake → snapshot → claims, admission, lookup, match (identify.ts) → requests → log line
 *
 * Until it is identified a connection holds a handshake place and is bounded by `handshake-time` as a whole, so a slow
 * authoritative server behind a client's name cannot keep it open (DANCE architecture, "Slowloris").
 *
 * Limitations: a client that is not identified is disconnected without a TLS alert; node:tls cannot send one.
 */
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { formatEndpoint } from '../config/endpoint.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import { noIdentityReasons, type NoIdentityReason, type PeerCredentials } from '../dane/types.ts';
import type { Log } from '../observe/log.ts';
import type { RequestHandler } from '../plugin/contract.ts';
import { handshake, type Handshake } from '../tls/handshake.ts';
import { snapshotPeer } from '../tls/peer-snapshot.ts';
import { identify, type ProofMeans } from './identify.ts';
import { keepProved } from './keep-proved.ts';
import type { ConnectionLimits } from './limits.ts';
import { RequestLoop, type ConnectionEnd } from './requests.ts';

/** What connections of one gate share. */
export interface ConnectionEnvironment {
  readonly context: () => SecureContext;
  readonly limits: () => ConnectionLimits;
  readonly proof: ProofMeans;
  readonly handler: RequestHandler;
  readonly log: Log;
}

/** Why a connection did not come as far as requests. */
export type RefusalReason =
  Exclude<Handshake, { socket: TLSSocket }>['reason'] | NoIdentityReason | 'gate-closing' | 'internal-error';

/** What there is to say of a connection at its end. */
export interface ConnectionOutcome {
  /** Undefined for a connection that was served. */
  readonly refused?: RefusalReason;
  readonly octetsIn: number;
  readonly octetsOut: number;
}

export class Connection {
  readonly #environment: ConnectionEnvironment;
  readonly #raw: Socket;
  readonly #id: number;
  readonly #remote: string;
  readonly #startedMs: number;
  #loop: RequestLoop | undefined;
  #closing = false;

  constructor(id: number, raw: Socket, environment: ConnectionEnvironment) {
    this.#id = id;
    this.#raw = raw;
    this.#environment = environment;
    this.#remote = describeRemote(raw);
    this.#startedMs = environment.proof.nowMs();
  }

  /** Lets replies under way finish; a connection that is not identified yet ends at once. */
  drain(): void {
    this.#closing = true;
    if (this.#loop) this.#loop.drain();
    else this.#raw.destroy();
  }

  /** Ends the connection now. */
  destroy(): void {
    this.#closing = true;
    this.#loop?.stop('gate-closing');
    this.#raw.destroy();
  }

  /** Runs the steps to the end of the connection. `onIdentified` gives the handshake place back. Never rejects. */
  async run(onIdentified: () => void): Promise<ConnectionOutcome> {
    try {
      const arrival = await this.#arrive();
      if ('refused' in arrival) return this.#refuse(arrival.refused, arrival.detail, arrival.claims);
      onIdentified();
      return await this.#serve(arrival);
    } catch (error) {
      // A defect of ours must cost this connection, not the daemon.
      this.#environment.log.error('defect', { connection: this.#id, remote: this.#remote, error });
      return this.#refuse('internal-error', '');
    } finally {
      this.#raw.destroy();
    }
  }

  /** Handshake and proof under one deadline. */
  async #arrive(): Promise<Arrived | Refused> {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort();
    }, this.#environment.limits()['handshake-time']);
    try {
      const shaken = await handshake(this.#raw, this.#environment.context(), abort.signal);
      if (!shaken.socket)
        return { refused: this.#closing ? 'gate-closing' : shaken.reason, detail: shaken.detail };
      const { socket } = shaken;
      const gone = connectionGone(socket, abort.signal);
      const peer = snapshotPeer(socket);
      if (!peer.credentials) return { refused: peer.reason, detail: peer.detail };
      const identifying = this.#identify(peer.credentials, gone.signal);
      const verdict = await Promise.race([identifying, gone.refused]);
      if ('refused' in verdict) {
        // Who leaves while the DNS is asked keeps the handshake place until it has answered: else strangers could have
        // any number of lookups under way.
        this.#raw.destroy();
        await identifying;
        return this.#closing ? { ...verdict, refused: 'gate-closing' } : verdict;
      }
      if (!verdict.identity)
        return { refused: verdict.reason, detail: verdict.detail, claims: verdict.claims };
      return { socket, peer: peer.credentials, identity: verdict.identity };
    } finally {
      clearTimeout(timer);
    }
  }

  #identify(peer: PeerCredentials, signal: AbortSignal): ReturnType<typeof identify> {
    const { proof, limits } = this.#environment;
    return identify(peer, proof, limits()['proof-time'], signal);
  }

  #refuse(refused: RefusalReason, detail: string, claims?: string): ConnectionOutcome {
    const why = refused in noIdentityReasons ? noIdentityReasons[refused as NoIdentityReason] : undefined;
    // An outage of the resolver refuses everybody: that is ours to mend.
    const level = refused === 'lookup-failed' ? 'warn' : 'info';
    this.#environment.log[level]('connection refused', {
      connection: this.#id,
      remote: this.#remote,
      reason: refused,
      why,
      claims: orNothing(claims),
      detail: orNothing(detail),
      durationMs: this.#durationMs(),
    });
    return { refused, octetsIn: 0, octetsOut: 0 };
  }

  async #serve({ socket, peer, identity }: Arrived): Promise<ConnectionOutcome> {
    const { limits, handler, log } = this.#environment;
    let current = identity;
    const loop = new RequestLoop({
      socket,
      limits,
      handle: (octets, signal) =>
        handler({
          octets,
          client: current,
          connection: { id: this.#id, remote: this.#remote },
          idleTimeMs: limits()['idle-time'],
          signal,
        }),
      onDefect: (error) => {
        log.error('defect', { connection: this.#id, client: current.name.toString(), error });
      },
    });
    this.#loop = loop;
    if (this.#closing) loop.drain();
    const stopProving = this.#keepProved(identity, peer, loop, (renewed) => {
      current = renewed;
    });
    const end: ConnectionEnd = await loop.ended;
    stopProving();
    await loop.quiet();
    log.info('connection', {
      connection: this.#id,
      remote: this.#remote,
      client: current.name.toString(),
      proof: current.proof,
      requests: loop.requests,
      octetsIn: loop.octetsIn,
      octetsOut: loop.octetsOut,
      durationMs: this.#durationMs(),
      ended: end,
      detail: orNothing(loop.detail),
    });
    return { octetsIn: loop.octetsIn, octetsOut: loop.octetsOut };
  }

  #keepProved(
    identity: ClientIdentity,
    peer: PeerCredentials,
    loop: RequestLoop,
    onRenewed: (identity: ClientIdentity) => void,
  ): () => void {
    return keepProved({
      identity,
      peer,
      means: this.#environment.proof,
      longestProofMs: () => this.#environment.limits()['proof-time'],
      onRenewed,
      onLost: (why) => {
        loop.detail = why;
        loop.stop('proof-gone');
      },
      onDefect: (error) => {
        this.#environment.log.error('defect', { connection: this.#id, error });
      },
    });
  }

  #durationMs(): number {
    return this.#environment.proof.nowMs() - this.#startedMs;
  }
}

interface Arrived {
  readonly socket: TLSSocket;
  readonly peer: PeerCredentials;
  readonly identity: ClientIdentity;
}

interface Refused {
  readonly refused: RefusalReason;
  readonly detail: string;
  readonly claims?: string;
}

/** Tells when the client leaves or the deadline passes while the proof is under way. */
function connectionGone(
  socket: TLSSocket,
  deadline: AbortSignal,
): { refused: Promise<Refused>; signal: AbortSignal } {
  const abort = new AbortController();
  const refused = new Promise<Refused>((resolve) => {
    const end = (why: Refused): void => {
      abort.abort();
      resolve(why);
    };
    // From here to the end of the connection somebody listens for errors; 'close' follows each.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      end({ refused: 'gone', detail: 'the client closed the connection before it was identified' });
    });
    deadline.addEventListener('abort', () => {
      end({ refused: 'timeout', detail: 'the proof was not finished in time' });
    });
  });
  return { refused, signal: abort.signal };
}

function describeRemote(raw: Socket): string {
  return formatEndpoint({ address: raw.remoteAddress ?? 'unknown', port: raw.remotePort ?? 0 });
}

/** A field that says nothing is left out of the log line. */
function orNothing(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
