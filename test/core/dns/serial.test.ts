import { expect } from 'chai';
import { serialAdd, serialCompare } from '../../../core/dns/serial.ts';

describe('serial numbers', () => {
  const cases: [a: number, b: number, order: number][] = [
    [1, 1, 0],
    [2, 1, 1],
    [1, 2, -1],
    [0, 0xffff_ffff, 1],
    [0xffff_ffff, 0, -1],
    [0x7fff_ffff, 0, 1],
    [0x8000_0001, 0, -1],
    [2026112201, 2026112200, 1],
  ];
  for (const [a, b, order] of cases) {
    it(`compare ${String(a)} with ${String(b)} as ${String(order)} [RFC1982-3.2]`, () => {
      expect(Math.sign(serialCompare(a, b))).to.equal(order);
    });
  }

  it('have no order if they are 2^31 apart [RFC1982-3.2]', () => {
    for (const serial of [0, 5, 0x8000_0000]) {
      const opposite = serialAdd(serial, 0x7fff_ffff) + 1;
      expect(serialCompare(serial, opposite)).to.be.NaN;
      expect(serialCompare(opposite, serial)).to.be.NaN;
    }
  });

  it('go round after 2^32 - 1 [RFC1982-3.1]', () => {
    expect(serialAdd(0xffff_ffff, 1)).to.equal(0);
    expect(serialCompare(serialAdd(0xffff_ffff, 1), 0xffff_ffff)).to.be.greaterThan(0);
  });
});
