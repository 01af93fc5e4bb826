import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { checkListens, newListens } from '../../../cli/workers/listen-check.ts';

const bounds = { takeOverMs: 100, takeOverEveryMs: 10 };

async function listen(options: { reusePort?: boolean } = {}) {
  const server = createServer().listen({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  return { server, at: { address: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}

describe('the check of addresses before workers listen there', () => {
  it('refuses one that another process has, also one that would share it', async () => {
    for (const reusePort of [false, true]) {
      const { server, at } = await listen({ reusePort });
      const error = await checkListens([at], bounds).catch((failure: unknown) => failure);
      expect(error).to.have.property('name', 'ListenError');
      expect(error)
        .to.have.property('message')
        .that.includes(`cannot listen on 127.0.0.1:${at.port}: another program`);
      server.close();
      await once(server, 'close');
      await checkListens([at], bounds);
    }
  });

  it('waits for one that is just being let go', async () => {
    const { server, at } = await listen();
    setTimeout(() => server.close(), 30);
    await checkListens([at], bounds);
  });

  it('says at once what no time can mend', async () => {
    const error = await checkListens([{ address: '192.0.2.77', port: 53 }], {
      ...bounds,
      takeOverMs: 1e6,
    }).catch((failure: unknown) => failure);
    expect(error).to.have.property('message').that.includes('192.0.2.77:53');
  });

  it('is for what is new', () => {
    const [a, b] = [
      { address: '127.0.0.1', port: 1 },
      { address: '127.0.0.1', port: 2 },
    ];
    expect(newListens([a], [{ ...a }, b])).to.deep.equal([b]);
  });
});
