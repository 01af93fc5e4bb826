import { expect } from 'chai';
import fc from 'fast-check';
import { QueryReader } from '../../../../core/answer/query-reader.ts';
import { Name } from '../../../../core/dns/name.ts';
import { NamesBelow } from '../../../../plugins/recursive-auth/gate/names-below.ts';
import { query } from '../../../core/answer/wire.ts';

const reader = new QueryReader(7);

function allows(names: NamesBelow, asked: string): boolean {
  const octets = query(asked);
  expect(reader.read(octets, 0, octets.length)).to.equal(true);
  const has = names.hasQuestion(reader.key, reader.keyLength);
  expect(names.hasName(Name.parse(asked)), asked).to.equal(has);
  return has;
}

const namesOf = (texts: readonly string[]): Name[] => texts.map((text) => Name.parse(text));

describe('the names that a class may ask for', () => {
  it('are all, if nothing is said', () => {
    const names = new NamesBelow(undefined, []);
    for (const asked of ['.', 'example', 'www.example.com'])
      expect(allows(names, asked), asked).to.equal(true);
  });

  it('are those at and below the zones, in letters of any case [RFC4343-4.1]', () => {
    const names = new NamesBelow(namesOf(['example.com', 'Example.NET']), []);
    for (const asked of ['example.com', 'WWW.example.COM', 'a.b.c.example.net'])
      expect(allows(names, asked), asked).to.equal(true);
    for (const asked of ['.', 'com', 'example', 'notexample.com', 'example.com.org'])
      expect(allows(names, asked), asked).to.equal(false);
  });

  it('are not those below an exception, but those below a zone in it again', () => {
    const names = new NamesBelow(
      namesOf(['example.com', 'public.corp.example.com']),
      namesOf(['corp.example.com']),
    );
    expect(allows(names, 'www.example.com')).to.equal(true);
    expect(allows(names, 'corp.example.com')).to.equal(false);
    expect(allows(names, 'www.corp.example.com')).to.equal(false);
    expect(allows(names, 'www.public.corp.example.com')).to.equal(true);
  });

  it('may be all but some', () => {
    const names = new NamesBelow(undefined, namesOf(['corp.example']));
    expect(allows(names, 'example')).to.equal(true);
    expect(allows(names, 'x.corp.example')).to.equal(false);
  });

  it('may be those below the root, or none', () => {
    expect(allows(new NamesBelow(namesOf(['.']), []), 'www.example')).to.equal(true);
    expect(allows(new NamesBelow([], []), 'www.example')).to.equal(false);
    expect(allows(new NamesBelow(undefined, namesOf(['.'])), '.')).to.equal(false);
  });

  it('are not to be had by a label that has a dot, or looks like a longer name, in it', () => {
    const names = new NamesBelow(namesOf(['b.example']), []);
    expect(allows(names, 'a\\.b.example')).to.equal(false);
    expect(allows(names, 'a\\001b\\007example.test')).to.equal(false);
  });

  it('are what a plain search of the longest says', () => {
    const label = fc.constantFrom('a', 'b', 'c', 'B');
    const name = fc.array(label, { maxLength: 4 }).map((labels) => `${labels.join('.')}.`);
    fc.assert(
      fc.property(
        fc.array(name, { maxLength: 4 }),
        fc.array(name, { maxLength: 4 }),
        name,
        (zones, except, asked) => {
          const names = new NamesBelow(namesOf(zones), namesOf(except));
          const all = [
            ...namesOf(except).map((of) => ({ of, is: false })),
            ...namesOf(zones).map((of) => ({ of, is: true })),
          ];
          const fits = all
            .filter(({ of }) => Name.parse(asked).isAtOrBelow(of))
            .sort((a, b) => b.of.wire.length - a.of.wire.length);
          expect(allows(names, asked)).to.equal(fits[0]?.is ?? false);
        },
      ),
    );
  });
});
