import { expect } from 'chai';
import * as fc from 'fast-check';
import { decodeBase32Hex, encodeBase32Hex } from '../../../core/dns/base32hex.ts';
import { octets } from './arbitraries.ts';
import { hex } from './wire.ts';

/** RFC 4648 section 10, without the padding. */
const examples: [text: string, digits: string][] = [
  ['', ''],
  ['f', 'co'],
  ['fo', 'cpng'],
  ['foo', 'cpnmu'],
  ['foob', 'cpnmuog'],
  ['fooba', 'cpnmuoj1'],
  ['foobar', 'cpnmuoj1e8'],
];

describe('base 32 with the extended hex alphabet', () => {
  for (const [text, digits] of examples) {
    it(`writes ${JSON.stringify(text)} as ${JSON.stringify(digits)} [RFC4648-7]`, () => {
      expect(encodeBase32Hex(Buffer.from(text))).to.equal(digits);
      expect(decodeBase32Hex(digits)).to.deep.equal(Buffer.from(text));
      expect(decodeBase32Hex(digits.toUpperCase())).to.deep.equal(Buffer.from(text));
    });
  }

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(octets(0, 64), (any) => {
        expect(decodeBase32Hex(encodeBase32Hex(any))).to.deep.equal(any);
      }),
    );
  });

  it('has one text for any octets, and none for other texts', () => {
    for (const text of ['0', '000', 'c', 'cp1', 'cp', 'cpnmuo', 'w0', '0z', 'c-', 'co======', 'c o', 'ſ0']) {
      expect(decodeBase32Hex(text), text).to.equal(undefined);
    }
    expect(decodeBase32Hex('vvvvvvvv')).to.deep.equal(hex('ffffffffff'));
  });
});
