/** An authoritative server with both transports at loopback, and the opportunistic zones of an agent in front of it. */
import { parseMessage, type Message } from '../../../../../core/dns/message.ts';
import { Metrics } from '../../../../../core/observe/metrics.ts';
import {
  opportunisticLimits,
  type OpportunisticLimits,
} from '../../../../../plugins/recursive-auth/agent/opportunistic/limits.ts';
import { Opportunism } from '../../../../../plugins/recursive-auth/agent/opportunistic/opportunism.ts';
import type { ZoneWay } from '../../../../../plugins/recursive-auth/agent/zone-way.ts';
import { DnsServer, type HeardQuery } from '../../../../support/dns-server.ts';
import { DotServer, type DotQuery, type DotServerOptions } from '../../../../support/dot-server.ts';
import { answerTo, plainEdns, queryOf, reply } from '../../../../support/forward-bed.ts';
import { limitsOf } from '../../../../support/limits.ts';
import { memoryLog } from '../../../../support/memory-log.ts';

export const loopback = '127.0.0.1';

/** Answers as a server of TLS does. */
export function replyByTls({ message, reply: send }: DotQuery): void {
  send(answerTo(message));
}

export class Bed {
  readonly log = memoryLog();
  readonly metrics = new Metrics();
  nowMs = Date.UTC(2026, 10, 23);
  clear!: DnsServer;
  encrypted!: DotServer;
  opportunism!: Opportunism;
  way!: ZoneWay;
  readonly #open: { close(): unknown }[] = [];

  keep<T extends { close(): unknown }>(one: T): T {
    this.#open.push(one);
    return one;
  }

  async serveClear(answer: (query: HeardQuery) => void = reply): Promise<void> {
    this.clear = this.keep(await DnsServer.start(answer));
  }

  async serveTls(
    answer: (query: DotQuery) => void = replyByTls,
    options: DotServerOptions = {},
  ): Promise<void> {
    this.encrypted = this.keep(await DotServer.start(answer, options));
  }

  /** Both servers, and a zone that knows them. */
  async serve(answer?: (query: DotQuery) => void, options?: DotServerOptions): Promise<void> {
    await this.serveClear();
    await this.serveTls(answer, options);
    await this.begin();
  }

  /** The agent's part. */
  async begin({
    limits = {},
    file,
    ports = { clear: this.clear.port, encrypted: this.encrypted.port },
    find = () => Promise.resolve([loopback]),
  }: {
    limits?: Partial<OpportunisticLimits>;
    file?: string;
    ports?: { clear: number; encrypted: number };
    find?: () => Promise<readonly string[]>;
  } = {}): Promise<void> {
    const { log, metrics } = this;
    const all = limitsOf(opportunisticLimits, { 'server-retry': 3_000, ...limits });
    const nowMs = (): number => this.nowMs;
    this.opportunism = await Opportunism.open({ file, limits: all, log, metrics, nowMs, ports });
    this.keep(this.opportunism);
    this.way = this.opportunism.way({ find });
  }

  async ask(name: string, timeMs = 5_000): Promise<Message> {
    return parseMessage(await this.way.ask(queryOf(name, 4711, plainEdns), timeMs));
  }

  /** Asks in clear once, and waits until TLS is found to do. */
  async warm(): Promise<void> {
    await this.ask('1.example');
    await this.until(() => this.encrypted.heard.length > 0);
    // The answer by TLS comes after the query was heard.
    await this.ask('2.example');
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** The value of a series; 0 for one that is not there. */
  async counted(series: string): Promise<number> {
    const text = await this.metrics.text();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  }

  /** The last that was begun goes first. */
  async close(): Promise<void> {
    for (const each of this.#open.splice(0).reverse()) await each.close();
  }
}

/** The name of the first question. */
export function nameOf(message: Message): string {
  return message.questions[0]?.name.toString() ?? '';
}
