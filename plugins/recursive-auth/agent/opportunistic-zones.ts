/**
 * The opportunistic zones of an agent over its life: what is known of their servers is read from the state file before the first
 * question, and written when the agent stops, or has another file or other bounds.
 */
import { GatesError, type PluginHost } from '../../../core/index.ts';
import type { RecursiveAgentConfig } from './config.ts';
import type { NameServers } from './name-servers.ts';
import { opportunisticLimits } from './opportunistic/limits.ts';
import { Opportunism, type OpportunismOptions } from './opportunistic/opportunism.ts';
import type { ZoneWay } from './zone-way.ts';

type Host = Pick<PluginHost, 'log' | 'metrics' | 'nowMs' | 'absolutePath'>;
type Find = () => Promise<readonly string[]>;

export class OpportunisticZones {
  readonly #host: Host;
  readonly #ports: OpportunismOptions['ports'];
  /** What it was opened with. */
  #settings: string | undefined;
  #opened: Promise<Opportunism> | undefined;
  /** Of what was opened before, and is used no more. */
  #closed: Promise<void> | undefined;

  /** @param ports of servers; those of the standards if absent */
  constructor(host: Host, ports: OpportunismOptions['ports']) {
    this.#host = host;
    this.#ports = ports;
  }

  /** Resolves when questions can be asked. With another file, or other bounds, what is under way fails. Never rejects. */
  async use(config: RecursiveAgentConfig): Promise<void> {
    const isUsed = config.zones.some(({ mode }) => mode === 'opportunistic');
    const settings = isUsed ? settingsOf(config) : undefined;
    if (settings !== this.#settings) {
      const before = this.#opened;
      this.#settings = settings;
      this.#opened = isUsed ? this.#openAfter(before, config) : undefined;
      if (!isUsed) await (this.#closed = closeWhenOpen(before));
    }
    await this.#opened;
  }

  /** How the questions of a zone go. */
  way(find: Find, names: NameServers): ZoneWay {
    return new OpenedLater(() => this.#opened, find, names);
  }

  /** The network is another one: all servers, those of zones of before a reload too. Never rejects. */
  async reset(why: string): Promise<void> {
    (await this.#opened)?.reset(why);
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#settings = undefined;
    await Promise.all([closeWhenOpen(opened), this.#closed]);
  }

  /** The file is read when it has been written. */
  async #openAfter(
    before: Promise<Opportunism> | undefined,
    config: RecursiveAgentConfig,
  ): Promise<Opportunism> {
    await Promise.all([closeWhenOpen(before), this.#closed]);
    const { log, metrics, nowMs, absolutePath } = this.#host;
    const written = config['state-file'];
    const file = written === undefined ? undefined : absolutePath(written);
    const ports = this.#ports && { ports: this.#ports };
    return Opportunism.open({ file, limits: config.limits, log, metrics, nowMs, ...ports });
  }
}

/** Never rejects. */
async function closeWhenOpen(opened: Promise<Opportunism> | undefined): Promise<void> {
  await (await opened)?.close();
}

/** The way of one zone, made of what is open when it is asked. */
class OpenedLater implements ZoneWay {
  readonly #opened: () => Promise<Opportunism> | undefined;
  readonly #find: Find;
  readonly #names: NameServers;
  #made: { readonly of: Opportunism; readonly way: ZoneWay } | undefined;
  #isClosed = false;

  constructor(opened: () => Promise<Opportunism> | undefined, find: Find, names: NameServers) {
    this.#opened = opened;
    this.#find = find;
    this.#names = names;
  }

  async ask(query: Buffer, timeMs: number): Promise<Buffer> {
    const opened = await this.#opened();
    if (opened === undefined || this.#isClosed) throw new GatesError('shut down', false, 'other');
    if (this.#made?.of !== opened) this.#made = { of: opened, way: opened.way({ find: this.#find }) };
    return this.#made.way.ask(query, timeMs);
  }

  /** Its servers are reset with those of all zones. */
  reset(): void {
    this.#names.expire();
  }

  close(): void {
    this.#isClosed = true;
    this.#made?.way.close();
  }
}

function settingsOf(config: RecursiveAgentConfig): string {
  const limits = Object.keys(opportunisticLimits).map(
    (key) => config.limits[key as keyof typeof opportunisticLimits],
  );
  return JSON.stringify([config['state-file'], limits]);
}
