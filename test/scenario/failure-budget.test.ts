import { expect } from 'chai';
import { makeIdentity, TestGate } from '../support/gate.ts';

const name = '_xfr.ns2.example';

describe('a gate with a budget for connections without identity', () => {
  let gate: TestGate;

  beforeEach(async () => {
    gate = await TestGate.start({
      clients: { [name]: ['example.com'] },
      limits: { 'failures-per-address': 5 },
    });
  });

  afterEach(() => gate.close());

  it('turns an address away that has used it up, before any TLS, and logs no line for it', async () => {
    const stranger = await makeIdentity('_xfr.stranger.example');
    for (let attempt = 0; attempt < 12; attempt++) await gate.transfer(stranger).catch(() => undefined);
    await gate.idle();
    const values = await gate.metrics();
    expect(values.get('danced_turned_away_total{gate="xot/gate",limit="failures"}')).to.equal(7);
    expect(gate.log.of('connection refused')).to.have.length(5);
  });

  it('does not count what the resolver is to blame for: after its outage the client comes in at once', async () => {
    const client = await gate.client(name);
    gate.lab.resolver.isDead = true;
    await Promise.all(Array.from({ length: 8 }, () => gate.transfer(client).catch(() => undefined)));
    gate.lab.resolver.isDead = false;
    // RFC 9520 section 3.2: what has failed is not asked for again for a second.
    gate.passTime(1_500);
    expect((await gate.transfer(client, { type: 'SOA' })).outcome).to.equal('complete');
  });

  it('never turns a client away while it is being proved, however often it comes at once', async () => {
    const client = await gate.client(name);
    gate.lab.resolver.delayMs = 100;
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => gate.transfer(client, { type: 'SOA' })),
    );
    expect(answers.map(({ outcome }) => outcome)).to.deep.equal(answers.map(() => 'complete'));
  });

  it('never counts those who are identified', async () => {
    const client = await gate.client(name);
    for (let attempt = 0; attempt < 12; attempt++) {
      expect((await gate.transfer(client, { type: 'SOA' })).outcome).to.equal('complete');
    }
  });
});
