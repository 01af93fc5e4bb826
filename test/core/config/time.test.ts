import { expect } from 'chai';
import { parseTime, presentTime } from '../../../core/config/time.ts';

describe('a point in time as text', () => {
  const noon = Date.UTC(2026, 11, 1, 12);
  const readable: [text: string, ms: number][] = [
    ['2026-12-01', Date.UTC(2026, 11, 1)],
    ['2026-12-01T12:00Z', noon],
    ['2026-12-01T12:00:00Z', noon],
    ['2026-12-01 12:00:00', noon],
    ['2026-12-01T12:00:00.250Z', noon + 250],
    ['2026-12-01T13:30:00+01:30', noon],
    ['2026-12-01T04:00:00-0800', noon],
    ['20261201120000', noon],
    [String(noon / 1000), noon],
    ['0', 0],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ];
  for (const [text, ms] of readable) {
    it(`is read from ${text}`, () => {
      expect(parseTime(text)).to.equal(ms);
    });
  }

  const unreadable = [
    '',
    'tomorrow',
    '2026-12-32',
    '2026-02-29',
    '2026-13-01',
    '2026-12-01T24:00Z',
    '2026-12-01T12:60Z',
    '2026-12-01T12:00:60Z',
    '2026-12-01T12:00+25:00',
    '2026-12-01T12',
    '20261301120000',
    '202612011200',
    '-1',
    '1.5',
    '2026-12-01T12:00Z!',
    '9999-12-31T23:59:59-01:00',
    '0100-01-01T00:00:00+01:00',
  ];
  for (const text of unreadable) {
    it(`is not read from ${JSON.stringify(text)}`, () => {
      expect(parseTime(text)).to.equal(undefined);
    });
  }

  it('is written so that it is read back', () => {
    for (const ms of [0, noon, noon + 250]) expect(parseTime(presentTime(ms))).to.equal(ms);
    expect(presentTime(noon)).to.equal('2026-12-01T12:00:00Z');
  });
});
