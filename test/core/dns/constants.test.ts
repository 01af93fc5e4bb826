import { expect } from 'chai';
import { rcodeName, rrClassName, RrType, rrTypeFromName, rrTypeName } from '../../../core/dns/constants.ts';

describe('names of the DNS numbers', () => {
  it('are mnemonics, or TYPEn, CLASSn and RCODEn [RFC3597-5]', () => {
    expect(rrTypeName(52)).to.equal('TLSA');
    expect(rrTypeName(65_280)).to.equal('TYPE65280');
    expect(rrClassName(1)).to.equal('IN');
    expect(rrClassName(0x8001)).to.equal('CLASS32769');
    expect(rcodeName(5)).to.equal('REFUSED');
    expect(rcodeName(3841)).to.equal('RCODE3841');
  });

  it('lead back to their types, in any case [RFC3597-5]', () => {
    for (const [name, type] of Object.entries(RrType)) {
      expect(rrTypeFromName(name)).to.equal(type);
      expect(rrTypeFromName(rrTypeName(type).toLowerCase())).to.equal(type);
    }
    expect(rrTypeFromName('type65280')).to.equal(65_280);
    expect(rrTypeFromName('TYPE1')).to.equal(1);
  });

  for (const text of [
    'TSLA',
    '',
    'TYPE',
    'TYPE65536',
    'TYPE01',
    'TYPE-1',
    'constructor',
    '__proto__',
    'toString',
  ]) {
    it(`do not take ‘${text}’ for a type`, () => {
      expect(rrTypeFromName(text)).to.equal(undefined);
    });
  }
});
