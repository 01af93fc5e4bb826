import { expect } from 'chai';
import * as fc from 'fast-check';
import { Name } from '../../../../core/dns/name.ts';
import { NameSet } from '../../../../plugins/dot-resolver/view/name-set.ts';
import { anyName, hostName } from '../../../core/dns/arbitraries.ts';

const setOf = (...names: string[]): NameSet => {
  const set = new NameSet();
  for (const name of names) set.add(Name.parse(name).wire);
  return set;
};

/** The name in the set that a name is at or below, as text. */
const closest = (set: NameSet, text: string): string | undefined => {
  const { wire } = Name.parse(text);
  const at = set.closest(wire);
  return at < 0 ? undefined : Name.fromWire(wire.subarray(at)).toString();
};

describe('NameSet', () => {
  it('finds a name, and every name below it, but not those beside and above', () => {
    const set = setOf('ads.example', 'b.c.d.example');
    expect(closest(set, 'ads.example')).to.equal('ads.example');
    expect(closest(set, 'x.y.ads.example')).to.equal('ads.example');
    expect(closest(set, 'bads.example')).to.equal(undefined);
    expect(closest(set, 'example')).to.equal(undefined);
    expect(closest(set, 'c.d.example')).to.equal(undefined);
  });

  it('finds the longest of several', () => {
    const set = setOf('example', 'b.example', 'a.b.example');
    expect(closest(set, 'x.a.b.example')).to.equal('a.b.example');
    expect(closest(set, 'x.b.example')).to.equal('b.example');
    expect(closest(set, 'x.example')).to.equal('example');
  });

  it('does not look at the case of letters [RFC4343-3]', () => {
    expect(closest(setOf('Ads.EXAMPLE'), 'x.aDS.example')).to.equal('aDS.example');
    expect(setOf('ads.example', 'ADS.example').size).to.equal(1);
  });

  it('takes a dot within a label for what it is', () => {
    expect(closest(setOf('a.example'), 'x\\.a.example')).to.equal(undefined);
    expect(closest(setOf('x\\.a.example'), 'x.a.example')).to.equal(undefined);
  });

  it('holds the root, below which is everything', () => {
    const set = setOf('.');
    expect(closest(set, 'a.example')).to.equal('.');
    expect(closest(set, '.')).to.equal('.');
    expect(closest(setOf('example'), '.')).to.equal(undefined);
  });

  it('reads a name in the middle of a message', () => {
    const { wire } = Name.parse('www.ads.example');
    const octets = Buffer.concat([Buffer.alloc(12), wire, Buffer.from('000100010000', 'hex')]);
    expect(setOf('ads.example').closest(octets, 12)).to.equal(12 + 4);
  });

  it('holds the deepest name that there can be', () => {
    for (const labels of [31, 32, 33, 40, 127]) {
      const deep = `${'a.'.repeat(labels - 1)}b`;
      const set = setOf(deep);
      expect(closest(set, deep)).to.equal(deep);
      expect(closest(set, 'b')).to.equal(undefined);
    }
  });

  it('answers as a set of texts does, whatever the names', () => {
    const name = fc.oneof(hostName, anyName);
    fc.assert(
      fc.property(fc.array(name, { maxLength: 30 }), fc.array(name, { maxLength: 10 }), (listed, others) => {
        const set = new NameSet();
        const keys = new Set<string>();
        for (const one of listed) {
          expect(set.add(one.wire)).to.equal(!keys.has(one.key));
          keys.add(one.key);
        }
        set.trim();
        expect(set.size).to.equal(keys.size);
        for (const asked of [...listed, ...others, ...listed.map((one) => below(one))]) {
          let model: Name | undefined = asked;
          while (model !== undefined && !keys.has(model.key)) {
            model = model.labelCount === 0 ? undefined : model.parent();
          }
          const at = set.closest(asked.wire);
          expect(at).to.equal(model === undefined ? -1 : asked.wire.length - model.wire.length);
        }
      }),
    );
  });

  it('takes at most 100 octets a name, and keeps all of 200,000', function () {
    this.timeout(20_000);
    const set = new NameSet();
    for (let number = 0; number < 200_000; number += 1) set.add(numbered(number));
    set.trim();
    expect(set.size).to.equal(200_000);
    expect(set.octets / set.size).to.be.lessThan(100);
    let found = 0;
    for (let number = 0; number < 200_000; number += 1) found += set.closest(numbered(number)) === 0 ? 1 : 0;
    expect(found).to.equal(200_000);
    expect(set.closest(numbered(200_000))).to.equal(-1);
  });
});

function below(name: Name): Name {
  return name.wire.length > 250 ? name : name.prepend('x');
}

/** `host-NUMBER.ads.example`. */
function numbered(number: number): Buffer {
  const label = Buffer.from(`host-${String(number)}`);
  return Buffer.concat([Buffer.of(label.length), label, suffix]);
}
const suffix = Name.parse('ads.example').wire;
