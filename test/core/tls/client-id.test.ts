import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import {
  askingBody,
  clientNameOf,
  defaultExtensionType,
  encodeClientName,
} from '../../../core/tls/client-id.ts';

describe('the body of dane_clientid', () => {
  it('is a vector without octets in a question [DANCE-7]', () => {
    expect(askingBody('draft-13')).to.deep.equal(Buffer.from([0]));
  });

  it('is nothing in a question of draft-09', () => {
    expect(askingBody('draft-09')).to.deep.equal(Buffer.alloc(0));
  });

  it("is a vector with the name's text, without the trailing dot [DANCE-7]", () => {
    const body = encodeClientName(Name.parse('_smtp-client.device1.example.com.'));
    const octets = '205f736d74702d636c69656e742e646576696365312e6578616d706c652e636f6d';
    expect(body.toString('hex')).to.equal(octets);
  });

  it('has escapes as the text form has them [RFC1035-5.1]', () => {
    const name = Name.parse(String.raw`a\.b\032c.example`);
    expect(clientNameOf(encodeClientName(name)).toString('latin1')).to.equal(String.raw`a\.b\032c.example`);
  });

  it('has room for 255 octets of text, which is more than most names have', () => {
    const longest = Name.parse(
      ['a', 'b', 'c'].map((label) => label.repeat(63)).join('.') + `.${'d'.repeat(61)}`,
    );
    expect(encodeClientName(longest)).to.have.length(1 + 253);
  });

  it('has no room for a name whose escapes take more', () => {
    const escaped = Name.parse(String.raw`\001`.repeat(63) + `.${String.raw`\002`.repeat(2)}`);
    expect(() => encodeClientName(escaped)).to.throw(RangeError, '261 octets');
  });

  it('names nobody by the root', () => {
    expect(() => encodeClientName(Name.parse('.'))).to.throw(RangeError, 'root');
  });

  it('gives its octets back as they are', () => {
    expect(clientNameOf(Buffer.from('03612e62', 'hex')).toString()).to.equal('a.b');
    expect(clientNameOf(Buffer.from([0]))).to.deep.equal(Buffer.alloc(0));
    expect(clientNameOf(Buffer.alloc(0))).to.deep.equal(Buffer.alloc(0));
  });

  it('has a number for private use until there is another [RFC8446-11]', () => {
    expect(defaultExtensionType).to.be.within(0xff00, 0xffff).and.not.equal(0xff01);
  });
});
