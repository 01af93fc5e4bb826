/** A change of the access list reaches connections that are open. */
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Rcode } from '../../core/dns/constants.ts';
import type { Secondary } from '../../lab/secondary.ts';
import { TestGate, until, type Credentials } from '../support/gate.ts';

const zone = 'example.com';
const removed = '_xfr.ns1.example';
const kept = '_xfr.ns2.example';
/** What is promised. */
const promisedMs = 1000;

describe('a change of the access list', () => {
  let gate: TestGate;
  let clients: Record<typeof removed | typeof kept, Credentials>;

  beforeEach(async () => {
    gate = await TestGate.start({
      lab: { transferZone: { name: zone, records: 4000 } },
      clients: { [removed]: [zone], [kept]: [zone] },
    });
    clients = { [removed]: await gate.client(removed), [kept]: await gate.client(kept) };
  });
  afterEach(() => gate.close());

  /** A connection that has been served. */
  async function openAs(name: keyof typeof clients): Promise<Secondary> {
    const secondary = await gate.open(clients[name]);
    expect((await secondary.request({ zone, type: 'SOA' })).outcome).to.equal('complete');
    return secondary;
  }

  it('cuts the connections of a client that it removes within a second, and no others', async () => {
    const [first, second, other] = [await openAs(removed), await openAs(removed), await openAs(kept)];
    const closed = Promise.all([once(first.socket, 'close'), once(second.socket, 'close')]);
    const startMs = performance.now();
    gate.writeAccess({ [kept]: [zone] });
    await closed;
    expect(performance.now() - startMs).to.be.below(promisedMs);
    const lines = await gate.lines('connection', 2);
    expect(lines.map(({ fields }) => [fields['client'], fields['ended']])).to.deep.equal([
      [removed, 'not-admitted'],
      [removed, 'not-admitted'],
    ]);
    expect((await other.request({ zone, type: 'SOA' })).outcome).to.equal('complete');
    expect((await gate.transfer(clients[removed])).outcome).to.equal('closed');
    other.close();
  });

  it('cuts a transfer that is under way, too, if the client is gone', async () => {
    gate.lab.primary.delayMs = 300;
    const secondary = await openAs(removed);
    const transfer = secondary.request({ zone });
    await until('the transfer is under way', () => gate.lab.primary.requests.length > 1);
    gate.writeAccess({ [kept]: [zone] });
    expect((await transfer).outcome).to.equal('closed');
  });

  it('lets a client stay that is admitted by another entry now, and decides its next request by that', async () => {
    const secondary = await openAs(removed);
    gate.writeAccess({ '*.example': [zone] });
    await gate.lines('access list loaded');
    expect((await secondary.request({ zone, type: 'SOA' })).outcome).to.equal('complete');
    gate.writeAccess({ '*.example': ['other.example'] });
    await gate.lines('access list loaded', 2);
    expect((await secondary.request({ zone, type: 'SOA' })).rcode).to.equal(Rcode.REFUSED);
    secondary.close();
  });

  it('brings new limits to connections that are open', async () => {
    const secondary = await openAs(removed);
    const list = (rate: string): string =>
      `version: 1\nclients:\n  ${removed}: { allow: [{ action: transfer, zones: [${zone}], ${rate} }] }\n`;
    gate.writeAccessText(list('rate: 2/h, burst: 2'));
    await gate.lines('access list loaded');
    const ask = async () => (await secondary.request({ zone, type: 'SOA' })).rcode;
    expect([await ask(), await ask(), await ask()]).to.deep.equal([
      Rcode.NOERROR,
      Rcode.NOERROR,
      Rcode.SERVFAIL,
    ]);
    expect(gate.log.of('request refused').at(-1)?.fields).to.include({ reason: 'too-fast', rule: 'allow 1' });
    gate.writeAccessText(list('rate: 1000/s, burst: 1000'));
    await gate.lines('access list loaded', 2);
    gate.passTime(1000);
    expect(await ask()).to.equal(Rcode.NOERROR);
    secondary.close();
  });

  it('cuts once for many changes that follow each other, however they are made', async () => {
    const secondary = await openAs(removed);
    const closed = once(secondary.socket, 'close');
    for (let at = 0; at < 20; at++) {
      writeFileSync(`${gate.accessFile}.new`, `version: 1\nclients: {}\n# ${at}\n`);
      renameSync(`${gate.accessFile}.new`, gate.accessFile);
    }
    await closed;
    await gate.idle();
    expect(gate.log.of('connection').map(({ fields }) => fields['ended'])).to.deep.equal(['not-admitted']);
    expect(gate.log.of('defect')).to.deep.equal([]);
  });
});
