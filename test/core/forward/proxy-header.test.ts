import { expect } from 'chai';
import { localHeader, proxyHeader } from '../../../core/forward/proxy-header.ts';
import { parseProxyHeader } from '../../../core/server/proxy-v2.ts';

const signature = '0d0a0d0a000d0a515549540a';
const client = {
  name: 'laptop.example',
  remote: { address: '192.0.2.7', port: 40_000 },
  local: { address: '198.51.100.1', port: 853 },
};
const vectors =
  `02000e${Buffer.from(client.name).toString('hex')}` +
  // Octets of the vector, bits, 0 for verified; version; common name.
  `2000200300000000210007${Buffer.from('TLSv1.3').toString('hex')}22000e${Buffer.from(client.name).toString('hex')}`;

describe('PROXY v2 header', () => {
  it('has addresses, the name as authority and as common name', () => {
    expect(proxyHeader(client).toString('hex')).to.equal(
      `${signature}21110040` + `c0000207c63364019c400355${vectors}`,
    );
  });

  it('is read as it was meant', () => {
    const octets = proxyHeader(client);
    expect(parseProxyHeader(octets)).to.deep.equal({
      length: octets.length,
      header: {
        local: false,
        source: client.remote,
        destination: client.local,
        tls: {
          commonName: client.name,
          certificateVerified: true,
          certOnConnection: true,
          version: 'TLSv1.3',
        },
        authority: client.name,
      },
    });
  });

  it('has IPv6 addresses without their zones', () => {
    const remote = { address: 'fe80::7%eth0', port: 1 };
    const { header } = parseProxyHeader(
      proxyHeader({ ...client, remote, local: { address: '2001:db8::1', port: 2 } }),
    );
    expect(header).to.deep.include({
      source: { address: 'fe80::7', port: 1 },
      destination: { address: '2001:db8::1', port: 2 },
    });
  });

  it('has IPv4 addresses that a socket of both families writes as IPv6', () => {
    const remote = { address: '::ffff:192.0.2.7', port: 1 };
    const { header } = parseProxyHeader(proxyHeader({ ...client, remote }));
    expect(header).to.have.nested.property('source.address', '192.0.2.7');
  });

  it('leaves out addresses that do not go together', () => {
    const { header } = parseProxyHeader(proxyHeader({ ...client, remote: { address: '::1', port: 1 } }));
    expect(header).not.to.have.property('source');
    expect(header).to.have.property('authority', client.name);
  });

  it('says of a client without a name that it came over TLS, and showed nothing', () => {
    const octets = proxyHeader({ ...client, name: '', tlsVersion: 'TLSv1.2' });
    const ssl = `20000f0100000001210007${Buffer.from('TLSv1.2').toString('hex')}`;
    expect(octets.toString('hex')).to.equal(`${signature}2111001ec0000207c63364019c400355${ssl}`);
    const { header } = parseProxyHeader(octets);
    expect(header).to.deep.include({
      tls: { certificateVerified: false, certOnConnection: false, version: 'TLSv1.2' },
    });
    expect(header).not.to.have.property('authority');
  });

  it('is LOCAL for ourselves', () => {
    expect(localHeader.toString('hex')).to.equal(`${signature}20000000`);
    expect(parseProxyHeader(localHeader)).to.deep.equal({ header: { local: true }, length: 16 });
  });
});
