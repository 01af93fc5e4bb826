import { expect } from 'chai';
import { DerReader, maxDerDepth } from '../../../core/pki/der.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';

const sequenceTag = 0x30;

describe('DerReader', () => {
  describe('takes', () => {
    const cases = [
      { title: 'an empty element', octets: '0500', length: 0 },
      { title: 'the longest short length', octets: `047f${'00'.repeat(127)}`, length: 127 },
      { title: 'the shortest long length', octets: `048180${'00'.repeat(128)}`, length: 128 },
      { title: 'a length of two octets', octets: `04820100${'00'.repeat(256)}`, length: 256 },
      { title: 'a length of three octets', octets: `0483010000${'00'.repeat(65_536)}`, length: 65_536 },
    ];
    for (const { title, octets, length } of cases) {
      it(title, () => {
        const reader = new DerReader(Buffer.from(octets, 'hex'));
        const element = reader.readAny();
        expect(element.end - element.contentStart).to.equal(length);
        expect(reader.atEnd).to.equal(true);
      });
    }
  });

  describe('refuses', () => {
    const cases = [
      { title: 'nothing at all', octets: '' },
      { title: 'a tag without length', octets: '04' },
      { title: 'a long length that is cut off', octets: '0482ff' },
      { title: 'content that is cut off', octets: '0402ff' },
      { title: 'an indefinite length', octets: '3080020101000000' },
      { title: 'a long length where the short form would do', octets: '04810100' },
      { title: 'a length with a leading zero', octets: `04820080${'00'.repeat(128)}` },
      { title: 'a length of four octets', octets: '048401000000' },
      { title: 'a length of 127 octets', octets: `04ff${'00'.repeat(200)}` },
      { title: 'a length far beyond the octets', octets: '0483ffffff00' },
      { title: 'a tag number above 30', octets: '1f8101020000' },
    ];
    for (const { title, octets } of cases) {
      it(title, () => {
        const reader = new DerReader(Buffer.from(octets, 'hex'));
        expect(() => reader.readAny()).to.throw(CertificateFormatError, /at octet \d+$/);
      });
    }
  });

  it('keeps an inner element inside the outer one', () => {
    const reader = new DerReader(Buffer.from('3003040201ff', 'hex'));
    const inner = reader.enter(sequenceTag, 'list');
    expect(() => inner.readAny()).to.throw(CertificateFormatError, 'passes the end');
  });

  it('says which element is missing', () => {
    const reader = new DerReader(Buffer.from('0500', 'hex'));
    expect(() => reader.read(sequenceTag, 'list of names')).to.throw(
      CertificateFormatError,
      'no list of names',
    );
  });

  it('refuses octets that nobody read', () => {
    const reader = new DerReader(Buffer.from('05000500', 'hex'));
    reader.readAny();
    expect(() => {
      reader.finish('the null');
    }).to.throw(CertificateFormatError, 'after the end of the null');
  });

  it('stops at its bound on depth', () => {
    let octets = Buffer.alloc(0);
    for (let i = 0; i <= maxDerDepth + 1; i++)
      octets = Buffer.concat([Buffer.from([sequenceTag, octets.length]), octets]);
    let reader = new DerReader(octets);
    for (let i = 0; i < maxDerDepth; i++) reader = reader.enter(sequenceTag, 'list');
    expect(() => reader.enter(sequenceTag, 'list')).to.throw(CertificateFormatError, 'too deeply');
  });
});

describe('DerReader on values', () => {
  const reader = (hex: string): DerReader => new DerReader(Buffer.from(hex, 'hex'));

  it('reads a BOOLEAN', () => {
    expect([reader('0101ff').boolean('flag'), reader('010100').boolean('flag')]).to.deep.equal([true, false]);
  });

  it('reads an INTEGER that is not negative, without its leading zero', () => {
    const read = (hex: string): string => reader(hex).unsigned('number').toString('hex');
    expect([read('020100'), read('02017f'), read('02020080'), read('0203010000')]).to.deep.equal([
      '00',
      '7f',
      '80',
      '010000',
    ]);
  });

  for (const hex of ['0100', '01020000', '010101', '020100']) {
    it(`takes ${hex} for no BOOLEAN`, () => {
      expect(() => reader(hex).boolean('flag')).to.throw(CertificateFormatError);
    });
  }

  for (const hex of ['0200', '020180', '02020001', '0202ff80', '0101ff']) {
    it(`takes ${hex} for no INTEGER that is not negative`, () => {
      expect(() => reader(hex).unsigned('number')).to.throw(CertificateFormatError);
    });
  }
});
