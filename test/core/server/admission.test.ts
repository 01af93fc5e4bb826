import { expect } from 'chai';
import type { SharedLedger, Spending } from '../../../core/acl/budgets.ts';
import type { NoIdentityReason } from '../../../core/dane/types.ts';
import { Name } from '../../../core/dns/name.ts';
import type { LookupCost } from '../../../core/resolver/resolver.ts';
import { AdmissionBudgets } from '../../../core/server/admission-budgets.ts';
import {
  AdmissionGuard,
  isCharged,
  proofDomain,
  type Barred,
  type Pass,
} from '../../../core/server/admission.ts';
import type { RefusalReason } from '../../../core/server/arrival.ts';
import type { ConnectionLimits } from '../../../core/server/limits.ts';
import { testLimits } from '../../support/limits.ts';

const minuteMs = 60_000;
const name = '_xfr.ns2.partner.example';

describe('admission before lookups', () => {
  let nowMs: number;
  let barred: string[];
  let budgets: AdmissionBudgets;
  let guard: AdmissionGuard;

  beforeEach(() => {
    nowMs = 0;
    barred = [];
    budgets = new AdmissionBudgets({ nowMs: () => nowMs });
  });

  function limit(changed: Partial<ConnectionLimits>, strangersPerSecond?: () => number): void {
    const limits = testLimits(changed);
    guard = new AdmissionGuard({
      strangersPerSecond,
      limits: () => limits,
      budgets,
      nowMs: () => nowMs,
      onBarred: (which) => barred.push(which),
    });
  }

  function enter(address: string, claim: string, entry = claim, cost: LookupCost = 'query'): Pass | Barred {
    return guard.visitor(address).enter({ name: Name.parse(claim), entry }, cost);
  }

  /** One lookup from beginning to end; gives why there was none. */
  function lookUp(
    address: string,
    claim: string,
    outcome: NoIdentityReason | undefined,
    { entry = claim, cost = 'query' }: { entry?: string; cost?: LookupCost } = {},
  ): string | undefined {
    const pass = enter(address, claim, entry, cost);
    if (pass.reason === undefined) pass.end(outcome);
    return pass.reason;
  }

  describe('failures-per-address', () => {
    it('turns an address away, and no other, when it has failed so often', () => {
      limit({ 'failures-per-address': 2 });
      for (let time = 0; time < 2; time++) {
        expect(guard.mayCome('a')).to.be.true;
        guard.failed('a');
      }
      expect([guard.mayCome('a'), guard.mayCome('b')]).to.deep.equal([false, true]);
      nowMs += minuteMs / 2;
      expect(guard.mayCome('a')).to.be.true;
    });

    it('has to be made up for when more was spent than there was', () => {
      limit({ 'failures-per-address': 2 });
      for (let time = 0; time < 4; time++) guard.failed('a');
      nowMs += minuteMs;
      expect(guard.mayCome('a')).to.be.false;
      nowMs += minuteMs / 2;
      expect(guard.mayCome('a')).to.be.true;
    });

    const reasons: [reason: RefusalReason, refused: boolean, anonymous: boolean][] = [
      ['key-mismatch', true, true],
      ['timeout', true, true],
      ['gone', true, true],
      // Else there would be handshakes for nothing.
      ['too-many-failures', true, true],
      ['too-many-lookups', true, true],
      ['no-certificate', true, false],
      ['no-claim', true, false],
      ['not-admitted', true, false],
      ['lookup-failed', false, false],
      ['access-unavailable', false, false],
      ['too-many-proofs', false, false],
      ['gate-closing', false, false],
      ['internal-error', false, false],
    ];
    for (const [reason, refused, anonymous] of reasons) {
      it(`${refused ? 'counts' : 'does not count'} ${reason}`, () => {
        expect([isCharged(reason, false), isCharged(reason, true)]).to.deep.equal([refused, anonymous]);
      });
    }

    it('keeps listeners with other limits apart', () => {
      limit({ 'failures-per-address': 1 });
      guard.failed('a');
      limit({ 'failures-per-address': 2 });
      expect(guard.mayCome('a')).to.be.true;
    });
  });

  it('handshakes-per-second bounds the handshakes with strangers, all together', () => {
    limit({ 'handshakes-per-second': 10 });
    const begun = (): number =>
      Array.from({ length: 30 }, () => guard.mayShakeHands()).filter(Boolean).length;
    expect(begun()).to.equal(10);
    nowMs += 500;
    expect(begun()).to.equal(5);
    nowMs += 5000;
    expect(begun()).to.equal(10);
  });

  it('handshakes with strangers may be fewer for a while, and not more', () => {
    let fewer = Infinity;
    limit({ 'handshakes-per-second': 100 }, () => fewer);
    const begun = (): number =>
      Array.from({ length: 300 }, () => guard.mayShakeHands()).filter(Boolean).length;
    nowMs += 1000;
    fewer = 20;
    expect(begun(), 'at one go').to.equal(2);
    let inOneSecond = 0;
    for (let step = 0; step < 100; step++) {
      nowMs += 10;
      inOneSecond += begun();
    }
    expect(inOneSecond).to.be.within(19, 20);
    fewer = 1000;
    nowMs += 5000;
    expect(begun(), 'then').to.equal(100);
    fewer = 1;
    nowMs += 1000;
    expect(begun(), 'one each second').to.equal(1);
  });

  describe('failures-per-name', () => {
    it('bars a name that was claimed so often without proof, from wherever', () => {
      limit({ 'failures-per-name': 2 });
      expect(lookUp('a', name, 'key-mismatch')).to.equal(undefined);
      expect(lookUp('b', name, 'key-mismatch')).to.equal(undefined);
      expect(lookUp('c', name, undefined)).to.equal('too-many-failures');
      expect(lookUp('c', '_xfr.ns3.partner.example', undefined)).to.equal(undefined);
      expect(barred).to.deep.equal(['failures-per-name']);
      nowMs += minuteMs / 2;
      expect(lookUp('c', name, undefined)).to.equal(undefined);
    });

    it('lets it in from an address that has proved it within the last hour, and from no other', () => {
      limit({ 'failures-per-name': 2 });
      expect(lookUp('home', name, undefined)).to.equal(undefined);
      for (let time = 0; time < 10; time++) lookUp('thief', name, 'key-mismatch');
      expect(lookUp('home', name, undefined)).to.equal(undefined);
      expect(lookUp('elsewhere', name, undefined)).to.equal('too-many-failures');
      nowMs += 60 * minuteMs;
      for (let time = 0; time < 10; time++) lookUp('thief', name, 'key-mismatch');
      nowMs += 1;
      expect(lookUp('home', name, undefined), 'proved anew an hour ago').to.equal('too-many-failures');
    });

    it('counts a proof that was made again on an open connection as one', () => {
      limit({ 'failures-per-name': 1 });
      lookUp('home', name, undefined);
      nowMs += 50 * minuteMs;
      guard.visitor('home').proved(Name.parse(name));
      nowMs += 50 * minuteMs;
      lookUp('thief', name, 'key-mismatch');
      expect(lookUp('home', name, undefined)).to.equal(undefined);
    });

    it('does not count a resolver that does not answer', () => {
      limit({ 'failures-per-name': 1 });
      lookUp('a', name, 'lookup-failed');
      expect(lookUp('a', name, undefined)).to.equal(undefined);
    });

    it('counts the names below a pattern each by itself: a broken device does not harm the others', () => {
      limit({ 'failures-per-name': 1 });
      const entry = '*._device.example';
      lookUp('a', 'broken._device.example', 'no-tlsa', { entry });
      expect(lookUp('a', 'broken._device.example', undefined, { entry })).to.equal('too-many-failures');
      expect(lookUp('a', 'sound._device.example', undefined, { entry })).to.equal(undefined);
    });
  });

  describe('lookups-per-address', () => {
    it('bars lookups that need the DNS when so many identified nobody, also if the DNS did not answer', () => {
      limit({ 'lookups-per-address': 2 });
      lookUp('a', 'x1.example', 'lookup-failed');
      lookUp('a', 'x2.example', 'no-tlsa');
      expect(lookUp('a', 'x3.example', undefined)).to.equal('too-many-lookups');
      expect(lookUp('b', 'x3.example', undefined)).to.equal(undefined);
      expect(barred).to.deep.equal(['lookups-per-address']);
    });

    it('lets through what needs no query, and does not count it', () => {
      limit({ 'lookups-per-address': 1 });
      for (const cost of ['memory', 'wait'] as const) lookUp('a', name, 'lookup-failed', { cost });
      expect(lookUp('a', name, 'lookup-failed')).to.equal(undefined);
      expect(lookUp('a', name, undefined)).to.equal('too-many-lookups');
      for (const cost of ['memory', 'wait'] as const) {
        expect(lookUp('a', name, 'lookup-failed', { cost })).to.equal(undefined);
      }
    });

    it('does not count those that identify: a thousand clients come back at once through one address', () => {
      limit({ 'lookups-per-address': 1, 'lookups-per-name': 1 });
      const entry = '*._device.example';
      for (let at = 0; at < 1000; at++) {
        expect(lookUp('a', `d${at}._device.example`, undefined, { entry })).to.equal(undefined);
      }
    });

    it('lets a name through that was proved from the address', () => {
      limit({ 'lookups-per-address': 1 });
      lookUp('a', name, undefined);
      lookUp('a', 'broken.example', 'no-tlsa');
      expect(lookUp('a', 'broken.example', 'no-tlsa')).to.equal('too-many-lookups');
      expect(lookUp('a', name, undefined)).to.equal(undefined);
    });
  });

  describe('lookups-per-name', () => {
    it('counts the names below a pattern together, from wherever', () => {
      limit({ 'lookups-per-name': 2 });
      const entry = '*._device.example';
      lookUp('a', 'x1._device.example', 'no-tlsa', { entry });
      lookUp('b', 'x2._device.example', 'no-tlsa', { entry });
      expect(lookUp('c', 'x3._device.example', undefined, { entry })).to.equal('too-many-lookups');
      expect(lookUp('c', 'x3._device.other', undefined, { entry: '*._device.other' })).to.equal(undefined);
      expect(barred).to.deep.equal(['lookups-per-name']);
    });

    it('counts a name with an entry of its own by itself', () => {
      limit({ 'lookups-per-name': 1 });
      lookUp('a', 'ns1.example', 'no-tlsa');
      expect(lookUp('a', 'ns1.example', undefined)).to.equal('too-many-lookups');
      expect(lookUp('a', 'ns2.example', undefined)).to.equal(undefined);
    });

    it('does not hold a client to it where its name was proved; another name from there it does', () => {
      limit({ 'lookups-per-name': 1 });
      const entry = '*._device.example';
      lookUp('home', 'good._device.example', undefined, { entry });
      lookUp('thief', 'x1._device.example', 'no-tlsa', { entry });
      expect(lookUp('home', 'good._device.example', undefined, { entry })).to.equal(undefined);
      expect(lookUp('home', 'x2._device.example', undefined, { entry })).to.equal('too-many-lookups');
    });
  });

  describe('those who wait for the DNS', () => {
    it('are bounded for each domain, so that a slow one leaves room for others', () => {
      limit({ proofs: 3, 'proofs-per-domain': 2 });
      const first = enter('a', 'ns1.slow.example');
      enter('b', 'ns2.slow.example');
      expect(lookUp('c', 'ns3.slow.example', undefined)).to.equal('too-many-proofs');
      expect(lookUp('c', 'ns1.quick.example', undefined)).to.equal(undefined);
      expect(barred).to.deep.equal(['proofs-per-domain']);
      expect(guard.waiting).to.equal(2);
      if (first.reason === undefined) first.end('lookup-failed');
      expect(lookUp('c', 'ns3.slow.example', undefined)).to.equal(undefined);
      expect(guard.waiting).to.equal(1);
    });

    it('are bounded in all', () => {
      limit({ proofs: 2 });
      enter('a', 'ns1.one.example');
      enter('a', 'ns1.two.example');
      expect(lookUp('a', 'ns1.three.example', undefined)).to.equal('too-many-proofs');
      expect(barred).to.deep.equal(['proofs']);
    });

    it('are those, too, who wait for a lookup that is under way', () => {
      limit({ proofs: 1 });
      enter('a', name);
      expect(lookUp('b', name, undefined, { cost: 'wait' })).to.equal('too-many-proofs');
    });

    it('are not those whose records are at hand', () => {
      limit({ proofs: 1 });
      enter('a', name);
      expect(lookUp('b', name, undefined, { cost: 'memory' })).to.equal(undefined);
      expect(guard.waiting).to.equal(1);
    });

    it('have room beyond that of the domain where the name was proved, and not beyond all', () => {
      limit({ proofs: 2, 'proofs-per-domain': 1 });
      lookUp('home', name, undefined);
      enter('thief', name);
      expect(enter('home', name).reason).to.equal(undefined);
      expect(enter('home', name).reason).to.equal('too-many-proofs');
    });
  });

  it('shares what was spent with other gates through the ledger of each kind', async () => {
    const spendings = new Map<string, string[]>();
    const ledgerOf = (kind: string): SharedLedger => ({
      settle: (spent: readonly Spending[]) => {
        spendings.set(
          kind,
          spent.map(({ key }) => key),
        );
        return Promise.resolve(spent.map(() => -5));
      },
    });
    budgets = new AdmissionBudgets({ nowMs: () => nowMs, ledgerOf });
    limit({ 'failures-per-address': 30, 'failures-per-name': 40, 'lookups-per-address': 50 });
    lookUp('192.0.2.1', '_Xfr.example', 'no-tlsa', { entry: '*.Example' });
    guard.failed('192.0.2.1');
    for (const kind of ['failures', 'nameFailures', 'lookups', 'nameLookups'] as const) {
      await budgets[kind].settle();
    }
    budgets.close();
    expect(Object.fromEntries(spendings)).to.deep.equal({
      failures: ['30 192.0.2.1'],
      'failures-by-name': [`40 ${Name.parse('_xfr.example').key}`],
      lookups: ['50 192.0.2.1'],
      'lookups-by-name': ['600 *.example'],
    });
    expect(guard.mayCome('192.0.2.1')).to.be.false;
  });
});

