import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { PlainBatch } from '../../../core/do53/handler.ts';
import { frameAll } from '../../support/frame-all.ts';
import { idOf, PlainBed, query, reply, until, type PlainBedOptions, type TcpClient } from './plain-bed.ts';

/** A stream of batches that the test looks into. */
class Stream {
  /** Batches that were asked for. */
  asked = 0;
  ended = 0;
  readonly #batches: Iterable<PlainBatch> | AsyncIterable<PlainBatch>;

  constructor(batches: Iterable<PlainBatch> | AsyncIterable<PlainBatch>) {
    this.#batches = batches;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PlainBatch> {
    try {
      this.asked++;
      for await (const batch of this.#batches) {
        yield batch;
        this.asked++;
      }
    } finally {
      this.ended++;
    }
  }
}

const longOctets = 60_000;
/** More than all buffers between two sockets hold. */
const manyLong = 600;

function* longMessages(id: number, count = manyLong): Generator<readonly Buffer[]> {
  for (let number = 0; number < count; number++) yield [reply(id, longOctets)];
}

describe('a stream of messages as a reply by plain TCP', () => {
  let bed: PlainBed;
  let client: TcpClient;

  async function open(options: PlainBedOptions = {}): Promise<void> {
    bed = await PlainBed.open(options);
    client = await bed.tcp();
  }

  async function answerWith(batches: ConstructorParameters<typeof Stream>[0], id = 1): Promise<Stream> {
    const before = bed.asked.length;
    client.send(query(id));
    const asked = (await bed.hears(before + 1))[before];
    const stream = new Stream(batches);
    asked?.reply(stream);
    return stream;
  }

  afterEach(async () => {
    await bed.close();
  });

  it('leaves in its order, framed here or by who makes it [RFC5936-2.2]', async () => {
    await open();
    const messages = Array.from({ length: 6 }, (_, number) => reply(1, 20 + number));
    const [a, b, c, d, e, f] = messages as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
    const stream = await answerWith([[a, b], frameAll([c, d]), [], [e], frameAll([f])]);
    expect(await client.hears(6)).to.deep.equal(messages);
    await until(() => stream.ended === 1);
    // The connection serves on.
    await answerWith([[reply(2)]], 2);
    expect((await client.hears(7)).map(idOf).at(-1)).to.equal(2);
    expect(await bed.metric('plain_lost_replies_total')).to.equal(0);
  });

  it('is asked for no more than the client takes, and goes on when it reads again', async () => {
    await open();
    client.socket.pause();
    const stream = await answerWith(longMessages(1));
    let before = -1;
    await until(async () => {
      const isStill = stream.asked === before && stream.asked > 0;
      before = stream.asked;
      await sleep(100);
      return isStill;
    });
    expect(stream.asked).to.be.below(manyLong / 2);
    client.socket.resume();
    await client.hears(manyLong);
    expect(client.heard.every((message) => message.length === longOctets)).to.equal(true);
  });

  it('may fill the same buffer again when it is asked for the next batch', async () => {
    await open();
    client.socket.pause();
    const room = frameAll([reply(1, longOctets), reply(1, longOctets)]);
    function* batches(): Generator<Buffer> {
      for (let number = 0; number < 100; number++) {
        room.writeUInt32BE(number, 14);
        room.writeUInt32BE(number, 2 + longOctets + 14);
        yield room;
      }
    }
    await answerWith(batches());
    await sleep(50);
    client.socket.resume();
    const numbers = (await client.hears(200)).map((message) => message.readUInt32BE(12));
    expect(numbers).to.deep.equal(Array.from({ length: 200 }, (_, index) => index >> 1));
  });

  it('lets other replies of the connection between its batches [RFC7766-7]', async () => {
    await open();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    async function* batches(): AsyncGenerator<readonly Buffer[]> {
      yield [reply(1)];
      await promise;
      yield [reply(1)];
    }
    await answerWith(batches());
    await client.hears(1);
    client.send(query(2));
    (await bed.hears(2))[1]?.reply(reply(2));
    await client.hears(2);
    resolve(undefined);
    expect((await client.hears(3)).map(idOf)).to.deep.equal([1, 2, 1]);
  });

  it('takes turns with other streams by whole messages [RFC7766-6.2.1.1]', async () => {
    await open();
    client.socket.pause();
    await answerWith(longMessages(1, 100), 1);
    await answerWith(longMessages(2, 100), 2);
    client.socket.resume();
    const ids = (await client.hears(200)).map(idOf);
    expect(ids.filter((id) => id === 1)).to.have.length(100);
    const changes = ids.filter((id, index) => id !== ids[index - 1]).length;
    expect(changes).to.be.above(20);
    expect(client.heard.every((message) => message.length === longOctets)).to.equal(true);
  });

  it('is ended when the client goes away, and told by the signal', async () => {
    await open();
    const stream = await answerWith(longMessages(1, 1_000_000));
    const signal = bed.asked[0]?.from.signal;
    await client.hears(3);
    expect(signal?.aborted).to.equal(false);
    client.close();
    await until(() => stream.ended === 1);
    expect(signal?.aborted).to.equal(true);
    expect(bed.asked[0]?.from.signal?.aborted).to.equal(true);
    await until(async () => (await bed.metric('plain_connections')) === 0);
    expect(await bed.metric('plain_lost_replies_total', 'transport="tcp"')).to.equal(1);
  });

  it('gives its place back only when it has ended, though the client is gone', async () => {
    await open();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    async function* batches(): AsyncGenerator<readonly Buffer[]> {
      yield [reply(1)];
      await promise;
      yield [reply(1)];
    }
    const stream = await answerWith(batches());
    await client.hears(1);
    client.close();
    await until(() => bed.asked[0]?.from.signal?.aborted === true);
    expect(await bed.metric('plain_connections')).to.equal(1);
    resolve(undefined);
    await until(() => stream.ended === 1);
    await until(async () => (await bed.metric('plain_connections')) === 0);
  });

  it('ends with the connection when the client takes nothing', async () => {
    await open({ limits: { 'plain-write-time': 200 } });
    client.socket.pause();
    const stream = await answerWith(longMessages(1));
    await until(() => stream.ended === 1);
    expect(await bed.metric('plain_refused_total', 'limit="plain-write-time"')).to.equal(1);
  });

  it('closes the connection when it throws, so that no part of it is taken for the whole', async () => {
    await open();
    function* batches(): Generator<readonly Buffer[]> {
      yield [reply(1)];
      throw new Error('a defect');
    }
    await answerWith(batches());
    await client.ends();
    expect(client.heard).to.have.length(1);
    expect(bed.log.of('defect')).to.have.length(1);
  });

  for (const octets of [11, 65_536]) {
    it(`closes the connection for a message of ${String(octets)} octets`, async () => {
      await open();
      const stream = await answerWith([[reply(1)], [Buffer.alloc(octets)]]);
      await client.ends();
      expect(client.heard).to.have.length(1);
      expect(stream.ended).to.equal(1);
      expect(bed.log.of('defect')).to.have.length(1);
    });
  }

  it('is silence when it throws or ends before its first batch, and the connection serves on', async () => {
    await open();
    function* throwing(): Generator<readonly Buffer[]> {
      throw new Error('a defect');
    }
    await answerWith([]);
    await answerWith(throwing());
    await answerWith([[reply(3)]], 3);
    expect((await client.hears(1)).map(idOf)).to.deep.equal([3]);
    expect(bed.log.of('defect')).to.have.length(1);
  });

  it('has to begin in the time of a request, and may go on for longer', async () => {
    await open({ limits: { 'plain-request-time': 100, 'plain-requests-at-once': 1 } });
    async function* batches(beforeMs: number, id: number): AsyncGenerator<readonly Buffer[]> {
      await sleep(beforeMs);
      yield [reply(id)];
      await sleep(300);
      yield [reply(id)];
    }
    const late = await answerWith(batches(400, 1), 1);
    const inTime = await answerWith(batches(0, 2), 2);
    expect(await bed.metric('plain_refused_total', 'limit="plain-request-time"')).to.equal(1);
    expect((await client.hears(2)).map(idOf)).to.deep.equal([2, 2]);
    await until(() => late.ended === 1 && inTime.ended === 1);
    expect(client.heard).to.have.length(2);
  });

  it('takes one of the places of a connection until its end', async () => {
    await open({ limits: { 'plain-requests-at-once': 1 } });
    const { promise, resolve } = Promise.withResolvers<undefined>();
    async function* batches(): AsyncGenerator<readonly Buffer[]> {
      yield [reply(1)];
      await promise;
    }
    await answerWith(batches());
    await client.hears(1);
    client.send(query(2));
    await sleep(30);
    expect(bed.asked).to.have.length(1);
    resolve(undefined);
    await bed.hears(2);
  });

  it('is waited for when the server closes', async () => {
    await open();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    async function* batches(): AsyncGenerator<readonly Buffer[]> {
      yield [reply(1)];
      await promise;
      yield [reply(1)];
    }
    await answerWith(batches());
    await client.hears(1);
    const closed = bed.server.close(10_000);
    resolve(undefined);
    await closed;
    expect(client.heard).to.have.length(2);
  });

  it('is cut when the time to close is over', async () => {
    await open();
    client.socket.pause();
    const stream = await answerWith(longMessages(1));
    await bed.server.close(20);
    await until(() => stream.ended === 1);
  });

  it('is begun and ended where another reply was first', async () => {
    await open();
    client.send(query(1));
    const [asked] = await bed.hears(1);
    const streams = [new Stream([[reply(1)]]), new Stream([[reply(1)]])] as const;
    asked?.reply(streams[0]);
    asked?.reply(streams[1]);
    asked?.reply(reply(1));
    await until(() => streams.every(({ ended }) => ended === 1));
    await sleep(20);
    expect(client.heard).to.have.length(1);
  });

  it('is never sent by UDP', async () => {
    await open();
    const udp = await bed.udp();
    await udp.send(query(1));
    const [asked] = await bed.hears(1);
    expect(asked?.from.signal).to.equal(undefined);
    const stream = new Stream([[reply(1)]]);
    asked?.reply(stream);
    await until(() => stream.ended === 1);
    await udp.send(query(2));
    (await bed.hears(2))[1]?.reply(reply(2));
    expect((await udp.hears(1)).map(idOf)).to.deep.equal([2]);
    expect(bed.log.of('defect')).to.have.length(1);
    expect(await bed.metric('plain_requests_waiting')).to.equal(0);
  });
});
