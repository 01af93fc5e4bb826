/**
 * The configured resolvers: who is asked first, who next, and who is down.
 *
 * They are asked in the order of the configuration, those that are down after the others. Equal questions under way
 * share one exchange (RFC 5452 section 5: many equal questions under way make a forged answer likelier to fit one).
 */
import type { Log } from '../../observe/log.ts';
import type { Message } from '../../dns/message.ts';
import type { ResolverLimits } from '../limits.ts';
import type { ResolverMeters } from '../meters.ts';
import { dnsOverTls } from './dot.ts';
import { ServerHealth } from './health.ts';
import type { Asked } from './query.ts';
import { race, type Attempt } from './race.ts';
import {
  describeServer,
  labelOf,
  type End,
  type ExchangeFailure,
  type GiveUp,
  type UpstreamServer,
} from './server.ts';
import { dnsOverTcp, StreamClient, type StreamTransport } from './stream.ts';
import { UdpClient } from './udp.ts';

export interface ServersOptions {
  readonly servers: readonly UpstreamServer[];
  readonly limits: ResolverLimits;
  /** Milliseconds that one question may take, all servers and tries together. */
  readonly timeMs: number;
  readonly nowMs: () => number;
  readonly log?: Log | undefined;
  readonly meters: ResolverMeters;
  /** Called when a server that was down answers. */
  readonly onReturn: () => void;
}

/** How one question is asked. */
export interface AskOptions {
  /** Servers that are not asked if there are others. */
  readonly avoid?: ReadonlySet<string>;
  /** Not over UDP, where a forger needs less luck. */
  readonly overStream?: boolean;
}

/** The answer, and the label of the server that gave it; or why there is none. */
export type ServersAnswer =
  { readonly message: Message; readonly server: string; readonly from: string } | ExchangeFailure;

type Transport = Attempt<unknown>['over'];

/** One server, with its connections. */
interface Upstream {
  readonly server: UpstreamServer;
  readonly label: string;
  readonly who: string;
  readonly health: ServerHealth;
  readonly udp: UdpClient;
  readonly stream: StreamClient;
  /** Until when TCP is tried before UDP, milliseconds since the epoch. */
  streamFirstUntilMs: number;
  /** When it last answered anything, by the clock of performance.now. */
  answeredAtMs: number;
}

const strippingAdvice =
  'it must pass DNSSEC records through: Unbound, BIND and Knot Resolver do; in dnsmasq set dnssec or proxy-dnssec, in a router or a cloud ask for a resolver that validates, or name another one';

export class Servers {
  readonly #options: ServersOptions;
  readonly #upstreams: readonly Upstream[];
  readonly #tries: Readonly<Record<'stream' | 'udpFirst' | 'streamFirst', readonly Transport[]>>;
  readonly #races = new Set<() => void>();
  #isClosed = false;
  readonly #underWay = new Map<string, Promise<ServersAnswer>>();

