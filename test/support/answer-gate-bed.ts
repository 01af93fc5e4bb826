/**
 * A gate whose requests are answered by one message each, without TLS: its sessions are given requests by connections in memory, of clients who have proved
 * their names. Access list, limits, views, memory and decisions feed are real, files are in a temporary folder, and the clock
 * stands still until the test moves it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Budgets } from '../../core/acl/budgets.ts';
import { Grants } from '../../core/acl/grants.ts';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../core/dns/edns.ts';
import { parseMessage, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { parseTxt } from '../../core/dns/rdata.ts';
import { Feed } from '../../core/observe/feed.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import type {
  AnswerConnection,
  AnswerHandler,
  GateOptions,
  ListenerTls,
  Plugin,
  PluginInstance,
} from '../../core/plugin/contract.ts';
import { createHost } from '../../core/plugin/host.ts';
import { AdmissionBudgets } from '../../core/server/admission-budgets.ts';
import { AnswerLoop } from '../../core/server/answer-loop.ts';
import type { ConnectionLimits } from '../../core/server/limits.ts';
import { tlsFeatures } from '../../core/tls/native/native.ts';
import { accessFrom } from './access.ts';
import { until } from './gate.ts';
import { testLimits } from './limits.ts';
import { memoryLog } from './memory-log.ts';
import { provedClient } from './proved-client.ts';
import { ScriptedResolver } from './scripted-resolver.ts';
import { asLoaded, issueTestIdentity } from './test-identity.ts';
import { query, type QueryOptions } from '../core/answer/wire.ts';

export interface GateBedOptions {
  /** The configuration below `use`, as it is written; `listen` is there already. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The access list below `version: 1`. */
  readonly access: string;
  /** Files that the configuration names. */
  readonly files?: Readonly<Record<string, string>>;
}

const own = asLoaded(await issueTestIdentity('gate.example'));
const guard = 0xee;
const guardOctets = 8;

