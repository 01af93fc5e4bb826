/**
 * Resolvers that lose, delay, double, cut and forge answers, and go away and come back again and again, by UDP and TCP. They run
 * in a thread of their own, so that a test that keeps its own busy does not slow them down.
 */
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeResponse, parseMessage } from '../../core/dns/message.ts';
import { startServer, type Requester, type RunningServer } from '../../lab/servers.ts';
import { randomNumbers } from './mutation.ts';

/** The only right answer about a name: RDATA of its A record. */
export function addressOf(name: string): Buffer {
  return createHash('sha256').update(name.toLowerCase()).digest().subarray(0, 4);
}

class WildResolver {
  readonly #random: (below: number) => number;
  #server: RunningServer | undefined;
  #isOver = false;
  port = 0;
  restarts = 0;

  constructor(seed: number) {
    this.#random = randomNumbers(seed);
  }

  async start(): Promise<void> {
    this.#server = await startServer((message, requester) => this.#answer(message, requester), this.port);
    this.port = this.#server.port;
  }

  /** Is there for a while, and away for a while, until it is stopped. */
  async restart(): Promise<void> {
    for (;;) {
      await sleep(300 + this.#random(300));
      await this.#server?.close();
      if (this.#isOver) return;
      await sleep(10 + this.#random(30));
      await this.start();
      this.restarts += 1;
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  async #answer(octets: Buffer, { transport, send, hangUp }: Requester): Promise<void> {
    const asked = parseMessage(octets);
    const { name } = asked.questions[0]!;
    const fate = this.#random(100);
    const answer = { name, type: RrType.A, class: RrClass.IN, ttl: 300, rdata: addressOf(name.toString()) };
    const right = encodeMessage(makeResponse(asked, { ra: true, answers: [answer] }));
    if (fate < 8 && transport === 'udp') return;
    if (fate < 14 && transport === 'udp') {
      await send(encodeMessage(makeResponse(asked, { tc: true })));
      return;
    }
    // A connection takes all that is under way on it with it.
    if (transport === 'tcp' && this.#random(3_000) === 0) {
      hangUp();
      return;
    }
    if (fate === 14) {
      const forged = Buffer.from(right);
      forged.writeUInt16BE((asked.header.id + 1 + this.#random(60_000)) & 0xffff, 0);
      await send(forged);
    }
    if (fate < 60) await sleep(this.#random(40));
    await send(right);
    if (fate >= 60 && fate < 66) await send(right);
  }
}

/** Some of them, as a test holds them. */
export class WildResolvers {
  readonly ports: readonly number[];
  readonly #worker: Worker;

  private constructor(worker: Worker, ports: readonly number[]) {
    this.#worker = worker;
    this.ports = ports;
  }

  static async start(): Promise<WildResolvers> {
    const worker = new Worker(new URL(import.meta.url));
    const [ports] = (await once(worker, 'message')) as [readonly number[]];
    return new WildResolvers(worker, ports);
  }

  /** From now on they go away now and then. */
  restart(): void {
    this.#worker.postMessage('restart');
  }

  /** Ends them; gives how often each of them was started again. */
  async stop(): Promise<readonly number[]> {
    this.#worker.postMessage('stop');
    const [restarts] = (await once(this.#worker, 'message')) as [readonly number[]];
    await this.#worker.terminate();
    return restarts;
  }
}

async function runAll(port: NonNullable<typeof parentPort>): Promise<void> {
  // Many answers wait for one connection to take more.
  EventEmitter.defaultMaxListeners = 0;
  const resolvers = [1, 2, 3, 4].map((seed) => new WildResolver(seed));
  await Promise.all(resolvers.map((resolver) => resolver.start()));
  let running: readonly Promise<void>[] = [];
  port.on('message', (what: string) => {
    if (what === 'restart') {
      running = resolvers.map((resolver) => resolver.restart());
      return;
    }
    for (const resolver of resolvers) resolver.stop();
    void Promise.all(running).then(() => {
      port.postMessage(resolvers.map(({ restarts }) => restarts));
    });
  });
  port.postMessage(resolvers.map((resolver) => resolver.port));
}

if (!isMainThread && parentPort) await runAll(parentPort);
