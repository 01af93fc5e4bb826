import dgram from 'node:dgram';
import net from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { ListenError } from '../../../core/server/listen-error.ts';
import { PlainBed, query, TcpClient, UdpClient } from './plain-bed.ts';

describe('the plain DNS server', () => {
  it('listens by UDP and TCP on one port of each address [RFC7766-5]', async () => {
    const addresses = ['127.0.0.1', '127.0.0.3'].map((address) => ({ address, port: 0 }));
    const bed = new PlainBed({ addresses });
    const opened = await bed.server.open();
    expect(opened.map(({ address }) => address)).to.deep.equal(['127.0.0.1', '127.0.0.3']);
    for (const at of opened) {
      const [udp, tcp] = [await UdpClient.open(at), await TcpClient.open(at)];
      const before = bed.asked.length;
      await udp.send(query(1));
      tcp.send(query(2));
      await bed.hears(before + 2);
      udp.close();
      tcp.close();
    }
    await bed.close();
  });

  for (const address of ['0.0.0.0', '::', '0:0::0']) {
    it(`refuses ${address}, from which it could not answer as the one that was asked`, async () => {
      const bed = new PlainBed({ addresses: [{ address, port: 0 }] });
      const error: unknown = await bed.server.open().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(ListenError);
      expect(error).to.have.property('message').that.includes('write each address');
    });
  }

  it('says which address is taken, and leaves none open', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as net.AddressInfo;
    const free = net.createServer().listen(0, '127.0.0.3');
    await once(free, 'listening');
    const { port: freePort } = free.address() as net.AddressInfo;
    free.close();
    const addresses = [
      { address: '127.0.0.3', port: freePort },
      { address: '127.0.0.1', port },
    ];
    const bed = new PlainBed({ addresses });
    const error: unknown = await bed.server.open().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ListenError).and.include({ code: 'SERVER_LISTEN', blame: 'config' });
    expect(error)
      .to.have.property('message')
      .that.includes(`127.0.0.1:${String(port)}: another program`);
    other.close();
    const again = new PlainBed({ addresses: addresses.slice(0, 1) });
    expect(await again.server.open()).to.deep.equal(addresses.slice(0, 1));
    await again.close();
  });

  it('says so when only the UDP port is taken', async () => {
    const other = dgram.createSocket('udp4');
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    const bed = new PlainBed({ addresses: [{ address: '127.0.0.1', port }] });
    const error: unknown = await bed.server.open().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ListenError);
    expect(error).to.have.property('message').that.includes('another program');
    const tcp: unknown = await TcpClient.open({ address: '127.0.0.1', port }).catch(
      (reason: unknown) => reason,
    );
    expect(tcp).to.have.property('code', 'ECONNREFUSED');
    other.close();
  });
});
