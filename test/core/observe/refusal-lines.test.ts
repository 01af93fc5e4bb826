import { expect } from 'chai';
import { refusalLineLimits, RefusalLog } from '../../../core/observe/refusal-lines.ts';
import { memoryLog } from '../../support/memory-log.ts';

describe('RefusalLog', () => {
  const { lines: most, windowMs } = refusalLineLimits;
  let nowMs = 0;
  let log = memoryLog();
  let refusals = new RefusalLog({ log, nowMs: () => nowMs });

  beforeEach(() => {
    nowMs = 1_800_000_000_000;
    log = memoryLog();
    refusals = new RefusalLog({ log, nowMs: () => nowMs });
  });

  it('shows the first lines of a client in each minute, and then says how many were not shown', () => {
    for (let n = 0; n < most + 3; n++) refusals.write('warn', 'refused', 'client', { n });
    const levels = log.of('refused').map(({ level }) => level);
    expect(levels).to.deep.equal([...Array<string>(most).fill('warn'), 'debug', 'debug', 'debug']);
    expect(log.lines.every(({ fields }) => fields['unseen'] === undefined)).to.equal(true);
    nowMs += windowMs;
    refusals.write('warn', 'refused', 'client', { n: 'next' });
    expect(log.lines.at(-1)).to.deep.include({ level: 'warn', fields: { n: 'next', unseen: 3 } });
  });

  it('counts the lines of each client by themselves', () => {
    for (let n = 0; n <= most; n++) refusals.write('info', 'refused', 'one', {});
    refusals.write('info', 'refused', 'other', {});
    expect(log.lines.at(-2)?.level).to.equal('debug');
    expect(log.lines.at(-1)?.level).to.equal('info');
  });

  it('shows nothing of one who is not known, who may come as often as he likes', () => {
    refusals.write('info', 'refused', undefined, { reason: 'x' });
    expect(log.lines).to.deep.equal([
      { level: 'debug', event: 'refused', fields: { reason: 'x', unseen: undefined } },
    ]);
  });
});
