/**
 * One resolver: the ways to it, and how it has been doing.
 *
 * It is down after two failures in a row; a failure is a connection that could not be made or was lost without an answer, or a
 * probe (the name servers of the root) that was not answered in time. Silence alone is none: there are names that take their
 * time, or never get an answer, and whoever asks for them must not make a server look dead. Silence makes us probe.
 * While it is down a probe goes out now and then, after a time that doubles (RFC 9520 section 3.2); any answer to
 * anything brings it back.
 */
import { RrType } from '../dns/constants.ts';
import { encodeMessage, makeQuery } from '../dns/message.ts';
import { Name } from '../dns/name.ts';
import type { Log } from '../observe/log.ts';
import { dnsOverTls } from '../resolver/upstream/dot.ts';
import { ServerHealth } from '../resolver/upstream/health.ts';
import { dnsOverTcp, type StreamTransport } from '../resolver/upstream/stream.ts';
import { ClientPools } from './client-pools.ts';
import type { ForwardLimits } from './limits.ts';
import type { ForwardMeters, ServerMeters } from './meters.ts';
import { localHeader, proxyHeader } from './proxy-header.ts';
import { questionEnd } from './question.ts';
import { labelOf, type ForwardedClient, type ForwardServer } from './server.ts';
import { StreamPool } from './stream-pool.ts';
import { Trip, type Way } from './trip.ts';
import { UdpSockets } from './udp.ts';

export interface UpstreamOptions {
  readonly server: ForwardServer;
  readonly limits: ForwardLimits;
  readonly label: string;
  /** What errors call it; `resolver` if not said. */
  readonly noun?: string;
  readonly log: Log;
  readonly meters: ForwardMeters;
  readonly nowMs: () => number;
  readonly proxyProtocol: boolean;
  /** It went down, or came back. */
  readonly onHealth: () => void;
}

/**
 * A longer query goes by stream at once: a client's options can make it one that no datagram holds, and that the system does
 * not send must not look like a resolver that is gone. 1232 is not cut into fragments anywhere (dnsflagday.net/2020).
 */
const mostUdpOctets = 1232;
/** A probe is given so many times the wait before a retry. */
const probeWaits = 4;
const probeQuery = encodeMessage(makeQuery({ id: 0, name: Name.root, type: RrType.NS, rd: true }));
const probeQuestionEnd = questionEnd(probeQuery);

