import { expect } from 'chai';
import fc from 'fast-check';
import { Name } from '../../../core/dns/name.ts';
import { printable, printableLimits, printableText } from '../../../core/observe/printable.ts';

describe('printableText', () => {
  const cases = [
    { title: 'plain text', text: 'ns2.example.net', expected: 'ns2.example.net' },
    { title: 'letters beyond ASCII', text: 'Zürich 東京 😀', expected: 'Zürich 東京 😀' },
    { title: 'a line break, which would forge a line', text: 'a\nlevel=info', expected: 'a\\x0alevel=info' },
    { title: 'an escape sequence, which a terminal obeys', text: '\x1b[2J', expected: '\\x1b[2J' },
    { title: 'the C1 form of it', text: '\x9b2J', expected: '\\x9b2J' },
    { title: 'a NUL', text: 'a\0b', expected: 'a\\x00b' },
    { title: 'a line separator', text: 'a\u2028b', expected: 'a\\u{2028}b' },
    { title: 'a change of direction', text: 'a\u202eb', expected: 'a\\u{202e}b' },
    { title: 'a zero-width space', text: 'a\u200bb', expected: 'a\\u{200b}b' },
    { title: 'half of a surrogate pair', text: 'a\ud800b', expected: 'a\\u{d800}b' },
    { title: 'a tag character', text: 'a\u{e0041}b', expected: 'a\\u{e0041}b' },
  ];
  for (const { title, text, expected } of cases) {
    it(`shows ${title}`, () => {
      expect(printableText(text)).to.equal(expected);
    });
  }

  it('cuts what is longer than its bound', () => {
    expect(printableText('abcdef', 3)).to.equal('abc…');
    expect(printableText('abc', 3)).to.equal('abc');
  });

  it('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
        expect(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(printableText(text))).to.equal(false);
      }),
    );
  });
});

describe('printable', () => {
  const error = Object.assign(new Error('no\nroute'), { code: 'EHOSTUNREACH' });
  const cases = [
    {
      title: 'a domain name as text',
      value: Name.parse('_xfr.a\\010b.example'),
      expected: '_xfr.a\\010b.example',
    },
    { title: 'octets as hex', value: Buffer.from([0, 255]), expected: '00ff' },
    { title: 'a date as ISO 8601', value: new Date(0), expected: '1970-01-01T00:00:00.000Z' },
    { title: 'a date that is none', value: new Date(NaN), expected: 'no date' },
    { title: 'a big number', value: 2n ** 64n, expected: '18446744073709551616' },
    { title: 'a number that JSON lacks', value: Infinity, expected: 'Infinity' },
    { title: 'a function by its kind', value: () => 0, expected: '[function]' },
    { title: 'null', value: null, expected: null },
    { title: 'a list', value: [1, 'a\tb', false], expected: [1, 'a\\x09b', false] },
    {
      title: 'a record without what is undefined',
      value: { a: 1, b: undefined, 'c\n': 2 },
      expected: { a: 1, 'c\\x0a': 2 },
    },
    {
      title: 'an error by message and code',
      value: error,
      expected: { message: 'no\\x0aroute', code: 'EHOSTUNREACH' },
    },
    {
      title: 'an error with its cause',
      value: new Error('cannot ask', { cause: error }),
      expected: { message: 'cannot ask', cause: { message: 'no\\x0aroute', code: 'EHOSTUNREACH' } },
    },
    {
      title: 'an error without words by its name',
      value: new RangeError(),
      expected: { message: 'RangeError' },
    },
  ];
  for (const { title, value, expected } of cases) {
    it(`shows ${title}`, () => {
      expect(printable(value)).to.deep.equal(expected);
    });
  }

  it('is bounded for a value that holds itself', () => {
    const value: Record<string, unknown> = {};
    value['self'] = value;
    expect(JSON.stringify(printable(value)).length).to.be.below(200);
    const failure = new Error('round');
    failure.cause = failure;
    expect(JSON.stringify(printable(failure)).length).to.be.below(500);
  });

  it('is bounded for long lists, wide records and many octets', () => {
    const { entries, characters } = printableLimits;
    expect(printable(Array.from({ length: 1000 }, (_, i) => i))).to.have.length(entries + 1);
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${String(i)}`, i]));
    expect(Object.keys(printable(wide) as object)).to.have.length(entries + 1);
    expect(printable(Buffer.alloc(10_000))).to.have.length(characters + 1);
  });
});
