/**
 * NOTIFY at an agent (RFC 1996): taken in clear from configured addresses and over TLS by identity, and sent to the name server
 * beside it when a zone has a new version.
 */
import {
  connectionLimits,
  DnsFormatError,
  listenerKeys,
  listenerTls,
  parseMessage,
  RrType,
  encodeMessage,
  makeQuery,
  schema,
  type Gate,
  type Name,
  type PlainSource,
  type PluginHost,
  type ResourceRecord,
  Sources,
} from '../../../core/index.ts';
import type { NotifyLimits } from '../notify/limits.ts';
import { NotifyReceiver } from '../notify/receiver.ts';
import { NotifySender } from '../notify/sender.ts';
import { PlainTarget, TlsTarget } from '../notify/targets.ts';
import { UpstreamError, type Upstream } from '../upstream/upstream.ts';
import type { NotifyConfig } from './config.ts';
import type { GateText } from './gate-text.ts';
import type { Zones } from './zones.ts';

export interface AgentNotifyOptions {
  readonly host: PluginHost;
  readonly config: NotifyConfig | undefined;
  readonly limits: NotifyLimits;
  readonly zones: () => Zones;
  /** The way to a server that is told over TLS. */
  readonly open: (server: GateText) => Upstream;
  /** Somebody says that a zone has a new version. */
  readonly onNotify: (zone: Name) => void;
}

/** Only whoever is allowed by name gets anything here, so nobody else may stay. */
const tls = listenerTls(schema.z.object(listenerKeys({ onFailure: 'alert' })).parse({}));
const tlsLimits = schema.fromLimits(connectionLimits).parse({});

export class AgentNotify {
  readonly #options: AgentNotifyOptions;
  readonly #receiver: NotifyReceiver;
  readonly #gate: Gate | undefined;
  readonly #ends = new AbortController();
  #sources: Sources;
  #sender: NotifySender;

  constructor(options: AgentNotifyOptions) {
    this.#options = options;
    const { host, config, zones, onNotify } = options;
    this.#receiver = new NotifyReceiver({
      isServed: (zone) => zones().has(zone),
      onNotify,
      ...{ log: host.log, metrics: host.metrics, nowMs: host.nowMs },
    });
    this.#sources = new Sources(config?.from ?? []);
    this.#sender = this.#senderFor(config, options.limits);
    const addresses = config?.listen ?? [];
    if (addresses.length === 0) return;
    this.#gate = host.listen({ addresses, limits: tlsLimits, tls }, (request) =>
      this.#receiver.takeProved(request, host.access),
    );
  }

  async open(): Promise<void> {
    await this.#gate?.open();
  }

  /** It listens where the old configuration does. */
  reload(config: NotifyConfig | undefined, limits: NotifyLimits): void {
    this.#sources = new Sources(config?.from ?? []);
    const before = this.#sender;
    this.#sender = this.#senderFor(config, limits);
    before.close();
  }

  /** One that came in clear; undefined: no answer. */
  takePlain(octets: Buffer, from: PlainSource): Promise<Buffer | undefined> {
    return this.#receiver.takePlain(octets, from, this.#sources);
  }

  announce(zone: Name, soa: ResourceRecord): void {
    this.#sender.announce(zone, soa);
  }

  /** Tells of the version that a gate has now. Never rejects. */
  async passOn(zone: Name, gates: Upstream): Promise<void> {
    const { log } = this.#options.host;
    try {
      const query = encodeMessage(makeQuery({ id: 0, name: zone, type: RrType.SOA }));
      const { answers } = parseMessage(await gates.ask(query, this.#ends.signal));
      const soa = answers.find(({ type, name }) => type === RrType.SOA && name.equals(zone));
      if (soa !== undefined) this.announce(zone, soa);
    } catch (error) {
      if (this.#ends.signal.aborted) return;
      const isTheirs = error instanceof UpstreamError || error instanceof DnsFormatError;
      if (isTheirs) log.warn('notify not passed on', { zone: zone.toString(), reason: error.message });
      else log.error('defect', { doing: 'notify', error });
    }
  }

  async close(deadlineMs: number): Promise<void> {
    this.#ends.abort();
    await this.#gate?.close(deadlineMs);
    this.#sender.close();
  }

  #senderFor(config: NotifyConfig | undefined, limits: NotifyLimits): NotifySender {
    const { host, open } = this.#options;
    const targets = (config?.to ?? []).map((to) =>
      to.name === undefined
        ? new PlainTarget(to.endpoint)
        : new TlsTarget(open({ text: to.text, at: to.endpoint, name: to.name })),
    );
    return new NotifySender({ targets, limits, log: host.log, metrics: host.metrics, nowMs: host.nowMs });
  }
}
