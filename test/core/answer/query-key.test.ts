/** The key that a question is remembered by: what must be apart is apart, and what is the same is the same. */
import { expect } from 'chai';
import fc from 'fast-check';
import { maxKeyOctets } from '../../../core/answer/query-reader.ts';
import { EdnsOptionCode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { query, readerOf, type QueryOptions } from './wire.ts';

interface Asked extends QueryOptions {
  readonly name: string | Name;
  readonly scope?: number;
}

/** Key and hash as text; two questions share an answer only if these are the same. */
function keyOf({ name, scope = 1, ...options }: Asked, seed = 1): string {
  const reader = readerOf(query(name, options), seed);
  reader.enter(scope);
  return `${reader.key.subarray(0, reader.keyLength).toString('hex')} ${String(reader.hash)}`;
}

/** By the octets alone: two keys that differ are apart, whatever their hashes are. */
function sameKey(one: Asked, other: Asked): boolean {
  const [key, hash] = keyOf(one).split(' ');
  const [otherKey, otherHash] = keyOf(other).split(' ');
  if (key === otherKey) expect(hash).to.equal(otherHash);
  return key === otherKey;
}

const labels = (...texts: readonly string[]): Name =>
  Name.fromLabels(texts.map((text) => Buffer.from(text, 'latin1')));

describe('the key of a question', () => {
  it('is the same whatever the case of its letters [RFC4343-3]', () => {
    expect(sameKey({ name: 'www.example' }, { name: 'WwW.eXAMPLE' })).to.equal(true);
  });

  it('keeps octets apart that are no ASCII letters [RFC4343-2.1]', () => {
    // Each pair differs in the bit that makes A an a.
    for (const [one, other] of [
      ['@', '`'],
      ['[', '{'],
      ['_', '\x7f'],
      ['\xc1', '\xe1'],
      ['\x01', '!'],
    ] as const)
      expect(sameKey({ name: labels(one) }, { name: labels(other) }), one).to.equal(false);
  });

  const base: Asked = { name: 'www.example', type: RrType.A };
  const others: Readonly<Record<string, Asked>> = {
    'another scope': { ...base, scope: 2 },
    'a scope that differs in its upper bits': { ...base, scope: 0x8000_0001 },
    'another type': { ...base, type: RrType.AAAA },
    'another class': { ...base, class: RrClass.CH },
    'DO [RFC4035-3.2.1]': { ...base, dnssecOk: true },
    'CD [RFC4035-3.2.2]': { ...base, cd: true },
    'a longer name': { ...base, name: 'a.www.example' },
  };
  for (const [what, other] of Object.entries(others)) {
    it(`is another for ${what}`, () => {
      expect(sameKey(base, other)).to.equal(false);
    });
  }

  it('keeps all of them apart from one another', () => {
    const keys = [base, ...Object.values(others), { ...base, cd: true, dnssecOk: true }].map((asked) =>
      keyOf(asked),
    );
    expect(new Set(keys).size).to.equal(keys.length);
  });

  it('keeps names apart that differ only in where labels end', () => {
    const names = [
      labels('ab', 'c'),
      labels('a', 'bc'),
      labels('abc'),
      labels('a.b', 'c'),
      labels('a', 'b', 'c'),
    ];
    expect(new Set(names.map((name) => keyOf({ name }))).size).to.equal(names.length);
    // A label that has the octets of two, their length among them.
    expect(sameKey({ name: labels('a', 'b') }, { name: labels('a\x01b') })).to.equal(false);
  });

  it('has nothing of what makes no other answer', () => {
    const same: readonly Asked[] = [
      { ...base, id: 4711 },
      { ...base, rd: false },
      { ...base, ad: true },
      { ...base, udpPayloadSize: 4096 },
      { ...base, options: [{ code: EdnsOptionCode.PADDING, data: Buffer.alloc(9) }] },
      { ...base, options: [{ code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) }] },
    ];
    for (const other of same) expect(keyOf(other)).to.equal(keyOf(base));
  });

  it('has room for the longest name', () => {
    const longest = labels('a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61));
    const reader = readerOf(query(longest));
    expect(reader.keyLength).to.equal(maxKeyOctets);
  });

  it('has a hash of at most 30 bits, which nobody knows who does not know the seed', () => {
    const hashes = Array.from({ length: 100 }, (_, seed) => Number(keyOf(base, seed).split(' ')[1]));
    for (const hash of hashes) expect(hash).to.be.within(0, 2 ** 30 - 1);
    expect(new Set(hashes).size).to.be.above(95);
  });

  it('is the same if and only if all that counts is the same', () => {
    const label = fc
      .uint8Array({ minLength: 1, maxLength: 3, max: 0x7b, min: 0x59 })
      .map((octets) => Buffer.from(octets));
    const asked = fc.record({
      name: fc.array(label, { maxLength: 3 }).map((parts) => Name.fromLabels(parts)),
      type: fc.constantFrom(RrType.A, RrType.AAAA),
      class: fc.constantFrom(RrClass.IN, RrClass.CH),
      dnssecOk: fc.boolean(),
      cd: fc.boolean(),
      scope: fc.constantFrom(0, 1, 256, 0xffff_ffff),
    });
    const told = ({ name, ...rest }: typeof asked extends fc.Arbitrary<infer T> ? T : never): string =>
      JSON.stringify([name.key, rest]);
    const check = fc.property(asked, asked, fc.nat(), (one, other, pick) => {
      // Few random questions would be the same: some of the fields are taken from the first.
      const second = { ...other };
      for (const [bit, key] of (['name', 'type', 'class', 'dnssecOk', 'cd', 'scope'] as const).entries())
        if ((pick >> bit) & 1) Object.assign(second, { [key]: one[key] });
      expect(sameKey(one, second)).to.equal(told(one) === told(second));
    });
    fc.assert(check, { numRuns: 2_000 });
  });
});
