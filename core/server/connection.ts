/**
 * One connection's life: place → arrival (TLS, claims, proof: arrival.ts) → service, the proof kept up → log line.
 *
 * Until it has arrived a connection holds a handshake place, and as long as a lookup is under way for it.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { formatEndpoint } from '../config/endpoint.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import { noIdentityReasons, type NoIdentityReason } from '../dane/types.ts';
import type { Log } from '../observe/log.ts';
import {
  arrive,
  keyOf,
  type Arrival,
  type ArrivalMeans,
  type Identified,
  type RefusalReason,
  type WhyNot,
} from './arrival.ts';
import { keepProved } from './keep-proved.ts';
import type { ConnectionService, ServedConnection } from './service.ts';

/** What connections of one gate share. */
export interface ConnectionEnvironment extends Pick<ArrivalMeans, 'context' | 'tls' | 'limits' | 'proof'> {
  readonly service: ConnectionService;
  readonly log: Log;
}

const becomesAnonymous = 'client is anonymous';

/**
 * Why a client is anonymous that showed nothing which had to be looked up or judged. Nothing bounds how many come so, where
 * anonymous clients are let in: they are counted, at no charge to their address, and their lines are for debugging.
 */
export const showsNothing: ReadonlySet<RefusalReason> = new Set([
  'no-certificate',
  'no-claim',
  'not-admitted',
]);

/** What a connection tells and asks its gate on its way. */
export interface ConnectionEvents {
  /** It has arrived and nothing is looked up for it: the handshake place is given back. */
  readonly onArrived: () => void;
  /** The client is not identified. */
  readonly onNo: (reason: RefusalReason, isAnonymous: boolean) => void;
  /** Takes a place for an anonymous client, if one is free. */
  readonly takesAnonymous: () => boolean;
}

/** What there is to say of a connection at its end. */
export interface ConnectionOutcome {
  /** Undefined for a connection that was served. */
  readonly refused?: RefusalReason;
  /** It was served without identity. */
  readonly isAnonymous?: boolean;
  readonly octetsIn: number;
  readonly octetsOut: number;
}

export class Connection {
  readonly #environment: ConnectionEnvironment;
  readonly #raw: Socket;
  readonly #id: number;
  readonly #remote: string;
  readonly #startedMs: number;
  #served: ServedConnection | undefined;
  #closing = false;

  constructor(id: number, raw: Socket, environment: ConnectionEnvironment) {
    this.#id = id;
    this.#raw = raw;
    this.#environment = environment;
    this.#remote = describeRemote(raw);
    this.#startedMs = environment.proof.nowMs();
  }

  /** Lets what is under way finish; a connection that has not arrived yet ends at once. */
  drain(): void {
    this.#closing = true;
    if (this.#served) this.#served.drain();
    else this.#raw.destroy();
  }

  /** Ends the connection now. */
  destroy(): void {
    this.#closing = true;
    this.#served?.stop('gate-closing');
    this.#raw.destroy();
  }

  /** Runs the steps to the end of the connection. Never rejects. */
  async run({ onArrived, onNo, takesAnonymous }: ConnectionEvents): Promise<ConnectionOutcome> {
    try {
      const arrival = await arrive(this.#raw, {
        ...this.#environment,
        alpnProtocols: this.#environment.service.alpnProtocols,
        takesAnonymous,
        isClosing: () => this.#closing,
        onDefect: (error) => {
          this.#logDefect(error);
        },
      });
      if (arrival.outcome !== 'identified') onNo(arrival.whyNot.reason, arrival.outcome === 'anonymous');
      if (arrival.outcome === 'refused') return await this.#refuse(arrival);
      // An anonymous client keeps the place as long as a lookup of the name that it claimed is under way.
      const settled = arrival.settled.then(onArrived);
      const outcome = await this.#serve(arrival);
      await settled;
      return outcome;
    } catch (error) {
      // A defect of ours must cost this connection, not the daemon.
      this.#logDefect(error);
      this.#logNo('connection refused', { reason: 'internal-error', detail: '' });
      return { refused: 'internal-error', octetsIn: 0, octetsOut: 0 };
    } finally {
      this.#raw.destroy();
    }
  }

