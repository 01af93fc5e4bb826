import { mock } from 'node:test';
import { duplexPair, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { frame, FrameReader } from '../../../core/dns/framing.ts';
import { frameAll } from '../../support/frame-all.ts';
import type { GateReply } from '../../../core/plugin/contract.ts';
import type { ConnectionLimits } from '../../../core/server/limits.ts';
import { RequestLoop } from '../../../core/server/requests.ts';
import type { ConnectionEnd } from '../../../core/server/service.ts';
import { testLimits } from '../../support/limits.ts';
import { replyChannel } from '../../support/reply-channel.ts';

/** One request under way: the test says when it is answered, and with what. */
interface Asked {
  readonly octets: Buffer;
  readonly signal: AbortSignal;
  readonly answer: (reply: GateReply) => void;
  readonly fail: (error: Error) => void;
}

describe('RequestLoop', () => {
  let ours: Duplex;
  let client: Duplex;
  let loop: RequestLoop;
  let asked: Asked[];
  let defects: unknown[];
  let end: ConnectionEnd | undefined;
  let heard: Buffer[];

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    open();
  });

  afterEach(() => {
    ours.destroy();
    client.destroy();
    mock.timers.reset();
  });

  function open(limits: Partial<ConnectionLimits> = {}): void {
    [ours, client] = duplexPair({ highWaterMark: 4096, allowHalfOpen: false });
    asked = [];
    defects = [];
    end = undefined;
    heard = [];
    loop = new RequestLoop({
      socket: ours,
      limits: () => testLimits(limits),
      handle: (octets, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<GateReply>();
        asked.push({ octets, signal, answer: resolve, fail: reject });
        return promise;
      },
      onDefect: (error) => defects.push(error),
    });
    const opened = loop;
    void opened.ended.then((how) => {
      if (loop === opened) end = how;
    });
  }

  /** The client reads what comes. */
  function listen(): void {
    const reader = new FrameReader();
    client.on('data', (chunk: Buffer) => heard.push(...reader.push(chunk)));
  }

  async function send(octets: Buffer): Promise<void> {
    client.write(octets);
    await nextTurn();
  }

  async function tick(ms: number): Promise<void> {
    mock.timers.tick(ms);
    await nextTurn();
  }

  function texts(messages: readonly Buffer[]): string[] {
    return messages.map((octets) => octets.toString('latin1').trimEnd());
  }

  describe('reads', () => {
    it('a request that comes octet by octet [RFC7766-8]', async () => {
      for (const octet of framed('one')) await send(Buffer.from([octet]));
      expect(texts(asked.map(({ octets }) => octets))).to.deep.equal(['one']);
    });

    it('many requests that come in one chunk [RFC7766-6.2.1.1]', async () => {
      await send(frameAll([named('one'), named('two'), named('three')]));
      expect(texts(asked.map(({ octets }) => octets))).to.deep.equal(['one', 'two', 'three']);
      expect(loop).to.include({ requests: 3, octetsIn: 42 });
    });

    for (const [what, octets] of [
      ['longer than is taken', frame(Buffer.alloc(4097))],
      ['said to be longer than is taken', Buffer.from([0xff, 0xff])],
      ['shorter than a header', Buffer.from([0, 3, 1, 2, 3])],
      ['of no length', Buffer.from([0, 0])],
    ] as const) {
      it(`no request that is ${what}, and closes`, async () => {
        await send(octets);
        await nextTurn();
        expect(end).to.equal('bad-framing');
        expect(loop.detail).to.include('a message of');
        expect(asked).to.have.length(0);
      });
    }

    it('a request of just the size that is taken', async () => {
      await send(frame(Buffer.alloc(4096)));
      expect(asked).to.have.length(1);
    });
  });

  describe('answers', () => {
    beforeEach(listen);

    it('as replies are ready, in another order than asked [RFC7766-7]', async () => {
      await send(frameAll([named('one'), named('two')]));
      asked[1]?.answer(named('2'));
      await nextTurn();
      asked[0]?.answer(named('1'));
      await nextTurn();
      expect(texts(heard)).to.deep.equal(['2', '1']);
      expect(loop.octetsOut).to.equal(28);
    });

    it('with streams that intermingle [RFC9103-6.2]', async () => {
      await send(frameAll([named('one'), named('two')]));
      const [one, two] = [replyChannel(), replyChannel()];
      asked[0]?.answer(one.stream);
      asked[1]?.answer(two.stream);
      for (const [stream, text] of [
        [one, '1a'],
        [two, '2a'],
        [one, '1b'],
        [two, '2b'],
      ] as const) {
        stream.push([named(text)]);
        await nextTurn();
      }
      expect(texts(heard)).to.deep.equal(['1a', '2a', '1b', '2b']);
    });

    it('with silence, and serves on', async () => {
      await send(framed('one'));
      asked[0]?.answer(undefined);
      await send(framed('two'));
      asked[1]?.answer(named('2'));
      await nextTurn();
      expect(texts(heard)).to.deep.equal(['2']);
    });
  });

  describe('holds back a client that asks too much', () => {
    beforeEach(() => {
      open({ 'requests-at-once': 2, 'message-time': 1_000 });
      listen();
    });

    it('and takes the next request when a reply is done', async () => {
      await send(frameAll(['one', 'two', 'three', 'four'].map(named)));
      expect(texts(asked.map(({ octets }) => octets))).to.deep.equal(['one', 'two']);
      asked[1]?.answer(named('2'));
      await nextTurn();
      expect(texts(asked.map(({ octets }) => octets))).to.deep.equal(['one', 'two', 'three']);
    });

    it('and reads nothing more meanwhile', async () => {
      await send(frameAll(['one', 'two', 'three'].map(named)));
      const before = loop.octetsIn;
      for (let more = 0; more < 50; more++) await send(frame(Buffer.alloc(4000)));
      expect(loop.octetsIn).to.equal(before);
    });

    it('and reads on afterwards', async () => {
      await send(frameAll(['one', 'two', 'three'].map(named)));
      await send(framed('four'));
      for (let turn = 0; turn < 4; turn++) {
        asked[turn]?.answer(named('answer'));
        await nextTurn();
      }
      expect(texts(asked.map(({ octets }) => octets))).to.deep.equal(['one', 'two', 'three', 'four']);
    });

    it('and does not blame it for a request that we do not read', async () => {
      await send(
        Buffer.concat([frameAll(['one', 'two', 'three'].map(named)), framed('four').subarray(0, 5)]),
      );
      await tick(5_000);
      expect(end).to.equal(undefined);
    });
  });

  describe('closes', () => {
    it('when a request is not whole in time, though octets come', async () => {
      open({ 'message-time': 1_000 });
      for (const octet of framed('one').subarray(0, 9)) {
        await send(Buffer.from([octet]));
        await tick(100);
      }
      expect(end).to.equal(undefined);
      await tick(100);
      expect(end).to.equal('request-too-slow');
    });

    it('not for slow requests each of which is whole in time', async () => {
      open({ 'message-time': 1_000 });
      for (let turn = 0; turn < 5; turn++) {
        await send(framed('one').subarray(0, 5));
        await tick(900);
        await send(framed('one').subarray(5));
        asked.at(-1)?.answer(undefined);
      }
      expect({ end, requests: loop.requests }).to.deep.equal({ end: undefined, requests: 5 });
    });

    it('when nothing is asked for the idle time [RFC7766-6.2.3]', async () => {
      open({ 'idle-time': 5_000, 'message-time': 60_000 });
      listen();
      await tick(4_999);
      expect(end).to.equal(undefined);
      await tick(1);
      expect(end).to.equal('idle');
    });

    it('as idle though octets of a request come [RFC7766-6.2.3]', async () => {
      open({ 'idle-time': 5_000, 'message-time': 60_000 });
      listen();
      for (const octet of framed('one').subarray(0, 5)) {
        await tick(1_000);
        await send(Buffer.from([octet]));
      }
      expect(end).to.equal('idle');
    });

    it('not as idle while a reply is under way', async () => {
      open({ 'idle-time': 5_000 });
      await send(framed('one'));
      await tick(60_000);
      asked[0]?.answer(named('1'));
      await tick(4_999);
      expect(end).to.equal(undefined);
    });

    it('a client that is idle and does not agree to the close', async () => {
      open({ 'idle-time': 5_000 });
      // Nobody reads at the other end, so that it never sees our end.
      await tick(5_000);
      expect(end).to.equal(undefined);
      await tick(2_000);
      expect(end).to.equal('idle');
    });

    it('when the client does not read, and stops the stream', async () => {
      open({ 'write-time': 1_000 });
      await send(framed('one'));
      const stream = replyChannel();
      asked[0]?.answer(stream.stream);
      stream.push([Buffer.alloc(60_000)]);
      await nextTurn();
      await tick(1_000);
      expect({ end, stopped: stream.isStopped() }).to.deep.equal({
        end: 'client-does-not-read',
        stopped: true,
      });
      expect(defects).to.deep.equal([]);
    });
  });

  it('tells the requests under way when the client leaves', async () => {
    await send(framed('one'));
    client.destroy();
    ours.destroy();
    await nextTurn();
    expect(asked[0]?.signal.aborted).to.equal(true);
    expect(end).to.equal('client-closed');
  });

  describe('is quiet after its end', () => {
    async function cutAndQuiet(): Promise<{ isQuiet: boolean }> {
      await send(framed('one'));
      loop.stop('gate-closing');
      await loop.ended;
      const state = { isQuiet: false };
      void loop.quiet().then(() => (state.isQuiet = true));
      await nextTurn();
      expect(state.isQuiet).to.equal(false);
      return state;
    }

    it('when the replies that it cut have said their last words', async () => {
      const state = await cutAndQuiet();
      asked[0]?.answer(undefined);
      await nextTurn();
      expect(state.isQuiet).to.equal(true);
    });

    it('at the latest after a while, when a reply does not care', async () => {
      const state = await cutAndQuiet();
      await tick(60_000);
      expect(state.isQuiet).to.equal(true);
    });
  });

  describe('after a defect', () => {
    beforeEach(listen);

    it('of the handler closes, and tells', async () => {
      await send(frameAll([named('one'), named('two')]));
      asked[0]?.fail(new Error('defect'));
      await nextTurn();
      expect(asked[1]?.signal.aborted).to.equal(true);
      asked[1]?.answer(undefined);
      await nextTurn();
      expect({ end, defects: defects.map(String) }).to.deep.equal({
        end: 'reply-broken',
        defects: ['Error: defect'],
      });
    });

    it('in mid-stream closes, so that no half reply looks whole', async () => {
      await send(framed('one'));
      const stream = replyChannel();
      asked[0]?.answer(stream.stream);
      stream.push([named('1a')]);
      await nextTurn();
      stream.fail(new Error('defect'));
      await nextTurn();
      expect({ end, heard: texts(heard) }).to.deep.equal({ end: 'reply-broken', heard: ['1a'] });
    });
  });

  describe('drained', () => {
    beforeEach(listen);

    it('closes at once when nothing is under way', async () => {
      loop.drain();
      await nextTurn();
      expect(end).to.equal('gate-closing');
    });

    it('finishes the replies under way and takes no more requests', async () => {
      await send(frameAll([named('one'), named('two')]));
      loop.drain();
      await send(framed('three'));
      asked[0]?.answer(named('1'));
      await nextTurn();
      expect(end).to.equal(undefined);
      asked[1]?.answer(named('2'));
      await nextTurn();
      expect({ end, heard: texts(heard), asked: asked.length }).to.deep.equal({
        end: 'gate-closing',
        heard: ['1', '2'],
        asked: 2,
      });
    });

    it('waits for a slow client until it has taken the last reply, not just until that was handed over', async () => {
      client.pause();
      await send(frameAll([named('one'), named('two')]));
      for (const { answer } of asked) answer(Buffer.alloc(3000));
      await nextTurn();
      loop.drain();
      await tick(5_000);
      expect(end).to.equal(undefined);
      client.resume();
      await nextTurn();
      await nextTurn();
      expect({ end, heard: heard.length }).to.deep.equal({ end: 'gate-closing', heard: 2 });
    });

    it('leaves requests that wait for their turn unasked', async () => {
      open({ 'requests-at-once': 1 });
      listen();
      await send(frameAll([named('one'), named('two')]));
      loop.drain();
      asked[0]?.answer(named('1'));
      await nextTurn();
      expect({ end, asked: asked.length }).to.deep.equal({ end: 'gate-closing', asked: 1 });
    });

    it('does not cut a reply because the request behind it is not whole', async () => {
      open({ 'message-time': 1_000 });
      listen();
      await send(Buffer.concat([framed('one'), framed('two').subarray(0, 5)]));
      loop.drain();
      await send(framed('two').subarray(5));
      await tick(5_000);
      asked[0]?.answer(named('1'));
      await nextTurn();
      expect({ end, heard: texts(heard) }).to.deep.equal({ end: 'gate-closing', heard: ['1'] });
    });
  });
});

/** A message of 12 octets with this text in it. */
function named(text: string): Buffer {
  return Buffer.from(text.padEnd(12), 'latin1');
}

function framed(text: string): Buffer {
  return frame(named(text));
}
