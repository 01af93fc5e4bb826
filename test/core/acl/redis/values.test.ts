import { expect } from 'chai';
import { presentRights } from '../../../../core/acl/present.ts';
import { redisBounds } from '../../../../core/acl/redis/limits.ts';
import { RightsReader } from '../../../../core/acl/redis/values.ts';

/** The JSON of an entry with so many zones. */
function entryOf(zones: number): string {
  const names = Array.from({ length: zones }, (_, index) => `zone${index}.example`);
  return JSON.stringify({ allow: [{ action: 'transfer', zones: names }] });
}

describe('the values of a list in Redis', () => {
  for (const [length, zones] of [
    ['short', 1],
    ['long', 1000],
  ] as const) {
    it(`are kept once, however many names have the same ${length} one`, () => {
      const reader = new RightsReader();
      const text = entryOf(zones);
      expect(text.length > redisBounds.sharedValueOctets).to.equal(length === 'long');
      const { value } = reader.read({ text });
      expect(value?.allow[0]?.zones?.patterns).to.have.length(zones);
      expect(reader.read({ text: entryOf(zones) }).value).to.equal(value);
      expect(reader.read({ text: entryOf(zones + 1) }).value).to.not.equal(value);
    });
  }

  it('have rules of updates with names and types, and none with these elsewhere', () => {
    const rule = {
      action: 'update',
      zones: ['example.com'],
      names: ['*.a.example.com'],
      types: ['A', 'TXT'],
    };
    const { value } = new RightsReader().read({ text: JSON.stringify({ allow: [rule] }) });
    expect(value && presentRights(value)).to.deep.equal({ allow: [rule] });
    const wrong = new RightsReader().read({
      text: JSON.stringify({ allow: [{ ...rule, action: 'transfer' }] }),
    });
    expect(wrong.value).to.equal(undefined);
  });
});
