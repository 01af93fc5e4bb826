import { mock } from 'node:test';
import { duplexPair, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { FrameReader } from '../../../core/dns/framing.ts';
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
