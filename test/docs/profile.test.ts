/** docs/profile.md: every rule says where it is kept, and the files that it names exist. */
import fs from 'node:fs';
import { expect } from 'chai';

const root = new URL('../../', import.meta.url);
const page = fs.readFileSync(new URL('docs/profile.md', root), 'utf8');
const [rules = '', table = ''] = page.split('## Where danced does it');

describe('docs/profile.md', () => {
  it('has each rule once, and one row for it', () => {
    const ruled = [...rules.matchAll(/\*\*([A-Z]\d+)\b/g)].map(([, rule]) => rule);
    expect(ruled).to.have.length.greaterThan(50);
    expect(new Set(ruled).size).to.equal(ruled.length);
    const rows = table.split('\n').flatMap((line) => rulesOf(/^\| ([^|]+)\|/.exec(line)?.[1] ?? ''));
    expect(rows.sort()).to.deep.equal(ruled.sort());
  });

  it('names only code and tests that exist', () => {
    const named = [...new Set(table.match(/(?<=`)(?:core|cli|plugins|test)\/[^`]+/g))];
    expect(named).to.have.length.greaterThan(40);
    expect(named.filter((path) => !fs.existsSync(new URL(path, root)))).to.deep.equal([]);
  });
});

/** Of `N1, F1 to F3`. */
function rulesOf(cell: string): string[] {
  return [...cell.matchAll(/([A-Z])(\d+)(?: to [A-Z](\d+))?/g)].flatMap(([, letter = '', first, last]) => {
    const from = Number(first);
    return Array.from({ length: Number(last ?? first) - from + 1 }, (_, index) => `${letter}${from + index}`);
  });
}
