import { expect } from 'chai';
import { maxGenerated } from '../../../core/zone-text/generate.ts';
import { linesOf } from './reading.ts';

const generate = (text: string): string[] =>
  linesOf(`$TTL 1\n$GENERATE ${text}`).map((line) => line.replaceAll('.corp.example.', ''));

describe('$GENERATE', () => {
  const cases: [what: string, text: string, lines: string[]][] = [
    ['a range', '1-3 a$ A 192.0.2.$', ['a1 1 IN A 192.0.2.1', 'a2 1 IN A 192.0.2.2', 'a3 1 IN A 192.0.2.3']],
    ['a step', '0-5/3 a$ A 192.0.2.$', ['a0 1 IN A 192.0.2.0', 'a3 1 IN A 192.0.2.3']],
    ['TTL and class', '1-1 a$ 7 IN NS b$', ['a1 7 IN NS b1']],
    ['class and TTL', '1-1 a$ IN 1h NS b$', ['a1 3600 IN NS b1']],
    ['something added and filled up', '9-10 a${1,3} NS b${-9}', ['a010 1 IN NS b0', 'a011 1 IN NS b1']],
    ['octal', '8-8 a${0,4,o} NS b', ['a0010 1 IN NS b']],
    ['hexadecimal', '171-171 a${0,4,x} NS b${0,0,X}', ['a00ab 1 IN NS bAB']],
    ['decimal', '7-7 a${0,2,d} NS b', ['a07 1 IN NS b']],
    ['reversed digits', '291-291 ${0,7,n} NS ${0,8,N}', ['3.2.1.0 1 IN NS 3.2.1.0.']],
    ['a dollar sign', '1-1 a\\$$$$ NS b', ['a\\$\\$1 1 IN NS b']],
    ['data in quotes', '1-2 a$ MX "1$ b$"', ['a1 1 IN MX 11 b1', 'a2 1 IN MX 12 b2']],
    ['data as it stands', '1-1 a$ MX 1$ b$', ['a1 1 IN MX 11 b1']],
    ['text with blanks', '1-1 a$ TXT "x $" "y"', ['a1 1 IN TXT "x 1" "y"']],
    ['a type by its number', '1-1 a$ TYPE65280 "\\# 1 0$"', ['a1 1 IN TYPE65280 \\# 1 01']],
  ];
  for (const [what, text, lines] of cases) {
    it(`makes records with ${what}`, () => {
      expect(generate(text)).to.deep.equal(lines);
    });
  }

  it('completes relative names, and leaves owner and origin as they were', () => {
    expect(
      linesOf('$TTL 1\n$ORIGIN sub\nb A 192.0.2.1\n$GENERATE 1-1 $ CNAME x$\n A 192.0.2.2'),
    ).to.deep.equal([
      'b.sub.corp.example. 1 IN A 192.0.2.1',
      '1.sub.corp.example. 1 IN CNAME x1.sub.corp.example.',
      'b.sub.corp.example. 1 IN A 192.0.2.2',
    ]);
  });

  const wrong: [text: string, words: RegExp][] = [
    ['', /^corp\.zone:2:1: \$GENERATE needs a range, an owner, a type and data/],
    ['1-2', /:2:11: \$GENERATE needs a range/],
    ['2-1 a$ A 192.0.2.1', /:2:11: "2-1" is no range as 1-254 or 0-100\/2/],
    ['1-2/0 a$ A 192.0.2.1', /"1-2\/0" is no range/],
    ['1-x a$ A 192.0.2.1', /"1-x" is no range/],
    [`0-${maxGenerated} a$ A 192.0.2.1`, /a range of more than 1048576 records/],
    ['0-2147483648 a$ A 192.0.2.1', /is no range/],
    ['1-2 a$', /needs a type and data/],
    ['1-2 a$ A', /needs a type and data/],
    ['1-2 a${1,2,q} A 192.0.2.1', /"\$\{1,2,q\}" is not \$\{offset,width,base\}/],
    ['1-2 a${1 A 192.0.2.1', /is not \$\{offset,width,base\}/],
    ['1-2 a${0,256} A 192.0.2.1', /is not \$\{offset,width,base\}/],
    ['1-2 a${-2} A 192.0.2.1', /^corp\.zone:2:1: in what \$GENERATE makes: \$\{-2\} makes -1 of 1/],
    ['255-256 a$ A 192.0.2.$', /^corp\.zone:2:1: in what \$GENERATE makes: not an IPv4 address/],
  ];
  for (const [text, words] of wrong) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => generate(text)).to.throw(words);
    });
  }

  it('cannot make directives', () => {
    const made = ['\\$INCLUDE 1 IN A 192.0.2.1'];
    expect(generate('1-1 \\$INCLUDE A 192.0.2.1\n')).to.deep.equal(made);
    expect(generate('1-1 $$INCLUDE A 192.0.2.1\n')).to.deep.equal(made);
  });
});
