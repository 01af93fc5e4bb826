import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Replaced } from '../../../core/plugin/replaced.ts';

describe('Replaced', () => {
  const closed: string[] = [];
  const one = (name: string) => ({ close: () => closed.push(name) });

  beforeEach(() => {
    closed.length = 0;
  });

  it('closes what was replaced when its time is over, and not before', async () => {
    const replaced = new Replaced();
    replaced.closeAfter(20, one('views'));
    expect(closed).to.deep.equal([]);
    while (closed.length === 0) await sleep(5);
    expect(closed).to.deep.equal(['views']);
  });

  it('closes at once what is left when all is closed, and nothing twice', async () => {
    const replaced = new Replaced();
    replaced.closeAfter(1, one('first'));
    while (closed.length === 0) await sleep(5);
    replaced.closeAfter(20, one('second'));
    replaced.closeAfter(60_000, one('third'));
    replaced.close();
    expect(closed).to.deep.equal(['first', 'second', 'third']);
    replaced.close();
    await sleep(30);
    expect(closed).to.have.length(3);
  });
});