export class Upstream {
  /** As errors call it. */
  readonly who: string;
  readonly meters: ServerMeters;
  /** Answers to anything so far. */
  heard = 0;
  readonly #options: UpstreamOptions;
  readonly #address: string;
  readonly #health: ServerHealth;
  readonly #udp: UdpSockets;
  readonly #streams: StreamPool | ClientPools;
  readonly #headers = new WeakMap<ForwardedClient, Buffer>();
  #isTroubled = false;
  #probe: Trip | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Throws Error for CAs that cannot be read, RangeError for TLS without a name. */
  constructor(options: UpstreamOptions) {
    const { server, limits, meters } = options;
    this.#options = options;
    this.#address = labelOf(server);
    this.who = `${options.noun ?? 'resolver'} ${this.#address}`;
    this.meters = meters.server(this.#address, server.transport === 'tls' ? 'tls' : 'tcp');
    const { 'upstream-failure-min': least, 'upstream-failure-max': most } = limits;
    this.#health = new ServerHealth({ 'failure-min': least, 'failure-max': most });
    const onFailure = (why: string): void => {
      this.#noteFailure(why);
    };
    const onAnswer = (): void => {
      this.#noteAnswer();
    };
    const shared = { who: this.who, limits, onAnswer, onFailure };
    const transport = streamTransport(server);
    this.#streams = options.proxyProtocol
      ? new ClientPools({ ...shared, transport })
      : new StreamPool({ ...shared, transport, connections: limits['upstream-connections'] });
    this.#udp = new UdpSockets({
      ...{ ...shared, server },
      onGuesses: (trip) => {
        this.send(trip, 'stream');
      },
    });
  }

  get isDown(): boolean {
    return this.#health.isDown;
  }

  /** How it is asked in a round, counted from 0; undefined for not at all. RFC 9520 section 3.1 limits the tries. */
  wayIn(round: number): Way | undefined {
    if (this.#options.server.transport !== 'udp') return round < 2 ? 'stream' : undefined;
    const tries = this.#options.limits['upstream-tries'];
    if (round < tries) return 'udp';
    return round === tries ? 'stream' : undefined;
  }

  /** Sends it on its way, which is by stream in the end where UDP has no room. Nothing is called back at once. */
  send(trip: Trip, way: Way): void {
    trip.way = way;
    const fits = trip.query.length <= mostUdpOctets;
    if (way === 'udp' && fits && this.#udp.send(trip, this.#datagramHeader(trip.client))) return;
    trip.way = 'stream';
    this.#stream(trip.client).send(trip);
  }

  /** Whether nothing has come, since the trip began, over the connection that it is on; that one then takes no more. */
  isConnectionSilent(trip: Trip): boolean {
    const pool = this.#stream(trip.client);
    return pool instanceof StreamPool && pool.isSilent(trip);
  }

  /** It has not answered anything for a while. */
  noteSilence(): void {
    if (this.#timer === undefined && !this.isDown) this.#sendProbe();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#probe?.drop();
    this.#udp.close('forwarding was shut down');
    this.#streams.close('forwarding was shut down', 'other');
  }

  #stream(client: ForwardedClient | undefined): { send(trip: Trip): void } {
    if (this.#streams instanceof StreamPool) return this.#streams;
    return this.#streams.of(client) ?? this.#noRoom;
  }

  readonly #noRoom = {
    send: (trip: Trip): void => {
      const carrier = { drop: () => undefined };
      trip.carrier = carrier;
      setImmediate(() => {
        if (trip.carrier === carrier) trip.fail(`${this.who} has connections for too many clients`, 'other');
      });
    },
  };

  #datagramHeader(client: ForwardedClient | undefined): Buffer | undefined {
    if (!this.#options.proxyProtocol) return undefined;
    if (client === undefined) return localHeader;
    let header = this.#headers.get(client);
    if (header === undefined) this.#headers.set(client, (header = proxyHeader(client)));
    return header;
  }

  #noteAnswer(): void {
    this.heard += 1;
    if (!this.#isTroubled) return;
    this.#isTroubled = false;
    this.#stopProbe();
    if (!this.#health.noteAnswer()) return;
    const { label, log, onHealth } = this.#options;
    log.info('upstream up', { view: label, server: this.#address });
    this.meters.isUp(true);
    onHealth();
  }

  #noteFailure(why: string): void {
    const { label, log, nowMs, onHealth } = this.#options;
    // While it is down that is no news, and must not make the pause longer than the probes do.
    if (this.#isClosed || (this.#timer && this.isDown && nowMs() < this.#health.lastUntilMs)) return;
    this.#isTroubled = true;
    if (this.#health.noteFailure(nowMs())) {
      log.warn('upstream down', { view: label, server: this.#address, why });
      this.meters.isUp(false);
      onHealth();
    }
    this.#stopProbe();
    this.#timer = setTimeout(
      () => {
        this.#sendProbe();
      },
      Math.max(0, this.#health.lastUntilMs - nowMs()),
    ).unref();
  }

  #sendProbe(): void {
    clearTimeout(this.#timer);
    const probe = new Probe(() => {
      this.#stopProbe();
    });
    this.#probe = probe;
    // An answer ends the trouble, whatever it says.
    this.#isTroubled = true;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#noteFailure(`${this.who} did not answer in time`);
    }, probeWaits * this.#options.limits['upstream-retry']).unref();
    this.send(probe, this.wayIn(0) ?? 'stream');
  }

  #stopProbe(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const probe = this.#probe;
    this.#probe = undefined;
    probe?.drop();
  }
}

class Probe extends Trip {
  readonly #end: () => void;

  constructor(end: () => void) {
    super(probeQuery, probeQuestionEnd);
    this.#end = end;
  }

  /** The answer was noted by who carried it. */
  arrive(): void {
    this.#end();
  }

  fail(): void {
    // So was the failure, and the time of the probe goes on.
  }
}

function streamTransport(server: ForwardServer): StreamTransport {
  if (server.transport !== 'tls') return dnsOverTcp(server);
  if (server.tls === undefined) {
    throw new RangeError(
      `${labelOf(server)} has no name: without it nobody knows whether the right server answers`,
    );
  }
  return dnsOverTls(server, server.tls);
}
