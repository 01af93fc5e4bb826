/** A plain DNS server on loopback whose requests the test answers, and clients for it. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint } from '../../../core/config/endpoint.ts';
import { frame, FrameReader } from '../../../core/dns/framing.ts';
import type { PlainHandler, PlainReply, PlainSource } from '../../../core/do53/handler.ts';
import type { InheritedSockets } from '../../../core/do53/inherited.ts';
import { do53Limits, type Do53Limits } from '../../../core/do53/limits.ts';
import { Do53Server } from '../../../core/do53/server.ts';
import { Metrics } from '../../../core/observe/metrics.ts';
import { limitsOf } from '../../support/limits.ts';
import { memoryLog, type MemoryLog } from '../../support/memory-log.ts';

/** A request that the server has given to the handler. */
export interface Asked {
  readonly octets: Buffer;
  readonly from: PlainSource;
  readonly reply: PlainReply;
}

export interface PlainBedOptions {
  readonly limits?: Partial<Do53Limits>;
  readonly addresses?: readonly Endpoint[];
  readonly inherited?: InheritedSockets;
  /** Otherwise requests wait in `asked`. */
  readonly handler?: PlainHandler;
}

export class PlainBed {
  readonly asked: Asked[] = [];
  readonly log: MemoryLog = memoryLog();
  readonly metrics = new Metrics();
  readonly server: Do53Server;
  readonly #clients: { close(): void }[] = [];
  #endpoints: readonly Endpoint[] = [];

  constructor({ limits, addresses, inherited, handler }: PlainBedOptions = {}) {
    this.server = new Do53Server({
      addresses: addresses ?? [{ address: '127.0.0.1', port: 0 }],
      inherited,
      limits: limitsOf(do53Limits, limits),
      log: this.log,
      metrics: this.metrics,
      label: 'test',
      handler: handler ?? ((octets, from, reply) => this.asked.push({ octets, from, reply })),
    });
  }

  static async open(options: PlainBedOptions = {}): Promise<PlainBed> {
    const bed = new PlainBed(options);
    bed.#endpoints = await bed.server.open();
    return bed;
  }

  /** The first address. */
  get at(): Endpoint {
    const [at] = this.#endpoints;
    if (at === undefined) throw new Error('the server is not open');
    return at;
  }

  async udp(): Promise<UdpClient> {
    const client = await UdpClient.open(this.at);
    this.#clients.push(client);
    return client;
  }

  async tcp(): Promise<TcpClient> {
    const client = await TcpClient.open(this.at);
    this.#clients.push(client);
    return client;
  }

  /** Waits until so many requests have been given to the handler. */
  async hears(count: number): Promise<readonly Asked[]> {
    await until(() => this.asked.length >= count);
    return this.asked;
  }

  /** The value of one series; 0 if it is not there. */
  async metric(name: string, labels = ''): Promise<number> {
    const line = (await this.metrics.text())
      .split('\n')
      .find((text) => text.startsWith(`danced_${name}{`) && text.includes(labels));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.close(0);
  }
}

/** A UDP client that keeps what it hears, and from where. */
export class UdpClient {
  readonly heard: Buffer[] = [];
  readonly from: string[] = [];
  readonly #socket: dgram.Socket;
  readonly #to: Endpoint;
  #isOpen = true;

  private constructor(socket: dgram.Socket, to: Endpoint) {
    this.#socket = socket;
    this.#to = to;
    socket.on('message', (octets, { address }) => {
      this.heard.push(octets);
      this.from.push(address);
    });
  }

  static async open(to: Endpoint): Promise<UdpClient> {
    const isVersion6 = to.address.includes(':');
    const socket = dgram.createSocket(isVersion6 ? 'udp6' : 'udp4');
    socket.bind(0, isVersion6 ? '::1' : '127.0.0.1');
    await once(socket, 'listening');
    return new UdpClient(socket, to);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async send(...messages: readonly Buffer[]): Promise<void> {
    for (const message of messages) {
      await new Promise<void>((resolve) => {
        this.#socket.send(message, this.#to.port, this.#to.address, () => {
          resolve();
        });
      });
    }
  }

  async hears(count: number): Promise<readonly Buffer[]> {
    await until(() => this.heard.length >= count);
    return this.heard;
  }

  close(): void {
    if (this.#isOpen) this.#socket.close();
    this.#isOpen = false;
  }
}

/** A TCP client that keeps what it hears. */
export class TcpClient {
  readonly heard: Buffer[] = [];
  readonly socket: net.Socket;
  isClosed = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      this.heard.push(...reader.push(chunk));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async open({ address, port }: Endpoint): Promise<TcpClient> {
    const socket = net.connect({ host: address, port });
    await once(socket, 'connect');
    return new TcpClient(socket);
  }

  send(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages.map(frame)));
  }

  async hears(count: number): Promise<readonly Buffer[]> {
    await until(() => this.heard.length >= count);
    return this.heard;
  }

  /** Waits for the connection to be closed by the server. */
  async ends(): Promise<void> {
    await until(() => this.isClosed);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A header and a tail: a query with this ID. */
export function query(id: number, tail = 'question'): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt8(0x01, 2);
  return Buffer.concat([header, Buffer.from(tail)]);
}

/** A reply to the query with this ID, so many octets long. */
export function reply(id: number, octets = 20): Buffer {
  const message = Buffer.alloc(octets, 'r');
  message.writeUInt16BE(id, 0);
  message.writeUInt8(0x81, 2);
  return message;
}

export function idOf(message: Buffer | undefined): number | undefined {
  return message?.readUInt16BE(0);
}

/** Waits for something to become true; the test's own time limit ends a wait for what does not. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}
