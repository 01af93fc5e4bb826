/**
 * One connection's life: place → arrival (TLS, claims, proof: arrival.ts) → service, while the identity is kept up
 * (identity-keeper.ts) → log line.
 *
 * Until it has arrived a connection holds a handshake place, and as long as a lookup of its arrival is under way.
 */
import type { Socket } from 'node:net';
import type { Budgets } from '../acl/budgets.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import type { Teller } from '../observe/feed.ts';
import type { Log } from '../observe/log.ts';
import type { Visitor } from './admission.ts';
import {
  arrive,
  type Arrival,
  type ArrivalMeans,
  type Identified,
  type RefusalReason,
  type ServedArrival,
  type WhyNot,
} from './arrival.ts';
import { ConnectionLog } from './connection-log.ts';
import { IdentityKeeper, type Who } from './identity-keeper.ts';
import type { Places } from './places.ts';
import type { ConnectionEnd, ConnectionService, ServedConnection } from './service.ts';
import type { Withdrawals } from './withdrawal.ts';

/** What connections of one gate share. */
export interface ConnectionEnvironment extends Pick<ArrivalMeans, 'context' | 'tls' | 'limits' | 'proof'> {
  readonly service: ConnectionService;
  readonly withdrawals: Withdrawals;
  /** Of anonymous clients whose claim is tried again. */
  readonly tries: Places;
  /** Of lines about refusals for which no address is charged, by reason. */
  readonly warnings: Budgets;
  readonly log: Log;
  /** Told of each connection that has arrived or was refused, and when its client becomes another. */
  readonly feed?: Teller | undefined;
  /** Whether nothing is said of who a served client is. */
  readonly hidesClients: boolean;
}

/** What a connection tells and asks its gate on its way. */
export interface ConnectionEvents {
  /** It has arrived and nothing is looked up for it: the handshake place is given back. */
  readonly onArrived: () => void;
  /** The client is not identified. */
  readonly onNo: (reason: RefusalReason, isAnonymous: boolean) => void;
  /** Takes a place for an anonymous client, if one is free. */
  readonly takesAnonymous: () => boolean;
  /** A served client has become another than it was; one that is identified gives its place for anonymous clients back. */
  readonly onBecame: (what: Became) => void;
}
export type Became = 'identified' | 'anonymous';

/** What there is to say of a connection at its end. */
export interface ConnectionOutcome {
  /** Undefined for a connection that was served. */
  readonly refused?: RefusalReason;
  /** It was served without identity, in the end. */
  readonly isAnonymous?: boolean;
  readonly octetsIn: number;
  readonly octetsOut: number;
}

export class Connection {
  readonly #environment: ConnectionEnvironment;
  readonly #raw: Socket;
  readonly #id: number;
  readonly #remote: string;
  readonly #log: ConnectionLog;
  readonly #visitor: Visitor;
  /** Changes of the access list up to when it began. */
  readonly #changesBefore: number;
  #served: ServedConnection | undefined;
  #keeper: IdentityKeeper | undefined;
  #closing = false;

  /** @param visitor decides for the client's address */
  constructor(id: number, raw: Socket, environment: ConnectionEnvironment, visitor: Visitor) {
    const { withdrawals, proof } = environment;
    this.#id = id;
    this.#raw = raw;
    this.#environment = environment;
    this.#visitor = visitor;
    this.#changesBefore = withdrawals.count;
    this.#remote = describeRemote(raw);
    const startedMs = proof.nowMs();
    this.#log = new ConnectionLog(id, this.#remote, environment, () => proof.nowMs() - startedMs);
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

  /** The listener lets nobody in any more that is not identified. Ends the connection if its client is not; says whether it did. */
  endAnonymous(): boolean {
    return this.#keeper?.endAnonymous() === true;
  }

  /** Runs the steps to the end of the connection. Never rejects. */
  async run(events: ConnectionEvents): Promise<ConnectionOutcome> {
    const { onArrived, onNo, takesAnonymous } = events;
    try {
      const arrival = await arrive(this.#raw, {
        ...this.#environment,
        visitor: this.#visitor,
        alpnProtocols: this.#environment.service.alpnProtocols,
        isAlpnOptional: this.#environment.service.isAlpnOptional,
        takesAnonymous,
        isClosing: () => this.#closing,
        onDefect: (error) => {
          this.#log.defect(error);
        },
      });
      this.#log.tell(arrival);
      if (arrival.outcome !== 'identified') onNo(arrival.whyNot.reason, arrival.outcome === 'anonymous');
      if (arrival.outcome === 'refused') return await this.#refuse(arrival);
      // An anonymous client keeps the place as long as a lookup of the name that it claimed is under way.
      const settled = arrival.settled.then(onArrived);
      const outcome = await this.#serve(arrival, events);
      await settled;
      return outcome;
    } catch (error) {
      // A defect of ours must cost this connection, not the daemon.
      this.#log.defect(error);
      this.#log.refused({ reason: 'internal-error', detail: '' });
      return { refused: 'internal-error', octetsIn: 0, octetsOut: 0 };
    } finally {
      this.#raw.destroy();
    }
  }

