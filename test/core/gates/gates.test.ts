/** Which gate is asked, when the next, and what is said when there is none. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Message,
} from '../../../core/dns/message.ts';
import { Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA, encodeAaaa } from '../../../core/dns/rdata.ts';
import { formatEndpoint } from '../../../core/config/endpoint.ts';
import type { LookupResult, Resolver } from '../../../core/resolver/resolver.ts';
import { GatePool } from '../../../core/gates/gate-pool.ts';
import { parseGateText } from '../../../core/gates/gate-text.ts';
import { Gates } from '../../../core/gates/gates.ts';
import { gateChoiceLimits, gateLimits, type GateLimits } from '../../../core/gates/limits.ts';
import { GatesError } from '../../../core/gates/race.ts';
import { limitsOf } from '../../support/limits.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { ScriptedLink } from '../../support/scripted-link.ts';

const query = encodeMessage(makeQuery({ id: 0, name: Name.parse('www.example'), type: RrType.A, rd: true }));

/** Addresses as the test publishes them; everything else is not there. */
class Addresses implements Resolver {
  readonly records = new Map<string, readonly string[]>();
  fails = false;
  asked = 0;
  ttlSeconds = 300;
  hold: Promise<void> = Promise.resolve();

  async lookup(name: Name, type: number): Promise<LookupResult> {
    this.asked += 1;
    await this.hold;
    const six = type === RrType.AAAA;
    const found = (this.records.get(name.toString()) ?? []).filter(
      (address) => address.includes(':') === six,
    );
    return {
      status: this.fails ? 'indeterminate' : 'insecure',
      rcode: Rcode.NOERROR,
      records: found.map((address) => ({
        ...{ name, type, class: RrClass.IN, ttl: this.ttlSeconds },
        rdata: six ? encodeAaaa(address) : encodeA(address),
      })),
      ttlSeconds: found.length > 0 ? this.ttlSeconds : 0,
      detail: this.fails ? 'no resolver answers' : '',
    };
  }
}

