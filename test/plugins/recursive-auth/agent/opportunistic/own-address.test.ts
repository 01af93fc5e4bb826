import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { ownAddressFor } from '../../../../../plugins/recursive-auth/agent/opportunistic/own-address.ts';

describe('our own address for a server', () => {
  it('is the one that the system would ask from [RFC9539-4.5.1]', async () => {
    expect(await ownAddressFor('127.0.0.1')).to.equal('127.0.0.1');
    expect(await ownAddressFor('127.9.9.9')).to.equal('127.0.0.1');
  });

  it('is none where there is no way', async () => {
    // An address of a link, and no word of which.
    expect(await ownAddressFor('fe80::1')).to.equal('::');
  });

  it('sends nothing to find it', async () => {
    const discard = createSocket('udp4').bind(9, '127.9.9.7');
    const isBound = await Promise.race([
      once(discard, 'listening').then(() => true),
      once(discard, 'error').then(() => false),
    ]).catch(() => false);
    let heard = 0;
    discard.on('message', () => (heard += 1));
    await ownAddressFor('127.9.9.7');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(heard).to.equal(0);
    if (isBound) discard.close();
  });
});
