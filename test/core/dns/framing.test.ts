import { expect } from 'chai';
import * as fc from 'fast-check';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { FrameReader, frame } from '../../../core/dns/framing.ts';
import { frameAll } from '../../support/frame-all.ts';
import { chunksOf, octets } from './arbitraries.ts';
import { hex } from './wire.ts';

const messages = fc.array(octets(12, 1500), { maxLength: 8 });

describe('FrameReader', () => {
  it('gives back the messages of a stream, however it is cut [RFC7766-8]', () => {
    const cut = messages.chain((sent) => fc.tuple(fc.constant(sent), chunksOf(frameAll(sent))));
    fc.assert(
      fc.property(cut, ([sent, chunks]) => {
        const reader = new FrameReader();
        expect(chunks.flatMap((chunk) => reader.push(chunk))).to.deep.equal(sent);
        expect(reader.pendingOctets).to.equal(0);
      }),
    );
  });

  it('gives back the messages of a stream that comes octet by octet [RFC1035-4.2.2]', () => {
    const sent = [Buffer.alloc(12, 1), Buffer.alloc(700, 2), Buffer.alloc(12, 3)];
    const reader = new FrameReader();
    const read: Buffer[] = [];
    for (const octet of frameAll(sent)) read.push(...reader.push(Buffer.from([octet])));
    expect(read).to.deep.equal(sent);
  });

  it('takes the longest message in two pieces', () => {
    const longest = Buffer.alloc(65_535, 7);
    const stream = frame(longest);
    const reader = new FrameReader();
    expect(reader.push(stream.subarray(0, 30_000))).to.deep.equal([]);
    expect(reader.pendingOctets).to.equal(30_000);
    expect(reader.push(stream.subarray(30_000))).to.deep.equal([longest]);
  });

  it('tells how many octets wait for the rest of their message', () => {
    const reader = new FrameReader();
    const counts = [...frame(Buffer.alloc(14))].map((octet) => {
      reader.push(Buffer.from([octet]));
      return reader.pendingOctets;
    });
    expect(counts).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]);
  });

  it('does not copy a message that lies whole in a chunk', () => {
    const chunk = frameAll([Buffer.alloc(12, 1), Buffer.alloc(20, 2)]);
    const [first, second] = new FrameReader().push(chunk);
    expect(first?.buffer).to.equal(chunk.buffer);
    expect(second?.buffer).to.equal(chunk.buffer);
  });

  it('owns a message that came in pieces, so that the chunks may be used again', () => {
    const reader = new FrameReader();
    const stream = frame(Buffer.alloc(20, 5));
    reader.push(stream.subarray(0, 10));
    const rest = Buffer.from(stream.subarray(10));
    const [message] = reader.push(rest);
    stream.fill(0);
    rest.fill(0);
    expect(message).to.deep.equal(Buffer.alloc(20, 5));
  });

  it('sets no memory aside for a length that is only promised', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 1000 }, () => {
      const reader = new FrameReader();
      reader.push(hex('ffff 00'));
      return reader;
    });
    // 1,000 promises of 65,535 octets would be 65 MB.
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(4_000_000);
    expect(readers.every((reader) => reader.pendingOctets === 3)).to.equal(true);
  });

  for (const length of [0, 1, 11]) {
    it(`refuses a message of ${String(length)} octets, and everything after it`, () => {
      const reader = new FrameReader();
      const stream = Buffer.concat([Buffer.from([0, length]), Buffer.alloc(40)]);
      expect(() => reader.push(stream)).to.throw(DnsFormatError, /shorter/);
      expect(() => reader.push(frame(Buffer.alloc(12)))).to.throw(DnsFormatError, /shorter/);
    });
  }

  it('refuses a message longer than the limit it was given, before its octets come', () => {
    const reader = new FrameReader(512);
    expect(reader.push(frame(Buffer.alloc(512)))).to.have.lengthOf(1);
    expect(() => reader.push(hex('0201'))).to.throw(DnsFormatError, /longer/);
  });

  it('takes empty chunks', () => {
    expect(new FrameReader().push(Buffer.alloc(0))).to.deep.equal([]);
  });
});

describe('frame', () => {
  it('puts the length before the message [RFC1035-4.2.2]', () => {
    expect(frame(Buffer.alloc(300)).subarray(0, 2)).to.deep.equal(hex('012c'));
  });

  it('refuses what is no message', () => {
    for (const length of [0, 11, 65_536]) expect(() => frame(Buffer.alloc(length))).to.throw(DnsFormatError);
  });
});
