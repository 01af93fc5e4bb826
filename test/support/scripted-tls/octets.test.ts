import { expect } from 'chai';
import { OctetReader, ScriptedTlsError, vector } from './octets.ts';

describe('the octets of the scripted TLS client', () => {
  const octets = Buffer.from('octets');

  it('writes vectors that the reader takes apart', () => {
    const reader = new OctetReader(vector(2, octets, octets), 'vector');
    expect(reader.vector(2).toString()).to.equal('octetsoctets');
    expect(() => reader.end()).not.to.throw();
  });

  it('writes no vector that is too long', () => {
    expect(vector(1, Buffer.alloc(255))).to.have.length(256);
    expect(() => vector(1, Buffer.alloc(256))).to.throw(RangeError);
  });

  it('reads nothing beyond the end, and says when something is left', () => {
    const reader = new OctetReader(octets, 'vector');
    expect(() => reader.take(7)).to.throw(ScriptedTlsError, 'vector ends too early');
    expect(() => reader.end()).to.throw(ScriptedTlsError, "octets follow the server's vector");
  });
});
