/** Forwarders with servers that say what a test makes them say, and what came of questions, as promises. */
import { Forwarder, type ForwarderOptions } from '../../core/forward/forwarder.ts';
import { forwardLimits, type ForwardLimits } from '../../core/forward/limits.ts';
import type { ForwardedClient, ForwardFailure, ForwardServer } from '../../core/forward/server.ts';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import type { Edns } from '../../core/dns/edns.ts';
import { frame } from '../../core/dns/framing.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Message,
} from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { DnsServer, type HeardQuery } from './dns-server.ts';
import { limitsOf } from './limits.ts';
import { memoryLog } from './memory-log.ts';

export const plainEdns: Edns = {
  udpPayloadSize: 1232,
  version: 0,
  dnssecOk: false,
  extendedRcode: 0,
  options: [],
};

/** The octets of a query for an A record. */
export function queryOf(name: string, id = 4711, edns?: Edns): Buffer {
  const fields = { id, name: Name.parse(name), type: RrType.A, rd: true };
  return encodeMessage(makeQuery({ ...fields, ...(edns && { edns }) }));
}

export type Fields = Parameters<typeof makeResponse>[1];

/** Answers a query; the address ends in the number that the name begins with, so that no two names have the same answer. */
export function answerTo(message: Message, fields: Fields = {}): Message {
  const [question] = message.questions;
  const number = Number(/\d+/.exec(question!.name.toString())?.[0] ?? 0);
  const rdata = Buffer.of(10, number >> 16, (number >> 8) & 0xff, number & 0xff);
  const record = { name: question!.name, type: RrType.A, class: RrClass.IN, ttl: 60, rdata };
  return makeResponse(message, { ra: true, answers: [record], ...fields });
}

/** Answers as the transport wants it. */
export function reply({ message, over, send }: HeardQuery, fields: Fields = {}): void {
  const octets = encodeMessage(answerTo(message, fields));
  send(over === 'tcp' ? frame(octets) : octets);
}

/** The number that an answer has for its name; -1 for another outcome. */
export function numberIn(outcome: Message | ForwardFailure): number {
  if ('failure' in outcome) return -1;
  return outcome.answers[0]?.rdata.readUIntBE(1, 3) ?? -1;
}

export class ForwardBed {
  readonly log = memoryLog();
  readonly metrics = new Metrics();
  readonly #open: { close(): unknown }[] = [];

  async serve(answer: (query: HeardQuery) => void = reply): Promise<DnsServer> {
    return this.keep(await DnsServer.start(answer));
  }

  /** Closes it with the others. */
  keep<T extends { close(): unknown }>(one: T): T {
    this.#open.push(one);
    return one;
  }

  forwarder(
    servers: readonly ForwardServer[],
    limits: Partial<ForwardLimits> = {},
    options: Partial<ForwarderOptions> = {},
  ): Forwarder {
    const { log, metrics } = this;
    const fixed = { label: 'default', log, metrics, nowMs: Date.now, proxyProtocol: false };
    return this.keep(
      new Forwarder({
        ...fixed,
        servers,
        limits: limitsOf(forwardLimits, { 'upstream-retry': 3_000, ...limits }),
        ...options,
      }),
    );
  }

  /** The value of a series; 0 for one that is not there. */
  async counted(series: string): Promise<number> {
    const text = await this.metrics.text();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((each) => each.close()));
  }
}

/** Asks, and reads the answer. */
export function ask(
  forwarder: Forwarder,
  query: Buffer | string,
  client?: ForwardedClient,
): Promise<Message | ForwardFailure> {
  return new Promise((resolve, reject) => {
    let ends = 0;
    const octets = typeof query === 'string' ? queryOf(query) : query;
    forwarder.ask(
      octets,
      (outcome) => {
        ends += 1;
        if (ends > 1) reject(new Error('it ended twice'));
        else resolve(Buffer.isBuffer(outcome) ? parseMessage(outcome) : outcome);
      },
      client,
    );
    if (ends > 0) reject(new Error('it ended at once'));
  });
}

export function udp({ address, port }: { address: string; port: number }): ForwardServer {
  return { address, port, transport: 'udp' };
}

export function tcp({ address, port }: { address: string; port: number }): ForwardServer {
  return { address, port, transport: 'tcp' };
}
