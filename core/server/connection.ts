/**
 * One connection's life: place → arrival (TLS, claims, proof: arrival.ts) → service, the proof kept up → log line.
 *
 * Until it has arrived a connection holds a handshake place, and as long as a lookup is under way for it.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { perMinute, type Budgets } from '../acl/budgets.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import { noIdentityReasons, type NoIdentityReason } from '../dane/types.ts';
import type { Teller } from '../observe/feed.ts';
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
import { blameless, isCharged, type Visitor } from './admission.ts';
import { keepProved } from './keep-proved.ts';
import type { ConnectionService, ServedConnection } from './service.ts';
import type { Withdrawals } from './withdrawal.ts';

/** What connections of one gate share. */
export interface ConnectionEnvironment extends Pick<ArrivalMeans, 'context' | 'tls' | 'limits' | 'proof'> {
  readonly service: ConnectionService;
  readonly withdrawals: Withdrawals;
  /** Of lines about refusals for which no address is charged, by reason. */
  readonly warnings: Budgets;
  readonly log: Log;
  /** Told of each connection that has arrived or was refused. */
  readonly feed?: Teller | undefined;
  /** Whether nothing is said of who a served client is. */
  readonly hidesClients: boolean;
}

const becomesAnonymous = 'client is anonymous';

/** Lines at level warn that one reason gets a minute, of those for which no address is charged; the rest is at debug. */
const warningsPerMinute = perMinute(60);

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
  readonly #visitor: Visitor;
  /** Changes of the access list up to when it began. */
  readonly #changesBefore: number;
  #served: ServedConnection | undefined;
  #closing = false;

  /** @param visitor decides for the client's address */
  constructor(id: number, raw: Socket, environment: ConnectionEnvironment, visitor: Visitor) {
    this.#id = id;
    this.#raw = raw;
    this.#environment = environment;
    this.#visitor = visitor;
    this.#changesBefore = environment.withdrawals.count;
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
        visitor: this.#visitor,
        alpnProtocols: this.#environment.service.alpnProtocols,
        isAlpnOptional: this.#environment.service.isAlpnOptional,
        takesAnonymous,
        isClosing: () => this.#closing,
        onDefect: (error) => {
          this.#logDefect(error);
        },
      });
      this.#tell(arrival);
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

  #tell(arrival: Arrival): void {
    const { feed } = this.#environment;
    if (feed?.isWatched !== true) return;
    const about = { event: 'connection', connection: this.#id, remote: this.#remote };
    if (arrival.outcome === 'identified') {
      if (this.#environment.hidesClients) {
        feed.say({
          event: 'connection',
          hidden: true,
          connection: this.#id,
          allowed: true,
          reason: 'identified',
        });
        return;
      }
      const { identity, source, peer } = arrival.identified;
      const who = { client: identity.name, claim: source, key: keyOf(peer), proof: identity.proof };
      feed.say({ ...about, ...who, allowed: true, reason: 'identified' });
      return;
    }
    const { reason, detail, claims, key } = arrival.whyNot;
    const why = { claims: orNothing(claims), key, reason, detail: orNothing(detail) };
    feed.say({ ...about, ...why, allowed: arrival.outcome === 'anonymous' });
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
    await this.#end(served, () => ({ anonymous: reason }), isCharged(reason, true) ? 'info' : 'debug');
    return { ...octetsOf(served), isAnonymous: true };
  }

  async #serveIdentified(
    socket: TLSSocket,
    { identity, source, peer }: Identified,
  ): Promise<ConnectionOutcome> {
    const { proof, limits, withdrawals, hidesClients } = this.#environment;
    let current = identity;
    const served = this.#begin(socket, () => current);
    const stopProving = keepProved({
      identity,
      peer,
      means: proof,
      longestProofMs: () => limits()['proof-time'],
      onRenewed: (renewed) => {
        current = renewed;
        this.#visitor.proved(renewed.name);
      },
      // Without an alert: replies may have been sent, and a secondary waits for its end, not for a word (ADR 4).
      onLost: (why) => {
        // After the word for it come words of the resolver, with the name that it was asked for.
        served.stop('proof-gone', hidesClients ? why.replace(/:.*/s, '') : why);
      },
      onDefect: (error) => {
        this.#logDefect(error);
      },
    });
    const letGo = withdrawals.hold(
      {
        name: identity.name,
        withdraw: () => {
          served.stop('not-admitted');
        },
      },
      this.#changesBefore,
    );
    try {
      await this.#end(served, () => ({
        client: current.name.toString(),
        claim: source,
        key: keyOf(peer),
        proof: current.proof,
      }));
    } finally {
      letGo();
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
      ...(this.#environment.hidesClients ? {} : { remote: this.#remote, ...who() }),
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
    this.#environment.log[this.#levelOf(reason, event === becomesAnonymous)](event, {
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

  #levelOf(reason: RefusalReason, isAnonymous: boolean): 'warn' | 'info' | 'debug' {
    if (isCharged(reason, isAnonymous) || reason === 'gate-closing' || reason === 'internal-error') {
      return 'info';
    }
    // An outage of the resolver, or of the access list, refuses everybody: that is ours to mend.
    const isOutage = blameless.has(reason) && this.#environment.warnings.take(reason, warningsPerMinute);
    return isOutage ? 'warn' : 'debug';
  }

  #logDefect(error: unknown, client?: string): void {
    const who = this.#environment.hidesClients ? {} : { remote: this.#remote, client };
    this.#environment.log.error('defect', { connection: this.#id, ...who, error });
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
