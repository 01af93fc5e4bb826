import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { OctetReader } from '../../../core/dns/octet-reader.ts';
import { encodeTypeBitmap, readTypeBitmap } from '../../../core/dns/type-bitmap.ts';
import { hex } from './wire.ts';

describe('the type bit map', () => {
  it('is written as in the example of RFC 4034 [RFC4034-4.3]', () => {
    const types = [1234, RrType.A, RrType.NSEC, RrType.MX, RrType.RRSIG, RrType.A];
    const octets = hex(`0006 400100000003 041b ${'00'.repeat(26)} 20`);
    expect(encodeTypeBitmap(types)).to.deep.equal(octets);
    expect(readTypeBitmap(new OctetReader(octets))).to.deep.equal([1, 15, 46, 47, 1234]);
  });

  it('may be empty', () => {
    expect(encodeTypeBitmap([])).to.have.lengthOf(0);
    expect(readTypeBitmap(new OctetReader(Buffer.alloc(0)))).to.deep.equal([]);
  });

  const mistakes: [what: string, octets: string][] = [
    ['blocks out of order', '0101 80 0001 80'],
    ['a block twice', '0001 80 0001 80'],
    ['a block of no octets', '0000'],
    ['a block of 33 octets', `0021 ${'ff'.repeat(33)}`],
    ['a zero at the end of a block', '0002 8000'],
    ['a block cut short', '0002 80'],
    ['half a block header', '00'],
  ];
  for (const [what, octets] of mistakes) {
    it(`is refused with ${what} [RFC4034-4.1.2]`, () => {
      expect(() => readTypeBitmap(new OctetReader(hex(octets)))).to.throw(DnsFormatError);
    });
  }
});
