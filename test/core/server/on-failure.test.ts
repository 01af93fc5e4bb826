/** What a listener does with those who are connected when it lets anonymous clients in no more: real connections. */
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { clientName, defaultListenerTls, type GateBedOptions } from '../../support/gate-bed.ts';
import { IdentityBed, message, ttlMs } from './identity-bed.ts';

describe('a listener whose on-failure becomes alert', () => {
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

  function become(onFailure: 'alert' | 'anonymous'): void {
    bed.gate.gate.setTls({ ...defaultListenerTls, onFailure });
  }

  it('ends the connections of strangers at once, and no other [DANCE-8.2]', async () => {
    await start();
    const known = await bed.gate.connect();
    expect(await bed.asksAs(known)).to.equal(clientName);
    const strangers = [await bed.gate.connect({}), await bed.gate.connect({})];
    for (const stranger of strangers) expect(await bed.asksAs(stranger)).to.equal('nobody');
    become('alert');
    for (const stranger of strangers) {
      stranger.send(message);
      await stranger.closed;
      expect(stranger.messages).to.have.length(1);
    }
    const ends = await bed.lines('connection', 2);
    expect(ends.map(({ ended }) => ended)).to.deep.equal(['anonymous-refused', 'anonymous-refused']);
    const [line, ...more] = await bed.lines('anonymous connections ended');
    expect([line?.['connections'], more]).to.deep.equal([2, []]);
    expect(await bed.anonymous()).to.equal(0);
    expect(await bed.asksAs(known)).to.equal(clientName);
  });

  it('ends that of a client which waits to be known again, and tries it no more', async () => {
    await start();
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    become('alert');
    expect(await bed.ended(client)).to.include({ ended: 'anonymous-refused', timesAnonymous: 1 });
    const asked = bed.asked.length;
    await bed.pass(ttlMs);
    expect(bed.asked).to.have.length(asked);
  });

  it('lets no identity fall any more: the connection ends with it', async () => {
    await start();
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    become('alert');
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.ended(client)).to.include({ ended: 'proof-gone', client: clientName });
  });

  it('lets nobody in who was arriving: the alert is for him too', async () => {
    await start();
    const release = bed.gate.resolver.hold();
    bed.loseDns();
    const client = await bed.gate.connect();
    while (bed.asked.length === 0) await nextTurn();
    become('alert');
    release();
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    await bed.pass(1000);
    await client.closed;
    expect(await bed.lines('connection refused')).to.have.length(1);
    expect(bed.gate.log.of('client is anonymous')).to.deep.equal([]);
  });

  it('says nothing where nobody was anonymous, nor when it becomes anonymous', async () => {
    await start();
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    become('alert');
    become('anonymous');
    expect(await bed.asksAs(client)).to.equal(clientName);
    expect(bed.gate.log.of('anonymous connections ended')).to.deep.equal([]);
  });
});
