/** Who the client of a connection is while the DNS, or the access list, is away: real connections, in a time that is not real. */
import type { TcpNetConnectOpts } from 'node:net';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import type { AccessControl } from '../../../core/acl/access-control.ts';
import type { Admission } from '../../../core/acl/model.ts';
import { answerService } from '../../../core/server/dns-service.ts';
import { longestWaitMs } from '../../../core/server/identity-keeper.ts';
import { accessTo, nobodyAdmitted } from '../../support/access.ts';
import { clientName, keyOf, type GateBedOptions } from '../../support/gate-bed.ts';
import { namedClientContext } from '../../support/named-client.ts';
import { issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';
import { IdentityBed, message, replyTo, stepMs, ttlMs } from './identity-bed.ts';

const away: Admission = { admitted: false, reason: 'access-unavailable', detail: 'the store is away' };

/** tls.connect hands the address on to net.connect, which its type does not say. */
function from(localAddress: string, options: ConnectionOptions = {}): ConnectionOptions {
  const all: ConnectionOptions & Pick<TcpNetConnectOpts, 'localAddress'> = { ...options, localAddress };
  return all;
}

describe('the identity of an open connection', () => {
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

  it('lasts as long as its proof, goes, and comes back, without a new connection', async () => {
    await start();
    const client = await bed.gate.connect();
    expect(await bed.asksAs(client)).to.equal(clientName);
    bed.loseDns();
    await bed.pass(ttlMs - stepMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
    await bed.pass(stepMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    expect(await bed.anonymous()).to.equal(1);
    expect((await bed.lines('client is anonymous'))[0]).to.include({
      client: clientName,
      reason: 'lookup-failed',
      detail: 'no answer',
    });
    await bed.pass(10 * longestWaitMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    bed.publish();
    await bed.pass(longestWaitMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
    expect(await bed.anonymous()).to.equal(0);
    expect((await bed.lines('client identified'))[0]).to.include({
      client: clientName,
      claim: 'certificate-name',
    });
    // And is kept, as one that arrived is.
    const asked = bed.asked.length;
    await bed.pass(3 * ttlMs);
    expect(bed.asked.length).to.be.within(asked + 3, asked + 4);
    expect(await bed.asksAs(client)).to.equal(clientName);
    client.socket.destroy();
    expect(await bed.ended(client)).to.include({
      client: clientName,
      timesAnonymous: 1,
      ended: 'client-closed',
    });
    for (const became of ['anonymous', 'identified']) {
      expect(
        await bed.gate.metric(`danced_client_changes_total{gate="test",became="${became}"}`),
        became,
      ).to.equal(1);
    }
  });

  it('comes to a client that arrived while the DNS was away', async () => {
    await start();
    bed.loseDns();
    const client = await bed.gate.connect();
    expect(await bed.asksAs(client)).to.equal('nobody');
    await bed.pass(60_000);
    bed.publish();
    await bed.pass(longestWaitMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
    client.socket.destroy();
    const line = await bed.ended(client);
    expect(line).to.include({ client: clientName });
    expect(line?.['identifiedAfterMs']).to.be.within(60_000, 60_000 + longestWaitMs);
    expect(await bed.gate.metric('danced_connections_total{gate="test",outcome="served"}')).to.equal(1);
  });

  it('comes to a client whose proof was not finished in time', async () => {
    await start({ limits: { 'handshake-time': 3_000 } });
    const release = bed.gate.resolver.hold();
    const client = await bed.gate.connect();
    while (bed.asked.length === 0) await nextTurn();
    await bed.pass(3_000);
    expect(await bed.asksAs(client)).to.equal('nobody');
    release();
    await bed.pass(longestWaitMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
  });

  it('goes when nobody answers at all, and comes back', async () => {
    await start();
    const client = await bed.gate.connect();
    expect(await bed.asksAs(client)).to.equal(clientName);
    const release = bed.gate.resolver.hold();
    await bed.pass(ttlMs + 9_000);
    expect(await bed.asksAs(client)).to.equal('nobody');
    expect((await bed.lines('client is anonymous'))[0]).to.include({ reason: 'timeout' });
    release();
    await bed.pass(longestWaitMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
  });

  it('does not come back with another key: the client is refused for good', async () => {
    await start();
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    bed.gate.resolver.publish(clientName, [tlsaOf(await issueTestIdentity(clientName))]);
    await bed.pass(longestWaitMs);
    const asked = bed.asked.length;
    expect((await bed.lines('client is anonymous', 2))[1]).to.include({ reason: 'key-mismatch' });
    bed.publish();
    await bed.pass(10 * longestWaitMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    expect(bed.asked).to.have.length(asked);
    client.socket.destroy();
    expect(await bed.ended(client)).to.include({ anonymous: 'key-mismatch', timesAnonymous: 1 });
  });

  it('ends with the connection where the draft leaves no choice: a name that the certificate has not [DANCE-8.2]', async () => {
    await start();
    bed.loseDns();
    const other = await issueTestIdentity('other.example');
    const credentials = { ...other, certificatePem: other.certificatePem.repeat(2) };
    const client = await bed.gate.connect({
      secureContext: namedClientContext({ credentials, name: clientName }),
    });
    expect(await bed.asksAs(client)).to.equal('nobody');
    // Usage DANE-TA, by which names count.
    bed.gate.resolver.publish(clientName, [tlsaOf(other, { usage: 2, selector: 0 })]);
    await bed.pass(longestWaitMs);
    const line = await bed.ended(client);
    expect(line).to.include({ ended: 'proof-gone', anonymous: 'name-mismatch' });
  });

  for (const [what, spoil, reason] of [
    ['the record is gone', () => bed.gate.resolver.publish(clientName, []), 'no-tlsa'],
    ['the DNS lies', () => bed.gate.resolver.publish(clientName, [], { status: 'bogus' }), 'bogus'],
  ] as const) {
    it(`ends with its connection when ${what}`, async () => {
      await start();
      const client = await bed.gate.connect();
      await bed.asksAs(client);
      spoil();
      await bed.pass(ttlMs);
      const line = await bed.ended(client);
      expect(line).to.include({ ended: 'proof-gone', client: clientName });
      expect(line?.['detail']).to.match(new RegExp(`^${reason}`));
    });
  }

  it('ends with its connection at a listener that lets nobody in without one', async () => {
    await start({ tls: { onFailure: 'alert' } });
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.ended(client)).to.include({ ended: 'proof-gone', detail: 'lookup-failed: no answer' });
    expect(bed.gate.log.of('client is anonymous')).to.deep.equal([]);
  });

  it('may go, and nothing else, where strangers have all places of the anonymous', async () => {
    await start({ limits: { anonymous: 1 } });
    const known = from('127.0.0.2', keyOf(bed.gate.client));
    const client = await bed.gate.connect(known);
    expect(await bed.asksAs(client)).to.equal(clientName);
    expect(await bed.asksAs(await bed.gate.connect({}))).to.equal('nobody');
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    // Nor do they who come again.
    expect(await bed.asksAs(await bed.gate.connect(known))).to.equal('nobody');
    await (
      await bed.gate.connect(from('127.0.0.3'))
    ).closed;
    expect(await bed.anonymous()).to.equal(3);
  });

  it('ends with its connection when its address has no place among the anonymous', async () => {
    await start({ limits: { 'anonymous-per-address': 1 } });
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    await bed.asksAs(await bed.gate.connect({}));
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.ended(client)).to.include({ ended: 'proof-gone', client: clientName });
    expect(await bed.anonymous()).to.equal(1);
  });

  it('goes and comes back with questions that are answered the quick way too', async () => {
    await start({
      service: answerService((connection) => ({
        request: () => {
          const reply = replyTo(connection.client()?.name.toString());
          const at = connection.reply(reply.length);
          reply.copy(connection.room, at);
        },
        end: () => undefined,
      })),
    });
    const client = await bed.gate.connect();
    expect(await bed.asksAs(client)).to.equal(clientName);
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    bed.publish();
    await bed.pass(longestWaitMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
  });

  it('takes what was begun under it along: a reply under way is cut with its connection', async () => {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    await start({ handler: () => promise });
    const client = await bed.gate.connect();
    client.send(message);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    bed.loseDns();
    await bed.pass(ttlMs);
    await client.closed;
    resolve(message);
    expect(await bed.ended(client)).to.include({ ended: 'proof-gone' });
    expect(client.messages).to.deep.equal([]);
  });

  describe('and the access list', () => {
    let admission: Admission | undefined;
    let change: (() => void) | undefined;
    const access: AccessControl = {
      ...accessTo(clientName),
      admit: (name) => (admission ? Promise.resolve(admission) : accessTo(clientName).admit(name)),
      onChange: (listener) => {
        change = () => {
          listener({ concerns: () => true });
        };
        return () => undefined;
      },
    };

    beforeEach(() => {
      admission = undefined;
    });

    it('away: it lasts as long as its proof, goes, and comes back', async () => {
      await start({ access });
      const client = await bed.gate.connect();
      await bed.asksAs(client);
      admission = away;
      await bed.pass(ttlMs - stepMs);
      expect(await bed.asksAs(client)).to.equal(clientName);
      await bed.pass(stepMs);
      expect(await bed.asksAs(client)).to.equal('nobody');
      admission = undefined;
      await bed.pass(longestWaitMs);
      expect(await bed.asksAs(client)).to.equal(clientName);
    });

    it('back without the client: it stays anonymous, and the DNS is not asked', async () => {
      await start({ access });
      admission = away;
      const client = await bed.gate.connect();
      expect(await bed.asksAs(client)).to.equal('nobody');
      admission = nobodyAdmitted;
      await bed.pass(longestWaitMs);
      admission = undefined;
      await bed.pass(longestWaitMs);
      expect(await bed.asksAs(client)).to.equal('nobody');
      expect(bed.asked).to.deep.equal([]);
    });

    it('loses the client: the connection ends, also of one that came back', async () => {
      await start({ access });
      bed.loseDns();
      const client = await bed.gate.connect();
      expect(await bed.asksAs(client)).to.equal('nobody');
      bed.publish();
      await bed.pass(longestWaitMs);
      expect(await bed.asksAs(client)).to.equal(clientName);
      admission = nobodyAdmitted;
      change?.();
      expect(await bed.ended(client)).to.include({ ended: 'not-admitted', client: clientName });
    });

    it('loses the client while it is tried again: it is not identified, or not for longer than a moment', async () => {
      await start({ access });
      bed.loseDns();
      const client = await bed.gate.connect();
      expect(await bed.asksAs(client)).to.equal('nobody');
      bed.publish();
      const release = bed.gate.resolver.hold();
      const asked = bed.asked.length;
      while (bed.asked.length === asked) await bed.pass(stepMs);
      admission = nobodyAdmitted;
      change?.();
      await bed.pass(stepMs);
      release();
      expect(await bed.ended(client)).to.include({ ended: 'not-admitted' });
    });
  });

  it('is told nowhere at a listener that hides whom it serves', async () => {
    await start({ whoIsServed: 'hidden' });
    const client = await bed.gate.connect();
    await bed.asksAs(client);
    bed.loseDns();
    await bed.pass(ttlMs);
    expect(await bed.asksAs(client)).to.equal('nobody');
    bed.publish();
    await bed.pass(longestWaitMs);
    expect(await bed.asksAs(client)).to.equal(clientName);
    client.socket.destroy();
    await bed.ended(client);
    expect(bed.gate.log.lines.map(({ event }) => event)).to.include.members([
      'client is anonymous',
      'client identified',
    ]);
    const said = JSON.stringify(bed.gate.log.lines);
    expect(said).to.not.include(clientName);
    expect(said).to.not.include('127.0.0.1');
    for (const { fields } of bed.gate.log.lines) expect(fields['connection']).to.equal(undefined);
  });
});
