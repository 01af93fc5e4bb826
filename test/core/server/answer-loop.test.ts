import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { frame } from '../../../core/dns/framing.ts';
import { frameAll } from '../../support/frame-all.ts';
import { framed, LoopBed, named } from './answer-loop-bed.ts';

describe('AnswerLoop', () => {
  let bed: LoopBed;

  beforeEach(() => {
    bed = new LoopBed();
  });

  afterEach(() => {
    bed.close();
  });

  describe('reads', () => {
    it('a request that comes octet by octet [RFC7766-8]', async () => {
      for (const octet of framed('one')) await bed.send(Buffer.from([octet]));
      expect(bed.asked).to.deep.equal(['one']);
    });

    it('many requests that come in one chunk, and one that is cut by its end [RFC7766-6.2.1.1]', async () => {
      const octets = frameAll(['one', 'two', 'three'].map(named));
      await bed.send(octets.subarray(0, -3));
      expect(bed.asked).to.deep.equal(['one', 'two']);
      await bed.send(octets.subarray(-3));
      expect(bed.asked).to.deep.equal(['one', 'two', 'three']);
      expect(bed.loop).to.include({ requests: 3, octetsIn: 42 });
    });

    for (const [what, octets] of [
      ['longer than is taken', frame(Buffer.alloc(4097))],
      ['shorter than a header', Buffer.from([0, 3, 1, 2, 3])],
    ] as const) {
      it(`no request that is ${what}, and closes`, async () => {
        await bed.send(octets);
        await bed.turns();
        expect({ end: bed.end, asked: bed.asked }).to.deep.equal({ end: 'bad-framing', asked: [] });
        expect(bed.loop.detail).to.include('a message of');
      });
    }
  });

  describe('answers', () => {
    beforeEach(() => {
      bed.listen();
    });

    it('in another order than it was asked [RFC7766-7]', async () => {
      await bed.send(frameAll([named('one'), named('two')]));
      bed.say('2');
      await bed.turns();
      bed.say('1');
      await bed.turns();
      expect(bed.heard).to.deep.equal(['2', '1']);
      expect(bed.loop.octetsOut).to.equal(28);
    });

    it('all that is said in one turn by one write, of many chunks too', async () => {
      bed.onRequest = (text) => {
        bed.say(`re ${text}`);
      };
      const texts = Array.from({ length: 100 }, (_, index) => String(index));
      // Chunks that are there together are read in one turn.
      for (const text of texts) bed.client.write(framed(text));
      await bed.turns(30);
      expect(bed.heard).to.deep.equal(texts.map((text) => `re ${text}`));
      expect(bed.writes.length, 'writes').to.be.below(5);
      expect(bed.writes.reduce((sum, octets) => sum + octets)).to.equal(texts.length * 14);
    });

    it('requests of one chunk by one write', async () => {
      bed.onRequest = (text) => {
        bed.say(text, named(text.repeat(3)));
      };
      await bed.send(frameAll(Array.from({ length: 200 }, (_, index) => named(String(index)))));
      await bed.turns();
      expect(bed.heard).to.have.length(200);
      expect(bed.writes).to.deep.equal([200 * 14]);
    });

    it('with silence, and serves on', async () => {
      await bed.send(framed('one'));
      bed.loop.noReply();
      await bed.send(framed('two'));
      bed.say('2');
      await bed.turns();
      expect(bed.heard).to.deep.equal(['2']);
    });
  });

  describe('holds back a client that asks too much', () => {
    beforeEach(() => {
      bed.open({ 'requests-at-once': 2, 'message-time': 1_000 });
      bed.listen();
    });

    it('and takes the next request when a reply is done', async () => {
      await bed.send(frameAll(['one', 'two', 'three', 'four'].map(named)));
      expect(bed.asked).to.deep.equal(['one', 'two']);
      bed.say('2');
      await bed.turns();
      expect(bed.asked).to.deep.equal(['one', 'two', 'three']);
    });

    it('and reads nothing more meanwhile', async () => {
      await bed.send(frameAll(['one', 'two', 'three'].map(named)));
      const before = bed.loop.octetsIn;
      for (let more = 0; more < 50; more += 1) await bed.send(frame(Buffer.alloc(4000)));
      expect(bed.loop.octetsIn).to.equal(before);
      expect(bed.asked).to.deep.equal(['one', 'two']);
    });

    it('and reads on afterwards, each request once and in order', async () => {
      const texts = Array.from({ length: 50 }, (_, index) => String(index));
      for (const text of texts) bed.client.write(framed(text));
      for (let turn = 0; turn < 200 && bed.heard.length < 50; turn += 1) {
        const underWay = bed.asked.length - bed.loop.octetsOut / 14;
        expect(underWay).to.be.at.most(2);
        if (underWay > 0) bed.say('answer');
        await nextTurn();
      }
      expect(bed.asked).to.deep.equal(texts);
      expect(bed.heard).to.have.length(50);
    });

    it('and does not blame it for a request that we do not read', async () => {
      await bed.send(
        Buffer.concat([frameAll(['one', 'two', 'three'].map(named)), framed('four').subarray(0, 5)]),
      );
      await bed.tick(5_000);
      expect(bed.end).to.equal(undefined);
    });
  });

  describe('closes', () => {
    it('when a request is not whole in time, though octets come', async () => {
      bed.open({ 'message-time': 1_000 });
      for (const octet of framed('one').subarray(0, 9)) {
        await bed.send(Buffer.from([octet]));
        await bed.tick(100);
      }
      expect(bed.end).to.equal(undefined);
      await bed.tick(100);
      expect(bed.end).to.equal('request-too-slow');
    });

    it('when nothing is asked for the idle time, and not before [RFC7766-6.2.3]', async () => {
      bed.open({ 'idle-time': 4_000, 'message-time': 60_000 });
      bed.listen();
      await bed.tick(3_900);
      expect(bed.end).to.equal(undefined);
      await bed.tick(100);
      expect(bed.end).to.equal('idle');
    });

    it('not while requests come, and then after the idle time and a part of it [RFC7766-6.2.3]', async () => {
      bed.open({ 'idle-time': 4_000 });
      bed.listen();
      bed.onRequest = (text) => {
        bed.say(text);
      };
      for (let round = 0; round < 10; round += 1) {
        await bed.send(framed('again'));
        await bed.tick(3_500);
      }
      expect(bed.end).to.equal(undefined);
      await bed.tick(1_600);
      expect(bed.end).to.equal('idle');
    });

    it('as idle though octets of a request come [RFC7766-6.2.3]', async () => {
      bed.open({ 'idle-time': 4_000, 'message-time': 60_000 });
      bed.listen();
      for (const octet of framed('one').subarray(0, 4)) {
        await bed.tick(1_000);
        await bed.send(Buffer.from([octet]));
      }
      await bed.turns();
      expect(bed.end).to.equal('idle');
    });

    it('not as idle while a reply is under way', async () => {
      bed.open({ 'idle-time': 4_000 });
      bed.listen();
      await bed.send(framed('one'));
      await bed.tick(60_000);
      expect(bed.end).to.equal(undefined);
      bed.say('1');
      await bed.turns();
      await bed.tick(3_000);
      expect({ end: bed.end, heard: bed.heard }).to.deep.equal({ end: undefined, heard: ['1'] });
      await bed.tick(2_100);
      expect(bed.end).to.equal('idle');
    });

    it('a client that is idle and does not agree to the close', async () => {
      bed.open({ 'idle-time': 4_000 });
      await bed.tick(4_100);
      expect(bed.end).to.equal(undefined);
      await bed.tick(2_000);
      expect(bed.end).to.equal('idle');
    });

    it('and tells the handler when the client leaves', async () => {
      await bed.send(framed('one'));
      bed.client.destroy();
      bed.ours.destroy();
      await bed.turns();
      expect({ end: bed.end, hasHandlerHeard: bed.hasHandlerHeard }).to.deep.equal({
        end: 'client-closed',
        hasHandlerHeard: true,
      });
      expect(bed.loop.isOpen).to.equal(false);
      // What is said too late is nothing.
      bed.say('late');
      await bed.turns();
      expect(bed.defects).to.deep.equal([]);
    });
  });

  describe('with a client that does not read', () => {
    /** Requests of so many octets in all, each of them 14. */
    const flood = (octets: number): Buffer =>
      Buffer.concat(Array<Buffer>(Math.floor(octets / 14)).fill(framed('q')));

    it('reads nothing more, keeps what waits bounded, and gives up in time', async () => {
      bed.open({ 'write-time': 10_000 });
      bed.onRequest = () => {
        bed.say('', Buffer.alloc(1_000));
      };
      for (let round = 0; round < 100; round += 1) await bed.send(flood(4_096));
      const { requests } = bed.loop;
      expect(bed.ours.writableLength).to.be.below(1_000_000);
      await bed.send(flood(4_096));
      await bed.turns(10);
      expect(bed.loop.requests).to.equal(requests);
      await bed.tick(9_000);
      expect(bed.end).to.equal(undefined);
      await bed.tick(1_100);
      expect(bed.end).to.equal('client-does-not-read');
    });

    it('goes on when it reads again, and answers everything once', async () => {
      bed.open({ 'write-time': 10_000 });
      bed.onRequest = (text) => {
        bed.say(text, Buffer.concat([named(text), Buffer.alloc(988)]));
      };
      const texts = Array.from({ length: 2_000 }, (_, index) => String(index));
      for (let at = 0; at < texts.length; at += 100)
        await bed.send(frameAll(texts.slice(at, at + 100).map(named)));
      await bed.turns(20);
      expect(bed.loop.requests).to.be.below(2_000);
      await bed.tick(5_000);
      bed.listen();
      await bed.turns(3_000);
      await bed.tick(60);
      expect(bed.heard.map((text) => text.split(' ')[0]!.replace(/\0/g, ''))).to.deep.equal(texts);
      expect(bed.end).to.equal(undefined);
    });
  });

  describe('after a defect', () => {
    beforeEach(() => {
      bed.listen();
    });

    it('of the handler closes this connection, and tells', async () => {
      bed.onRequest = (text) => {
        if (text === 'two') throw new Error('defect');
      };
      await bed.send(frameAll(['one', 'two', 'three'].map(named)));
      await bed.turns();
      expect({ end: bed.end, asked: bed.asked, hasHandlerHeard: bed.hasHandlerHeard }).to.deep.equal({
        end: 'reply-broken',
        asked: ['one', 'two'],
        hasHandlerHeard: true,
      });
      expect(bed.defects.map(String)).to.deep.equal(['Error: defect']);
    });

    it('with a request that had to wait does the same', async () => {
      bed.open({ 'requests-at-once': 1 });
      bed.listen();
      bed.onRequest = (text) => {
        if (text === 'two') throw new Error('defect');
      };
      await bed.send(frameAll(['one', 'two'].map(named)));
      bed.say('1');
      await bed.turns();
      expect({ end: bed.end, defects: bed.defects.map(String) }).to.deep.equal({
        end: 'reply-broken',
        defects: ['Error: defect'],
      });
    });
  });

  describe('drained', () => {
    beforeEach(() => {
      bed.listen();
    });

    it('closes at once when nothing is under way', async () => {
      bed.loop.drain();
      await bed.turns();
      expect(bed.end).to.equal('gate-closing');
    });

    it('finishes the replies under way and takes no more requests', async () => {
      await bed.send(frameAll([named('one'), named('two')]));
      bed.loop.drain();
      await bed.send(framed('three'));
      bed.say('1');
      await bed.turns();
      expect(bed.end).to.equal(undefined);
      bed.say('2');
      await bed.turns();
      expect({ end: bed.end, heard: bed.heard, asked: bed.asked }).to.deep.equal({
        end: 'gate-closing',
        heard: ['1', '2'],
        asked: ['one', 'two'],
      });
    });

    it('sends what was said in the same turn', async () => {
      await bed.send(framed('one'));
      bed.say('1');
      bed.loop.drain();
      await bed.turns();
      expect({ end: bed.end, heard: bed.heard }).to.deep.equal({ end: 'gate-closing', heard: ['1'] });
    });

    it('waits for a slow client until it has taken the last reply', async () => {
      bed.client.pause();
      await bed.send(frameAll([named('one'), named('two')]));
      for (const text of ['1', '2']) bed.say(text, Buffer.alloc(5_000, text));
      bed.loop.drain();
      await bed.tick(5_000);
      expect(bed.end).to.equal(undefined);
      bed.client.resume();
      await bed.turns(10);
      expect(bed.end).to.equal('gate-closing');
      expect(bed.heard.map((text) => text.length)).to.deep.equal([5_000, 5_000]);
    });

    it('leaves requests that wait for their turn unasked', async () => {
      bed.open({ 'requests-at-once': 1 });
      bed.listen();
      await bed.send(frameAll([named('one'), named('two')]));
      bed.loop.drain();
      bed.say('1');
      await bed.turns();
      await bed.tick(2_100);
      expect({ end: bed.end, asked: bed.asked, heard: bed.heard }).to.deep.equal({
        end: 'gate-closing',
        asked: ['one'],
        heard: ['1'],
      });
    });
  });
});
