import { expect } from 'chai';
import * as fc from 'fast-check';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { Name } from '../../../core/dns/name.ts';
import { anyName } from './arbitraries.ts';
import { hex } from './wire.ts';

describe('Name', () => {
  const texts: [text: string, wire: string, presented: string][] = [
    ['.', '00', '.'],
    ['example', '07 6578616d706c65 00', 'example'],
    ['example.', '07 6578616d706c65 00', 'example'],
    ['_xfr.Ns2.example', '04 5f786672 03 4e7332 07 6578616d706c65 00', '_xfr.Ns2.example'],
    ['*.example', '01 2a 07 6578616d706c65 00', '*.example'],
    ['a\\.b.c', '03 612e62 01 63 00', 'a\\.b.c'],
    ['a\\046b.c', '03 612e62 01 63 00', 'a\\.b.c'],
    ['a\\\\b', '03 615c62 00', 'a\\\\b'],
    ['\\255\\000\\032', '03 ff0020 00', '\\255\\000\\032'],
    ['\\;\\"\\(\\)\\@\\$', '06 3b2228294024 00', '\\;\\"\\(\\)\\@\\$'],
  ];
  for (const [text, wire, presented] of texts) {
    it(`reads ${text} and writes it back as ${presented} [RFC1035-5.1]`, () => {
      const name = Name.parse(text);
      expect(name.wire).to.deep.equal(hex(wire));
      expect(name.toString()).to.equal(presented);
    });
  }

  const badTexts: [what: string, text: string][] = [
    ['nothing', ''],
    ['an empty label', 'a..b'],
    ['an empty label at the start', '.a'],
    ['two dots', '..'],
    ['a label of 64 octets', `${'a'.repeat(64)}.example`],
    ['a name of 256 octets', `${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(62)}`],
    ['an escape beyond 255', 'a\\256'],
    ['an escape of two digits', 'a\\25'],
    ['an escape of nothing', 'a\\'],
    ['a space', 'a b'],
    ['a line break', 'a\nb'],
    ['a NUL', 'a\0b'],
    ['a character outside ASCII', 'bücher.example'],
    ['a lone at-sign, which means the origin in a zone file', '@'],
    ['a comment sign', 'a;b'],
  ];
  for (const [what, text] of badTexts) {
    it(`refuses text with ${what} [RFC1035-2.3.4]`, () => {
      expect(() => Name.parse(text)).to.throw(DnsFormatError);
    });
  }

  it('reads a name the same with and without escapes, whatever its labels are made of', () => {
    const usual = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
    fc.assert(
      fc.property(fc.array(usual, { minLength: 1, maxLength: 3 }), (labels) => {
        const text = labels.join('.');
        const escaped = labels.map(
          (label) => `\\${String(label.charCodeAt(0)).padStart(3, '0')}${label.slice(1)}`,
        );
        const name = Name.parse(text);
        expect(name.wire.equals(Name.parse(escaped.join('.')).wire)).to.equal(true);
        expect(name.wire.equals(Name.parse(`${text}.`).wire)).to.equal(true);
        expect(name.labelCount).to.equal(labels.length);
        expect(name.toString()).to.equal(text);
      }),
    );
  });

  it('takes a name of 255 octets and labels of 63 [RFC1035-2.3.4]', () => {
    const name = Name.parse(`${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(61)}`);
    expect(name.wire).to.have.lengthOf(255);
    expect(Name.fromWire(name.wire).equals(name)).to.equal(true);
  });

  const badWires: [what: string, wire: string][] = [
    ['no octet', ''],
    ['no end', '01 61'],
    ['a label cut short', '05 61 00'],
    ['octets after the end', '01 61 00 00'],
    ['a label length of 64', '40' + '61'.repeat(64) + '00'],
    ['a compression pointer', '01 61 c0 00'],
    ['more than 255 octets', ('3f' + '61'.repeat(63)).repeat(4) + '00'],
  ];
  for (const [what, wire] of badWires) {
    it(`refuses octets with ${what}`, () => {
      expect(() => Name.fromWire(hex(wire))).to.throw(DnsFormatError);
    });
  }

  it('refuses to make a label that is empty or too long', () => {
    expect(() => Name.fromLabels([Buffer.alloc(0)])).to.throw(DnsFormatError);
    expect(() => Name.fromLabels([Buffer.alloc(64, 'a')])).to.throw(DnsFormatError);
    expect(() => Name.parse('example').prepend('')).to.throw(DnsFormatError);
  });

  it('keeps its octets when the buffer that it came from is written to', () => {
    const wire = hex('01 61 00');
    const name = Name.fromWire(wire);
    wire.fill(0xff);
    expect(name.toString()).to.equal('a');
  });

  it('compares ASCII letters without case and keeps the case [RFC4343-3]', () => {
    const name = Name.parse('NS.Example');
    expect(name.equals(Name.parse('ns.eXAMPLE'))).to.equal(true);
    expect(name.key).to.equal(Name.parse('ns.example').key);
    expect(name.toString()).to.equal('NS.Example');
    expect(name.canonicalWire()).to.deep.equal(Name.parse('ns.example').wire);
  });

  it('folds no octet but the ASCII letters [RFC4343-3.2]', () => {
    const pairs = [
      ['\\192', '\\224'],
      ['\\@', '`'],
      ['[', '{'],
    ] as const;
    for (const [upper, lower] of pairs) expect(Name.parse(upper).equals(Name.parse(lower))).to.equal(false);
  });

  it('tells the label a.b from the labels a and b', () => {
    const one = Name.parse('a\\.b.example');
    const two = Name.parse('a.b.example');
    expect(one.equals(two)).to.equal(false);
    expect(one.key).not.to.equal(two.key);
    expect(one.isBelow(Name.parse('b.example'))).to.equal(false);
    expect(two.isBelow(Name.parse('b.example'))).to.equal(true);
  });

  it('never takes a label that ends like an ancestor for a name below it', () => {
    // The label is `x`, an octet 3, `com`: its end has the octets of the name com.
    const name = Name.fromLabels([Buffer.from('x\u0003com')]);
    expect(name.key.endsWith(Name.parse('com').key)).to.equal(true);
    expect(name.isAtOrBelow(Name.parse('com'))).to.equal(false);
  });

  it('knows what is at or below what', () => {
    const zone = Name.parse('Example.com');
    expect(zone.isAtOrBelow(zone)).to.equal(true);
    expect(zone.isBelow(zone)).to.equal(false);
    expect(Name.parse('a.b.example.COM').isBelow(zone)).to.equal(true);
    expect(Name.parse('badexample.com').isAtOrBelow(zone)).to.equal(false);
    expect(Name.parse('com').isAtOrBelow(zone)).to.equal(false);
    expect(zone.isBelow(Name.root)).to.equal(true);
    expect(Name.root.isAtOrBelow(Name.root)).to.equal(true);
  });

  it('gives its labels, its parent and the root', () => {
    const name = Name.parse('a.b.c');
    expect(name.labelCount).to.equal(3);
    expect(name.labels().map(String)).to.deep.equal(['a', 'b', 'c']);
    expect(name.parent().toString()).to.equal('b.c');
    expect(name.parent().labelCount).to.equal(2);
    expect(name.parent().parent().parent().equals(Name.root)).to.equal(true);
    expect(() => Name.root.parent()).to.throw(RangeError);
    expect(name.prepend('*').toString()).to.equal('*.a.b.c');
    expect(name.prepend(Buffer.from('x.y')).toString()).to.equal('x\\.y.a.b.c');
  });

  it('sorts in canonical order [RFC4034-6.1]', () => {
    // The example of RFC 4034 section 6.1, upside down.
    const sorted = [
      'example',
      'a.example',
      'yljkjljk.a.example',
      'Z.a.example',
      'zABC.a.EXAMPLE',
      'z.example',
      '\\001.z.example',
      '*.z.example',
      '\\200.z.example',
    ];
    const names = sorted.toReversed().map((text) => Name.parse(text));
    expect(names.sort((a, b) => a.compare(b)).map(String)).to.deep.equal(sorted);
    expect(Name.root.compare(Name.parse('example'))).to.be.lessThan(0);
    expect(Name.parse('EXAMPLE').compare(Name.parse('example'))).to.equal(0);
  });

  it('comes back the same through text and through octets, whatever octets are in it', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(Name.parse(name.toString()).wire).to.deep.equal(name.wire);
        const absolute = name.labelCount === 0 ? '.' : `${name.toString()}.`;
        expect(Name.parse(absolute).wire).to.deep.equal(name.wire);
        expect(Name.fromWire(name.wire).wire).to.deep.equal(name.wire);
        expect(Name.fromLabels(name.labels()).wire).to.deep.equal(name.wire);
      }),
    );
  });

  it('gives two names one key only if they are equal, and an order that agrees', () => {
    const wild = fc.oneof(
      anyName,
      fc.constantFrom('a.b', 'A.b', 'a\\.b', '\\255.b', '\\254.b').map((t) => Name.parse(t)),
    );
    fc.assert(
      fc.property(wild, wild, (a, b) => {
        const same = a.canonicalWire().equals(b.canonicalWire());
        expect(a.equals(b)).to.equal(same);
        expect(a.key === b.key).to.equal(same);
        expect(a.compare(b) === 0).to.equal(same);
        expect(Math.sign(a.compare(b))).to.equal(0 - Math.sign(b.compare(a)));
      }),
    );
  });
});
