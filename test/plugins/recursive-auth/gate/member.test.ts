import { expect } from 'chai';
import { networkOf } from '../../../../plugins/recursive-auth/gate/member.ts';

describe('the network of a stranger', () => {
  const networks: Readonly<Record<string, string>> = {
    '192.0.2.7': '192.0.2.0/24',
    '192.0.2.255': '192.0.2.0/24',
    '192.0.3.7': '192.0.3.0/24',
    '::ffff:192.0.2.9': '192.0.2.0/24',
    '2001:db8:1:2:3:4:5:6': '20010db8000100/56',
    '2001:db8:1:ff::6': '20010db8000100/56',
    '2001:db8:1:100::6': '20010db8000101/56',
    '2001:db8::': '20010db8000000/56',
    '::1': '00000000000000/56',
    'fe80::1%eth0': 'fe800000000000/56',
  };
  for (const [address, network] of Object.entries(networks)) {
    it(`of ${address} is ${network}`, () => {
      expect(networkOf(address)).to.equal(network);
    });
  }
});
