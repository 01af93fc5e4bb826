import { expect } from 'chai';
import { addressKey, Places } from '../../../core/server/places.ts';

describe('Places', () => {
  it('gives out as many as there are in all', () => {
    const places = new Places();
    const taken = ['a', 'b', 'c'].map((key) => places.take(key, 2, 5));
    expect(taken).to.deep.equal([true, true, false]);
    expect(places.taken).to.equal(2);
  });

  it('gives each key no more than its part, and leaves the rest to others', () => {
    const places = new Places();
    const taken = ['a', 'a', 'a', 'b'].map((key) => places.take(key, 10, 2));
    expect(taken).to.deep.equal([true, true, false, true]);
  });

  it('gives a freed place out again, once', () => {
    const places = new Places();
    places.take('a', 1, 1);
    places.free('a');
    expect(places.taken).to.equal(0);
    expect(places.take('b', 1, 1)).to.equal(true);
    expect(places.take('a', 1, 1)).to.equal(false);
  });

  it('does not count who was sent away', () => {
    const places = new Places();
    places.take('a', 1, 1);
    for (let more = 0; more < 5; more++) places.take('a', 1, 1);
    places.free('a');
    expect(places.taken).to.equal(0);
  });

  it('does not take back what it did not give', () => {
    const places = new Places();
    places.take('a', 5, 5);
    expect(() => {
      places.free('b');
    }).to.throw(RangeError, 'b');
    expect(places.taken).to.equal(1);
  });

  it('obeys bounds that were lowered meanwhile', () => {
    const places = new Places();
    for (let count = 0; count < 4; count++) places.take('a', 10, 10);
    expect(places.take('b', 3, 10)).to.equal(false);
    places.free('a');
    expect(places.take('a', 10, 3)).to.equal(false);
  });
});

describe('addressKey', () => {
  const cases: [address: string, key: string, title: string][] = [
    ['192.0.2.1', '192.0.2.1', 'an IPv4 address'],
    ['::ffff:192.0.2.1', '192.0.2.1', 'an IPv4 address in IPv6 form [RFC4291-2.5.5.2]'],
    ['::FFFF:192.0.2.1', '192.0.2.1', 'the same in capitals'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', 'the /64 of an IPv6 address [RFC4291-2.5.4]'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64', 'a /64 written short at its end'],
    ['2001:db8::1', '2001:db8:0:0::/64', 'a /64 written short in its middle'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64', 'leading zeros as nothing'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64', 'capitals as small letters'],
    ['::1', '0:0:0:0::/64', 'loopback'],
    ['::', '0:0:0:0::/64', 'the address of nobody'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64', 'an address with its zone'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64', 'an address that ends like IPv4'],
    ['', '', 'a client that is gone'],
  ];
  for (const [address, key, title] of cases) {
    it(`counts ${title} as ${JSON.stringify(key)}`, () => {
      expect(addressKey(address)).to.equal(key);
    });
  }
});
