/**
 * What is said of one connection, to the log and to those who watch: that it was refused, who is anonymous and why, who is
 * known again, how it ended.
 *
 * Of a listener that hides its clients (`whoIsServed: hidden`) no line ties a name, an address or a key to a connection that
 * was served. Who is not identified is told in full: nobody of the community is among them, or somebody who needs help.
 */
import { perMinute, type Budgets } from '../acl/budgets.ts';
import { noIdentityReasons, type NoIdentityReason } from '../dane/types.ts';
import type { Teller } from '../observe/feed.ts';
import type { Log } from '../observe/log.ts';
import { blameless, isCharged } from './admission.ts';
import { keyOf, type Arrival, type Identified, type RefusalReason, type WhyNot } from './arrival.ts';
import type { Who } from './identity-keeper.ts';
import type { ConnectionEnd, ServedConnection } from './service.ts';

export interface ConnectionLogMeans {
  readonly log: Log;
  /** Told of each connection that has arrived or was refused, and when its client becomes another. */
  readonly feed?: Teller | undefined;
  /** Of lines about refusals for which no address is charged, by reason. */
  readonly warnings: Budgets;
  /** Whether nothing is said of who a served client is. */
  readonly hidesClients: boolean;
}

/** Lines at level warn that one reason gets a minute, of those for which no address is charged; the rest is at debug. */
const warningsPerMinute = perMinute(60);

export class ConnectionLog {
  readonly #id: number;
  readonly #remote: string;
  readonly #means: ConnectionLogMeans;
  readonly #sinceMs: () => number;
  /** How often the client became another, on this connection. */
  #losses = 0;
  #identifiedAfterMs: number | undefined;

  /** @param sinceMs milliseconds since the connection began */
  constructor(id: number, remote: string, means: ConnectionLogMeans, sinceMs: () => number) {
    this.#id = id;
    this.#remote = remote;
    this.#means = means;
    this.#sinceMs = sinceMs;
  }

  /** Tells those who watch how it arrived. */
  tell(arrival: Arrival): void {
    if (arrival.outcome === 'identified') this.#tellIdentified(arrival.identified);
    else this.#tellNot(arrival.whyNot, arrival.outcome === 'anonymous');
  }

  refused(whyNot: WhyNot): void {
    this.#no('connection refused', whyNot, false);
  }

  anonymous(whyNot: WhyNot): void {
    this.#no('client is anonymous', whyNot, true);
  }

  /** A client that was known is anonymous. */
  becameAnonymous({ reason, detail }: WhyNot, { identity }: Identified): void {
    this.#losses++;
    const { log, hidesClients, feed } = this.#means;
    const who = { connection: this.#id, remote: this.#remote, client: identity.name.toString() };
    const said = { reason, detail: hidesClients ? undefined : orNothing(detail) };
    log[this.#outageLevel(reason)]('client is anonymous', {
      ...(hidesClients ? {} : who),
      ...said,
      durationMs: this.#sinceMs(),
    });
    if (feed?.isWatched !== true) return;
    const about = hidesClients ? { hidden: true, connection: this.#id } : who;
    feed.say({ event: 'connection', ...about, allowed: true, ...said });
  }

  /** A client that was anonymous is known. */
  becameIdentified(identified: Identified): void {
    this.#identifiedAfterMs = this.#sinceMs();
    const { log, hidesClients } = this.#means;
    const about = { connection: this.#id, remote: this.#remote, ...describe({ identified }) };
    log.info('client identified', {
      ...(hidesClients ? {} : about),
      durationMs: this.#identifiedAfterMs,
    });
    this.#tellIdentified(identified);
  }

  ended(served: ServedConnection, ended: ConnectionEnd, who: Who): void {
    const { log, hidesClients } = this.#means;
    const { requests, octetsIn, octetsOut, detail } = served;
    const isChanged = this.#losses > 0 || this.#identifiedAfterMs !== undefined;
    const isWorthALine = who.identified !== undefined || isChanged || isCharged(who.whyNot.reason, true);
    const changes = {
      timesAnonymous: this.#losses === 0 ? undefined : this.#losses,
      identifiedAfterMs: this.#identifiedAfterMs,
    };
    log[isWorthALine ? 'info' : 'debug']('connection', {
      // By its number the line would be that of the client which was told as anonymous.
      connection: hidesClients && isChanged ? undefined : this.#id,
      ...(hidesClients ? {} : { remote: this.#remote, ...describe(who), ...changes }),
      requests,
      octetsIn,
      octetsOut,
      durationMs: this.#sinceMs(),
      ended,
      detail: orNothing(detail),
    });
  }

  defect(error: unknown, client?: string): void {
    const who = this.#means.hidesClients ? {} : { remote: this.#remote, client };
    this.#means.log.error('defect', { connection: this.#id, ...who, error });
  }

  #no(event: string, { reason, detail, claims, key }: WhyNot, isAnonymous: boolean): void {
    const why = reason in noIdentityReasons ? noIdentityReasons[reason as NoIdentityReason] : undefined;
    this.#means.log[this.#levelOf(reason, isAnonymous)](event, {
      connection: this.#id,
      remote: this.#remote,
      reason,
      why,
      claims: orNothing(claims),
      key,
      detail: orNothing(detail),
      durationMs: this.#sinceMs(),
    });
  }

  #levelOf(reason: RefusalReason, isAnonymous: boolean): 'warn' | 'info' | 'debug' {
    if (isCharged(reason, isAnonymous) || reason === 'gate-closing' || reason === 'internal-error') {
      return 'info';
    }
    return blameless.has(reason) ? this.#outageLevel(reason) : 'debug';
  }

  /** An outage of the resolver, or of the access list, refuses everybody: that is ours to mend. */
  #outageLevel(reason: RefusalReason): 'warn' | 'debug' {
    return this.#means.warnings.take(reason, warningsPerMinute) ? 'warn' : 'debug';
  }

  #tellIdentified(identified: Identified): void {
    const { feed, hidesClients } = this.#means;
    if (feed?.isWatched !== true) return;
    const about = { event: 'connection', connection: this.#id };
    const yes = { allowed: true, reason: 'identified' };
    if (hidesClients) feed.say({ ...about, hidden: true, ...yes });
    else feed.say({ ...about, remote: this.#remote, ...describe({ identified }), ...yes });
  }

  #tellNot({ reason, detail, claims, key }: WhyNot, allowed: boolean): void {
    const { feed } = this.#means;
    if (feed?.isWatched !== true) return;
    const about = { event: 'connection', connection: this.#id, remote: this.#remote };
    feed.say({ ...about, claims: orNothing(claims), key, reason, detail: orNothing(detail), allowed });
  }
}

function describe(who: Who): Readonly<Record<string, unknown>> {
  if (who.identified === undefined) return { anonymous: who.whyNot.reason };
  const { identity, source, peer } = who.identified;
  return { client: identity.name.toString(), claim: source, key: keyOf(peer), proof: identity.proof };
}

/** A field that says nothing is left out of the log line. */
function orNothing(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
