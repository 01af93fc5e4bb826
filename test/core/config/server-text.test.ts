import { expect } from 'chai';
import { formatServer, parseServer } from '../../../core/config/server-text.ts';

describe('a resolver as text', () => {
  const readable: [text: string, server: ReturnType<typeof parseServer>, normal: string][] = [
    ['127.0.0.1', { address: '127.0.0.1', port: 53 }, '127.0.0.1:53'],
    ['[::1]:5353', { address: '::1', port: 5353 }, '[::1]:5353'],
    [
      'tls://192.0.2.53#dns.example.net',
      { address: '192.0.2.53', port: 853, tls: { name: 'dns.example.net' } },
      'tls://192.0.2.53:853#dns.example.net',
    ],
    [
      'tls://[2001:db8::53]:8853#dns.example.net.',
      { address: '2001:db8::53', port: 8853, tls: { name: 'dns.example.net' } },
      'tls://[2001:db8::53]:8853#dns.example.net',
    ],
    [
      'tls://2001:db8::53#dns.example.net',
      { address: '2001:db8::53', port: 853, tls: { name: 'dns.example.net' } },
      'tls://[2001:db8::53]:853#dns.example.net',
    ],
  ];
  for (const [text, server, normal] of readable) {
    it(`is read from ${text}, and written in one way`, () => {
      expect(parseServer(text)).to.deep.equal(server);
      expect(formatServer(server)).to.equal(normal);
      expect(parseServer(normal)).to.deep.equal(server);
    });
  }

  it('has a name when it is asked over TLS: nobody is asked who could be anybody [RFC8310-5]', () => {
    for (const text of ['tls://192.0.2.53', 'tls://192.0.2.53:853', 'tls://192.0.2.53#']) {
      expect(() => parseServer(text), text).to.throw(RangeError, /has no name after #/);
    }
  });

  it('has a name that a dNSName can be: no address, no wildcard, no escape [RFC8310-8.1]', () => {
    for (const name of ['192.0.2.53', '*.example', 'a\\046b.example', 'dns..example', 'a b', 'a#b', '.']) {
      expect(() => parseServer(`tls://192.0.2.53#${name}`), name).to.throw(RangeError, /after #/);
    }
  });

  const unreadable: [text: string, wrong: RegExp][] = [
    ['127.0.0.1#dns.example', /does not begin with tls:/],
    ['dns.example', /not an IP address/],
    ['tls://dns.example#dns.example', /not an IP address/],
    ['https://192.0.2.53#dns.example', /does not begin with tls:/],
    ['127.0.0.1:0', /port 0/],
    ['tls://127.0.0.1:0#dns.example', /port 0/],
  ];
  for (const [text, wrong] of unreadable) {
    it(`is not read from ${text}`, () => {
      expect(() => parseServer(text)).to.throw(RangeError, wrong);
    });
  }
});
