import { expect } from 'chai';
import { parseDuration, presentDuration } from '../../../core/config/duration.ts';

describe('a duration', () => {
  const cases: [text: string, ms: number][] = [
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['90s', 90_000],
  ];
  for (const [text, ms] of cases) {
    it(`${text} is ${ms} milliseconds and written the same`, () => {
      expect(parseDuration(text)).to.equal(ms);
      expect(presentDuration(ms)).to.equal(text);
    });
  }

  for (const text of ['', '30', 's', '-1s', '1.5s', '1d', '30 s', '30S', '1e3s', `${'9'.repeat(13)}h`]) {
    it(`${JSON.stringify(text)} is none`, () => {
      expect(parseDuration(text)).to.equal(undefined);
    });
  }
});
