import { expect } from 'chai';
import { FirstUpstream } from '../../../../plugins/xot/upstream/first-upstream.ts';
import {
  UpstreamError,
  type Upstream,
  type UpstreamStream,
} from '../../../../plugins/xot/upstream/upstream.ts';

const never = new AbortController().signal;
const query = Buffer.alloc(12);

/** A server that answers, fails, or breaks off a transfer after its first message. */
class Scripted implements Upstream {
  readonly label: string;
  does: 'answer' | 'fail' | 'break' | 'throw' = 'answer';
  asked = 0;
  finished = 0;
  isClosed = false;

  constructor(label: string) {
    this.label = label;
  }

  ask(): Promise<Buffer> {
    this.asked++;
    if (this.does === 'answer') return Promise.resolve(Buffer.from(this.label));
    return Promise.reject(this.#error());
  }

  transfer(): UpstreamStream {
    this.asked++;
    const [does, error, first] = [this.does, this.#error(), Buffer.from(this.label)];
    return {
      framed: first,
      finish: () => {
        this.finished++;
      },
      // eslint-disable-next-line @typescript-eslint/require-await
      async *[Symbol.asyncIterator]() {
        if (does === 'fail') throw error;
        yield [first];
        if (does === 'break') throw error;
      },
    };
  }

  close(): void {
    this.isClosed = true;
  }

  #error(): Error {
    if (this.does === 'throw') return new Error('a defect');
    return new UpstreamError('broken', `${this.label} broke`);
  }
}

describe('FirstUpstream', () => {
  let [one, two]: Scripted[] = [];
  let both: FirstUpstream;
  let nowMs: number;

  beforeEach(() => {
    nowMs = 1_000_000;
    [one, two] = [new Scripted('one'), new Scripted('two')];
    both = new FirstUpstream([one, two], () => nowMs);
  });

  const ask = async (): Promise<string> => (await both.ask(query, never)).toString();
  async function transfer(): Promise<string[]> {
    const stream = both.transfer(query, never);
    const all: string[] = [];
    for await (const batch of stream) {
      expect(stream.framed).to.equal(batch[0]);
      all.push(...batch.map(String));
      stream.finish();
    }
    return all;
  }

  it('is called by all names, and closed as one', () => {
    expect(both.label).to.equal('one, then two');
    both.close();
    expect([one!.isClosed, two!.isClosed]).to.deep.equal([true, true]);
  });

  it('asks the first, and no other as long as it answers', async () => {
    expect([await ask(), await transfer()]).to.deep.equal(['one', ['one']]);
    expect([one!.finished, two!.asked]).to.deep.equal([1, 0]);
  });

  it('asks the next when it fails, and for a while at once', async () => {
    one!.does = 'fail';
    expect([await ask(), await transfer()]).to.deep.equal(['two', ['two']]);
    expect(one!.asked).to.equal(1);
    one!.does = 'answer';
    nowMs += 10_001;
    expect(await ask()).to.equal('one');
  });

  it('asks one that failed a moment ago if there is no other', async () => {
    one!.does = 'fail';
    expect(await transfer()).to.deep.equal(['two']);
    [one!.does, two!.does] = ['answer', 'fail'];
    expect(await transfer()).to.deep.equal(['one']);
  });

  it('says what each of them failed by', async () => {
    [one!.does, two!.does] = ['fail', 'fail'];
    for (const act of [ask, transfer]) {
      const error: unknown = await act().catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(UpstreamError);
      expect((error as UpstreamError).words)
        .to.match(/one broke/)
        .and.match(/two broke/);
    }
  });

  it('does not go on with another server in mid-transfer, where two versions could be mixed', async () => {
    one!.does = 'break';
    const error: unknown = await transfer().catch((thrown: unknown) => thrown);
    expect((error as UpstreamError).words).to.equal('one broke');
    expect(two!.asked).to.equal(0);
  });

  it('passes on what is no failure of a server', async () => {
    one!.does = 'throw';
    expect(await ask().catch(String)).to.equal('Error: a defect');
    expect(two!.asked).to.equal(0);
  });
});