export class AnswerGateBed<C> {
  readonly log = memoryLog();
  readonly metrics = new Metrics();
  readonly feed: Feed;
  /** Milliseconds since the epoch. */
  nowMs = Date.UTC(2026, 10, 23);
  /** What the gate asked of the listener, the last of each. */
  listener: GateOptions | undefined;
  limits: ConnectionLimits | undefined;
  tls: ListenerTls | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), 'danced-gate-'));
  readonly #plugin: Plugin<C>;
  readonly #instance: PluginInstance<C>;
  readonly #budgets: AdmissionBudgets;
  readonly #rates: Budgets;
  #begin: ((connection: AnswerConnection) => AnswerHandler) | undefined;
  #connections = 0;

  constructor(plugin: Plugin<C>, { config, access, files = {} }: GateBedOptions) {
    this.#plugin = plugin;
    const nowMs = (): number => this.nowMs;
    this.feed = new Feed(nowMs);
    this.#rates = new Budgets({ kind: 'rates', nowMs });
    this.#budgets = new AdmissionBudgets({ nowMs });
    this.write(files);
    const host = createHost(plugin.name, {
      identity: () => own,
      ownName: Name.parse('gate.example'),
      folder: this.#folder,
      extensionType: 0xff00,
      features: tlsFeatures(),
      access: accessFrom(`version: 1\n${access}`, nowMs),
      grants: new Grants(this.#rates),
      rates: this.#rates,
      budgets: this.#budgets,
      resolver: new ScriptedResolver(),
      roots: [],
      log: this.log,
      metrics: this.metrics,
      feed: this.feed,
      nowMs,
    });
    const listening = { address: '192.0.2.1', port: 853 };
    this.#instance = plugin.setup(
      {
        ...host,
        answer: (options, begin) => {
          // The host hears of the listener, which is never opened.
          host.answer(options, begin);
          this.listener = options;
          this.#begin = begin;
          return {
            open: () => Promise.resolve([listening]),
            setLimits: (limits) => (this.limits = limits),
            setTls: (tls) => (this.tls = tls),
            close: () => Promise.resolve(),
          };
        },
      },
      this.#configOf(config),
    );
  }

  get instance(): PluginInstance<C> {
    return this.#instance;
  }

  /** A connection of a client with this name, or of an anonymous one. */
  connect(name?: string): Visitor {
    if (this.#begin === undefined) throw new Error('no listener');
    this.#connections += 1;
    return new Visitor(this.#connections, name, this.#begin);
  }

  /** Serves a stream as a connection of a client with this name, as the gate does behind TLS. */
  serve(socket: Duplex, name: string): AnswerLoop {
    if (this.#begin === undefined) throw new Error('no listener');
    this.#connections += 1;
    const identity = provedClient(name);
    const ends = { remote: { address: '192.0.2.9', port: 9 }, local: { address: '192.0.2.1', port: 853 } };
    return new AnswerLoop({
      id: this.#connections,
      remote: ends.remote.address,
      client: () => identity,
      ends: () => ends,
      socket,
      limits: () => testLimits({ 'requests-at-once': 256 }),
      begin: this.#begin,
      onDefect: (error) => {
        this.log.error('defect', { error });
      },
    });
  }

  reload(config: Readonly<Record<string, unknown>>): void {
    this.#instance.reload(this.#configOf(config));
  }

  /** Writes files into the folder of the configuration. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#folder, name), text);
  }

  /** The value of one series; 0 when it is not there. */
  async metric(series: string): Promise<number> {
    const lines = (await this.metrics.text()).split('\n');
    return Number(
      lines
        .find((line) => line.startsWith(`danced_${series} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  }

  async close(): Promise<void> {
    await this.#instance.stop(0);
    this.#rates.close();
    this.#budgets.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #configOf(written: Readonly<Record<string, unknown>>): C {
    return this.#plugin.schema.parse({ listen: ['127.0.0.1:8853'], ...written });
  }
}

/** A client's connection, with the client at its other end. */
export class Visitor implements AnswerConnection {
  readonly id: number;
  readonly remote: string;
  readonly idleTimeMs = 120_000;
  isOpen = true;
  room: Buffer = Buffer.alloc(0);
  /** Requests that were ended by silence. */
  silences = 0;
  isHeld = false;
  readonly client: AnswerConnection['client'];
  #identity: ReturnType<AnswerConnection['client']>;
  readonly #handler: AnswerHandler;
  readonly #rooms: { readonly room: Buffer; readonly octets: number }[] = [];
  readonly #replies: Buffer[] = [];
  #lastId = 0;

  constructor(id: number, name: string | undefined, begin: (connection: AnswerConnection) => AnswerHandler) {
    this.id = id;
    this.remote = `192.0.2.${String(100 + id)}`;
    this.become(name);
    this.client = () => this.#identity;
    this.#handler = begin(this);
  }

  /** The proof is gone, or there is one now. */
  become(name: string | undefined): void {
    this.#identity = name === undefined ? undefined : provedClient(name);
  }

  /** Replies in octets, in the order in which they came. */
  get replies(): readonly Buffer[] {
    this.#take();
    return this.#replies;
  }

  ends(): ReturnType<AnswerConnection['ends']> {
    return {
      remote: { address: this.remote, port: 4000 + this.id },
      local: { address: '192.0.2.1', port: 853 },
    };
  }

  reply(octets: number): number {
    this.#take();
    this.room = Buffer.alloc(octets + 2 * guardOctets, guard);
    this.#rooms.push({ room: this.room, octets });
    return guardOctets;
  }

  noReply(): void {
    this.silences += 1;
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
  }

  /** Sends octets, which are lent for the time of the call only; gives the replies so far after some turns. */
  async send(octets: Buffer): Promise<readonly Buffer[]> {
    const lent = Buffer.concat([Buffer.alloc(3), octets, Buffer.alloc(3)]);
    this.#handler.request(lent, 3, 3 + octets.length);
    lent.fill(0);
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    return this.replies;
  }

  /** Sends a question and waits for its answer. */
  async ask(name: string, options: QueryOptions = {}): Promise<Message> {
    this.#lastId += 1;
    const asked = query(name, { id: this.#lastId, options: [], ...options });
    await this.send(asked);
    await until(`an answer about ${name}`, () => this.#answerTo(asked) !== undefined, 20_000);
    return parseMessage(this.#answerTo(asked)!);
  }

  leave(): void {
    this.isOpen = false;
    this.#handler.end();
  }

  #answerTo(asked: Buffer): Buffer | undefined {
    return this.replies.find((reply) => reply.subarray(0, 2).equals(asked.subarray(0, 2)));
  }

  /** Takes what was written since; nothing may have been written around it. */
  #take(): void {
    for (const { room, octets } of this.#rooms.splice(0)) {
      const around = [...room.subarray(0, guardOctets), ...room.subarray(guardOctets + octets)];
      if (around.some((octet) => octet !== guard)) throw new Error('written outside of the reply');
      this.#replies.push(Buffer.from(room.subarray(guardOctets, guardOctets + octets)));
    }
  }
}

/** The response code, and the Extended DNS Error as its code, as in `5 18`. */
export function codesOf({ header, edns }: Message): string {
  const error = findOption(edns, 15);
  return [header.rcode, ...(error === undefined ? [] : [parseExtendedError(error).code])].join(' ');
}

/** The texts of TXT records in the answer: tests write the view's name there. */
export function textsOf({ answers }: Message): string[] {
  return answers.flatMap(({ type, class: rrClass, rdata }) =>
    type === RrType.TXT && rrClass === RrClass.IN ? parseTxt(rdata).map(String) : [],
  );
}
