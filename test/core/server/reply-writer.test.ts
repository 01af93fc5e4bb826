import { mock } from 'node:test';
import { duplexPair, Writable, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { frame, FrameReader } from '../../../core/dns/framing.ts';
import { ConnectionGone, ReplyWriter } from '../../../core/server/reply-writer.ts';

const writeTimeMs = 1_000;
const message = Buffer.alloc(20, 1);
const large = Buffer.alloc(60_000, 2);

describe('ReplyWriter', () => {
  let ours: Duplex;
  let theirs: Duplex;
  let stalls: number;
  let writer: ReplyWriter;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    [ours, theirs] = duplexPair({ highWaterMark: 1024 });
    stalls = 0;
    writer = new ReplyWriter(
      ours,
      () => writeTimeMs,
      () => {
        stalls++;
        ours.destroy();
      },
    );
  });

  afterEach(() => {
    ours.destroy();
    theirs.destroy();
    mock.timers.reset();
  });

  /** How a write ends: 'written', the name of its error, or undefined as long as it waits. */
  function follow(write: Promise<void>): { outcome?: string } {
    const state: { outcome?: string } = {};
    write.then(
      () => (state.outcome = 'written'),
      (error: unknown) => (state.outcome = error instanceof Error ? error.name : 'nothing'),
    );
    return state;
  }

  it('writes each message with its length before it, and in a write of its own [RFC1035-4.2.2]', async () => {
    const chunks: Buffer[] = [];
    theirs.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Also those that queue up behind others.
    await Promise.all([writer.write([message, message.subarray(0, 12)]), writer.write([message])]);
    expect(chunks.map((chunk) => new FrameReader().push(chunk).map(({ length }) => length))).to.deep.equal([
      [20],
      [12],
      [20],
    ]);
    expect(writer.octets).to.equal(22 + 14 + 22);
  });

  it('lets the next messages wait until the client has taken these', async () => {
    const write = follow(writer.write([large]));
    await nextTurn();
    expect(write.outcome).to.equal(undefined);
    theirs.resume();
    await nextTurn();
    expect(write.outcome).to.equal('written');
  });

  it('lets all replies of the connection wait, and go on together', async () => {
    const writes = [large, message, message].map((octets) => follow(writer.write([octets])));
    await nextTurn();
    expect(writes.map(({ outcome }) => outcome)).to.deep.equal([undefined, undefined, undefined]);
    theirs.resume();
    await nextTurn();
    expect(writes.map(({ outcome }) => outcome)).to.deep.equal(['written', 'written', 'written']);
  });

  describe('on a connection that is slow', () => {
    let written: (() => void)[];
    let slow: Writable;

    beforeEach(() => {
      written = [];
      slow = new Writable({ write: (_chunk, _encoding, done) => void written.push(done) });
      writer = new ReplyWriter(
        slow,
        () => writeTimeMs,
        () => undefined,
      );
    });

    it('hands over no message before the one before it is written, so that TLS cannot join them', async () => {
      const writes = [writer.write([message, message]), writer.write([message]), writer.write([message])];
      for (let count = 1; count <= 4; count++) {
        await nextTurn();
        expect(written).to.have.length(count);
        expect(slow.writableLength).to.equal(message.length + 2);
        written.at(-1)?.();
      }
      await Promise.all(writes);
      await writer.flushed();
    });

    it('keeps a buffer of many messages until it is written, as one write, and adds no length', async () => {
      const write = follow(writer.write(Buffer.concat([frame(message), frame(message)])));
      await nextTurn();
      expect(write.outcome).to.equal(undefined);
      expect(slow.writableLength).to.equal(2 * (message.length + 2));
      written[0]?.();
      await nextTurn();
      expect(write.outcome).to.equal('written');
    });

    it('has room for the next reply while a little is on its way', async () => {
      const write = follow(writer.write([message]));
      const state = { isFlushed: false };
      const flushed = writer.flushed().then(() => (state.isFlushed = true));
      await nextTurn();
      expect({ ...write, ...state }).to.deep.equal({ outcome: 'written', isFlushed: false });
      written[0]?.();
      await flushed;
    });
  });

  it('says of what was given that it is written, whatever else is given meanwhile', async () => {
    const first = writer.write([large]);
    const state = { isFlushed: false };
    const flushed = writer.flushed().then(() => (state.isFlushed = true));
    const second = follow(writer.write([large]));
    await nextTurn();
    expect(state.isFlushed).to.equal(false);
    // All of the first, and what was sent ahead of the second.
    for (let read = 0; read < large.length + 2;)
      read += (theirs.read() as Buffer | null)?.length ?? (await nextTurn(0));
    await Promise.all([first, flushed]);
    expect(second.outcome).to.equal(undefined);
  });

  it('has nothing to wait for when a lost reply was the last', async () => {
    const write = follow(writer.write([large]));
    const flushed = writer.flushed();
    ours.destroy();
    await flushed;
    await writer.flushed();
    expect(write.outcome).to.equal('ConnectionGone');
  });

  it('leaves no listener behind, however often it waited', async () => {
    const before = [ours.listenerCount('drain'), ours.listenerCount('close')];
    theirs.resume();
    for (let turn = 0; turn < 20; turn++) await writer.write([large]);
    expect([ours.listenerCount('drain'), ours.listenerCount('close')]).to.deep.equal(before);
  });

  it('gives up a client that takes nothing for the write time', async () => {
    const write = follow(writer.write([large]));
    mock.timers.tick(writeTimeMs - 1);
    expect(stalls).to.equal(0);
    mock.timers.tick(1);
    await nextTurn();
    expect({ stalls, ...write }).to.deep.equal({ stalls: 1, outcome: 'ConnectionGone' });
  });

  it('counts the time anew for each wait', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const write = follow(writer.write([large]));
      mock.timers.tick(writeTimeMs - 1);
      theirs.read();
      theirs.read();
      await nextTurn();
      expect(write.outcome).to.equal('written');
    }
    expect(stalls).to.equal(0);
  });

  it('says so to every reply that waits when the client leaves', async () => {
    const writes = [large, message].map((octets) => follow(writer.write([octets])));
    ours.destroy();
    await nextTurn();
    expect(writes.map(({ outcome }) => outcome)).to.deep.equal(['ConnectionGone', 'ConnectionGone']);
    mock.timers.tick(writeTimeMs);
    expect(stalls).to.equal(0);
  });

  for (const [what, close] of [
    ['closed', () => ours.destroy()],
    ['half closed by us', () => ours.end()],
  ] as const) {
    it(`writes nothing to a connection that is ${what}`, async () => {
      close();
      const error: unknown = await writer.write([message]).catch((thrown: unknown) => thrown);
      expect(error)
        .to.be.instanceOf(ConnectionGone)
        .and.include({ code: 'SERVER_CONNECTION_GONE', blame: 'peer' });
      expect(writer.octets).to.equal(0);
    });
  }
});
