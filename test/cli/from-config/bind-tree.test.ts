import { expect } from 'chai';
import { peerLines, readFixture, readText } from './bind-summary.ts';

describe('the syntax of named.conf', () => {
  describe('is refused, with the line, for', () => {
    const broken: Record<string, { text: string; words: string }> = {
      'a brace without its end': { text: 'options {\n recursion no;\n', words: 'named.conf:1: a { has no }' },
      'an end without its brace': { text: 'acl a { any; };\n};', words: 'named.conf:2: there is no {' },
      'a missing semicolon': { text: 'acl a {\n 192.0.2.1\n};', words: 'named.conf:3: a ; is missing' },
      'a missing semicolon at the end': {
        text: '\nacl a { any; }',
        words: 'named.conf:2: the last statement',
      },
      'a semicolon too many': { text: 'acl a { any; };;', words: 'named.conf:1: a ; with nothing before' },
      'a comment without end': { text: '\n/* x\n\n', words: 'named.conf:2: a comment begins here' },
      'a string without end': { text: 'options { version "a\nb; };', words: 'named.conf:1: a string begins' },
      'braces without number': {
        text: '\n' + '{'.repeat(100_000),
        words: 'named.conf:2: braces are more than 32',
      },
      'files that include themselves': {
        text: '\ninclude "named.conf";',
        words: 'named.conf:2: files include one another more than 16 deep',
      },
      'a file that is too long': {
        text: '#'.repeat(16 * 1024 * 1024 + 1),
        words: 'more than 16777216 octets',
      },
    };
    for (const [title, { text, words }] of Object.entries(broken)) {
      it(title, () => {
        expect(() => readText(text)).to.throw(words);
      });
    }

    it('a view that is not there, and a file that cannot be read', () => {
      expect(() => readFixture('views.conf', { view: 'nowhere' })).to.throw('there is no view nowhere');
      expect(() => readFixture('nothing.conf')).to.throw('nothing.conf:1: the file cannot be read');
    });
  });

  it('reads words, strings and comments as BIND does', () => {
    const config = readText(`
      options { recursion no//x
      ; version "a \\"b\\" { c; // no comment"; querylog yes#b
      ; };
      acl/* x */"with space"{192.0.2.1;};zone"quoted.example"{type primary;allow-transfer{"with space";};};
    `);
    expect(peerLines(config)).to.deep.equal([
      'named.conf:5: 192.0.2.1 (with space): transfer quoted.example',
    ]);
    expect(config.unknown).to.deep.equal([]);
  });
});
