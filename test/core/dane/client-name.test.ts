import { expect } from 'chai';
import fc from 'fast-check';
import { maximumClientNameOctets, readClientName } from '../../../core/dane/client-name.ts';
import { Name } from '../../../core/dns/name.ts';

function read(text: string): string | undefined {
  const { name, wrong } = readClientName(Buffer.from(text, 'latin1'));
  return name?.toString() ?? `wrong: ${wrong ?? ''}`;
}

/** Labels of 63, 63, 63 and `last` letters: 192 + last octets of text. */
function long(last: number): string {
  const label = 'a'.repeat(63);
  return [label, label, label, 'b'.repeat(last)].join('.');
}

describe('readClientName', () => {
  const good: [title: string, text: string, name?: string][] = [
    ['a service and its client [DANCE-2]', '_smtp-client.device1.example.com'],
    ['a device [DANCE-2]', 'sensor7._device.example.com'],
    ['a name without any mark [DANCE-2]', 'device73.example.com'],
    ['one label', 'localhost'],
    ['capitals, as they came', 'NS2.Example'],
    ['the longest name of the wire [RFC1035-2.3.4]', long(61)],
    ['an escape in digits [RFC1035-5.1]', 'a\\046b.example', 'a\\.b.example'],
    ['an escaped dot at the end', 'example.a\\.'],
    ['an escape of a plain letter', '\\n\\s2.example', 'ns2.example'],
    ['an A-label [RFC5890-2.3.2.1]', 'xn--mnchen-3ya.example'],
    ['an A-label in capitals', 'XN--MNCHEN-3YA.example'],
    ['hyphens where only xn-- means something', 'ab--c.-d-.example'],
    ['a star that is not a label', '*a.b*.example'],
  ];
  for (const [title, text, name = text] of good) {
    it(`takes ${title}`, () => {
      expect(read(text)).to.equal(name);
    });
  }

  const bad: [title: string, text: string, wrong: string][] = [
    ['nothing', '', 'empty'],
    ['the root', '.', 'root'],
    ['a dot at the end [DANCE-7]', 'ns2.example.', 'ends with a dot'],
    ['a dot at the end, after an escaped backslash', 'ns2.example\\\\.', 'ends with a dot'],
    ['two dots in a row', 'ns2..example', 'empty label'],
    ['a dot at the start', '.example', 'empty label'],
    ['NUL', 'ns2.example\0.evil', '0x00'],
    ['a space', 'ns2 .example', '0x20'],
    ['DEL', 'ns2\x7f.example', '0x7f'],
    ['a U-label [DANCE-7]', Buffer.from('münchen.example').toString('latin1'), '0xc3'],
    ['a label of 64 octets [RFC1035-2.3.4]', `${'a'.repeat(64)}.example`, '63'],
    ['a name that is one octet too long for the wire [RFC1035-2.3.4]', long(62), '255'],
    ['more text than its length octet can say', `${'\\097'.repeat(60)}.${'a'.repeat(20)}`, '255'],
    ['a backslash at the end', 'ns2.example\\', 'escape'],
    ['an escape above 255', 'a\\256.example', 'escape'],
    ['an escape of two digits', 'a\\12.example', 'escape'],
    ['a wildcard [RFC4592-2.1.1]', '*._device.example', 'label *'],
    ['a wildcard in disguise', '\\042.example', 'label *'],
    ['a wildcard in the middle', 'a.*.example', 'label *'],
    ['xn-- and nothing', 'xn--.example', 'A-label'],
    ['xn-- and no Punycode', 'xn--ab!c.example', 'A-label'],
    ['xn-- and what decodes to ASCII', 'xn--abc-.example', 'A-label'],
    ['xn-- and broken Punycode', 'xn--99999999.example', 'A-label'],
    ['xn-- in an escape', '\\120n--zzz999999.example', 'A-label'],
    ...Array.from('"();@$').map((mark): [string, string, string] => [
      `${mark}, which has a meaning in zone files [RFC1035-5.1]`,
      `a${mark}b.example`,
      'escaped',
    ]),
  ];
  for (const [title, text, wrong] of bad) {
    it(`refuses ${title}`, () => {
      const words = read(text);
      expect(words).to.match(/^wrong: /);
      expect(words).to.include(wrong);
    });
  }

  it('reads what it took again to the same name, and nothing that is no name', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .string({ unit: fc.constantFrom(...Array.from('ab2-_.\\*xn@')), maxLength: 300 })
        .map((text) => Buffer.from(text, 'latin1')),
    );
    fc.assert(
      fc.property(octets, (bytes) => {
        const { name } = readClientName(Buffer.from(bytes));
        if (name === undefined) return;
        expect(bytes.length).to.be.within(1, maximumClientNameOctets);
        expect(name.labelCount).to.be.greaterThan(0);
        expect(Name.fromWire(name.wire).equals(name)).to.equal(true);
        expect(name.equals(Name.parse(Buffer.from(bytes).toString('latin1')))).to.equal(true);
      }),
    );
  });

  it('takes every name of letters, digits, hyphens and underscores that has a place in it', () => {
    const label = fc
      .string({ unit: fc.constantFrom(...Array.from('abcXYZ019-_')), minLength: 1, maxLength: 20 })
      .filter((text) => !text.toLowerCase().startsWith('xn--'));
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 10 }), (labels) => {
        const text = labels.join('.');
        expect(read(text)).to.equal(text);
      }),
    );
  });
});
