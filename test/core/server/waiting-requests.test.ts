import { expect } from 'chai';
import fc from 'fast-check';
import { WaitingRequests } from '../../../core/server/waiting-requests.ts';

describe('WaitingRequests', () => {
  it('gives what was added, in that order, whatever is taken between', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(3)), { maxLength: 100 }), (steps) => {
        const waiting = new WaitingRequests();
        const expected: string[] = [];
        const chunks = ['zero', 'one', 'two', 'three'].map((text) => Buffer.from(`<${text}>`));
        const taken: string[] = [];
        const begin = (octets: Buffer, start: number, end: number): void => {
          taken.push(octets.toString('latin1', start, end));
        };
        for (const step of steps) {
          const chunk = step === null ? undefined : chunks[step]!;
          if (chunk === undefined) waiting.take(begin);
          else {
            waiting.add(chunk, 1, chunk.length - 1);
            expected.push(chunk.toString('latin1', 1, chunk.length - 1));
          }
          expect(waiting.count).to.equal(expected.length - taken.length);
        }
        while (waiting.count > 0) waiting.take(begin);
        expect(taken).to.deep.equal(expected);
      }),
    );
  });

  it('gives nothing when it is cleared, also by who takes', () => {
    const waiting = new WaitingRequests();
    const taken: number[] = [];
    for (let end = 1; end < 5; end += 1) waiting.add(Buffer.alloc(5), 0, end);
    const begin = (...[, , end]: readonly [octets: Buffer, start: number, end: number]): void => {
      taken.push(end);
      if (end === 2) waiting.clear();
    };
    for (let times = 0; times < 5; times += 1) waiting.take(begin);
    expect({ taken, count: waiting.count }).to.deep.equal({ taken: [1, 2], count: 0 });
  });
});
