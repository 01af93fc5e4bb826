/** Clients that ask for much and take nothing: what waits for them is bounded, and so is how long it waits. */
import { expect } from 'chai';
import { frameAll } from '../../support/frame-all.ts';
import { LoopBed, named } from './answer-loop-bed.ts';

const longReply = Buffer.alloc(65_535);
/** Octets of replies that may wait before nothing more is begun (answer-loop.ts), and one reply more. */
const mostWaiting = 262_144 + longReply.length + 2;

function many(count: number): Buffer {
  return frameAll(Array.from({ length: count }, (_, index) => named(String(index))));
}

describe('AnswerLoop, to a client that does not read', () => {
  let bed: LoopBed;

  beforeEach(() => {
    bed = new LoopBed();
  });

  afterEach(() => {
    bed.close();
  });

  it('begins no more of one chunk than there is room for replies, and the rest when they were taken [RFC7766-6.2.1.1]', async () => {
    bed.onRequest = (text) => {
      bed.say(text, longReply);
    };
    await bed.send(many(200));
    await bed.turns();
    expect(Math.max(...bed.writes)).to.be.at.most(mostWaiting);
    expect(bed.asked.length).to.be.below(10);
    bed.client.resume();
    await bed.turns(400);
    expect(bed.asked).to.have.lengthOf(200);
    expect(Math.max(...bed.writes)).to.be.at.most(mostWaiting);
    expect(bed.loop.octetsOut).to.equal(200 * (longReply.length + 2));
    await bed.tick(5_000);
    expect(bed.end).to.equal(undefined);
  });

  it('closes after write-time when the replies of one chunk are not taken', async () => {
    bed.open({ 'write-time': 3_000, 'idle-time': 60_000 });
    bed.onRequest = (text) => {
      bed.say(text, longReply);
    };
    await bed.send(many(200));
    await bed.tick(6_500);
    expect(bed.end).to.equal('client-does-not-read');
  });

  it('closes after write-time also when the replies came late and nothing more was asked', async () => {
    bed.open({ 'write-time': 3_000, 'idle-time': 60_000 });
    await bed.send(many(20));
    expect(bed.asked).to.have.lengthOf(20);
    for (const text of bed.asked) bed.say(text, longReply);
    await bed.tick(6_500);
    expect(bed.end).to.equal('client-does-not-read');
  });

  it('lets one that reads slowly have its replies', async () => {
    bed.open({ 'write-time': 3_000, 'idle-time': 60_000 });
    await bed.send(many(1));
    for (let round = 0; round < 5; round += 1) {
      bed.say('x', Buffer.alloc(3_000));
      if (round < 4) await bed.send(many(1));
      await bed.tick(2_500);
      bed.client.read();
      await bed.turns();
    }
    expect(bed.end).to.equal(undefined);
  });
});