  async #refuse({ whyNot, settled }: Arrival & { outcome: 'refused' }): Promise<ConnectionOutcome> {
    this.#log.refused(whyNot);
    await settled;
    return { refused: whyNot.reason, octetsIn: 0, octetsOut: 0 };
  }

  async #serve(arrival: ServedArrival, events: ConnectionEvents): Promise<ConnectionOutcome> {
    if (arrival.outcome === 'anonymous') this.#log.anonymous(arrival.whyNot);
    const keeper = this.#keeperOf(arrival, events);
    const served = this.#begin(arrival, keeper);
    keeper.begin(this.#changesBefore);
    this.#keeper = keeper;
    // Between its arrival and here.
    if (!this.#letsIn()) keeper.endAnonymous();
    try {
      const ended = await served.ended;
      keeper.stop();
      await served.quiet();
      this.#log.ended(served, ended, keeper.who);
    } finally {
      keeper.stop();
    }
    const { octetsIn, octetsOut } = served;
    return { octetsIn, octetsOut, isAnonymous: keeper.who.identified === undefined };
  }

  #keeperOf(arrival: ServedArrival, { onNo, takesAnonymous, onBecame }: ConnectionEvents): IdentityKeeper {
    const { proof, limits, withdrawals, tries } = this.#environment;
    const options = {
      id: this.#id,
      means: proof,
      limits,
      visitor: this.#visitor,
      withdrawals,
      tries,
      claimant: arrival.claimant,
      letsIn: () => this.#letsIn(),
      canGoOn: () => this.#served?.canGoOn?.() === true,
      takesAnonymous,
      onIdentified: (identified: Identified) => {
        this.#log.becameIdentified(identified);
        onBecame('identified');
      },
      onAnonymous: (whyNot: WhyNot, before: Identified) => {
        this.#log.becameAnonymous(whyNot, before);
        onBecame('anonymous');
      },
      onRefused: (whyNot: WhyNot) => {
        this.#log.anonymous(whyNot);
        onNo(whyNot.reason, true);
      },
      onEnd: (why: ConnectionEnd, detail?: string) => {
        this.#stop(why, detail);
      },
      onDefect: (error: unknown) => {
        this.#log.defect(error);
      },
    };
    return new IdentityKeeper(options, whoOf(arrival));
  }

  #begin({ socket }: ServedArrival, keeper: IdentityKeeper): ServedConnection {
    const { service, limits } = this.#environment;
    const served = service.serve({
      id: this.#id,
      remote: this.#remote,
      socket,
      client: () => keeper.identity,
      limits,
      onDefect: (error) => {
        this.#log.defect(error, keeper.who.identified?.identity.name.toString());
      },
    });
    this.#served = served;
    if (this.#closing) served.drain();
    return served;
  }

  #letsIn(): boolean {
    return this.#environment.tls().onFailure === 'anonymous';
  }

  #stop(why: ConnectionEnd, detail?: string): void {
    // After the word for it come words of the resolver, with the name that it was asked for.
    const shown = this.#environment.hidesClients ? detail?.replace(/:.*/s, '') : detail;
    this.#served?.stop(why, shown);
  }
}

function whoOf(arrival: ServedArrival): Who {
  if (arrival.outcome === 'identified') return { identified: arrival.identified };
  return { whyNot: arrival.whyNot };
}

function describeRemote(raw: Socket): string {
  return formatEndpoint({ address: raw.remoteAddress ?? 'unknown', port: raw.remotePort ?? 0 });
}
