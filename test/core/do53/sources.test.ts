import { expect } from 'chai';
import { parseSource, Sources } from '../../../core/do53/sources.ts';

describe('addresses that may ask in clear', () => {
  it('are single ones and prefixes of both families', () => {
    const sources = new Sources(['127.0.0.0/8', '192.0.2.1', '2001:db8::/32'].map(parseSource));
    for (const address of ['127.3.2.1', '192.0.2.1', '2001:db8::7', '::ffff:127.0.0.1'])
      expect(sources.has(address), address).to.equal(true);
    for (const address of ['128.0.0.1', '192.0.2.2', '2001:db9::', 'fe80::1%eth0', 'localhost', ''])
      expect(sources.has(address), address).to.equal(false);
  });

  for (const text of [
    '',
    'localhost',
    '192.0.2.1/33',
    '2001:db8::/129',
    '192.0.2.1/',
    'fe80::1%eth0',
    '192.0.2',
  ]) {
    it(`are not "${text}"`, () => {
      expect(() => parseSource(text)).to.throw(RangeError);
    });
  }
});