  /** Throws RangeError for no server, and for TLS beside cleartext; Error for CAs that cannot be read. */
  constructor(options: ServersOptions) {
    const { servers, limits } = options;
    if (servers.length === 0) throw new RangeError('no resolver to ask');
    // RFC 8310 section 5.1: a question that is to be encrypted must not leave in clear when encryption fails.
    if (new Set(servers.map(({ tls }) => tls === undefined)).size > 1) {
      throw new RangeError(
        'resolvers with TLS and without cannot be mixed: a failure of TLS would go unseen',
      );
    }
    this.#options = options;
    const udp = Array.from({ length: limits.tries }, (): Transport => 'udp');
    this.#tries = {
      stream: udp.map(() => 'stream'),
      udpFirst: [...udp, 'stream'],
      streamFirst: ['stream', ...udp],
    };
    this.#upstreams = servers.map((server) => ({
      server,
      label: labelOf(server),
      who: describeServer(server),
      health: new ServerHealth(limits),
      udp: new UdpClient(server, limits),
      stream: new StreamClient(server, streamTransport(server), limits),
      streamFirstUntilMs: 0,
      answeredAtMs: -Infinity,
    }));
    for (const { label } of this.#upstreams) options.meters.serverUp(label, true);
  }

  /** All of them, in words. */
  get names(): string {
    return this.#upstreams.map(({ who }) => who).join(' and ');
  }

  /** Asks the servers until one answers. Never rejects. */
  ask(asked: Asked, how: AskOptions = {}): Promise<ServersAnswer> {
    if (this.#isClosed) return Promise.resolve(shutDown);
    const isPlain = how.avoid === undefined && how.overStream !== true;
    if (!isPlain) return this.#race(asked, how);
    const key = `${String(asked.type)} ${asked.name.key}`;
    const running = this.#underWay.get(key);
    if (running) return running;
    const asking = this.#race(asked, how).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asking);
    return asking;
  }

  /** The server took the DNSSEC records out of what it was asked for; from now on others are asked first. */
  noteStripping(label: string): void {
    const { nowMs, log, meters } = this.#options;
    for (const { label: each, health } of this.#upstreams) {
      if (each !== label || !health.noteStripping(nowMs())) continue;
      log?.warn('resolver strips DNSSEC', { resolver: label, advice: strippingAdvice });
      meters.serverUp(label, false);
    }
  }

  /** Answers of these servers were found secure. */
  noteSecureAnswer(labels: Iterable<string>): void {
    for (const label of labels) {
      const upstream = this.#upstreams.find((each) => each.label === label);
      if (upstream?.health.noteSecureAnswer() === true) this.#sayUp(upstream);
    }
  }

  /** Closes the connections. Questions under way end without an answer. */
  close(): void {
    this.#isClosed = true;
    for (const stop of this.#races) stop();
    for (const { udp, stream } of this.#upstreams) {
      udp.close();
      stream.close();
    }
  }

  async #race(asked: Asked, { avoid, overStream = false }: AskOptions): Promise<ServersAnswer> {
    const { limits, timeMs } = this.#options;
    const others = this.#inOrder().filter(({ label }) => avoid?.has(label) !== true);
    const chosen = others.length > 0 ? others : this.#inOrder();
    const attempts = this.#attempts(asked, chosen, overStream);
    const { result, stop } = race(attempts, { retryAfterMs: limits['retry-after'], timeMs });
    this.#races.add(stop);
    const begunMs = performance.now();
    const { answer, faults, failures } = await result;
    this.#races.delete(stop);
    // `close` may have been called meanwhile.
    if (this.#isClosed) return shutDown;
    for (const [upstream, why] of faults) {
      // Who answered others meanwhile is not down: the silence is that of the servers of this name.
      if (upstream.answeredAtMs < begunMs) this.#noteFailure(upstream, why);
    }
    if (!answer) return { failure: failures.join('; ') || 'no resolver answered in time' };
    const { message, attempt } = answer;
    const { server, label, who } = attempt.server;
    // UDP was silent: it need not be waited for each time.
    if (attempt.over === 'stream' && !overStream && !server.tls) {
      attempt.server.streamFirstUntilMs = this.#options.nowMs() + limits['failure-max'];
    }
    this.#noteAnswer(attempt.server);
    return { message, server: label, from: who };
  }

  /** Those that are down come last, the one first whose time ends first. */
  #inOrder(): Upstream[] {
    const nowMs = this.#options.nowMs();
    const rank = ({ health }: Upstream): number => (health.lastUntilMs > nowMs ? health.lastUntilMs : 0);
    return this.#upstreams.toSorted((a, b) => rank(a) - rank(b));
  }

  /** Round by round, in each every server. */
  *#attempts(
    asked: Asked,
    chosen: readonly Upstream[],
    overStream: boolean,
  ): Generator<Attempt<Upstream>, undefined> {
    const plans = chosen.map((upstream) => ({ upstream, overs: this.#transports(upstream, overStream) }));
    const rounds = Math.max(...plans.map(({ overs }) => overs.length));
    for (let round = 0; round < rounds; round += 1) {
      for (const { upstream, overs } of plans) {
        const over = overs[round];
        if (over === undefined) continue;
        const isRetry = overs.indexOf(over) < round;
        const ask = (end: End): GiveUp => this.#ask(upstream, asked, { over, isRetry }, end);
        yield { server: upstream, who: upstream.who, round, over, ask };
      }
    }
  }

  /** What is tried with a server, in order: TCP once after UDP, for networks that let no DNS through by UDP. */
  #transports({ server, streamFirstUntilMs }: Upstream, overStream: boolean): readonly Transport[] {
    if (overStream || server.tls) return this.#tries.stream;
    const isStreamFirst = streamFirstUntilMs > 0 && this.#options.nowMs() < streamFirstUntilMs;
    return isStreamFirst ? this.#tries.streamFirst : this.#tries.udpFirst;
  }

  #ask(
    upstream: Upstream,
    asked: Asked,
    { over, isRetry }: { readonly over: Transport; readonly isRetry: boolean },
    end: End,
  ): GiveUp {
    const { meters } = this.#options;
    const { label, udp } = upstream;
    if (over === 'stream') return this.#askStream(upstream, asked, isRetry, end);
    let giveUpStream: GiveUp | undefined;
    const giveUpUdp = udp.ask(asked, (outcome) => {
      meters.question(label, 'udp', outcome, false);
      // RFC 7766 section 5: what is truncated is asked for again over TCP.
      if ('failure' in outcome || !outcome.header.tc) end(outcome);
      else giveUpStream = this.#askStream(upstream, asked, isRetry, end);
    });
    if (!giveUpUdp) return this.#askStream(upstream, asked, isRetry, end);
    return () => {
      if (giveUpStream) {
        giveUpStream();
      } else {
        giveUpUdp();
        meters.question(label, 'udp', givenUp, true);
      }
    };
  }

  #askStream({ server, label, who, stream }: Upstream, asked: Asked, isRetry: boolean, end: End): GiveUp {
    const stop = new AbortController();
    const take = (outcome: Message | ExchangeFailure): void => {
      const isGivenUp = stop.signal.aborted;
      this.#options.meters.question(label, server.tls ? 'tls' : 'tcp', outcome, isGivenUp);
      if (!isGivenUp) end(outcome);
    };
    // It rejects for what net and tls throw at once, as for a machine without sockets left.
    stream.ask(asked, stop.signal, isRetry).then(take, (error: unknown) => {
      take({
        failure: `${who} cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
      });
    });
    return () => {
      stop.abort();
    };
  }

  #noteAnswer(upstream: Upstream): void {
    upstream.answeredAtMs = performance.now();
    if (upstream.health.noteAnswer()) this.#sayUp(upstream);
  }

  #noteFailure({ health, label }: Upstream, why: string): void {
    const { nowMs, log, meters } = this.#options;
    if (!health.noteFailure(nowMs())) return;
    log?.warn('resolver down', { resolver: label, why });
    meters.serverUp(label, false);
  }

  #sayUp({ label }: Upstream): void {
    const { log, meters, onReturn } = this.#options;
    log?.info('resolver up', { resolver: label });
    meters.serverUp(label, true);
    onReturn();
  }
}

const shutDown: ExchangeFailure = { failure: 'the resolver is shut down' };
const givenUp: ExchangeFailure = { failure: 'given up' };

function streamTransport(server: UpstreamServer): StreamTransport {
  return server.tls ? dnsOverTls(server, server.tls) : dnsOverTcp(server);
}
