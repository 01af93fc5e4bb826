import { expect } from 'chai';
import {
  hasMailbox,
  isNameWithin,
  nameText,
  readDistinguishedName,
} from '../../../core/pki/distinguished-name.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import { der, sequence } from '../../support/crafted-certificate.ts';

const stringTags = { utf8: 0x0c, printable: 0x13, teletex: 0x14, ia5: 0x16, universal: 0x1c, bmp: 0x1e };

/** One attribute: its type as the content of an object identifier, and the octets of its value. */
function attribute(tag: number, value: string | Buffer, type = '550403'): Buffer {
  return sequence(der(0x06, Buffer.from(type, 'hex')), der(tag, Buffer.from(value)));
}

function name(...parts: readonly (readonly Buffer[])[]): Buffer {
  return sequence(...parts.map((part) => der(0x31, ...part)));
}

function textOf(...parts: readonly (readonly Buffer[])[]): string {
  return nameText(readDistinguishedName(name(...parts)));
}

const plain = textOf([attribute(stringTags.utf8, 'example ca')]);

describe('a distinguished name', () => {
  const same: [string, Buffer][] = [
    ['in another case', attribute(stringTags.utf8, 'Example CA')],
    ['as PrintableString', attribute(stringTags.printable, 'Example CA')],
    ['as IA5String', attribute(stringTags.ia5, 'example ca')],
    ['as TeletexString', attribute(stringTags.teletex, 'example ca')],
    ['as BMPString', attribute(stringTags.bmp, Buffer.from('Example CA', 'utf16le').swap16())],
    [
      'as UniversalString',
      attribute(
        stringTags.universal,
        Buffer.concat(Array.from(Buffer.from('Example CA'), (octet) => Buffer.from([0, 0, 0, octet]))),
      ),
    ],
    ['with spaces around and more between', attribute(stringTags.utf8, '  example \t ca ')],
  ];
  for (const [title, part] of same) {
    it(`is the same ${title} [RFC5280-7.1]`, () => {
      expect(textOf([part])).to.equal(plain);
    });
  }

  const others: [string, readonly (readonly Buffer[])[]][] = [
    ['with another text', [[attribute(stringTags.utf8, 'example cb')]]],
    ['without the space', [[attribute(stringTags.utf8, 'exampleca')]]],
    ['as another attribute', [[attribute(stringTags.utf8, 'example ca', '55040a')]]],
    ['as octets that are no string', [[attribute(0x04, 'example ca')]]],
    ['twice', [[attribute(stringTags.utf8, 'example ca')], [attribute(stringTags.utf8, 'example ca')]]],
    [
      'with another attribute beside it',
      [[attribute(stringTags.utf8, 'example ca'), attribute(0x0c, 'x', '55040a')]],
    ],
    ['as nothing', []],
    [
      'as a BMPString that is cut off',
      [[attribute(stringTags.bmp, Buffer.from('example ca', 'utf16le').swap16().subarray(1))]],
    ],
  ];
  for (const [title, parts] of others) {
    it(`is another ${title}`, () => {
      expect(textOf(...parts)).not.to.equal(plain);
    });
  }

  it('is the same whatever the order within a part, not of the parts', () => {
    const a = attribute(stringTags.utf8, 'a');
    const b = attribute(stringTags.utf8, 'b', '55040a');
    expect(textOf([a, b])).to.equal(textOf([b, a]));
    expect(textOf([a], [b])).not.to.equal(textOf([b], [a]));
    expect(textOf([a], [b])).not.to.equal(textOf([a, b]));
  });

  it('has one reading, whatever is in its strings', () => {
    const type = '550403';
    const tricky = textOf([attribute(stringTags.utf8, `a2:${type}=b`)]);
    expect(tricky).not.to.equal(textOf([attribute(stringTags.utf8, 'a'), attribute(stringTags.utf8, 'b')]));
    // Two broken strings, which a decoder would both give replacement characters.
    const [one, two] = [Buffer.from([0xff]), Buffer.from([0xfe])].map((octets) =>
      textOf([attribute(0x0c, octets)]),
    );
    expect(one).not.to.equal(two);
  });

  it('is below another that has its first parts', () => {
    const [a, b] = [[attribute(stringTags.utf8, 'A')], [attribute(stringTags.utf8, 'b')]];
    const read = (...parts: readonly (readonly Buffer[])[]) => readDistinguishedName(name(...parts));
    expect(isNameWithin(read(a, b), read(a))).to.equal(true);
    expect(isNameWithin(read(a), read(a, b))).to.equal(false);
    expect(isNameWithin(read(b), read(a))).to.equal(false);
    expect(isNameWithin(read(a), read())).to.equal(true);
  });

  it('may have a mailbox in it', () => {
    const mailbox = attribute(stringTags.ia5, 'user@example.net', '2a864886f70d010901');
    expect(hasMailbox(readDistinguishedName(name([attribute(stringTags.utf8, 'x'), mailbox])))).to.equal(
      true,
    );
    expect(
      hasMailbox(readDistinguishedName(name([attribute(stringTags.utf8, 'user@example.net')]))),
    ).to.equal(false);
  });

  for (const [title, octets] of [
    ['nothing', Buffer.alloc(0)],
    ['a set', der(0x31)],
    ['an empty part', name([])],
    ['an attribute without value', name([sequence(der(0x06, Buffer.from('550403', 'hex')))])],
    [
      'an attribute with two values',
      name([sequence(der(0x06, Buffer.from('550403', 'hex')), der(0x0c), der(0x0c))]),
    ],
    ['octets after the end', Buffer.concat([name(), der(5)])],
  ] as const) {
    it(`is not ${title}`, () => {
      expect(() => readDistinguishedName(octets)).to.throw(CertificateFormatError);
    });
  }
});
