/** The log of a listener that does not say whom it serves, when a proof is lost. */
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { clientName, GateBed } from '../../support/gate-bed.ts';
import { tlsaOf } from '../../support/test-identity.ts';

describe('Connection of a client that is not told', () => {
  let bed: GateBed;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
  });

  afterEach(async () => {
    await bed.close();
    mock.timers.reset();
  });

  it('has the reason of a proof that is gone, and not the words of the resolver, with the name in them', async () => {
    bed = await GateBed.start({ whoIsServed: 'hidden', limits: { 'idle-time': 100_000_000 } });
    bed.resolver.publish(clientName, [tlsaOf(bed.client)], { ttlSeconds: 100 });
    const client = await bed.connect();
    client.send(Buffer.alloc(12, 7));
    await client.received(1);
    const detail = `192.0.2.53 gave the TLSA of ${clientName} without the AD bit`;
    bed.resolver.publish(clientName, [], { status: 'insecure', detail });
    bed.nowMs += 80_000;
    mock.timers.tick(80_000);
    await client.closed;
    while (bed.log.of('connection').length === 0) await nextTurn();
    const [line] = bed.log.of('connection');
    expect(line?.fields).to.include({ ended: 'proof-gone', detail: 'insecure' });
    expect(JSON.stringify(bed.log.lines)).to.not.include(clientName);
  });
});
