import { expect } from 'chai';
import { Name } from '../../../../core/dns/name.ts';
import type { LinkOptions } from '../../../../core/plugin/contract.ts';
import { transferLimits } from '../../../../plugins/xot/limits.ts';
import { PlainUpstream } from '../../../../plugins/xot/upstream/plain-upstream.ts';
import { openUpstream, parseUpstream } from '../../../../plugins/xot/upstream/target.ts';
import { TlsUpstream } from '../../../../plugins/xot/upstream/tls-upstream.ts';
import { limitsOf } from '../../../support/limits.ts';

describe('parseUpstream', () => {
  for (const [text, address, port, name] of [
    ['127.0.0.1', '127.0.0.1', 53, undefined],
    ['127.0.0.1:5353', '127.0.0.1', 5353, undefined],
    ['::1', '::1', 53, undefined],
    ['[::1]:54', '::1', 54, undefined],
    ['192.0.2.1#ns1.example', '192.0.2.1', 853, 'ns1.example'],
    ['192.0.2.1:8853#Ns1.example', '192.0.2.1', 8853, 'Ns1.example'],
    ['2001:db8::1#ns1.example', '2001:db8::1', 853, 'ns1.example'],
    ['[2001:db8::1]:8853#ns1.example', '2001:db8::1', 8853, 'ns1.example'],
  ] as const) {
    it(`reads ${text} [RFC9103-7.3]`, () => {
      const parsed = parseUpstream(text);
      expect(parsed.endpoint).to.deep.equal({ address, port });
      expect(parsed.name?.toString()).to.equal(name);
      expect(parsed.text).to.equal(text);
    });
  }

  for (const [text, words] of [
    ['ns1.example', 'is not an IP address'],
    ['ns1.example#ns1.example', 'is not an IP address'],
    ['127.0.0.1:0', 'has port 0'],
    ['127.0.0.1#', 'has after #'],
    ['127.0.0.1#192.0.2.1', 'has after #'],
    ['127.0.0.1#a#b', 'has after #'],
    ['127.0.0.1#.', 'has after #'],
  ] as const) {
    it(`does not read ${text}`, () => {
      expect(() => parseUpstream(text)).to.throw(RangeError, words);
    });
  }
});

describe('openUpstream', () => {
  const limits = limitsOf(transferLimits, { 'primary-answer-time': 1234, 'upstream-connections': 7 });
  const links: LinkOptions[] = [];
  const host = {
    connect: (options: LinkOptions) => {
      links.push(options);
      return { close: () => undefined } as never;
    },
    nowMs: () => 0,
  };
  const name = Name.parse('ns1.example');
  const tsig = { name, algorithm: 'hmac-sha256', secret: Buffer.alloc(32) } as const;

  it('opens a primary by plain TCP', () => {
    const upstream = openUpstream(parseUpstream('127.0.0.1'), host, limits);
    expect(upstream).to.be.instanceOf(PlainUpstream);
    expect(upstream.label).to.equal('primary 127.0.0.1:53');
  });

  it('opens a server by XoT: ALPN dot, the strict policy, its limits [RFC9103-7.1] [RFC9103-7.5]', () => {
    const policy = { name, dane: 'required' } as const;
    const target = { ...parseUpstream('192.0.2.1#ns1.example'), policy };
    const upstream = openUpstream(target, host, limits);
    expect(upstream).to.be.instanceOf(TlsUpstream);
    expect(upstream.label).to.equal('gate 192.0.2.1:853#ns1.example');
    expect(links).to.have.length(1);
    expect(links[0]).to.deep.include({ alpn: 'dot', policy, endpoint: target.endpoint });
    expect(links[0]?.limits).to.include({ 'answer-time': 1234, connections: 7 });
  });

  it('opens nothing where a name is given and nothing could prove it', () => {
    const target = parseUpstream('192.0.2.1#ns1.example');
    expect(() => openUpstream(target, host, limits)).to.throw(RangeError, 'ns1.example could be proved');
  });

  it('opens nothing with TSIG inside of TLS', () => {
    const target = {
      ...parseUpstream('192.0.2.1#ns1.example'),
      policy: { name, dane: 'required' as const },
      tsig,
    };
    expect(() => openUpstream(target, host, limits)).to.throw(RangeError, 'TSIG');
  });
});
