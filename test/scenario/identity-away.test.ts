/**
 * The DNS of the clients is lost, and comes back, at a gate that lets anonymous clients in: who is known stays so as long as
 * the proof lasts, then is anonymous, never nothing, and is known again without a new connection.
 *
 * In real time, through the real gate and a resolver that validates. In a time of its own, with every other way that this can
 * go: test/core/server/identity-keeper.test.ts.
 */
import { expect } from 'chai';
import { Rcode, rcodeName, RrClass, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { TestClient } from '../support/gate-bed.ts';
import { makeIdentity, TestGate, tlsaRdata, until } from '../support/gate.ts';
import { namedClientContext, type NamedClient } from '../support/named-client.ts';

const zone = 'example.com';
const known = '_xfr.ns2.example';
const rolled = '_xfr.ns3.example';
const [yes, no] = [rcodeName(Rcode.NOERROR), rcodeName(Rcode.REFUSED)];
/** A proof is good for ten seconds at least, and by what is promised for the TTL and ten seconds at most. */
const ttlSeconds = 1;
const longestMs = ttlSeconds * 1000 + 10_000;
const shortestMs = 10_000;

/** Ways to be known under a name. */
const ways: Readonly<Record<string, (name: string) => Omit<NamedClient, 'credentials'>>> = {
  'a certificate and its name': () => ({}),
  'a certificate and a name in the extension': (name) => ({ name }),
  'a raw public key': (name) => ({ name, rawPublicKey: true }),
};

describe('when the DNS of the clients is lost', function () {
  this.timeout(60_000);
  let gate: TestGate;
  let queryId = 0;

  beforeEach(async () => {
    gate = await TestGate.start({
      lab: { zones: ['ns2.example', 'ns3.example'], transferZone: { name: zone, records: 3 } },
      clients: { [known]: [zone], [rolled]: [zone] },
      anonymous: ['public.example'],
      listener: { 'on-failure': 'anonymous' },
      resolverTimeout: '2s',
    });
  });

  afterEach(() => gate.close());

  async function publish(name: string): Promise<IssuedIdentity> {
    const identity = await makeIdentity(name);
    gate.lab.publishTlsa(name, [tlsaRdata(identity)], ttlSeconds);
    return identity;
  }

  function openEachWay(name: string, credentials: IssuedIdentity): Promise<TestClient[]> {
    return Promise.all(
      Object.values(ways).map(async (way) => {
        const secureContext = namedClientContext({ credentials, ...way(name) });
        const client = new TestClient(gate.endpoint.port, { secureContext });
        await client.connected;
        return client;
      }),
    );
  }

  /** What they are answered who ask for what only clients that are known may have. */
  function answers(clients: readonly TestClient[]): Promise<string[]> {
    return Promise.all(
      clients.map(async (client) => {
        const count = client.messages.length + 1;
        const query = { id: ++queryId, name: Name.parse(zone), type: RrType.SOA, class: RrClass.IN };
        client.send(encodeMessage(makeQuery(query)));
        const messages = await client.received(count);
        return rcodeName(parseMessage(messages[count - 1]!).header.rcode);
      }),
    );
  }

  function untilAnswered(clients: readonly TestClient[], rcode: string, timeoutMs: number): Promise<void> {
    const what = `all are answered ${rcode}`;
    return until(what, async () => (await answers(clients)).every((one) => one === rcode), timeoutMs);
  }

  const each = (rcode: string): string[] => Object.keys(ways).map(() => rcode);

  it('they are known for as long as before, then anonymous, and known again, on the same connection', async () => {
    const clients = await openEachWay(known, await publish(known));
    expect(await answers(clients)).to.deep.equal(each(yes));
    const others = await openEachWay(rolled, await publish(rolled));
    expect(await answers(others)).to.deep.equal(each(yes));
    gate.lab.resolver.isDead = true;
    const sinceMs = performance.now();
    await until(
      'the proofs have nearly run out',
      async () => {
        expect(await answers(clients)).to.deep.equal(each(yes));
        return performance.now() - sinceMs > shortestMs / 2;
      },
      shortestMs,
    );
    // Nobody asks at that moment: a transfer under way, and a query for SOA is one to this gate, would end its connection.
    await until(
      'all are anonymous',
      () => gate.log.of('client is anonymous').length === clients.length + others.length,
      longestMs,
    );
    expect(performance.now() - sinceMs).to.be.below(longestMs);
    expect(await answers([...clients, ...others])).to.deep.equal([...clients, ...others].map(() => no));

    // The DNS comes back, with other keys for some.
    await publish(rolled);
    gate.lab.resolver.isDead = false;
    await untilAnswered(clients, yes, 20_000);
    await until(
      'the others have been refused',
      () => gate.log.of('client is anonymous').length === 9,
      20_000,
    );
    expect(await answers(others)).to.deep.equal(each(no));

    const before = gate.log.of('client is anonymous').map(({ fields }) => fields['reason']);
    expect(before.filter((reason) => reason === 'key-mismatch')).to.have.length(others.length);
    expect(gate.log.of('client identified').map(({ fields }) => fields['client'])).to.deep.equal(each(known));
    for (const { socket } of [...clients, ...others]) socket.destroy();
    const ends = (await gate.lines('connection', 6)).map(({ fields }) => fields);
    for (const end of ends) expect(end).to.include({ timesAnonymous: 1, ended: 'client-closed' });
    expect(ends.filter(({ client }) => client === known)).to.have.length(clients.length);
    expect(ends.filter(({ anonymous }) => anonymous === 'key-mismatch')).to.have.length(others.length);
  });

  it('those who come meanwhile are anonymous, and known when it is back', async () => {
    const identity = await publish(known);
    gate.lab.resolver.isDead = true;
    const clients = await openEachWay(known, identity);
    expect(await answers(clients)).to.deep.equal(each(no));
    gate.lab.resolver.isDead = false;
    await untilAnswered(clients, yes, 20_000);
    for (const { socket } of clients) socket.destroy();
    for (const { fields } of await gate.lines('connection', clients.length)) {
      expect(fields).to.include({ client: known });
      expect(fields['identifiedAfterMs']).to.be.a('number');
    }
  });
});
