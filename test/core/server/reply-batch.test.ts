import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { FrameReader } from '../../../core/dns/framing.ts';
import { ReplyBatch } from '../../../core/server/reply-batch.ts';

/** A connection that takes a write when the test says so. */
class Taker extends Writable {
  readonly writes: Buffer[] = [];
  #taken: ((error?: Error) => void)[] = [];
  isSlow = false;

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.writes.push(chunk);
    if (this.isSlow) this.#taken.push(done);
    else done();
  }

  /** Takes what is offered. */
  take(error?: Error): void {
    for (const done of this.#taken.splice(0)) done(error);
  }
}

describe('ReplyBatch', () => {
  let socket: Taker;
  let batch: ReplyBatch;
  let allWritten: number;

  beforeEach(() => {
    socket = new Taker({ highWaterMark: 1 });
    socket.on('error', () => undefined);
    allWritten = 0;
    batch = new ReplyBatch(socket, () => (allWritten += 1));
  });

  function add(message: Buffer): void {
    const at = batch.add(message.length);
    message.copy(batch.room, at);
  }

  /** A message of so many octets that nothing else has. */
  const filled = (length: number, octet = length): Buffer => Buffer.alloc(length, octet & 0xff);

  it('writes what is said in one turn at once, each message with its length before it [RFC7766-8]', async () => {
    for (const length of [12, 300, 512, 1]) add(filled(length));
    expect(socket.writes).to.deep.equal([]);
    expect(batch.isIdle).to.equal(false);
    await nextTurn();
    expect(socket.writes).to.have.length(1);
    expect(socket.writes[0]).to.deep.equal(
      Buffer.concat(
        [12, 300, 512, 1].flatMap((length) => [Buffer.of(length >> 8, length & 255), filled(length)]),
      ),
    );
    expect(batch).to.include({ isIdle: true, octets: 833 });
    expect(allWritten).to.equal(1);
  });

  it('writes another time for another turn, into other memory', async () => {
    add(filled(12, 1));
    await nextTurn();
    add(filled(12, 2));
    await nextTurn();
    expect(socket.writes).to.have.length(2);
    expect(socket.writes.map((write) => write[2])).to.deep.equal([1, 2]);
  });

  it('does not write over what the connection has not taken yet', async () => {
    socket.isSlow = true;
    for (let octet = 0; octet < 20; octet += 1) {
      add(filled(100, octet));
      await nextTurn();
    }
    // Each `take` lets the next of what waits go.
    for (let round = 0; round < 20; round += 1) {
      socket.take();
      await nextTurn();
    }
    const sent = Buffer.concat(socket.writes);
    const messages = new FrameReader(100).push(sent);
    expect(messages).to.deep.equal(Array.from({ length: 20 }, (_, octet) => filled(100, octet)));
  });

  it('is idle, and says so, only when the connection has taken everything', async () => {
    socket.isSlow = true;
    add(filled(12));
    await nextTurn();
    expect({ isIdle: batch.isIdle, allWritten }).to.deep.equal({ isIdle: false, allWritten: 0 });
    add(filled(12));
    socket.take();
    await nextTurn();
    expect({ isIdle: batch.isIdle, allWritten }).to.deep.equal({ isIdle: false, allWritten: 0 });
    socket.take();
    await nextTurn();
    expect({ isIdle: batch.isIdle, allWritten }).to.deep.equal({ isIdle: true, allWritten: 1 });
  });

  it('is idle again when the connection is lost with what was handed to it', async () => {
    socket.isSlow = true;
    add(filled(12));
    await nextTurn();
    socket.destroy();
    socket.take(new Error('lost'));
    await nextTurn();
    expect({ isIdle: batch.isIdle, allWritten }).to.deep.equal({ isIdle: true, allWritten: 1 });
  });

  it('forgets what is said to a connection that is gone', async () => {
    socket.destroy();
    add(filled(12));
    await nextTurn();
    expect({ isIdle: batch.isIdle, allWritten, octets: batch.octets }).to.deep.equal({
      isIdle: true,
      allWritten: 1,
      octets: 0,
    });
    expect(socket.writes).to.deep.equal([]);
  });

  it('serves many connections in one turn, each by one write of its own', async () => {
    const others = Array.from({ length: 50 }, () => new Taker());
    const batches = others.map((other) => new ReplyBatch(other, () => undefined));
    for (let round = 0; round < 3; round += 1)
      for (const [index, each] of batches.entries()) {
        const at = each.add(4);
        each.room.fill(index, at, at + 4);
      }
    await nextTurn();
    for (const [index, { writes }] of others.entries()) {
      expect(writes).to.have.length(1);
      expect(writes[0]).to.deep.equal(
        Buffer.concat(Array<Buffer>(3).fill(Buffer.of(0, 4, index, index, index, index))),
      );
    }
  });

  it('does not keep a large room for a connection whose replies are small', async () => {
    add(filled(60_000));
    await nextTurn();
    add(filled(12));
    await nextTurn();
    add(filled(12));
    expect(batch.room.length).to.be.below(2_000);
    await nextTurn();
  });

  it('sends every message whole and in order, whatever their sizes and turns', async () => {
    const sizes = fc.array(
      fc.array(fc.oneof(fc.integer({ min: 12, max: 600 }), fc.constantFrom(12, 65_535)), { maxLength: 8 }),
      {
        maxLength: 6,
      },
    );
    const check = fc.asyncProperty(sizes, fc.nat(200), async (turns, first) => {
      const taker = new Taker();
      const one = new ReplyBatch(taker, () => undefined);
      const sent: Buffer[] = [];
      for (const turn of turns) {
        for (const size of turn) {
          const message = filled(size, first + sent.length);
          sent.push(message);
          const at = one.add(size);
          message.copy(one.room, at);
        }
        await nextTurn();
      }
      expect(taker.writes).to.have.length(turns.filter((turn) => turn.length > 0).length);
      const heard = new FrameReader().push(Buffer.concat(taker.writes));
      expect(heard.length).to.equal(sent.length);
      for (const [index, message] of heard.entries()) expect(message.equals(sent[index]!)).to.equal(true);
    });
    await fc.assert(check, { numRuns: 100 });
  });
});
