/** How often the claim of a client that is anonymous for want of the DNS is tried again: real connections, no real time. */
import { mock } from 'node:test';
import { expect } from 'chai';
import { longestWaitMs, triesAtOnce } from '../../../core/server/identity-keeper.ts';
import { connectionLimits } from '../../../core/server/limits.ts';
import { accessFrom } from '../../support/access.ts';
import { clientName, keyOf, type GateBedOptions, type TestClient } from '../../support/gate-bed.ts';
import { namedClientContext } from '../../support/named-client.ts';
import { issueTestIdentity } from '../../support/test-identity.ts';
import { IdentityBed } from './identity-bed.ts';

describe('an open connection is no lever for questions to the DNS', () => {
  let bed: IdentityBed;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
  });

  afterEach(async () => {
    await bed.gate.close();
    mock.timers.reset();
  });

  async function start(options?: GateBedOptions): Promise<void> {
    bed = await IdentityBed.start(options);
  }

  it('from one connection: ever more seldom', async () => {
    await start();
    bed.loseDns();
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    await bed.pass(60_000);
    expect(bed.asked.length).to.be.within(5, 8);
    const asked = bed.asked.length;
    await bed.pass(600_000);
    expect(bed.asked.length - asked).to.be.within(20, 27);
  });

  it('from as many connections as one address may have: no more than connections that are made anew', async () => {
    const perMinute = connectionLimits['lookups-per-address'].default;
    await start({
      // Any number of names.
      access: accessFrom('version: 1\nclients: { "*.away.example": { allow: [] } }'),
      limits: {
        'anonymous-per-address': connectionLimits['anonymous-per-address'].default,
        'lookups-per-address': perMinute,
      },
    });
    const count = connectionLimits['anonymous-per-address'].default;
    const stranger = await issueTestIdentity('stranger.example');
    for (let at = 0; at < count; at++) {
      const name = `n${String(at)}.away.example`;
      bed.gate.resolver.publish(name, [], { status: 'indeterminate' });
      const secureContext = namedClientContext({ credentials: stranger, name });
      expect(await bed.asksAs(await bed.gate.connect({ secureContext }))).to.equal('nobody');
    }
    expect(bed.asked).to.have.length(perMinute);
    // What was charged while the budget ran out has to be made up for: at most what comes in, and the last tries at once.
    const minutes = 10;
    await bed.pass(minutes * 60_000);
    expect(bed.asked.length - perMinute).to.be.within(perMinute, minutes * perMinute + triesAtOnce);
  });

  it('few of all connections at once, and none is forgotten', async () => {
    const most = { anonymous: 1000, 'anonymous-per-address': 1000, 'proofs-per-domain': 1000 };
    await start({ limits: { ...most, 'lookups-per-address': 1000 } });
    bed.loseDns();
    const clients: TestClient[] = [];
    for (let at = 0; at < triesAtOnce + 10; at++) {
      clients.push(await bed.gate.connect());
      expect(await bed.asksAs(clients.at(-1)!)).to.equal('nobody');
    }
    const asked = bed.asked.length;
    const release = bed.gate.resolver.hold();
    await bed.pass(10 * longestWaitMs);
    expect(bed.asked.length - asked).to.equal(triesAtOnce);
    bed.publish();
    release();
    await bed.pass(longestWaitMs);
    for (const client of clients) expect(await bed.asksAs(client)).to.equal(clientName);
  });

  it('nor by a connection that has ended', async () => {
    await start();
    bed.loseDns();
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    client.socket.destroy();
    await bed.ended(client);
    const asked = bed.asked.length;
    await bed.pass(600_000);
    expect(bed.asked).to.have.length(asked);
  });

  it('nor for a client that is to blame', async () => {
    await start();
    const thief = await bed.gate.connect(keyOf(await issueTestIdentity(clientName)));
    expect(await bed.asksAs(thief)).to.equal('nobody');
    await bed.pass(600_000);
    expect(bed.asked).to.have.length(1);
  });
});
