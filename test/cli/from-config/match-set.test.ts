import { expect } from 'chai';
import { BindAcls } from '../../../cli/from-config/bind-acl.ts';
import { readBindTree, type Block } from '../../../cli/from-config/bind-tree.ts';
import { intersect, subtract, union, type MatchSet } from '../../../cli/from-config/match-set.ts';
import { includesPrefix, parsePrefix, presentPrefix, type Prefix } from '../../../cli/from-config/prefix.ts';

/** Somebody who asks. */
interface Asker {
  readonly address: string;
  readonly key?: string;
}

/** An address match list in the making: what one element is, and whether it is negated. */
interface Element {
  readonly isNo: boolean;
  readonly what: string | readonly Element[];
}

const prefixes = ['10.0.0.0/8', '10.1.0.0/16', '10.1.1.1', '192.0.2.0/24', '192.0.2.7', '2001:db8::/32'];
const keys = ['x', 'y'];
const askers: Asker[] = [
  '10.1.1.1',
  '10.1.2.2',
  '10.9.9.9',
  '192.0.2.7',
  '192.0.2.8',
  '203.0.113.1',
  '2001:db8::1',
].flatMap((address) => [{ address }, { address, key: 'x' }, { address, key: 'y' }]);

describe('sets of who fits', () => {
  it('are those whom the lists let in, one element after the other', () => {
    const random = numbers(5);
    let fitting = 0;
    for (let round = 0; round < 400; round += 1) {
      const list = randomList(random, 3);
      const set = setOf(list);
      for (const asker of askers) {
        const expected = fits(list, asker);
        if (expected) fitting += 1;
        expect(has(set, asker), `${textOf(list)} for ${JSON.stringify(asker)}`).to.equal(expected);
      }
    }
    expect(fitting).to.be.greaterThan(500);
  });

  it('have in common, leave over and join what they should', () => {
    const random = numbers(6);
    for (let round = 0; round < 400; round += 1) {
      const [a, b] = [setOf(randomList(random, 2)), setOf(randomList(random, 2))];
      const [both, rest, all] = [intersect(a, b), subtract(a, b), union([a, b])];
      for (const asker of askers) {
        const [inA, inB] = [has(a, asker), has(b, asker)];
        expect([has(both, asker), has(rest, asker), has(all, asker)]).to.deep.equal([
          inA && inB,
          inA && !inB,
          inA || inB,
        ]);
      }
    }
  });

  it('say so when they are more than can be calculated', () => {
    const many = setOf(
      Array.from({ length: 300 }, (_, n) => ({
        isNo: false,
        what: `10.${String(n % 256)}.${String(n >> 8)}.1`,
      })),
    );
    expect(intersect(many, many)).to.equal(undefined);
  });
});

describe('parsePrefix', () => {
  const cases: Record<string, string | undefined> = {
    '192.0.2.1': '192.0.2.1',
    '192.0.2.1/32': '192.0.2.1',
    '10/8': '10.0.0.0/8',
    '192.168.5/24': '192.168.5.0/24',
    '192.0.2.77/25': '192.0.2.0/25',
    '0/0': '0.0.0.0/0',
    '2001:DB8::1': '2001:db8::1',
    '2001:db8:0:0:0:0:0:1/128': '2001:db8::1',
    '2001:db8:ffff::/33': '2001:db8:8000::/33',
    '::/0': '::/0',
    'fe80::1%eth0': 'fe80::1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '10': undefined,
    '192.0.2': undefined,
    '192.0.2.1/33': undefined,
    '256.0.0.1': undefined,
    ':::': undefined,
    beef: undefined,
    'ns1.example': undefined,
    '': undefined,
  };
  for (const [text, expected] of Object.entries(cases)) {
    it(`takes ${JSON.stringify(text)} for ${expected ?? 'no prefix'}`, () => {
      const parsed = parsePrefix(text);
      expect(parsed && presentPrefix(parsed)).to.equal(expected);
    });
  }
});

/** Deterministic numbers below `limit` (a linear congruential generator). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
}

function randomList(random: (limit: number) => number, depth: number): Element[] {
  return Array.from({ length: 1 + random(4) }, () => {
    const kind = random(depth > 0 ? 8 : 6);
    const isNo = random(3) === 0;
    if (kind >= 6) return { isNo, what: randomList(random, depth - 1) };
    if (kind === 0) return { isNo, what: random(4) === 0 ? 'none' : 'any' };
    if (kind <= 2) return { isNo, what: `key ${keys[random(keys.length)] ?? ''}` };
    return { isNo, what: prefixes[random(prefixes.length)] ?? '' };
  });
}

function textOf(list: readonly Element[]): string {
  return list
    .map(({ isNo, what }) => `${isNo ? '!' : ''}${typeof what === 'string' ? what : `{ ${textOf(what)} }`};`)
    .join(' ');
}

function setOf(list: readonly Element[]): MatchSet {
  const { statements } = readBindTree(
    'f',
    () => `acl a { ${textOf(list)} };`,
    () => [],
  );
  const block = statements[0]?.parts[2] as Block;
  return new BindAcls().setOf(block);
}

/** The rule as the manual has it: the first element that fits decides. */
function fits(list: readonly Element[], asker: Asker): boolean {
  for (const { isNo, what } of list) {
    if (what === 'none') return isNo;
    const isFit = typeof what === 'string' ? fitsWord(what, asker) : fits(what, asker);
    if (isFit) return !isNo;
  }
  return false;
}

function fitsWord(word: string, { address, key }: Asker): boolean {
  if (word === 'any') return true;
  if (word.startsWith('key ')) return word === `key ${key ?? ''}`;
  return includesPrefix(prefix(word), prefix(address));
}

function has(set: MatchSet | undefined, asker: Asker): boolean {
  const meets = ({ within, key }: Pick<MatchSet[number], 'within' | 'key'>): boolean =>
    (key === undefined || key === asker.key) &&
    (within === undefined || includesPrefix(within, prefix(asker.address)));
  return (set ?? []).some((term) => meets(term) && !term.except.some(meets));
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}
