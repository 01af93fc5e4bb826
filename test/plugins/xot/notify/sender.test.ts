/** What servers are told of changes, how often and how fast; by a clock of the test. */
import { mock } from 'node:test';
import { expect } from 'chai';
import { Rcode } from '../../../../core/dns/constants.ts';
import { parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { parseSoa } from '../../../../core/dns/rdata.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { notifyLimits, type NotifyLimits } from '../../../../plugins/xot/notify/limits.ts';
import { NotifySender } from '../../../../plugins/xot/notify/sender.ts';
import type { NotifyTarget, Telling } from '../../../../plugins/xot/notify/targets.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { soa, zone } from '../messages.ts';

/** What was said to a target. */
interface Said {
  readonly atMs: number;
  readonly zone: string;
  readonly serial: number;
  readonly tries: number;
  /** Ends the wait: a response code, or no answer. */
  readonly end: (rcode?: number) => void;
}

class FakeTarget implements NotifyTarget {
  readonly label = 'ns2.example';
  readonly said: Said[] = [];
  /** What it answers at once; undefined: nothing before the time is over. */
  answer: number | undefined;
  isClosed = false;
  underWay = 0;
  mostAtOnce = 0;

  async tell(message: Buffer, telling: Telling, timeMs: number, signal: AbortSignal): Promise<number> {
    const [record] = parseMessage(message).answers;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const end = (rcode?: number): void => {
      if (rcode === undefined) reject(new Error('no answer'));
      else resolve(rcode);
    };
    const serial = record === undefined ? -1 : parseSoa(record.rdata).serial;
    const { zone: name, tries } = telling;
    this.said.push({ atMs: Date.now(), zone: name.toString(), serial, tries, end });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.underWay);
    const timer = setTimeout(end, timeMs);
    signal.addEventListener('abort', () => {
      end();
    });
    if (this.answer !== undefined) end(this.answer);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.underWay -= 1;
    }
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Lets promises settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe('telling servers of changes', () => {
  const log = memoryLog();
  let target: FakeTarget;
  let metrics: Metrics;
  let sender: NotifySender;
  const defaults = Object.fromEntries(
    Object.entries(notifyLimits).map(([key, limit]) => [key, limit.default]),
  ) as NotifyLimits;

  function open(limits: Partial<NotifyLimits> = {}, targets = 1): FakeTarget[] {
    const all = Array.from({ length: targets }, () => new FakeTarget());
    target = all[0] ?? new FakeTarget();
    metrics = new Metrics();
    sender = new NotifySender({
      targets: all,
      limits: { ...defaults, ...limits },
      log,
      metrics,
      nowMs: Date.now,
    });
    return all;
  }

  /** Goes on in steps, so that timers that timers set come in their turn. */
  async function pass(ms: number, step = 100): Promise<void> {
    await settle();
    for (let left = ms; left > 0; left -= step) {
      mock.timers.tick(Math.min(step, left));
      await settle();
    }
  }

  async function count(series: string): Promise<number> {
    const line = (await metrics.text()).split('\n').find((each) => each.startsWith(series));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
    log.forget();
  });

  afterEach(() => {
    sender.close();
    mock.timers.reset();
  });

  it('tells every server, once where it is answered [RFC1996-4.8]', async () => {
    const targets = open({}, 3);
    for (const each of targets) each.answer = Rcode.NOERROR;
    sender.announce(zone, soa(7));
    await pass(120_000, 1000);
    for (const { said } of targets) expect(said.map(({ serial }) => serial)).to.deep.equal([7]);
    expect(sender.waiting).to.equal(0);
    expect(await count('danced_xot_notifies_sent_total{outcome="answered"}')).to.equal(3);
  });

  it('says it again, with twice the time between, and not for ever [RFC1996-3.6]', async () => {
    open();
    sender.announce(zone, soa(7));
    await pass(1_000_000, 1000);
    const times = target.said.map(({ atMs }) => atMs - 1_000_000);
    expect(times).to.deep.equal([0, 3000, 9000, 21_000, 45_000, 93_000]);
    expect(target.said.map(({ tries }) => tries)).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(sender.waiting).to.equal(0);
    expect(log.of('notify failed').map(({ fields }) => fields['reason'])).to.deep.equal(['no answer']);
  });

  it('never waits longer than a minute', async () => {
    open({ 'notify-tries': 8 });
    sender.announce(zone, soa(7));
    await pass(1_000_000, 1000);
    const times = target.said.map(({ atMs }) => atMs);
    expect(times.slice(1).map((at, index) => at - (times[index] ?? 0))).to.deep.equal([
      3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000,
    ]);
  });

  it('waits as long after an error as after silence', async () => {
    open();
    target.answer = Rcode.SERVFAIL;
    sender.announce(zone, soa(7));
    await pass(8_000);
    expect(target.said.map(({ atMs }) => atMs - 1_000_000)).to.deep.equal([0, 3000]);
  });

  it('tells the newest version only, of changes that wait', async () => {
    open({ 'notify-at-once': 1 });
    sender.announce(Name.parse('first.example'), soa(1));
    for (const serial of [2, 3, 4]) sender.announce(zone, soa(serial));
    expect(sender.waiting).to.equal(2);
    target.answer = Rcode.NOERROR;
    target.said[0]?.end(Rcode.NOERROR);
    await pass(10_000);
    expect(target.said.map(({ serial }) => serial)).to.deep.equal([1, 4]);
  });

  it('tells a newer version after one that is under way', async () => {
    open();
    sender.announce(zone, soa(1));
    sender.announce(zone, soa(2));
    sender.announce(zone, soa(3));
    expect(target.said).to.have.length(1);
    target.answer = Rcode.NOERROR;
    target.said[0]?.end(Rcode.NOERROR);
    await pass(1000);
    expect(target.said.map(({ serial }) => serial)).to.deep.equal([1, 3]);
    expect(sender.waiting).to.equal(0);
  });

  it('begins anew with a newer version, without a wait', async () => {
    open();
    sender.announce(zone, soa(1));
    target.said[0]?.end();
    await pass(1000);
    target.answer = Rcode.NOERROR;
    sender.announce(zone, soa(2));
    await pass(60_000);
    expect(target.said.map(({ serial, tries, atMs }) => [serial, tries, atMs - 1_000_000])).to.deep.equal([
      [1, 1, 0],
      [2, 1, 1000],
    ]);
  });

  it('leaves a server alone for an hour that knows no NOTIFY [RFC1996-3.12]', async () => {
    open();
    target.answer = Rcode.NOTIMP;
    sender.announce(zone, soa(1));
    await pass(100);
    for (const serial of [2, 3]) sender.announce(zone, soa(serial));
    sender.announce(Name.parse('other.example'), soa(1));
    await pass(3_599_000, 100_000);
    expect(target.said).to.have.length(1);
    expect(log.of('notify refused').map(({ level, fields }) => [level, fields['about']])).to.deep.equal([
      ['warn', 'every zone'],
    ]);
    await pass(2000);
    sender.announce(zone, soa(4));
    await pass(100);
    expect(target.said.map(({ serial }) => serial)).to.deep.equal([1, 4]);
  });

  it('leaves it alone with a zone that it refuses, and with no other', async () => {
    open();
    target.answer = Rcode.REFUSED;
    sender.announce(zone, soa(1));
    await pass(100);
    sender.announce(zone, soa(2));
    target.answer = Rcode.NOERROR;
    sender.announce(Name.parse('other.example'), soa(3));
    await pass(100);
    expect(target.said.map(({ serial }) => serial)).to.deep.equal([1, 3]);
    expect(await count('danced_xot_notifies_sent_total{outcome="resting"}')).to.equal(1);
    await pass(3_600_000, 100_000);
    sender.announce(zone, soa(4));
    await pass(100);
    expect(target.said.map(({ serial }) => serial)).to.deep.equal([1, 3, 4]);
  });

  it('tells of a thousand zones that change at once in a measured way', async () => {
    open({ 'notify-rate': 100 });
    target.answer = Rcode.NOERROR;
    for (let n = 0; n < 1000; n += 1) sender.announce(Name.parse(`z${n}.example`), soa(n));
    expect(sender.waiting).to.equal(1000);
    await pass(5000, 10);
    // A burst of a tenth of a second, and a hundred a second after it.
    expect(target.said.length).to.be.within(450, 520);
    await pass(6000, 10);
    expect(target.said).to.have.length(1000);
    expect(sender.waiting).to.equal(0);
  });

  it('has no more under way than it may', async () => {
    open({ 'notify-at-once': 3, 'notify-rate': 100_000 });
    for (let n = 0; n < 50; n += 1) sender.announce(Name.parse(`z${n}.example`), soa(n));
    await pass(10_000);
    expect(target.mostAtOnce).to.equal(3);
  });

  it('asks a server that is away with one message at a time, until it answers', async () => {
    open({ 'notify-at-once': 10, 'notify-rate': 100_000 });
    for (let n = 0; n < 100; n += 1) sender.announce(Name.parse(`z${n}.example`), soa(n));
    await pass(3_100);
    target.mostAtOnce = 0;
    await pass(9_000);
    expect(target.mostAtOnce).to.equal(1);
    target.answer = Rcode.NOERROR;
    await pass(30_000);
    expect(sender.waiting).to.equal(0);
  });

  it('drops what is beyond its bound, and says so in few lines', async () => {
    open({ 'notify-zones': 10 });
    for (let n = 0; n < 100; n += 1) sender.announce(Name.parse(`z${n}.example`), soa(n));
    expect(sender.waiting).to.equal(10);
    expect(log.of('notify dropped').filter(({ level }) => level === 'warn')).to.have.length(10);
    expect(await count('danced_xot_notifies_sent_total{outcome="dropped"}')).to.equal(90);
    expect(await count('danced_xot_notifies_waiting')).to.equal(10);
  });

  it('ends all at once when it is closed', async () => {
    open();
    sender.announce(zone, soa(1));
    sender.announce(Name.parse('other.example'), soa(1));
    sender.close();
    expect([sender.waiting, target.isClosed]).to.deep.equal([0, true]);
    await pass(10_000);
    sender.announce(zone, soa(2));
    await pass(10_000);
    expect(target.said).to.have.length(2);
    expect(await count('danced_xot_notifies_waiting')).to.equal(0);
  });
});
