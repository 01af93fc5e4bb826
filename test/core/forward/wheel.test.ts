import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Wheel, WheelEntry } from '../../../core/forward/wheel.ts';

class Entry extends WheelEntry {
  atMs = 0;
  readonly #then: (() => void) | undefined;

  constructor(then?: () => void) {
    super();
    this.#then = then;
  }

  override onDue(nowMs: number): void {
    this.atMs = nowMs;
    this.#then?.();
  }
}

describe('Wheel', () => {
  it('calls what is due, never early, and what was removed never', async () => {
    const wheel = new Wheel(5, () => undefined);
    const beganMs = performance.now();
    const entries = [1, 5, 12, 30, 31, 60].map((ms) => {
      const entry = new Entry();
      wheel.add(entry, beganMs + ms);
      return { entry, ms };
    });
    const removed = new Entry();
    wheel.add(removed, beganMs + 30);
    wheel.remove(removed);
    wheel.remove(removed);
    while (entries.some(({ entry }) => entry.atMs === 0)) await pause(5);
    for (const { entry, ms } of entries) expect(entry.atMs).to.be.at.least(beganMs + ms);
    expect(removed.atMs).to.equal(0);
    expect(wheel.entries()).to.deep.equal([]);
  });

  it('keeps what is due after many rounds', async () => {
    // 512 lists of one millisecond.
    const wheel = new Wheel(1, () => undefined);
    const entry = new Entry();
    const beganMs = performance.now();
    wheel.add(entry, beganMs + 1_100);
    await pause(700);
    expect(entry.atMs).to.equal(0);
    expect(wheel.entries()).to.deep.equal([entry]);
    while (entry.atMs === 0) await pause(5);
    expect(entry.atMs).to.be.at.least(beganMs + 1_100);
  });

  it('lets one that is due remove and add others', async () => {
    const wheel = new Wheel(5, () => undefined);
    const nowMs = performance.now();
    const victim = new Entry();
    const again = new Entry();
    const first = new Entry(() => {
      wheel.remove(victim);
      wheel.add(again, performance.now() + 5);
    });
    // The last that was hung in comes first.
    wheel.add(victim, nowMs + 10);
    wheel.add(first, nowMs + 10);
    while (again.atMs === 0) await pause(5);
    expect(victim.atMs).to.equal(0);
  });

  it('reads sockets before it finds anything late after a long task', async () => {
    const order: string[] = [];
    const wheel = new Wheel(5, () => undefined);
    const socket = createSocket('udp4', () => order.push('message'));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    wheel.add(new Entry(() => order.push('due')), performance.now() + 10);
    socket.send('answer', socket.address().port, '127.0.0.1');
    await new Promise(setImmediate);
    order.length = 0;
    socket.send('answer', socket.address().port, '127.0.0.1');
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs);
    while (order.length < 2) await pause(5);
    socket.close();
    expect(order).to.deep.equal(['message', 'due']);
  });

  it('ticks while anything hangs in it, and rests then', async () => {
    let ticks = 0;
    const wheel = new Wheel(5, () => (ticks += 1));
    await pause(30);
    expect(ticks).to.equal(0);
    wheel.add(new Entry(), performance.now() + 1);
    await pause(60);
    const seen = ticks;
    expect(seen).to.be.at.least(1);
    await pause(30);
    expect(ticks).to.equal(seen);
  });
});
