import { expect } from 'chai';
import fc from 'fast-check';
import type { AccessControl } from '../../../core/acl/access-control.ts';
import { Budgets } from '../../../core/acl/budgets.ts';
import { Grants, type Grant } from '../../../core/acl/grants.ts';
import type { AccessRequest, Allowance, Decision } from '../../../core/acl/model.ts';
import { readWord } from '../../../core/acl/schema.ts';
import { Name } from '../../../core/dns/name.ts';
import { accessFrom } from '../../support/access.ts';
import { provedClient } from '../../support/proved-client.ts';

const ns2 = provedClient('ns2.example');
const ns3 = provedClient('ns3.example');
const zone = Name.parse('example.com');
const soa: AccessRequest = { action: 'transfer', zone };
const axfr: AccessRequest = { action: 'transfer', zone, startsTransfer: true };
const query: AccessRequest = { action: 'query', zone };

/** An access list in which each of three clients, and whoever is anonymous, has the same rules. */
function listOf(rules: string): AccessControl {
  return accessFrom(`version: 1
anonymous: { allow: [${rules}] }
clients:
  ns2.example: { allow: [${rules}] }
  ns3.example: { allow: [${rules}] }
`);
}

describe('grants', () => {
  let nowMs: number;
  let taken: { key: string; allowance: Allowance }[];
  let grants: Grants;

  beforeEach(() => {
    nowMs = 1_000_000;
    taken = [];
    const budgets = new Budgets({ kind: 'test', nowMs: () => nowMs });
    grants = new Grants({
      take: (key, allowance) => {
        taken.push({ key, allowance });
        return budgets.take(key, allowance);
      },
    });
  });

  /** The reasons of so many requests, one after the other, none of which is given back. */
  async function reasons(
    access: AccessControl,
    count: number,
    request = soa,
    client: typeof ns2 | 'anonymous' = ns2,
  ): Promise<string[]> {
    const all: Grant[] = [];
    for (let at = 0; at < count; at++) {
      all.push(await grants.ask(access, client === 'anonymous' ? undefined : client, request));
    }
    return all.map(({ decision }) => decision.reason);
  }

  describe('of a rule without limits', () => {
    const access = listOf('{ action: transfer, zones: ["*"] }');

    it('are the decision itself', async () => {
      const { decision } = await grants.ask(access, ns2, soa);
      expect(decision).to.deep.equal(await access.decide(ns2, soa));
      const anonymous = await grants.ask(access, undefined, soa);
      expect(anonymous.decision).to.deep.equal(await access.decideAnonymous(soa));
    });

    it('are charged to nobody', async () => {
      await reasons(access, 100, axfr);
      expect(taken).to.deep.equal([]);
    });
  });

  it('are not for what is denied, and release nothing', async () => {
    const access = listOf('{ action: transfer, zones: ["*"], rate: 1/s }');
    const grant = await grants.ask(access, ns2, query);
    expect(grant.decision).to.include({ allowed: false, reason: 'no-rule' });
    grant.release();
    expect(taken).to.deep.equal([]);
  });

  describe('by rate', () => {
    const access = listOf('{ action: transfer, zones: ["*"], rate: 2/s, burst: 3 }');

    it('are given till the burst is used up, and again with time', async () => {
      expect(await reasons(access, 5)).to.deep.equal([
        'allowed',
        'allowed',
        'allowed',
        'too-fast',
        'too-fast',
      ]);
      nowMs += 499;
      expect(await reasons(access, 1)).to.deep.equal(['too-fast']);
      nowMs += 1;
      expect(await reasons(access, 2)).to.deep.equal(['allowed', 'too-fast']);
    });

    it('say who decided, and keep it a no', async () => {
      const all = [];
      for (let at = 0; at < 4; at++) all.push(await grants.ask(access, ns2, soa));
      expect(all.at(-1)?.decision).to.include({
        allowed: false,
        reason: 'too-fast',
        entry: 'ns2.example',
        rule: 'allow 1',
      });
    });

    it('are counted for each client', async () => {
      await reasons(access, 4);
      expect(await reasons(access, 1, soa, ns3)).to.deep.equal(['allowed']);
    });

    it('are counted for each rule', async () => {
      const two = listOf('{ action: transfer, zones: ["*"], rate: 1/s }, { action: query, rate: 1/s }');
      expect(await reasons(two, 2)).to.deep.equal(['allowed', 'too-fast']);
      expect(await reasons(two, 2, query)).to.deep.equal(['allowed', 'too-fast']);
    });

    it('are one for all anonymous clients, and for them alone', async () => {
      expect(await reasons(access, 4, soa, 'anonymous')).to.deep.equal([
        'allowed',
        'allowed',
        'allowed',
        'too-fast',
      ]);
      expect(await reasons(access, 1)).to.deep.equal(['allowed']);
    });

    it('are the same for a client in whatever letters its name is [RFC4343-3]', async () => {
      await reasons(access, 3);
      expect(await reasons(access, 1, soa, provedClient('NS2.Example'))).to.deep.equal(['too-fast']);
    });

    it('are counted for each client that shares a role', async () => {
      const roles = accessFrom(`version: 1
roles: { secondary: { allow: [{ action: transfer, zones: ["*"], rate: 1/h }] } }
clients: { ns2.example: { roles: [secondary] }, ns3.example: { roles: [secondary] } }
`);
      expect(await reasons(roles, 2)).to.deep.equal(['allowed', 'too-fast']);
      expect(await reasons(roles, 2, soa, ns3)).to.deep.equal(['allowed', 'too-fast']);
    });
  });

  describe('by places', () => {
    it('are given so many at once, of requests', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], requests-at-once: 2 }');
      const first = await grants.ask(access, ns2, soa);
      expect(await reasons(access, 2, axfr)).to.deep.equal(['allowed', 'too-many-at-once']);
      first.release();
      expect(await reasons(access, 2)).to.deep.equal(['allowed', 'too-many-at-once']);
    });

    it('are given so many at once, of transfers, and SOA queries besides [RFC9103-6.3.3]', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 1 }');
      const first = await grants.ask(access, ns2, axfr);
      expect(await reasons(access, 1, axfr)).to.deep.equal(['too-many-at-once']);
      expect(await reasons(access, 3)).to.deep.equal(['allowed', 'allowed', 'allowed']);
      expect(await reasons(access, 1, axfr, ns3)).to.deep.equal(['allowed']);
      expect(await reasons(access, 1, axfr, 'anonymous')).to.deep.equal(['allowed']);
      first.release();
      expect(await reasons(access, 2, axfr)).to.deep.equal(['allowed', 'too-many-at-once']);
    });

    it('are none where none are to be given', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 0 }');
      expect(await reasons(access, 1, axfr)).to.deep.equal(['too-many-at-once']);
      expect(await reasons(access, 1)).to.deep.equal(['allowed']);
    });

    it('are given back once, however often that is said', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 2 }');
      const first = await grants.ask(access, ns2, axfr);
      await grants.ask(access, ns2, axfr);
      for (let at = 0; at < 5; at++) first.release();
      expect(await reasons(access, 2, axfr)).to.deep.equal(['allowed', 'too-many-at-once']);
    });

    it('are given back by who holds them alone, also after others came and went', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 1 }');
      const first = await grants.ask(access, ns2, axfr);
      first.release();
      await grants.ask(access, ns2, axfr);
      first.release();
      expect(await reasons(access, 1, axfr)).to.deep.equal(['too-many-at-once']);
    });

    it('are not given back by a request that was refused', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 1 }');
      await grants.ask(access, ns2, axfr);
      const refused = await grants.ask(access, ns2, axfr);
      refused.release();
      expect(await reasons(access, 1, axfr)).to.deep.equal(['too-many-at-once']);
    });

    it('are not held by who was too fast', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], rate: 1/h, requests-at-once: 2 }');
      const first = await grants.ask(access, ns2, soa);
      expect(await reasons(access, 3)).to.deep.equal(['too-fast', 'too-fast', 'too-fast']);
      first.release();
      nowMs += 3_600_000;
      expect(await reasons(access, 1)).to.deep.equal(['allowed']);
    });

    it('that are taken do not use up the rate', async () => {
      const access = listOf('{ action: transfer, zones: ["*"], rate: 2/h, burst: 2, transfers-at-once: 1 }');
      const first = await grants.ask(access, ns2, axfr);
      expect(await reasons(access, 5, axfr)).to.deep.equal(Array(5).fill('too-many-at-once'));
      first.release();
      expect(await reasons(access, 1, axfr)).to.deep.equal(['allowed']);
    });

    it('are as many as the model says, whatever comes in what order', async () => {
      const step = fc.record({
        who: fc.constantFrom(ns2, ns3, undefined),
        what: fc.constantFrom('axfr', 'soa', 'release'),
        which: fc.nat(),
      });
      const access = listOf('{ action: transfer, zones: ["*"], requests-at-once: 3, transfers-at-once: 2 }');
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const fresh = new Grants({ take: () => true });
          const held = new Map<unknown, { grant: Grant; isTransfer: boolean }[]>();
          for (const { who, what, which } of steps) {
            const mine = held.get(who) ?? [];
            held.set(who, mine);
            if (what === 'release') {
              const [one] = mine.length > 0 ? mine.splice(which % mine.length, 1) : [];
              one?.grant.release();
              continue;
            }
            const isTransfer = what === 'axfr';
            const isRoom =
              mine.length < 3 && (!isTransfer || mine.filter((one) => one.isTransfer).length < 2);
            const grant = await fresh.ask(access, who, isTransfer ? axfr : soa);
            expect(grant.decision.allowed).to.equal(isRoom);
            if (isRoom) mine.push({ grant, isTransfer });
          }
        }),
      );
    });
  });

  describe('when the limits change', () => {
    const of = (limits: string): AccessControl =>
      listOf(`{ action: transfer, zones: ["*"]${limits === '' ? '' : `, ${limits}`} }`);

    it('are those of the next request', async () => {
      await grants.ask(of('transfers-at-once: 1'), ns2, axfr);
      expect(await reasons(of('transfers-at-once: 1'), 1, axfr)).to.deep.equal(['too-many-at-once']);
      expect(await reasons(of('transfers-at-once: 2'), 2, axfr)).to.deep.equal([
        'allowed',
        'too-many-at-once',
      ]);
      expect(await reasons(of('transfers-at-once: 1'), 1, axfr)).to.deep.equal(['too-many-at-once']);
      expect(await reasons(of(''), 1, axfr)).to.deep.equal(['allowed']);
    });

    it('count the transfers that began when there was none', async () => {
      const before = await grants.ask(of(''), ns2, axfr);
      expect(await reasons(of('transfers-at-once: 1'), 1, axfr)).to.deep.equal(['too-many-at-once']);
      before.release();
      expect(await reasons(of('transfers-at-once: 1'), 1, axfr)).to.deep.equal(['allowed']);
    });

    it('hold for the rate as well', async () => {
      expect(await reasons(of('rate: 1/h'), 2)).to.deep.equal(['allowed', 'too-fast']);
      nowMs += 1000;
      expect(await reasons(of('rate: 1/s'), 2)).to.deep.equal(['allowed', 'too-fast']);
      expect(taken.at(-1)?.allowance).to.deep.equal({ perSecond: 1, burst: 1 });
    });
  });

  it('of requests that are decided at the same time are not more than there are places', async () => {
    const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 2 }');
    const all = await Promise.all(Array.from({ length: 10 }, () => grants.ask(access, ns2, axfr)));
    expect(all.filter(({ decision }) => decision.allowed)).to.have.length(2);
  });

  it('reject as the access list does, and hold nothing then', async () => {
    const broken = { ...listOf(''), decide: () => Promise.reject(new Error('gone')) };
    const failure = await grants.ask(broken, ns2, axfr).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message', 'gone');
    const access = listOf('{ action: transfer, zones: ["*"], transfers-at-once: 1 }');
    expect(await reasons(access, 1, axfr)).to.deep.equal(['allowed']);
  });

  it('of two clients, or of two rules, never share a key', async () => {
    // Labels as near to the text of a rule as a name can be.
    const label = fc.oneof(
      fc.constantFrom('allow 1', 'allow', '1', 'role a: allow 1', 'a'),
      fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }),
    );
    const name = fc
      .array(label, { maxLength: 4 })
      .map((labels) => Name.fromLabels(labels.map((text) => Buffer.from(text, 'latin1'))));
    const number = fc.integer({ min: 1, max: 64 });
    const word = fc.stringMatching(/^[a-z0-9_-]{1,64}$/).map(readWord);
    const rule = fc.oneof(
      number.map((at) => `allow ${at}`),
      fc.tuple(word, number).map(([role, at]) => `role ${role}: allow ${at}`),
    );
    const asked = fc.tuple(fc.option(name, { nil: undefined }), rule);
    await fc.assert(
      fc.asyncProperty(asked, asked, async ([oneName, oneRule], [twoName, twoRule]) => {
        const keys: string[] = [];
        const fresh = new Grants({ take: (key) => keys.push(key) > 0 });
        for (const [client, label] of [
          [oneName, oneRule],
          [twoName, twoRule],
        ] as const) {
          const limits = { rate: { perSecond: 1, burst: 1 } };
          const decision: Decision = { allowed: true, reason: 'allowed', rule: label, roles: [], limits };
          const answer = () => Promise.resolve(decision);
          const access = { decide: answer, decideAnonymous: answer };
          await fresh.ask(access, client && provedClient(client), soa);
        }
        const isSame = oneRule === twoRule && oneName?.key === twoName?.key;
        expect(keys[0] === keys[1]).to.equal(isSame);
      }),
      { numRuns: 300 },
    );
  });
});
