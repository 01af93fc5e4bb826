import { expect } from 'chai';
import { nearest } from '../../../core/config/near.ts';

describe('the nearest word', () => {
  const words = ['name', 'directory', 'idle-time', 'write-time', 'use'];
  const cases: [typed: string, meant: string | undefined][] = [
    ['nmae', 'name'],
    ['Name', 'name'],
    ['names', 'name'],
    ['dirctory', 'directory'],
    ['idel-time', 'idle-time'],
    ['uses', 'use'],
    ['password', undefined],
    ['x', undefined],
    ['a'.repeat(100_000), undefined],
  ];
  for (const [typed, meant] of cases) {
    it(`to ${typed.slice(0, 12)} is ${meant ?? 'none'}`, () => {
      expect(nearest(typed, words)).to.equal(meant);
    });
  }
});
