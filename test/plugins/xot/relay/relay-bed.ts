/** One relay between a primary that says what a test makes it say, and a client that takes everything. */
import { frameAll } from '../../../support/frame-all.ts';
import { RrType } from '../../../../core/dns/constants.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import { transferLimits, type TransferLimits } from '../../../../plugins/xot/limits.ts';
import { PlainUpstream } from '../../../../plugins/xot/upstream/plain-upstream.ts';
import type { Upstream } from '../../../../plugins/xot/upstream/upstream.ts';
import { answerQuery } from '../../../../plugins/xot/relay/query.ts';
import { relay, type RelayReport } from '../../../../plugins/xot/relay/relay.ts';
import { DnsServer, type HeardQuery } from '../../../support/dns-server.ts';
import { limitsOf } from '../../../support/limits.ts';
import { address, answer, collect, edns, soa, zoneRequest, type RequestFields } from '../messages.ts';

/** A zone of five records in three messages. */
export const wholeZone: readonly ((query: Message) => Buffer)[] = [
  (query) => answer(query, [soa(7), address('a')]),
  (query) => answer({ ...query, questions: [] }, [address('b'), address('c')]),
  (query) => answer({ ...query, questions: [] }, [soa(7)]),
];

export class RelayBed {
  readonly primary: DnsServer;
  upstream: Upstream;
  /** Read when something is asked. */
  readonly times = limitsOf(transferLimits, {});
  readonly reports: RelayReport[] = [];
  /** Aborted when the client is to be gone. */
  readonly abort = new AbortController();
  readonly #script: { act: (query: HeardQuery) => void };

  private constructor(primary: DnsServer, script: { act: (query: HeardQuery) => void }) {
    this.primary = primary;
    this.upstream = new PlainUpstream(primary, this.times);
    this.#script = script;
  }

  static async start(): Promise<RelayBed> {
    const script = { act: (_: HeardQuery): void => undefined };
    const primary = await DnsServer.start((query) => {
      script.act(query);
    });
    return new RelayBed(primary, script);
  }

  /** What the primary does with every query from now on. */
  onQuery(act: (query: HeardQuery) => void): void {
    this.#script.act = act;
  }

  /** The primary answers every query with these messages, each made for the query. */
  sends(...make: readonly ((query: Message) => Buffer)[]): void {
    this.onQuery(({ message, send }) => {
      send(frameAll(make.map((one) => one(message))));
    });
  }

  /** Begins a transfer. */
  begin(
    fields: RequestFields = { edns: edns() },
    limits: Partial<TransferLimits> = {},
  ): ReturnType<typeof relay> {
    return relay(this.#optionsOf(fields, limits));
  }

  /** Asks an SOA query; gives the answer of the client. */
  async ask(
    fields: RequestFields = { edns: edns() },
    limits: Partial<TransferLimits> = {},
    signal: AbortSignal = this.abort.signal,
  ): Promise<Message | undefined> {
    const options = this.#optionsOf({ type: RrType.SOA, ...fields }, limits);
    const octets = await answerQuery({ ...options, signal });
    return octets && parseMessage(octets);
  }

  /** The whole answer that the client gets. */
  relayed(fields?: RequestFields, limits?: Partial<TransferLimits>): Promise<Message[]> {
    return collect(this.begin(fields, limits));
  }

  #optionsOf(fields: RequestFields, limits: Partial<TransferLimits>) {
    const asked = zoneRequest({ id: 0x4242, ...fields });
    Object.assign(this.times, limitsOf(transferLimits, limits));
    return {
      request: asked,
      style: { request: asked.message, idleTimeMs: 30_000 },
      upstream: this.upstream,
      signal: this.abort.signal,
      onEnd: (report: RelayReport) => this.reports.push(report),
    };
  }

  async close(): Promise<void> {
    this.upstream.close();
    await this.primary.close();
  }
}
