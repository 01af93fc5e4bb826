import { expect } from 'chai';
import * as fc from 'fast-check';
import { ConfigError } from '../../../../core/config/errors.ts';
import { Name } from '../../../../core/dns/name.ts';
import { addNameList } from '../../../../plugins/dot-resolver/view/name-list.ts';
import { NameSet } from '../../../../plugins/dot-resolver/view/name-set.ts';
import { anyName, hostName } from '../../../core/dns/arbitraries.ts';

const read = (text: string, maxNames = 1000): NameSet => {
  const set = new NameSet();
  addNameList(set, text, 'blocked.txt', maxNames);
  return set;
};
const has = (set: NameSet, name: string): boolean => set.closest(Name.parse(name).wire) === 0;

describe('addNameList', () => {
  it('reads one name a line, with comments and blank lines', () => {
    const set = read('# head\n\nads.example\nb.example.  # why\n\t c.example \nD_1.example');
    for (const name of ['ads.example', 'b.example', 'c.example', 'd_1.example'])
      expect(has(set, name)).to.equal(true);
    expect(set.size).to.equal(4);
  });

  it('reads lines that end as on Windows', () => {
    const set = read('ads.example\r\n# x\r\nb.example\r\n\r\nc.example');
    expect(set.size).to.equal(3);
    expect(has(set, 'b.example')).to.equal(true);
  });

  it('reads hosts files, without what is there for the machine itself', () => {
    const set = read(
      '255.255.255.255 broadcasthost\n0.0.0.0 local\nff02::1 ip6-allnodes\n127.0.0.1 localhost.localdomain\n127.0.0.1 localhost\n::1 localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 ads.example b.example # x\n:: c.example',
    );
    expect(['ads.example', 'b.example', 'c.example'].every((name) => has(set, name))).to.equal(true);
    expect(set.size).to.equal(3);
  });

  it('reads the plain lines of ad blockers', () => {
    const set = read('[Adblock Plus]\n! Title: x\n||ads.example^\n||ads.example^\r\n||ads.example.^');
    expect(set.size).to.equal(1);
    expect(has(set, 'ads.example')).to.equal(true);
  });

  it('reads names with escapes, and the root', () => {
    const set = read('a\\.b.example\n.\n');
    expect(has(set, 'a\\.b.example')).to.equal(true);
    expect(has(set, '.')).to.equal(true);
  });

  it('takes labels of 63 octets and names of 255, and no longer ones', () => {
    const label = 'a'.repeat(63);
    const longest = [label, label, label, 'b'.repeat(61)].join('.');
    expect(has(read(longest), longest)).to.equal(true);
    expect(() => read(`${longest}b`)).to.throw(ConfigError, /a name of more than 255 octets/);
    expect(() => read(`${label}a.example`)).to.throw(ConfigError, /a label of more than 63 octets/);
  });

  it('reads every name that is written one a line', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(hostName, anyName), { maxLength: 20 }), (names) => {
        const texts = names.map(String).filter((text) => !/[#!]|^\[|^\*\.|^@@|^\|\||^[0-9.]+$/.test(text));
        const set = read(texts.join('\n'));
        for (const text of texts) expect(has(set, text), text).to.equal(true);
        expect(set.size).to.equal(new Set(texts.map((text) => Name.parse(text).key)).size);
      }),
    );
  });

  const refused: [what: string, text: string, words: RegExp][] = [
    ['a pattern', 'a.example\n*.ads.example', /^blocked\.txt:2:1: a pattern.*take the star away/],
    ['an exception of an ad blocker', '@@||a.example^', /^blocked\.txt:1:1: an exception.*"allowed"/],
    ['a rule of an ad blocker', '||a.example^$third-party', /^blocked\.txt:1:1: not a domain name/],
    [
      'a line of a hosts file that is none of blocked names',
      '192.0.2.1 a.example',
      /^blocked\.txt:1:1: more than one/,
    ],
    ['an address', 'a.example\n\n192.0.2.1', /^blocked\.txt:3:1: an address, not a name/],
    ['two names in a line', 'a.example b.example', /^blocked\.txt:1:1: more than one word/],
    ['an empty label', 'a..example', /^blocked\.txt:1:1: not a domain name: an empty label/],
    ['a name that begins with a dot', '.ads.example', /^blocked\.txt:1:1: not a domain name/],
    ['a letter beyond ASCII', 'bücher.example', /^blocked\.txt:1:1: not a domain name/],
    [
      'more names than it may',
      'a.example\nb.example\na.example\nc.example',
      /^blocked\.txt:4:1: more than 2 names.*list-names/,
    ],
  ];
  for (const [what, text, words] of refused) {
    it(`refuses ${what}, and says where`, () => {
      expect(() => read(text, 2)).to.throw(ConfigError, words);
    });
  }

  it('reads or refuses any text with ConfigError', () => {
    const part = fc.constantFrom(
      'a',
      '.',
      '\n',
      '\r',
      ' ',
      '#',
      '||',
      '^',
      '0.0.0.0',
      '::1',
      '\\',
      '*',
      '@@',
      '[',
      ']',
      '!',
      'ü',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string({ maxLength: 3 })), { maxLength: 20 }), (parts) => {
        try {
          read(parts.join(''));
        } catch (error) {
          expect(error).to.be.instanceOf(ConfigError);
        }
      }),
    );
  });
});
