import { expect } from 'chai';
import { NetworkWatch } from '../../../core/gates/network-watch.ts';

const everyMs = 2_000;

describe('the watch over sleep and network', () => {
  let wallMs: number;
  let monotonicMs: number;
  let addresses: string;
  let said: string[];
  let watch: NetworkWatch;

  beforeEach(() => {
    [wallMs, monotonicMs, addresses, said] = [1_000_000, 500, 'eth0 192.0.2.7/24', []];
    const signs = { nowMs: () => wallMs, monotonicMs: () => monotonicMs, addresses: () => addresses };
    watch = new NetworkWatch(signs, (why) => said.push(why));
    watch.start(everyMs);
  });
  afterEach(() => {
    watch.stop();
  });

  function pass(ms: number, sleptMs = 0): void {
    monotonicMs += ms;
    wallMs += ms + sleptMs;
    watch.look();
  }

  it('says nothing while time and addresses are as they should be', () => {
    for (let time = 0; time < 100; time += 1) pass(everyMs + (time % 7) * 100);
    expect(said).to.deep.equal([]);
  });

  it('sees sleep by the clock that went on, once', () => {
    pass(everyMs, 3_600_000);
    pass(everyMs);
    expect(said).to.have.length(1);
    expect(said[0]).to.match(/slept/);
  });

  it('sees it by a timer that comes late, where both clocks went on', () => {
    pass(60_000);
    expect(said).to.have.length(1);
  });

  it('does not take a busy machine or a clock that is set by seconds for sleep', () => {
    pass(everyMs + 5_000);
    pass(everyMs, 5_000);
    pass(everyMs, -5_000);
    expect(said).to.deep.equal([]);
  });

  it('sees addresses that come and go', () => {
    addresses = '';
    pass(everyMs);
    pass(everyMs);
    addresses = 'wlan0 198.51.100.7/24';
    pass(everyMs);
    expect(said).to.deep.equal([
      'the addresses of this machine have changed',
      'the addresses of this machine have changed',
    ]);
  });
});