describe('the gates of an agent', () => {
  let nowMs: number;
  let links: Map<string, ScriptedLink>;
  let resolver: Addresses;
  let pool: GatePool;
  let gates: Gates;
  const log = memoryLog();

  beforeEach(() => {
    nowMs = 1_000_000;
    links = new Map();
    resolver = new Addresses();
    log.forget();
  });
  afterEach(() => {
    gates.close();
  });

  function open(servers: readonly string[], limits: Partial<GateLimits> = {}): void {
    pool = new GatePool({
      policyFor: ({ name }) => ({ name, dane: 'required' }),
      limits: limitsOf({ ...gateChoiceLimits, ...gateLimits }, { 'next-gate-after': 40, ...limits }),
      host: {
        resolver,
        log,
        nowMs: () => nowMs,
        connect: ({ endpoint }) => {
          const link = new ScriptedLink(`server ${formatEndpoint(endpoint)}`);
          links.set(endpoint.address, link);
          return link;
        },
      },
    });
    gates = new Gates({ servers: servers.map(parseGateText), pool });
  }

  function link(address: string): ScriptedLink {
    const found = links.get(address);
    if (found === undefined) throw new Error(`no link to ${address}`);
    return found;
  }

  const heard = (): Record<string, number> =>
    Object.fromEntries([...links].map(([address, { heard: all }]) => [address, all.length]));

  async function failure(promise: Promise<unknown>): Promise<GatesError> {
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof GatesError)) throw new Error(`no GatesError: ${String(error)}`);
    return error;
  }

  const one = '192.0.2.1';
  const two = '192.0.2.2';
  const both = [`${one}#a.example`, `${two}#b.example`];
  const down = (forMs: number) =>
    ({ kind: 'fails', reason: 'connect-failed', nextMs: nowMs + forMs }) as const;

  it('asks the first, and nobody else', async () => {
    open(both);
    for (let time = 0; time < 5; time += 1) await gates.ask(query, 1000);
    expect(heard()).to.deep.equal({ [one]: 5, [two]: 0 });
  });

  it('asks the next at once where the first fails, and passes it over while it rests', async () => {
    open(both);
    link(one).behaviour = down(500);
    await gates.ask(query, 1000);
    await gates.ask(query, 1000);
    expect(heard()).to.deep.equal({ [one]: 1, [two]: 2 });
    expect(gates.isReachable).to.equal(true);
  });

  it('tries the first in the background when it may, and prefers it again when it has answered', async () => {
    open(both);
    link(one).behaviour = down(500);
    await gates.ask(query, 1000);
    nowMs += 600;
    link(one).behaviour = { kind: 'waits' };
    await gates.ask(query, 1000);
    expect(heard()).to.deep.equal({ [one]: 2, [two]: 2 });
    // What it is asked says nothing about the one who waits, and it is asked no second time meanwhile.
    expect(link(one).heard[1]?.includes('www')).to.equal(false);
    await gates.ask(query, 1000);
    expect(heard()).to.deep.equal({ [one]: 2, [two]: 3 });
    link(one).behaviour = { kind: 'answers' };
    link(one).settle();
    await sleep(1);
    await gates.ask(query, 1000);
    expect(heard()).to.deep.equal({ [one]: 3, [two]: 3 });
  });

  it('asks the next as well where the first keeps it waiting, and takes the first answer', async () => {
    open(both);
    link(one).behaviour = { kind: 'waits' };
    await gates.ask(query, 1000);
    expect(heard()).to.deep.equal({ [one]: 1, [two]: 1 });
    // Nobody waits for a slow one twice.
    const startedMs = performance.now();
    await gates.ask(query, 1000);
    expect(performance.now() - startedMs).to.be.lessThan(35);
    link(one).behaviour = { kind: 'answers' };
    link(one).settle();
    await sleep(1);
    await gates.ask(query, 1000);
    expect(heard()[two]).to.equal(2);
  });

  it('waits for a slow one where there is no other', async () => {
    open([both[0]!]);
    link(one).behaviour = { kind: 'waits' };
    const asked = gates.ask(query, 1000);
    await sleep(100);
    link(one).settle();
    link(one).behaviour = { kind: 'answers' };
    await asked;
    expect(heard()).to.deep.equal({ [one]: 1 });
  });

  it('ends after its time, whoever is silent', async () => {
    open(both);
    link(one).behaviour = { kind: 'waits' };
    link(two).behaviour = { kind: 'waits' };
    const error = await failure(gates.ask(query, 100));
    expect(error).to.include({ isTimeout: true, kind: 'unreachable' });
    expect(error.message).to.match(/no answer in 100 ms/);
  });

  it('says that none could be reached only if there was no connection to any of them [RFC8914-4.23] [RFC8914-4.24]', async () => {
    open(both);
    link(one).behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: nowMs };
    link(two).behaviour = { kind: 'fails', reason: 'server-key-mismatch', nextMs: nowMs };
    expect((await failure(gates.ask(query, 1000))).kind).to.equal('unreachable');
    link(two).behaviour = { kind: 'fails', reason: 'not-dns', nextMs: nowMs };
    expect((await failure(gates.ask(query, 1000))).kind).to.equal('unusable');
    link(two).behaviour = { kind: 'waits' };
    link(two).state = { kind: 'up', proof: 'DANE-EE', connections: 1 };
    expect((await failure(gates.ask(query, 100))).kind).to.equal('broken');
  });

  for (const reason of ['connection-lost', 'closed', 'given-up', 'no-answer'] as const) {
    it(`asks once more, and not twice, where the connection was no good: ${reason} [RFC7766-6.2.4]`, async () => {
      open([both[0]!]);
      link(one).behaviour = { kind: 'fails', reason };
      await failure(gates.ask(query, 1000));
      expect(heard()).to.deep.equal({ [one]: 2 });
    });
  }

  it('says of every gate why it cannot be asked, and once in the log that there is none', async () => {
    open(both);
    link(one).behaviour = { kind: 'fails', reason: 'server-key-mismatch', nextMs: nowMs + 500 };
    link(two).behaviour = down(500);
    const { message } = await failure(gates.ask(query, 1000));
    expect(message).to.match(
      /192\.0\.2\.1:853: the key of the server is not the one.*192\.0\.2\.2:853: the server cannot/,
    );
    await failure(gates.ask(query, 1000));
    expect(gates.isReachable).to.equal(false);
    expect(log.of('no gate can be reached')).to.have.length(1);
    link(two).behaviour = { kind: 'answers' };
    await gates.ask(query, 1000);
    expect(log.of('a gate can be reached again')).to.have.length(1);
    expect(pool.states().map(({ hasAnswered }) => hasAnswered)).to.deep.equal([false, true]);
  });

  describe('some of whose answers are worth another', () => {
    const isNo = (answer: Buffer): boolean => (answer[3]! & 15) !== Rcode.NOERROR;
    const refuses = {
      kind: 'answers',
      with: (one: Message) => makeResponse(one, { rcode: Rcode.REFUSED }),
    } as const;

    function openFor(isWorthAnother?: (answer: Buffer) => boolean): void {
      open(both);
      gates.close();
      gates = new Gates({
        servers: both.map(parseGateText),
        pool,
        ...(isWorthAnother && { isWorthAnother }),
      });
      link(one).behaviour = refuses;
    }
    const rcodeOf = async (): Promise<number> => parseMessage(await gates.ask(query, 200)).header.rcode;

    it('are taken as they are if nothing else is said', async () => {
      openFor();
      expect([await rcodeOf(), heard()]).to.deep.equal([Rcode.REFUSED, { [one]: 1, [two]: 0 }]);
    });

    it('ask the next, and take the first no where none says more', async () => {
      openFor(isNo);
      expect(await rcodeOf()).to.equal(Rcode.NOERROR);
      link(two).behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
      expect(await rcodeOf()).to.equal(Rcode.REFUSED);
      // It was an answer: the gate is there.
      expect(gates.isReachable).to.equal(true);
    });

    it('count when time is up', async () => {
      openFor(isNo);
      link(two).behaviour = { kind: 'waits' };
      expect(await rcodeOf()).to.equal(Rcode.REFUSED);
    });
  });

  it('is one for all who have it in their lists, and closed with the last of them', async () => {
    open(both);
    const other = new Gates({ servers: [parseGateText(both[1]!.toUpperCase())], pool });
    await other.ask(query, 1000);
    expect([links.size, heard()]).to.deep.equal([2, { [one]: 0, [two]: 1 }]);
    gates.close();
    gates.close();
    expect([link(one).isClosed, link(two).isClosed]).to.deep.equal([true, false]);
    other.close();
    expect(link(two).isClosed).to.equal(true);
    expect(pool.states()).to.deep.equal([]);
  });

  it('is up while there is a connection, and good when it has answered', async () => {
    open(both);
    expect([gates.isUp, gates.good]).to.deep.equal([false, 0]);
    await gates.ask(query, 1000);
    expect([gates.isUp, gates.good]).to.deep.equal([true, 1]);
    link(one).state = { kind: 'idle' };
    expect([gates.isUp, gates.good]).to.deep.equal([false, 1]);
  });

  describe('whose addresses are looked up', () => {
    const named = ['gate.example'];
    const six = '2001:db8:0:0:0:0:0:1';

    it('has a way for each of them, IPv6 first', async () => {
      resolver.records.set('gate.example', [one, six]);
      open(named);
      await gates.ask(query, 1000);
      expect(heard()).to.deep.equal({ [six]: 1, [one]: 0 });
      expect(resolver.asked).to.equal(2);
      link(six).behaviour = down(500);
      await gates.ask(query, 1000);
      expect(heard()).to.deep.equal({ [six]: 2, [one]: 1 });
    });

    it('is looked up once for all who wait', async () => {
      resolver.records.set('gate.example', [one]);
      open(named);
      await Promise.all([1, 2, 3].map(() => gates.ask(query, 1000)));
      expect([resolver.asked, heard()]).to.deep.equal([2, { [one]: 3 }]);
    });

    it('says why there is no address', async () => {
      open(named);
      expect((await failure(gates.ask(query, 1000))).message).to.equal('gate.example has no address');
      resolver.fails = true;
      expect((await failure(gates.ask(query, 1000))).message).to.match(/cannot be looked up \(no resolver/);
    });

    it('is looked up again when its TTL is over, and keeps the ways that are still there', async () => {
      resolver.records.set('gate.example', [one, two]);
      open(named);
      await gates.ask(query, 1000);
      const kept = link(two);
      nowMs += 299_000;
      await gates.ask(query, 1000);
      expect(resolver.asked).to.equal(2);
      resolver.records.set('gate.example', [two, '192.0.2.3']);
      nowMs += 2_000;
      await gates.ask(query, 1000);
      await sleep(1);
      expect(resolver.asked).to.equal(4);
      expect([link(one).isClosed, link(two) === kept, links.has('192.0.2.3')]).to.deep.equal([
        true,
        true,
        true,
      ]);
    });

    it('is looked up again when nothing of it works, and not with each question', async () => {
      resolver.records.set('gate.example', [one]);
      open(named);
      await gates.ask(query, 1000);
      link(one).behaviour = down(60_000);
      await failure(gates.ask(query, 1000));
      nowMs += 11_000;
      await failure(gates.ask(query, 1000));
      await failure(gates.ask(query, 1000));
      await sleep(1);
      expect(resolver.asked).to.equal(4);
    });

    it('knows a question about itself while it is looked for', async () => {
      let go = (): void => undefined;
      resolver.hold = new Promise((resolve) => (go = resolve));
      resolver.records.set('gate.example', [one]);
      open(named);
      expect(gates.isLooking).to.equal(false);
      const asked = gates.ask(query, 1000);
      expect(gates.isLooking).to.equal(true);
      expect(gates.isLookedFor(Name.parse('GATE.example').key)).to.equal(true);
      expect(gates.isLookedFor(Name.parse('other.example').key)).to.equal(false);
      go();
      await asked;
      expect(gates.isLookedFor(Name.parse('gate.example').key)).to.equal(false);
      link(one).state = { kind: 'opening' };
      expect(gates.isLookedFor(Name.parse('_853._tcp.gate.example').key)).to.equal(true);
    });

    it('begins anew in another network: connections are dropped, addresses looked up', async () => {
      resolver.records.set('gate.example', [one]);
      open(named);
      await gates.ask(query, 1000);
      gates.reset('elsewhere');
      expect(link(one).resets).to.deep.equal(['elsewhere']);
      await gates.ask(query, 1000);
      await sleep(1);
      expect(resolver.asked).to.equal(4);
    });
  });
});
