/** A connection that who serves it holds back. */
import { expect } from 'chai';
import { frameAll } from '../../support/frame-all.ts';
import { framed, LoopBed, named } from './answer-loop-bed.ts';

describe('AnswerLoop, while it is held', () => {
  let bed: LoopBed;

  beforeEach(() => {
    bed = new LoopBed();
    bed.listen();
  });

  afterEach(() => {
    bed.close();
  });

  it('reads nothing, and reads on when it is released, each request once and in order', async () => {
    bed.loop.hold();
    const texts = Array.from({ length: 50 }, (_, index) => String(index));
    for (const text of texts) await bed.send(framed(text));
    expect(bed.loop.octetsIn).to.equal(0);
    bed.loop.release();
    await bed.turns(60);
    expect(bed.asked).to.deep.equal(texts.slice(0, 32));
    for (let turn = 0; turn < 200 && bed.heard.length < 50; turn += 1) {
      if (bed.asked.length > bed.loop.octetsOut / 14) bed.say('answer');
      await bed.turns(1);
    }
    expect(bed.asked).to.deep.equal(texts);
  });

  it('reads nothing from the beginning, if it is held then', async () => {
    bed.onBegin = (loop) => {
      loop.hold();
    };
    bed.open();
    await bed.send(framed('one'));
    await bed.turns();
    expect(bed.loop.octetsIn).to.equal(0);
    bed.loop.release();
    await bed.turns();
    expect(bed.asked).to.deep.equal(['one']);
  });

  it('begins nothing more of a chunk in whose middle it is held, and the rest in turns', async () => {
    let left = 2;
    bed.onRequest = (text) => {
      bed.say(text);
      left -= 1;
      if (left === 0) bed.loop.hold();
    };
    await bed.send(frameAll(['one', 'two', 'three', 'four', 'five'].map(named)));
    await bed.turns();
    expect(bed.heard).to.deep.equal(['one', 'two']);
    left = 2;
    bed.loop.release();
    await bed.turns();
    expect(bed.heard).to.deep.equal(['one', 'two', 'three', 'four']);
    left = 2;
    bed.loop.release();
    await bed.turns();
    await bed.send(framed('six'));
    expect(bed.asked).to.deep.equal(['one', 'two', 'three', 'four', 'five', 'six']);
  });

  it('keeps no more than what it had read before', async () => {
    bed.onRequest = () => {
      bed.loop.hold();
    };
    await bed.send(framed('one'));
    const before = bed.loop.octetsIn;
    for (let more = 0; more < 50; more += 1) bed.client.write(Buffer.alloc(4000));
    await bed.turns(20);
    expect(bed.loop.octetsIn).to.equal(before);
  });

  it('sends replies', async () => {
    await bed.send(framed('one'));
    bed.loop.hold();
    bed.say('1');
    await bed.turns();
    expect(bed.heard).to.deep.equal(['1']);
    await bed.send(framed('two'));
    expect(bed.asked).to.deep.equal(['one']);
  });

  it('is held once and released once, however often that is said', async () => {
    bed.loop.release();
    bed.loop.hold();
    bed.loop.hold();
    bed.loop.release();
    bed.loop.release();
    await bed.send(framed('one'));
    await bed.turns();
    expect(bed.asked).to.deep.equal(['one']);
    bed.loop.hold();
    bed.loop.release();
    bed.loop.hold();
    await bed.turns();
    await bed.send(framed('two'));
    await bed.turns();
    expect(bed.asked).to.deep.equal(['one']);
  });

  it('is not read on because it is released, where too much is under way', async () => {
    bed.open({ 'requests-at-once': 1 });
    await bed.send(framed('one'));
    bed.loop.hold();
    bed.loop.release();
    await bed.turns();
    await bed.send(framed('two'));
    expect(bed.asked).to.deep.equal(['one']);
  });

  it('is not read on because a reply is done, or was taken', async () => {
    bed.open({ 'requests-at-once': 1 });
    await bed.send(frameAll([named('one'), named('two')]));
    bed.loop.hold();
    bed.say('1');
    await bed.turns(5);
    bed.client.resume();
    await bed.turns(5);
    expect(bed.asked).to.deep.equal(['one']);
    bed.loop.release();
    await bed.turns();
    expect(bed.asked).to.deep.equal(['one', 'two']);
  });

  it('does not take the client for idle, nor soon after [RFC7766-6.2.3]', async () => {
    bed.open({ 'idle-time': 4_000 });
    bed.listen();
    bed.loop.hold();
    await bed.tick(20_900);
    bed.loop.release();
    await bed.tick(3_900);
    expect(bed.end).to.equal(undefined);
    await bed.tick(1_200);
    expect(bed.end).to.equal('idle');
  });

  it('does not take it for slow, but counts anew when it reads on', async () => {
    bed.open({ 'message-time': 1_000, 'idle-time': 60_000 });
    await bed.send(framed('one').subarray(0, 5));
    bed.loop.hold();
    await bed.tick(5_000);
    expect(bed.end).to.equal(undefined);
    bed.loop.release();
    await bed.turns();
    await bed.tick(900);
    expect(bed.end).to.equal(undefined);
    await bed.tick(200);
    expect(bed.end).to.equal('request-too-slow');
  });

  it('closes a client that takes no replies', async () => {
    bed.open({ 'write-time': 3_000, 'idle-time': 60_000 });
    await bed.send(framed('one'));
    bed.loop.hold();
    bed.say('1', Buffer.alloc(60_000));
    await bed.tick(6_500);
    expect(bed.end).to.equal('client-does-not-read');
  });

  it('drains: what is under way is answered, and it closes', async () => {
    await bed.send(framed('one'));
    bed.loop.hold();
    bed.loop.drain();
    bed.loop.release();
    bed.say('1');
    await bed.turns(5);
    expect({ end: bed.end, heard: bed.heard }).to.deep.equal({ end: 'gate-closing', heard: ['1'] });
  });

  it('drains at once if nothing is under way', async () => {
    bed.loop.hold();
    await bed.send(framed('one'));
    bed.loop.drain();
    await bed.turns(5);
    expect({ end: bed.end, asked: bed.asked }).to.deep.equal({ end: 'gate-closing', asked: [] });
  });

  it('stops, and does nothing when it is held or released after that', async () => {
    bed.loop.hold();
    bed.loop.stop('not-admitted');
    bed.loop.release();
    bed.loop.hold();
    bed.loop.release();
    await bed.turns(5);
    expect({ end: bed.end, defects: bed.defects }).to.deep.equal({ end: 'not-admitted', defects: [] });
  });
});
