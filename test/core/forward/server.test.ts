import { expect } from 'chai';
import { forwardServer, labelOf } from '../../../core/forward/server.ts';

describe('forwardServer', () => {
  it('reads addresses, with the transport of the others', () => {
    expect(forwardServer('127.0.0.1:5300', 'udp')).to.deep.equal({
      address: '127.0.0.1',
      port: 5300,
      transport: 'udp',
    });
    expect(forwardServer('::1', 'tcp')).to.deep.equal({ address: '::1', port: 53, transport: 'tcp' });
  });

  for (const text of ['192.0.2.1#dns.example', 'tls://192.0.2.1#dns.example', '192.0.2.1:853#dns.example']) {
    it(`reads ${text} as DNS over TLS [RFC8310-5]`, () => {
      const server = forwardServer(text, 'udp');
      expect(server).to.deep.equal({
        address: '192.0.2.1',
        port: 853,
        transport: 'tls',
        tls: { name: 'dns.example' },
      });
      expect(labelOf(server)).to.equal('192.0.2.1:853#dns.example');
    });
  }

  for (const text of [
    'dns.example',
    '',
    '127.0.0.1:0',
    '127.0.0.1#',
    '127.0.0.1#192.0.2.1',
    'tls://127.0.0.1',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => forwardServer(text, 'udp')).to.throw(RangeError);
    });
  }
});
