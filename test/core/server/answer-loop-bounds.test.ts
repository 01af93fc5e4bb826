/** What a client can make us keep and wait for, beyond what answer-loop.test.ts has. */
import { expect } from 'chai';
import { frameAll } from '../../support/frame-all.ts';
import { framed, LoopBed, named } from './answer-loop-bed.ts';

describe('the bounds of AnswerLoop', () => {
  let bed: LoopBed;

  beforeEach(() => {
    bed = new LoopBed();
  });

  afterEach(() => {
    bed.close();
  });

  const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

  it('hold for the answers to one chunk of many small requests, too', async () => {
    bed.onRequest = (text) => {
      bed.say(text, Buffer.concat([named(text), Buffer.alloc(60_000)]));
    };
    // 28 KB that ask for 120 MB.
    await bed.send(frameAll(texts(2_000).map(named)));
    await bed.turns(10);
    expect(bed.loop.requests).to.be.below(20);
    expect(bed.ours.writableLength).to.be.below(1_000_000);
    bed.listen();
    for (let round = 0; round < 500 && bed.heard.length < 300; round += 1) await bed.turns(20);
    expect(bed.heard.slice(0, 300).map((text) => text.replace(/\0/g, '').trim())).to.deep.equal(texts(300));
    expect(bed.end).to.equal(undefined);
  });

  it('hold for a client that reads nothing of answers that came when it had asked all', async () => {
    bed.open({ 'write-time': 10_000, 'idle-time': 4_000 });
    await bed.send(frameAll(texts(8).map(named)));
    for (const text of bed.asked.slice()) bed.say(text, Buffer.alloc(60_000));
    await bed.turns();
    await bed.tick(20_000);
    expect(bed.end).to.equal('client-does-not-read');
  });

  it('let it be read on after a request that is ended late, without a reply', async () => {
    bed.open({ 'requests-at-once': 1 });
    bed.listen();
    await bed.send(framed('one'));
    await bed.send(framed('two'));
    expect(bed.asked).to.deep.equal(['one']);
    bed.loop.noReply();
    await bed.turns(5);
    expect(bed.asked).to.deep.equal(['one', 'two']);
  });

  it('do not hold up the end: a client that was not read on is heard when it agrees to close', async () => {
    bed.open({ 'requests-at-once': 1 });
    bed.listen();
    await bed.send(frameAll([named('one'), named('two')]));
    bed.loop.drain();
    bed.say('1');
    await bed.turns(5);
    expect({ end: bed.end, heard: bed.heard }).to.deep.equal({ end: 'gate-closing', heard: ['1'] });
  });
});
