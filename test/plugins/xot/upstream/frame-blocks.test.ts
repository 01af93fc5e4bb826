import { expect } from 'chai';
import { DnsFormatError } from '../../../../core/dns/errors.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { FrameBlocks } from '../../../../plugins/xot/upstream/frame-blocks.ts';

/** Messages of which each octet depends on its place. */
function message(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 7 + seed) & 255));
}

describe('FrameBlocks', () => {
  const messages = [12, 300, 65_535, 12, 16_000, 65_535, 40_000, 13].map(message);
  const stream = Buffer.concat(Array.from({ length: 6 }, () => messages.map(frame)).flat());

  /** Puts the octets in, so many at a time; checks what comes out with what goes on. */
  function taken(chunkOctets: number): Buffer[] {
    const blocks = new FrameBlocks();
    const all: Buffer[] = [];
    let framedOctets = 0;
    for (let at = 0; at < stream.length;) {
      const room = blocks.room();
      if (room.length === 0) throw new Error('there is no room');
      const count = Math.min(room.length, chunkOctets, stream.length - at);
      stream.copy(room, 0, at, at + count);
      at += count;
      const frames = blocks.filled(count);
      if (frames === undefined) continue;
      expect(frames.messages.length).to.be.greaterThan(0);
      expect(frames.framed.equals(Buffer.concat(frames.messages.map(frame)))).to.equal(true);
      expect(blocks.pendingOctets).to.equal(at - (framedOctets += frames.framed.length));
      all.push(...frames.messages);
    }
    expect(blocks.pendingOctets).to.equal(0);
    return all;
  }

  for (const octets of [1, 2, 3, 777, 65_536, 1 << 20]) {
    it(`cuts a stream that comes by ${octets} octets into its messages, and never writes to them again [RFC7766-8]`, () => {
      const all = taken(octets);
      expect(all).to.have.length(48);
      // Looked at when all have come.
      for (const [index, one] of all.entries()) expect(one.equals(messages[index % 8]!)).to.equal(true);
    });
  }

  it('throws for a length that no message has', () => {
    const blocks = new FrameBlocks();
    blocks.room().writeUInt16BE(11);
    expect(() => blocks.filled(2)).to.throw(DnsFormatError, '11 octets');
  });
});
