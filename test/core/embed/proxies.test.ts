import { expect } from 'chai';
import { OptionsError } from '../../../core/embed/options.ts';
import { fromTrustedProxy } from '../../../core/embed/proxies.ts';

describe('fromTrustedProxy', () => {
  const inside: [address: string, ...proxies: string[]][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '::1', '127.0.0.0/8'],
    ['192.0.2.15', '192.0.2.0/28'],
    ['2001:db8::7', '2001:db8::/64'],
    ['2001:db8:0:0::1', '2001:DB8::1'],
    // What a socket says that listens on [::].
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1/32'],
  ];
  for (const [address, ...proxies] of inside) {
    it(`finds ${address} in ${proxies.join(' ')}`, () => {
      expect(fromTrustedProxy(address, proxies)).to.equal(true);
    });
  }

  const outside: [address: string | undefined, ...proxies: string[]][] = [
    ['127.0.0.2', '127.0.0.1'],
    ['192.0.2.16', '192.0.2.0/28'],
    ['2001:db8:0:1::7', '2001:db8::/64'],
    ['::ffff:192.0.2.2', '192.0.2.1'],
    ['::1', '127.0.0.0/8'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['192.0.2.1, 127.0.0.1', '127.0.0.1'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['', '127.0.0.1'],
    [undefined, '127.0.0.1'],
  ];
  for (const [address, ...proxies] of outside) {
    it(`does not find ${String(address)} in ${proxies.join(' ')}`, () => {
      expect(fromTrustedProxy(address, proxies)).to.equal(false);
    });
  }

  const wrong: [proxies: unknown, words: RegExp][] = [
    [[], /^proxies: is an empty list; /],
    [['proxy.example'], /^proxies\[0\]: "proxy\.example" is not an IP address/],
    [['127.0.0.1', '0.0.0.0/0'], /^proxies\[1\]: "0\.0\.0\.0\/0" has a prefix shorter than 8/],
    [['::/0'], /shorter than 16/],
    [['::/16'], /has every IPv4 address in it/],
    [['::ffff:0:0/96'], /has every IPv4 address in it/],
    [['192.0.2.0/33'], /longer than 32/],
    [['192.0.2.0/'], /is not an IP address/],
    [['fe80::1%eth0'], /is not an IP address/],
    ['127.0.0.1', /^proxies: is the text "127\.0\.0\.1", not a list of the addresses/],
    [[7], /^proxies\[0\]: is the number 7/],
  ];
  for (const [proxies, words] of wrong) {
    it(`refuses ${JSON.stringify(proxies)}`, () => {
      expect(() => fromTrustedProxy('127.0.0.1', proxies as string[])).to.throw(OptionsError, words);
    });
  }
});
