import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { PlainWriter } from '../../../core/do53/writer.ts';

/** A socket whose other end takes a write when the test says so. */
class SlowSocket {
  writable = true;
  readonly writes: Buffer[] = [];
  #callback: ((error?: Error | null) => void) | undefined;

  write(octets: Buffer, callback: (error?: Error | null) => void): boolean {
    this.writes.push(octets);
    this.#callback = callback;
    return false;
  }

  take(error?: Error): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(error);
  }
}

describe('the writer of plain DNS by TCP', () => {
  let socket: SlowSocket;
  let writer: PlainWriter;
  let stalls: number;
  let writeTimeMs: number;
  const told: string[] = [];
  const tell =
    (what: string) =>
    (isWritten: boolean): void => {
      told.push(`${what} ${String(isWritten)}`);
    };

  beforeEach(() => {
    socket = new SlowSocket();
    stalls = 0;
    writeTimeMs = 100;
    told.length = 0;
    writer = new PlainWriter({
      socket: socket as unknown as ConstructorParameters<typeof PlainWriter>[0]['socket'],
      writeTimeMs: () => writeTimeMs,
      onStall: () => {
        stalls++;
      },
    });
  });

  it('writes one after the other, and says of each when it is written', () => {
    writer.write(Buffer.from('a'), tell('a'));
    writer.write(Buffer.from('b'), tell('b'));
    expect(socket.writes.map(String)).to.deep.equal(['a']);
    socket.take();
    expect(told).to.deep.equal(['a true']);
    expect(socket.writes.map(String)).to.deep.equal(['a', 'b']);
    socket.take();
    expect(told).to.deep.equal(['a true', 'b true']);
  });

  it('keeps the order when whoever is told writes at once', () => {
    writer.write(Buffer.from('a'), () => {
      writer.write(Buffer.from('c'), tell('c'));
    });
    writer.write(Buffer.from('b'), tell('b'));
    for (let times = 0; times < 3; times++) socket.take();
    expect(socket.writes.map(String)).to.deep.equal(['a', 'b', 'c']);
    expect(told).to.deep.equal(['b true', 'c true']);
  });

  it('cuts what is long, so that a slow client that goes on reading is not given up', async () => {
    // More time than a busy machine makes of one pause, and less than all of them take.
    writeTimeMs = 1_000;
    const octets = Buffer.alloc(500_000, 'x');
    writer.write(octets, tell('all'));
    for (let times = 0; told.length === 0; times++) {
      expect(times).to.be.below(20);
      await sleep(200);
      socket.take();
    }
    expect(stalls).to.equal(0);
    expect(socket.writes.length).to.be.above(5);
    expect(Buffer.concat(socket.writes).equals(octets)).to.equal(true);
  });

  it('says once that nothing is taken', async () => {
    writer.write(Buffer.from('a'), tell('a'));
    await sleep(250);
    expect(stalls).to.equal(1);
  });

  it('has no clock when there is nothing to write', async () => {
    writer.write(Buffer.from('a'), tell('a'));
    socket.take();
    await sleep(150);
    expect(stalls).to.equal(0);
  });

  it('tells everybody when the socket is closed, those after it too', () => {
    writer.write(Buffer.from('a'), tell('a'));
    writer.write(Buffer.from('b'), tell('b'));
    writer.close();
    writer.write(Buffer.from('c'), tell('c'));
    socket.take(new Error('closed'));
    expect(told).to.deep.equal(['a false', 'b false', 'c false']);
  });

  it('writes nothing to who has closed [RFC7766-6.2.4]', () => {
    socket.writable = false;
    writer.write(Buffer.from('a'), tell('a'));
    expect(told).to.deep.equal(['a false']);
    expect(socket.writes).to.deep.equal([]);
  });

  it('goes on after a write that failed', () => {
    writer.write(Buffer.from('a'), tell('a'));
    writer.write(Buffer.from('b'), tell('b'));
    socket.take(new Error('broken'));
    socket.take();
    expect(told).to.deep.equal(['a false', 'b true']);
  });
});
