import { expect } from 'chai';
import { parseGateText } from '../../../core/gates/gate-text.ts';

function read(text: string) {
  const { name, address, port } = parseGateText(text);
  return [name?.toString(), address, port];
}

describe('a gate as text', () => {
  it('is an address with the name that it must prove, port 853 unless another is said [RFC7858-3.1]', () => {
    expect(read('192.0.2.1#resolver.example')).to.deep.equal(['resolver.example', '192.0.2.1', 853]);
    expect(read('192.0.2.1:8853#resolver.example')).to.deep.equal(['resolver.example', '192.0.2.1', 8853]);
    expect(read('[2001:db8::1]:8853#resolver.example.')).to.deep.equal([
      'resolver.example',
      '2001:db8::1',
      8853,
    ]);
  });

  it('is a name alone, whose addresses are looked up', () => {
    expect(read('resolver.example')).to.deep.equal(['resolver.example', undefined, 853]);
    expect(read('resolver.example:8853')).to.deep.equal(['resolver.example', undefined, 8853]);
  });

  it('is an address alone, which has to be proved by its key', () => {
    expect(read('192.0.2.1')).to.deep.equal([undefined, '192.0.2.1', 853]);
    expect(read('2001:db8::1')).to.deep.equal([undefined, '2001:db8::1', 853]);
  });

  const wrong: readonly (readonly [text: string, says: RegExp])[] = [
    ['', /is not an IP address/],
    ['192.0.2.1#', /after # what is not the name/],
    ['192.0.2.1#not a name', /after # what is not the name/],
    ['192.0.2.1#192.0.2.1', /after # what is not the name/],
    ['resolver.example#resolver.example', /is not an IP address/],
    ['192.0.2.1:0#resolver.example', /port 0/],
    ['resolver.example:0', /port 0/],
    ['resolver.example:70000', /a port that is not/],
    ['192.0.2', /is not an IP address/],
    ['-a.example', /neither the address nor the name/],
    ['a..example', /neither the address nor the name/],
  ];
  for (const [text, says] of wrong) {
    it(`is not "${text}"`, () => {
      expect(() => parseGateText(text)).to.throw(RangeError, says);
    });
  }
});
