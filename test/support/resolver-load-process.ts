/**
 * Recursive resolvers, or strangers who play them, as a process of its own: TLS connections that stay, and queries over them at a
 * rate or as many as the other end takes. Told by messages, tells by messages (resolver-load.ts).
 *
 * Limitations: a query is known again by its ID alone, so one connection has at most 65536 under way.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { FrameReader } from '../../core/dns/framing.ts';
import { query } from '../core/answer/wire.ts';
import { randomNumbers } from './mutation.ts';
import type { LoadOrder, LoadReport, LoadShape } from './resolver-load.ts';

const digits = 8;
/** Length prefix and header. */
const nameAt = 14;
const handshakesAtOnce = 16;
const mostTries = 200;
const againMs = 50;
const million = 1_000_000;

/** What came of the queries since the last order. */
class Tally {
  asked = 0;
  answered = 0;
  refused = 0;
  other = 0;
  readonly times: number[] = [];

  report(closed: number, cpuMs: number): LoadReport {
    const sorted = this.times.sort((one, two) => one - two);
    const part = (of: number): number => sorted[Math.floor((sorted.length - 1) * of)] ?? 0;
    const { asked, answered, refused, other } = this;
    return {
      ...{ asked, answered, refused, other, closed, cpuMs },
      ...{ medianMs: part(0.5), p99Ms: part(0.99), mostMs: part(1) },
    };
  }
}

let tally = new Tally();
let nextName = 0;

class Member {
  readonly #socket: TLSSocket;
  readonly #reader = new FrameReader();
  /** When the query with this ID was sent; 0: none is under way. */
  readonly #sentMs = new Float64Array(65_536);
  readonly #template: Buffer;
  readonly #names: number;
  #id = 0;
  underWay = 0;

  private constructor(socket: TLSSocket, { zone, names }: LoadShape) {
    this.#socket = socket;
    const message = query(`${'0'.repeat(digits)}.${zone}`, { rd: false, options: [] });
    this.#template = Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
    this.#names = names;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#reader.each(chunk, this.#take);
    });
  }

  /** Comes again when it is turned away, as it may be while many come. */
  static async open(shape: LoadShape, index: number): Promise<Member> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await Member.#connect(shape, index);
      } catch (error) {
        if (tries === mostTries) throw error;
        await sleep(againMs);
      }
    }
  }

  static async #connect(shape: LoadShape, index: number): Promise<Member> {
    const { address, port, clients, localAddresses } = shape;
    const client = clients[index % clients.length];
    // It goes to net.connect, though the types do not say so.
    const from = { localAddress: localAddresses[index % localAddresses.length] ?? '127.0.0.1' };
    const socket = connect({
      ...from,
      ...{ host: address, port, ALPNProtocols: ['dot'], rejectUnauthorized: false },
      ...(client && { cert: client.certificatePem, key: client.privateKeyPem }),
    });
    const member = new Member(socket, shape);
    await once(socket, 'secureConnect');
    return member;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Asks so many in one write; `onTaken` is called when it has left. */
  ask(count: number, onTaken?: () => void): void {
    const { length } = this.#template;
    const octets = Buffer.allocUnsafe(count * length);
    const nowMs = performance.now();
    for (let at = 0; at < octets.length; at += length) {
      this.#template.copy(octets, at);
      this.#id = (this.#id + 1) & 0xffff;
      octets.writeUInt16BE(this.#id, at + 2);
      nextName = (nextName + 1) % this.#names;
      octets.write(nextName.toString(16).padStart(digits, '0'), at + nameAt + 1, 'latin1');
      if (this.#sentMs[this.#id] === 0) this.underWay += 1;
      this.#sentMs[this.#id] = nowMs;
    }
    tally.asked += count;
    this.#socket.write(octets, onTaken);
  }

  /** What is under way counts for nothing from now on. */
  forget(): void {
    this.#sentMs.fill(0);
    this.underWay = 0;
  }

  readonly #take = (octets: Buffer, start: number): void => {
    const id = octets.readUInt16BE(start);
    const sentMs = this.#sentMs[id] ?? 0;
    if (sentMs === 0) return;
    this.#sentMs[id] = 0;
    this.underWay -= 1;
    const rcode = octets.readUInt8(start + 3) & 15;
    if (rcode === 5) tally.refused += 1;
    else if (rcode !== 0 || octets.readUInt16BE(start + 6) === 0) tally.other += 1;
    else {
      tally.answered += 1;
      tally.times.push(performance.now() - sentMs);
    }
  };
}

const members: Member[] = [];

async function open(shape: LoadShape): Promise<void> {
  // So that two processes do not ask for the same.
  nextName = Math.floor(shape.firstName % shape.names);
  while (members.length < shape.connections) {
    const count = Math.min(handshakesAtOnce, shape.connections - members.length);
    const begun = Array.from({ length: count }, (_, index) => Member.open(shape, members.length + index));
    members.push(...(await Promise.all(begun)));
  }
}

async function run({ durationMs, perSecond, perWrite, waitMs }: LoadOrder): Promise<LoadReport> {
  tally = new Tally();
  for (const member of members) member.forget();
  const { user, system } = process.cpuUsage();
  const endMs = performance.now() + durationMs;
  if (perSecond > 0) await askAtRate(perSecond, perWrite, endMs);
  else await askAll(perWrite, endMs);
  const lastMs = performance.now() + waitMs;
  const isDone = (): boolean => members.every(({ underWay, isOpen }) => underWay === 0 || !isOpen);
  while (performance.now() < lastMs && !isDone()) await sleep(10);
  const used = process.cpuUsage();
  const closed = members.filter(({ isOpen }) => !isOpen).length;
  return tally.report(closed, (used.user + used.system - user - system) / 1000);
}

/** At random moments, which are the same each time. */
async function askAtRate(perSecond: number, perWrite: number, endMs: number): Promise<void> {
  const random = randomNumbers(1);
  let turn = 0;
  let dueMs = performance.now();
  while (dueMs < endMs) {
    const nowMs = performance.now();
    if (dueMs > nowMs) await sleep(dueMs - nowMs);
    while (dueMs <= performance.now()) {
      const member = members[turn % members.length];
      turn += 1;
      // What is asked on a connection that is closed has no answer.
      if (member?.isOpen === true) member.ask(perWrite);
      else tally.asked += perWrite;
      dueMs -= (Math.log((1 + random(million)) / million) * 1000 * perWrite) / perSecond;
    }
  }
}

/** As many as are taken. */
async function askAll(perWrite: number, endMs: number): Promise<void> {
  for (const member of members) {
    // Answers are read between.
    const again = (): void => {
      setImmediate(() => {
        if (performance.now() < endMs && member.isOpen) member.ask(perWrite, again);
      });
    };
    again();
  }
  await sleep(endMs - performance.now());
}

process.on('message', (order: LoadShape | LoadOrder) => {
  const done = 'durationMs' in order ? run(order) : open(order);
  done.then(
    (report) => process.send?.(report ?? {}),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => {
  process.exit(0);
});
