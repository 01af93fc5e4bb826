import { expect } from 'chai';
import fc from 'fast-check';
import { decodePunycode } from '../../../core/dane/punycode.ts';

function decoded(text: string): string | undefined {
  const points = decodePunycode(text);
  return points === undefined ? undefined : String.fromCodePoint(...points);
}

describe('decodePunycode', () => {
  // The samples of RFC 3492 section 7.1, and names that are in use.
  const samples: [encoded: string, text: string][] = [
    ['egbpdaj6bu4bxfgehfvwxn', 'ليهمابتكلموشعربي؟'],
    ['ihqwcrb4cv8a8dqg056pqjye', '他们为什么不说中文'],
    ['Proprostnemluvesky-uyb24dma41a', 'Pročprostěnemluvíčesky'],
    ['PorqunopuedensimplementehablarenEspaol-fmd56a', 'PorquénopuedensimplementehablarenEspañol'],
    ['TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g', 'TạisaohọkhôngthểchỉnóitiếngViệt'],
    ['3B-ww4c5e180e575a65lsy2b', '3年B組金八先生'],
    ['d9juau41awczczp', 'そのスピードで'],
    ['-> $1.00 <--', '-> $1.00 <-'],
    ['mnchen-3ya', 'münchen'],
    ['ls8h', '💩'],
  ];
  for (const [encoded, text] of samples) {
    it(`gives ${text} for ${encoded} [RFC3492-6.2]`, () => {
      expect(decoded(encoded)).to.equal(text);
    });
  }

  const broken: [title: string, text: string][] = [
    ['a digit that is none', 'mnchen-3y!'],
    ['an end in mid-number', 'mnchen-3'],
    ['a hyphen and nothing before it', '-3ya'],
    ['a number beyond 32 bits', '99999999999999'],
    ['a code point beyond Unicode', 'en32g'],
    ['half of a surrogate pair', 'ib9b'],
    ['what is not ASCII', 'mü-3ya'],
  ];
  for (const [title, text] of broken) {
    it(`refuses ${title} [RFC3492-6.2]`, () => {
      expect(decodePunycode(text)).to.equal(undefined);
    });
  }

  it('ends, and gives code points only, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('abcyz0189-')), maxLength: 63 }),
        (text) => {
          const points = decodePunycode(text);
          if (points === undefined) return;
          expect(points.length).to.be.at.most(text.length);
          for (const point of points) expect(String.fromCodePoint(point).isWellFormed()).to.equal(true);
        },
      ),
    );
  });
});