describe('the domain whose name servers a proof waits for', () => {
  const domains: [client: string, entry: string, domain: string][] = [
    ['_xfr.ns2.partner.example', '_xfr.ns2.partner.example', 'partner.example'],
    ['_smtp-client.device1.example.com', '_smtp-client.device1.example.com', 'example.com'],
    ['sensor7._device.example.com', 'sensor7._device.example.com', 'example.com'],
    ['_a._b.ns2.partner.example', '_a._b.ns2.partner.example', 'partner.example'],
    ['_xfr.partner.example', '_xfr.partner.example', 'partner.example'],
    ['ns2.example', 'ns2.example', 'ns2.example'],
    ['NS2.Partner.example', 'ns2.partner.example', 'partner.example'],
    ['example', 'example', 'example'],
    ['_xfr', '_xfr', '.'],
    ['x._device.example', 'x._device.example', 'x._device.example'],
  ];
  for (const [client, entry, domain] of domains) {
    it(`of ${client} is ${domain}`, () => {
      expect(proofDomain(Name.parse(client), entry)).to.equal(Name.parse(domain).key);
    });
  }

  it('is the pattern, where one admits the client', () => {
    expect(proofDomain(Name.parse('a.b.corp.example'), '*.Corp.example')).to.equal('*.corp.example');
  });
});
