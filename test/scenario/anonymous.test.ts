/** What anonymous clients can take of a gate that lets them in: not the places of those who are known, not its log. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { expect } from 'chai';
import { makeIdentity, TestGate, type Credentials } from '../support/gate.ts';
import { handshakeFailure, visit } from '../support/gate-visit.ts';
import { namedClientContext } from '../support/named-client.ts';

const name = '_xfr.ns2.example';

describe('anonymous clients', () => {
  let gate: TestGate;
  const held: tls.TLSSocket[] = [];

  async function start(limits: Readonly<Record<string, string | number>>): Promise<void> {
    gate = await TestGate.start({
      clients: { [name]: ['example.com'] },
      anonymous: ['example.com'],
      listener: { 'on-failure': 'anonymous' },
      limits,
    });
  }

  afterEach(async () => {
    for (const socket of held.splice(0)) socket.destroy();
    await gate.close();
  });

  /** A connection that is kept open. Resolves when the gate has taken its client for anonymous. */
  async function hold(): Promise<void> {
    const { address: host, port } = gate.endpoint;
    const before = gate.log.of('client is anonymous').length;
    const socket = tls.connect({ host, port, ALPNProtocols: ['dot'], rejectUnauthorized: false });
    held.push(socket);
    await once(socket, 'secureConnect');
    while (gate.log.of('client is anonymous').length === before) await sleep(5);
  }

  function come(credentials: Credentials): ReturnType<typeof visit> {
    return visit(gate.endpoint, { secureContext: namedClientContext({ credentials, name }) });
  }

  it('have places of their own, so that they cannot take those of clients that are known', async () => {
    await start({ connections: 6, anonymous: 4 });
    for (let at = 0; at < 4; at++) await hold();
    expect((await visit(gate.endpoint, {})).error).to.equal(handshakeFailure);
    expect((await come(await gate.client(name))).reply?.header.rcode).to.equal(0);
    const values = await gate.metrics();
    expect(values.get('danced_turned_away_total{gate="xot/gate",limit="anonymous"}')).to.equal(1);
  });

  it('have few of them from one address', async () => {
    await start({ 'anonymous-per-address': 2 });
    for (let at = 0; at < 2; at++) await hold();
    expect((await visit(gate.endpoint, {})).error).to.equal(handshakeFailure);
    for (const socket of held.splice(0)) socket.destroy();
    await gate.idle();
    expect((await visit(gate.endpoint, {})).reply?.header.rcode).to.equal(0);
  });

  it('are charged for proofs that fail, as at any gate', async () => {
    await start({ 'failures-per-address': 5 });
    // The name has a record, of another key.
    await gate.client(name);
    const thief = await makeIdentity(name);
    for (let attempt = 0; attempt < 12; attempt++) await come(thief);
    await gate.idle();
    expect(gate.log.of('client is anonymous')).to.have.length(5);
  });

  it('are not charged for showing nothing', async () => {
    await start({ 'failures-per-address': 5 });
    for (let attempt = 0; attempt < 12; attempt++) {
      expect((await visit(gate.endpoint, {})).reply?.header.rcode).to.equal(0);
    }
  });

  it('fill no log by showing nothing, however often they come', async () => {
    await start({});
    await visit(gate.endpoint, {});
    await gate.idle();
    const ofIt = gate.log.lines.filter(({ event }) => /^(client is anonymous|connection)$/.test(event));
    expect(ofIt.map(({ level }) => level)).to.deep.equal(['debug', 'debug']);
  });

  it('fill no log by asking for what they may not have', async () => {
    await start({});
    expect((await visit(gate.endpoint, {}, 'other.example')).reply?.header.rcode).to.equal(5);
    await gate.idle();
    const [line] = gate.log.lines.filter(({ event }) => event === 'request refused');
    expect(line?.level).to.equal('debug');
  });
});
