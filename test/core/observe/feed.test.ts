import { expect } from 'chai';
import { Feed, FeedReader, maxWaitingEvents } from '../../../core/observe/feed.ts';
import type { PrintableRecord } from '../../../core/observe/printable.ts';

const time = '2026-11-23T12:00:00.000Z';

describe('a feed', () => {
  let feed: Feed;

  beforeEach(() => {
    feed = new Feed(() => Date.parse(time));
  });

  it('is not watched, and does nothing with an event, until somebody does', () => {
    expect(feed.isWatched).to.equal(false);
    feed.say({
      get costly(): never {
        throw new Error('looked at');
      },
    });
    const stop = feed.watch(() => undefined);
    expect(feed.isWatched).to.equal(true);
    stop();
    expect(feed.isWatched).to.equal(false);
  });

  it('tells each who watches, with the time, and made printable', () => {
    const heard: PrintableRecord[][] = [[], []];
    for (const list of heard) feed.watch((event) => list.push(event));
    feed.say({ client: 'a\u001b[2J\nb', reason: undefined, zone: '\u202e', remote: 'x'.repeat(5000) });
    const [event] = heard[0]!;
    expect(event).to.include({ time, client: 'a\\x1b[2J\\x0ab', zone: '\\u{202e}' });
    expect(event).to.not.have.property('reason');
    expect(event?.['remote']).to.have.length.below(1100);
    expect(heard[1]).to.deep.equal(heard[0]);
  });

  it('tells who has stopped watching nothing more, and the others all', () => {
    const heard: string[] = [];
    const listen = (): void => void heard.push('a');
    const stop = feed.watch(listen);
    feed.watch(listen);
    feed.say({});
    stop();
    stop();
    feed.say({});
    expect(heard).to.have.length(3);
  });

  it('adds what one of those who tell is known by', () => {
    const heard: PrintableRecord[] = [];
    const teller = feed.labelled({ gate: 'xot/gate' });
    teller.say({ n: 0 });
    expect(teller.isWatched).to.equal(false);
    feed.watch((event) => heard.push(event));
    expect(teller.isWatched).to.equal(true);
    teller.say({ n: 1 });
    expect(heard).to.deep.equal([{ time, gate: 'xot/gate', n: 1 }]);
  });

  describe('read at one’s own speed', () => {
    let reader: FeedReader;
    let batches: AsyncIterator<readonly PrintableRecord[]>;

    beforeEach(() => {
      reader = new FeedReader(feed);
      batches = reader[Symbol.asyncIterator]();
    });

    async function next(): Promise<readonly PrintableRecord[]> {
      const result = await batches.next();
      if (result.done === true) throw new Error('ended');
      return result.value;
    }

    it('gives what has come since, in order, and waits for more', async () => {
      feed.say({ n: 1 });
      feed.say({ n: 2 });
      expect(await next()).to.deep.equal([
        { time, n: 1 },
        { time, n: 2 },
      ]);
      const waiting = next();
      feed.say({ n: 3 });
      expect(await waiting).to.deep.equal([{ time, n: 3 }]);
      expect(feed.isWatched).to.equal(true);
    });

    it('loses what there is no room for, and says how much, where it was lost', async () => {
      for (let n = 1; n <= maxWaitingEvents + 5; n++) feed.say({ n });
      const batch = await next();
      expect(batch).to.have.length(maxWaitingEvents + 1);
      expect(batch.slice(-2)).to.deep.equal([{ time, n: maxWaitingEvents }, { missed: 5 }]);
      feed.say({ n: 0 });
      expect(await next()).to.deep.equal([{ time, n: 0 }]);
    });

    it('ends when it is closed, also while it waits, and watches no longer', async () => {
      feed.say({ n: 1 });
      await next();
      const waiting = batches.next();
      reader.close();
      expect((await waiting).done).to.equal(true);
      expect(feed.isWatched).to.equal(false);
    });

    it('watches no longer when the iteration is left', async () => {
      feed.say({ n: 1 });
      for await (const batch of reader) {
        expect(batch).to.have.length(1);
        break;
      }
      expect(feed.isWatched).to.equal(false);
    });
  });
});