  async #refuse({ whyNot, settled }: Arrival & { outcome: 'refused' }): Promise<ConnectionOutcome> {
    this.#logNo('connection refused', whyNot);
    await settled;
    return { refused: whyNot.reason, octetsIn: 0, octetsOut: 0 };
  }

  async #serve(arrival: Exclude<Arrival, { outcome: 'refused' }>): Promise<ConnectionOutcome> {
    if (arrival.outcome === 'identified') return this.#serveIdentified(arrival.socket, arrival.identified);
    const { reason } = arrival.whyNot;
    this.#logNo(becomesAnonymous, arrival.whyNot);
    const served = this.#begin(arrival.socket, () => undefined);
    await this.#end(served, () => ({ anonymous: reason }), showsNothing.has(reason) ? 'debug' : 'info');
    return { ...octetsOf(served), isAnonymous: true };
  }

  async #serveIdentified(
    socket: TLSSocket,
    { identity, source, peer }: Identified,
  ): Promise<ConnectionOutcome> {
    const { proof, limits } = this.#environment;
    let current = identity;
    const served = this.#begin(socket, () => current);
    const stopProving = keepProved({
      identity,
      peer,
      means: proof,
      longestProofMs: () => limits()['proof-time'],
      onRenewed: (renewed) => {
        current = renewed;
      },
      // Without an alert: replies may have been sent, and a secondary waits for its end, not for a word (ADR 4).
      onLost: (why) => {
        served.stop('proof-gone', why);
      },
      onDefect: (error) => {
        this.#logDefect(error);
      },
    });
    try {
      await this.#end(served, () => ({
        client: current.name.toString(),
        claim: source,
        key: keyOf(peer),
        proof: current.proof,
      }));
    } finally {
      stopProving();
    }
    return octetsOf(served);
  }

  #begin(socket: TLSSocket, client: () => ClientIdentity | undefined): ServedConnection {
    const { service, limits } = this.#environment;
    const served = service.serve({
      id: this.#id,
      remote: this.#remote,
      socket,
      client,
      limits,
      onDefect: (error) => {
        this.#logDefect(error, client()?.name.toString());
      },
    });
    this.#served = served;
    if (this.#closing) served.drain();
    return served;
  }

  async #end(
    served: ServedConnection,
    who: () => Readonly<Record<string, unknown>>,
    level: 'info' | 'debug' = 'info',
  ): Promise<void> {
    const ended = await served.ended;
    await served.quiet();
    this.#environment.log[level]('connection', {
      connection: this.#id,
      remote: this.#remote,
      ...who(),
      requests: served.requests,
      octetsIn: served.octetsIn,
      octetsOut: served.octetsOut,
      durationMs: this.#durationMs(),
      ended,
      detail: orNothing(served.detail),
    });
  }

  #logNo(event: string, { reason, detail, claims, key }: WhyNot): void {
    const why = reason in noIdentityReasons ? noIdentityReasons[reason as NoIdentityReason] : undefined;
    // An outage of the resolver refuses everybody: that is ours to mend.
    const level = reason === 'lookup-failed' ? 'warn' : 'info';
    const isOfAnybody = event === becomesAnonymous && showsNothing.has(reason);
    this.#environment.log[isOfAnybody ? 'debug' : level](event, {
      connection: this.#id,
      remote: this.#remote,
      reason,
      why,
      claims: orNothing(claims),
      key,
      detail: orNothing(detail),
      durationMs: this.#durationMs(),
    });
  }

  #logDefect(error: unknown, client?: string): void {
    this.#environment.log.error('defect', { connection: this.#id, remote: this.#remote, client, error });
  }

  #durationMs(): number {
    return this.#environment.proof.nowMs() - this.#startedMs;
  }
}

function octetsOf({ octetsIn, octetsOut }: ServedConnection): Omit<ConnectionOutcome, 'refused'> {
  return { octetsIn, octetsOut };
}

function describeRemote(raw: Socket): string {
  return formatEndpoint({ address: raw.remoteAddress ?? 'unknown', port: raw.remotePort ?? 0 });
}

/** A field that says nothing is left out of the log line. */
function orNothing(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
