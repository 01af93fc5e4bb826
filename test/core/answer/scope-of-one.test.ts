/** Questions whose answers are nobody else's: their numbers never become those of a view, and nothing is kept of them. */
import { expect } from 'chai';
import { Answers, firstScopeOfOne, nextScopeOfOne } from '../../../core/answer/answers.ts';
import type { Answer } from '../../../core/answer/answer.ts';
import { query, readerOf, response } from './wire.ts';

describe('a scope of one question', () => {
  it('is never that of a view, also when all numbers were used [RFC7871-11.1]', () => {
    expect(nextScopeOfOne(0)).to.equal(firstScopeOfOne);
    expect(nextScopeOfOne(firstScopeOfOne)).to.equal(firstScopeOfOne + 1);
    expect(nextScopeOfOne(2 ** 32 - 2)).to.equal(2 ** 32 - 1);
    expect(nextScopeOfOne(2 ** 32 - 1)).to.equal(firstScopeOfOne);
  });

  it('keeps nothing: who comes to have the same number asks anew', () => {
    const answers = new Answers({
      limits: {
        ...{ entries: 100, octets: 2 ** 20, staleMs: 3_600_000, staleAfterMs: 1_800, questions: 10 },
        keep: { ttlMax: 86_400, negativeMax: 3_600, failure: 2 },
      },
      nowMs: () => 0,
    });
    const told: Answer[] = [];
    for (const scope of [firstScopeOfOne, 2 ** 32 - 1, 1]) {
      const asked = query('www.example');
      const reader = readerOf(asked);
      reader.enter(scope);
      expect(answers.find(reader, 0)).to.equal(undefined);
      answers.ask(reader, {
        ...{ octets: asked, questionStart: 12, questionEnd: asked.length },
        ask: (end) => {
          end(response(asked, { answers: 'www.example. 300 A 192.0.2.1' }));
          return () => undefined;
        },
        answered: (answer) => told.push(answer),
        failed: () => expect.fail('it was answered'),
      });
      expect(answers.find(reader, 0) !== undefined).to.equal(scope === 1);
    }
    expect(told).to.have.lengthOf(3);
    expect(answers.entries).to.equal(1);
  });
});
