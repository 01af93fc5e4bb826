import { expect } from 'chai';
import {
  covers,
  isEverything,
  parseAddressSpec,
  withoutPort,
} from '../../../cli/from-config/address-spec.ts';

describe('addresses in access rules', () => {
  const read: [text: string, from: bigint, to: bigint][] = [
    ['192.0.2.1', 0xc0000201n, 0xc0000201n],
    ['192.0.2.77/24', 0xc0000200n, 0xc00002ffn],
    ['0.0.0.0/0', 0n, 0xffffffffn],
    ['192.0.2.1/32', 0xc0000201n, 0xc0000201n],
    ['192.0.2.1-192.0.3.0', 0xc0000201n, 0xc0000300n],
    ['192.0.2.77&255.255.255.0', 0xc0000200n, 0xc00002ffn],
    ['::1', 1n, 1n],
    ['1::2:192.0.2.1', (1n << 112n) | 0x2c0000201n, (1n << 112n) | 0x2c0000201n],
    ['1:2:3:4:5:6:7:8', 0x00010002000300040005000600070008n, 0x00010002000300040005000600070008n],
    ['ff00::/8', 0xffn << 120n, (1n << 128n) - 1n],
    ['::-::f', 0n, 15n],
  ];
  for (const [text, from, to] of read) {
    it(`reads ${text}`, () => {
      expect(parseAddressSpec(text)).to.deep.equal({ family: text.includes(':') ? 6 : 4, from, to });
    });
  }

  const wrong = [
    '',
    'eth0',
    '192.0.2',
    '192.0.2.1/33',
    '::/129',
    '192.0.2.1/',
    '192.0.2.1-::1',
    '192.0.2.9-192.0.2.1',
    '1-2-3',
    'fe80::1%eth0',
    '/run/x',
    '192.0.2.1/2/3',
    '192.0.2.1@53',
  ];
  for (const text of wrong) {
    it(`does not read ${JSON.stringify(text)}`, () => {
      expect(parseAddressSpec(text)).to.equal(undefined);
    });
  }

  const comparisons: [outer: string, inner: string, covered: boolean][] = [
    ['192.0.2.0/24', '192.0.2.1', true],
    ['192.0.2.0/24', '192.0.3.1', false],
    ['192.0.2.0/24', '192.0.2.0-192.0.2.255', true],
    ['192.0.2.0/24', '192.0.2.255-192.0.3.0', false],
    ['192.0.2.1', '192.0.2.0/24', false],
    ['0.0.0.0/0', '::1', false],
    ['192.0.0.7&255.255.0.255', '192.0.99.7', true],
    ['192.0.0.7&255.255.0.255', '192.0.99.8', false],
    ['192.0.0.7&255.255.0.255', '192.0.0.7-192.0.0.8', false],
    ['192.0.0.0/16', '192.0.0.7&255.255.0.255', true],
  ];
  for (const [outer, inner, covered] of comparisons) {
    it(`says that ${outer} ${covered ? 'covers' : 'does not cover'} ${inner}`, () => {
      const [a, b] = [parseAddressSpec(outer), parseAddressSpec(inner)];
      expect(a !== undefined && b !== undefined && covers(a, b)).to.equal(covered);
    });
  }

  it('knows what is every address of a family', () => {
    const all = ['0.0.0.0/0', '::/0', '9.9.9.9/0', '0.0.0.0-255.255.255.255', '1.2.3.4&0.0.0.0'];
    const some = ['0.0.0.0/1', '0.0.0.0', '0.0.0.1-255.255.255.255', '0.0.0.0&0.0.255.0'];
    const isAll = (text: string): boolean => {
      const spec = parseAddressSpec(text);
      return spec !== undefined && isEverything(spec);
    };
    expect(all.filter((text) => !isAll(text))).to.deep.equal([]);
    expect(some.filter(isAll)).to.deep.equal([]);
  });

  it('leaves out ports', () => {
    expect(['192.0.2.1@53', '::1', '192.0.2.0/24@5300'].map(withoutPort)).to.deep.equal([
      '192.0.2.1',
      '::1',
      '192.0.2.0/24',
    ]);
  });
});
