/** The way of a strict zone: which gates are asked, and that nothing else is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { formatEndpoint } from '../../../../core/config/endpoint.ts';
import { EdnsOptionCode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA, encodeName } from '../../../../core/dns/rdata.ts';
import { GatePool } from '../../../../core/gates/gate-pool.ts';
import { parseGateText } from '../../../../core/gates/gate-text.ts';
import { gateChoiceLimits, gateLimits } from '../../../../core/gates/limits.ts';
import { GatesError } from '../../../../core/gates/race.ts';
import type { LinkOptions } from '../../../../core/plugin/contract.ts';
import type { LookupResult, Resolver } from '../../../../core/resolver/resolver.ts';
import { GatesWay } from '../../../../plugins/recursive-auth/agent/gates-way.ts';
import { NameServers } from '../../../../plugins/recursive-auth/agent/name-servers.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { ScriptedLink } from '../../../support/scripted-link.ts';

const zone = Name.parse('corp.example');
const edns = { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options: [] };
const query = encodeMessage(makeQuery({ id: 0, name: Name.parse('www.corp.example'), type: RrType.A, edns }));
const one = '192.0.2.1';
const two = '192.0.2.2';

describe('the way of a strict zone', () => {
  let links: Map<string, ScriptedLink>;
  let policies: LinkOptions[];
  let pool: GatePool;
  let ways: GatesWay[];
  let nowMs: number;
  let lookup: Resolver['lookup'];
  const log = memoryLog();

  beforeEach(() => {
    [policies, ways, nowMs] = [[], [], 1_000_000];
    links = new Map();
    lookup = () => Promise.reject(new Error('nothing is to be looked up'));
    log.forget();
    pool = new GatePool({
      policyFor: ({ name }) => ({ name, dane: 'required' }),
      limits: limitsOf({ ...gateChoiceLimits, ...gateLimits }, { 'next-gate-after': 40 }),
      host: {
        resolver: { lookup: (name, type) => lookup(name, type) },
        log,
        nowMs: () => nowMs,
        connect: (options) => {
          const link = new ScriptedLink(`server ${formatEndpoint(options.endpoint)}`);
          links.set(options.endpoint.address, link);
          policies.push(options);
          return link;
        },
      },
    });
  });
  afterEach(() => {
    for (const way of ways) way.close();
  });

  function open(gates: readonly string[] | NameServers, of = zone): GatesWay {
    const list = gates instanceof NameServers ? gates : gates.map(parseGateText);
    const way = new GatesWay({ zone: of, pool, gates: list, graceMs: 20 });
    ways.push(way);
    return way;
  }

  function link(address: string): ScriptedLink {
    const found = links.get(address);
    if (found === undefined) throw new Error(`no link to ${address}`);
    return found;
  }

  const heard = () => [one, two].map((address) => links.get(address)?.heard.length ?? 0);
  const rcodeOf = (octets: Buffer): number => parseMessage(octets).header.rcode;
  const says = (rcode: number) =>
    ({ kind: 'answers', with: (asked) => makeResponse(asked, { rcode }) }) as ScriptedLink['behaviour'];

  async function failure(of: Promise<unknown>): Promise<GatesError> {
    const error = await of.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof GatesError)) throw new Error(`no GatesError: ${String(error)}`);
    return error;
  }

  it('asks with the options of its hop: padding, and keepalive [RFC8467-4.1] [RFC7828-3.2.1]', async () => {
    await open([`${one}#ns1.corp.example`]).ask(query, 1000);
    const [sent] = link(one).heard;
    expect(sent!.length % 128).to.equal(0);
    expect(parseMessage(sent!).edns?.options.map(({ code }) => code)).to.deep.equal([
      EdnsOptionCode.TCP_KEEPALIVE,
      EdnsOptionCode.PADDING,
    ]);
    expect(policies[0]?.alpn).to.equal('dot');
  });

  it('has one link to a gate of several zones, until the last of them has no use for it', async () => {
    const first = open([`${one}#ns1.corp.example`]);
    const second = open([`${one}#NS1.corp.example`], Name.parse('other.example'));
    await first.ask(query, 1000);
    await second.ask(query, 1000);
    expect(policies).to.have.length(1);
    expect(heard()).to.deep.equal([2, 0]);
    first.close();
    expect(link(one).isClosed).to.equal(false);
    await second.ask(query, 1000);
    second.close();
    expect(link(one).isClosed).to.equal(true);
    ways = [];
  });

  it('has two links where another name is to be proved at the same address', () => {
    open([`${one}#ns1.corp.example`]);
    open([`${one}#ns1.other.example`], Name.parse('other.example'));
    expect(policies.map(({ policy }) => policy.name?.toString())).to.deep.equal([
      'ns1.corp.example',
      'ns1.other.example',
    ]);
  });

  for (const [title, rcode] of [
    ['SERVFAIL', Rcode.SERVFAIL],
    ['REFUSED', Rcode.REFUSED],
    ['NOTAUTH', Rcode.NOTAUTH],
  ] as const) {
    it(`asks the next gate after ${title}, which is the answer if nobody knows better`, async () => {
      const way = open([`${one}#a.example`, `${two}#b.example`]);
      link(one).behaviour = says(rcode);
      expect(rcodeOf(await way.ask(query, 1000))).to.equal(Rcode.NOERROR);
      link(two).behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
      expect(rcodeOf(await way.ask(query, 1000))).to.equal(rcode);
      link(two).behaviour = says(Rcode.NXDOMAIN);
      expect(heard()).to.deep.equal([2, 2]);
    });
  }

  it('takes NXDOMAIN for an answer', async () => {
    const way = open([`${one}#a.example`, `${two}#b.example`]);
    link(one).behaviour = says(Rcode.NXDOMAIN);
    expect(rcodeOf(await way.ask(query, 1000))).to.equal(Rcode.NXDOMAIN);
    expect(heard()).to.deep.equal([1, 0]);
  });

  it('gives the no of one gate when the other is silent', async () => {
    const way = open([`${one}#a.example`, `${two}#b.example`]);
    link(one).behaviour = says(Rcode.REFUSED);
    link(two).behaviour = { kind: 'waits' };
    expect(rcodeOf(await way.ask(query, 100))).to.equal(Rcode.REFUSED);
  });

  it('asks nobody else when no gate is proved, and says why of each', async () => {
    const way = open([`${one}#a.example`, `${two}#b.example`]);
    link(one).behaviour = { kind: 'fails', reason: 'server-key-mismatch', nextMs: nowMs + 1000 };
    link(two).behaviour = { kind: 'fails', reason: 'server-no-tlsa', nextMs: nowMs + 1000 };
    const { message } = await failure(way.ask(query, 1000));
    expect(message).to.match(/192\.0\.2\.1:853: the key.*192\.0\.2\.2:853: the DNS says/);
    expect(log.of('no gate can be reached')[0]?.fields).to.include({ of: 'corp.example' });
    expect([way.isUp, way.good]).to.deep.equal([false, 0]);
  });

  describe('by NS records', () => {
    let named: readonly string[];
    let status: LookupResult['status'];
    let nsHold: Promise<void>;
    const addresses = new Map([
      ['ns1.corp.example', one],
      ['ns2.corp.example', two],
      ['ns3.corp.example', '192.0.2.3'],
    ]);
    let way: GatesWay;

    beforeEach(() => {
      [named, status, nsHold] = [['ns1.corp.example', 'ns2.corp.example'], 'secure', Promise.resolve()];
      lookup = async (name, type) => {
        if (type === RrType.NS) await nsHold;
        const address = type === RrType.A ? addresses.get(name.toString()) : undefined;
        const rdatas =
          type === RrType.NS
            ? named.map((text) => encodeName(Name.parse(text)))
            : address === undefined
              ? []
              : [encodeA(address)];
        const records = rdatas.map((rdata) => ({ name, type, class: RrClass.IN, ttl: 60, rdata }));
        return { status, rcode: Rcode.NOERROR, records, ttlSeconds: 60, detail: '' };
      };
      const resolver: Resolver = { lookup: (name, type) => lookup(name, type) };
      way = open(new NameServers({ zone, resolver, nowMs: () => nowMs, needsProof: true, keptMs: 0, log }));
    });

    it('asks port 853 of the names, each of which is to be proved', async () => {
      await way.ask(query, 1000);
      link(one).behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
      await way.ask(query, 1000);
      const asked = policies.map(
        ({ endpoint, policy }) => `${formatEndpoint(endpoint)}#${policy.name!.toString()}`,
      );
      expect(asked.sort()).to.deep.equal([`${one}:853#ns1.corp.example`, `${two}:853#ns2.corp.example`]);
      expect(policies.every(({ policy }) => policy.dane === 'required')).to.equal(true);
    });

    it('asks nobody where the records are not secure', async () => {
      status = 'insecure';
      expect((await failure(way.ask(query, 1000))).message).to.match(/not protected by DNSSEC/);
      expect(policies).to.have.length(0);
    });

    it('does not wait for them longer than for an answer', async () => {
      nsHold = new Promise(() => undefined);
      const error = await failure(way.ask(query, 50));
      expect([error.isTimeout, error.message]).to.deep.equal([
        true,
        'the servers of the zone were not found in 50 ms',
      ]);
    });

    it('takes new ones, keeps connections to those that stay, and lets go of those that are named no more', async () => {
      await way.ask(query, 1000);
      link(one).behaviour = { kind: 'fails', reason: 'connect-failed', nextMs: Infinity };
      await way.ask(query, 1000);
      const kept = link(two);
      named = ['ns2.corp.example', 'ns3.corp.example'];
      nowMs += 61_000;
      lookup = (
        (before) => (name, type) =>
          before(name, type)
      )(lookup);
      // Too old by the limit of this test: they are waited for.
      await way.ask(query, 1000);
      expect([link(two) === kept, kept.heard.length]).to.deep.equal([true, 2]);
      await sleep(60);
      expect([link(one).isClosed, kept.isClosed]).to.deep.equal([true, false]);
    });
  });
});
