import { expect } from 'chai';
import fc from 'fast-check';
import { formatEndpoint, isLoopback, parseEndpoint } from '../../../core/config/endpoint.ts';

describe('an endpoint', () => {
  const readable: [text: string, address: string, port: number][] = [
    ['127.0.0.1', '127.0.0.1', 853],
    ['127.0.0.1:53', '127.0.0.1', 53],
    ['::1', '::1', 853],
    ['[::1]', '::1', 853],
    ['[::1]:53', '::1', 53],
    ['[2001:db8::53]:0', '2001:db8::53', 0],
    ['fe80::1%eth0', 'fe80::1%eth0', 853],
  ];
  for (const [text, address, port] of readable) {
    it(`is read from ${text}`, () => {
      expect(parseEndpoint(text, 853)).to.deep.equal({ address, port });
    });
  }

  const unreadable = [
    '',
    'localhost',
    'localhost:53',
    '1.2.3',
    '1.2.3.4:',
    '1.2.3.4:x',
    '1.2.3.4:65536',
    '1.2.3.4:-1',
  ];
  for (const text of [
    ...unreadable,
    '[1.2.3.4]:53',
    '[::1',
    '[::1]53',
    '[::1]:',
    '::1]:53',
    '1.2.3.4:53:53',
  ]) {
    it(`is not read from ${JSON.stringify(text)}`, () => {
      expect(() => parseEndpoint(text, 853)).to.throw(RangeError);
    });
  }

  it('is written as it is read', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, fc.nat(65_535), (ip, port) => {
        const endpoint = { address: ip, port };
        expect(parseEndpoint(formatEndpoint(endpoint), 1)).to.deep.equal(endpoint);
      }),
    );
  });

  const loopback = { '127.0.0.1': true, '127.255.0.9': true, '::1': true, '::ffff:127.0.0.1': true };
  const elsewhere = { '128.0.0.1': false, '0.0.0.0': false, '::': false, '::2': false, localhost: false };
  for (const [address, expected] of Object.entries({ ...loopback, ...elsewhere })) {
    it(`${address} is ${expected ? '' : 'not '}on loopback`, () => {
      expect(isLoopback(address)).to.equal(expected);
    });
  }
});
