/** A validating resolver before the lab, both with a clock that stands still until the test moves it. */
import type { Endpoint } from '../../core/config/endpoint.ts';
import { Name } from '../../core/dns/name.ts';
import { parseAnchors, TrustAnchors } from '../../core/dnssec/anchors.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { defaultResolverLimits, type ResolverLimits } from '../../core/resolver/limits.ts';
import { ValidatingResolver, type ValidatingOptions } from '../../core/resolver/validating.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import type { DnsServer } from './dns-server.ts';
import { memoryLog } from './memory-log.ts';
import { startRelay, type Change } from './relay.ts';

export const owner = Name.parse('_xfr.ns2.example');
/** What the lab publishes there, with a TTL of 60 s. */
export const tlsa = Buffer.from('030101'.padEnd(70, 'ab'), 'hex');
export const second = 1000;

type BedOptions = Partial<Omit<ValidatingOptions, 'limits'>> & {
  /** What differs from the defaults. */
  readonly limits?: Partial<ResolverLimits>;
};

export class ValidatingBed {
  readonly log = memoryLog();
  readonly metrics = new Metrics();
  /** Signatures hold for an hour. */
  lab!: Lab;
  nowMs = Date.UTC(2026, 10, 22);
  readonly #open: { close(): unknown }[] = [];

  static async start(): Promise<ValidatingBed> {
    const bed = new ValidatingBed();
    bed.lab = await bed.newLab();
    return bed;
  }

  /** Another lab, with other keys. */
  async newLab(): Promise<Lab> {
    const transferZone = { name: 'example.com', records: 3 };
    const lab = await startLab({ transferZone, nowMs: () => this.nowMs, signaturesForSeconds: 3600 });
    lab.publishTlsa(owner, [tlsa], 60);
    return this.closeLater(lab);
  }

  /** A server that gives what the lab's resolver says, changed. */
  async relay(change?: Change, to: () => Endpoint = () => this.lab.resolver): Promise<DnsServer> {
    return this.closeLater(await startRelay(to, change));
  }

  /** A resolver that asks these servers; the lab's if none is given. */
  resolver(
    servers: ValidatingOptions['servers'] = [this.lab.resolver],
    { limits, ...options }: BedOptions = {},
  ): ValidatingResolver {
    const { log, metrics } = this;
    return this.closeLater(
      new ValidatingResolver({
        servers,
        anchors: new TrustAnchors(parseAnchors(this.lab.rootAnchor())),
        timeoutMs: 3000,
        limits: { ...defaultResolverLimits, 'retry-after': 200, ...limits },
        nowMs: () => this.nowMs,
        log,
        metrics,
        ...options,
      }),
    );
  }

  /** How many questions the lab's resolver got meanwhile. */
  async questions(during: () => Promise<unknown>): Promise<number> {
    const before = this.lab.resolver.queries.length;
    await during();
    return this.lab.resolver.queries.length - before;
  }

  closeLater<T extends { close(): unknown }>(part: T): T {
    this.#open.push(part);
    return part;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((part) => part.close()));
  }
}
