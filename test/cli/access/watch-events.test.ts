import { expect } from 'chai';
import { eventInWords } from '../../../cli/access/watch-events.ts';

describe('the words of an event', () => {
  const decision = { time: 'now', event: 'decision', action: 'resolve', zone: '.', allowed: true };
  const cases: [what: string, event: Record<string, unknown>, words: string][] = [
    ['a client by its name', { ...decision, client: 'a.example' }, 'now yes a.example  resolve .'],
    ['a client without identity', decision, 'now yes (anonymous)  resolve .'],
    [
      'a member whose name is not told by its role',
      { ...decision, hidden: true, roles: 'staff' },
      'now yes (of role staff)  resolve .',
    ],
    [
      'a connection of one as no stranger’s',
      { time: 'now', event: 'connection', hidden: true, allowed: true, reason: 'identified' },
      'now yes (not told)  connects',
    ],
  ];
  for (const [what, event, words] of cases) {
    it(`call ${what}`, () => {
      expect(eventInWords(event)).to.equal(words);
    });
  }
});
