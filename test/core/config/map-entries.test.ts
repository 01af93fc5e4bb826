import { expect } from 'chai';
import { splitMapEntries } from '../../../core/config/map-entries.ts';

function entriesOf(text: string): [line: number, text: string][] | undefined {
  const split = splitMapEntries(text, 'clients');
  return split && [...split.entries].map((entry) => [entry.firstLine, entry.text]);
}

describe('splitting a map into its entries', () => {
  it('gives each entry its text and its line', () => {
    const text = 'version: 1\nclients:\n  # first\n\n  a: 1\n  b:\n    c: 2\n  "*.d": [\n    3 ]\n';
    expect(entriesOf(text)).to.deep.equal([
      [5, '  a: 1\n'],
      [6, '  b:\n    c: 2\n'],
      [8, '  "*.d": [\n    3 ]\n'],
    ]);
    expect(splitMapEntries(text, 'clients')?.head).to.equal('version: 1\nclients:\n');
  });

  it('takes a line of nothing but the indentation for an empty one', () => {
    expect(entriesOf('clients:\n  a: 1\n  \n  b: 2\r\n  \r\n')).to.deep.equal([
      [2, '  a: 1\n  \n'],
      [4, '  b: 2\r\n  \r\n'],
    ]);
  });

  it('leaves a comment and a closing bracket with the entry before', () => {
    expect(entriesOf('clients:\n a: {\n }\n # more\n b: 2')).to.deep.equal([
      [2, ' a: {\n }\n # more\n'],
      [5, ' b: 2'],
    ]);
  });

  const whole = {
    'a map in brackets': 'clients: { a: 1 }\n',
    'another key after the map': 'clients:\n  a: 1\nversion: 1\n',
    'a second document': 'clients:\n  a: 1\n---\nclients:\n  b: 1\n',
    'an entry that is indented less than the first': 'clients:\n  a: 1\n b: 2\n',
    'a list': 'clients:\n  - a\n',
    'a tab': 'clients:\n  a: 1\n\tb: 2\n',
    'no entries': 'clients:\n',
    'no such key': 'client:\n  a: 1\n',
  };
  for (const [what, text] of Object.entries(whole)) {
    it(`leaves ${what} to somebody who reads it whole`, () => {
      expect(entriesOf(text)).to.equal(undefined);
    });
  }
});
