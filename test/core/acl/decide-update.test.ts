/** What rules say to updates, record by record. */
import { expect } from 'chai';
import fc from 'fast-check';
import { decideByRights } from '../../../core/acl/decide.ts';
import { Grants } from '../../../core/acl/grants.ts';
import type { AccessRecord, AccessRequest, Decision, RuleSet } from '../../../core/acl/model.ts';
import { rightsSchema, roleSchema } from '../../../core/acl/schema.ts';
import { RrType, rrTypeFromName } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { accessFrom } from '../../support/access.ts';

const nowMs = Date.UTC(2026, 10, 23, 12);
const zones = ['example.com'];
const whole = { action: 'update', zones };
const acme = { action: 'update', zones, names: ['_acme-challenge.example.com'], types: ['TXT'] };
const hosts = { action: 'update', zones, names: ['*.dyn.example.com'], types: ['A', 'AAAA'] };
const anyOfHosts = { action: 'update', zones, names: ['*.dyn.example.com'] };
const addresses = { action: 'update', zones, types: ['A', 'AAAA'] };

/** Reads `www.example.com A`; a name alone is a condition. */
function recordOf(text: string): AccessRecord {
  const [name = '', type] = text.split(' ');
  return { name: Name.parse(name), type: type === undefined ? undefined : rrTypeFromName(type) };
}

function decide(
  entry: unknown,
  records: readonly string[] | 'some' | undefined,
  { zone = 'example.com', roles = {} }: { zone?: string; roles?: Readonly<Record<string, unknown>> } = {},
): Decision {
  const table = new Map<string, RuleSet>();
  for (const [word, rules] of Object.entries(roles)) table.set(word, roleSchema(word).parse(rules));
  const asked = records === 'some' ? records : records?.map(recordOf);
  const request: AccessRequest = {
    action: 'update',
    zone: Name.parse(zone),
    ...(asked !== undefined && { records: asked }),
  };
  return decideByRights(rightsSchema.parse(entry), table, 'host.example', request, nowMs);
}

function says(...[entry, records, more]: Parameters<typeof decide>): string {
  const { reason, rule, also = [] } = decide(entry, records, more);
  const rules = [rule, ...also.map((other) => other.rule)].filter((each) => each !== undefined);
  return rules.length === 0 ? reason : `${reason} by ${rules.join(' and ')}`;
}

describe('a decision about an update', () => {
  const cases: [title: string, allow: unknown[], records: string[], says: string][] = [
    [
      'allows every record by a rule without names and types',
      [whole],
      ['www.example.com A', 'example.com SOA', 'x.example.com ANY'],
      'allowed by allow 1',
    ],
    ['allows the name and type of a rule', [acme], ['_acme-challenge.example.com TXT'], 'allowed by allow 1'],
    [
      'does not care for the case of a name',
      [acme],
      ['_ACME-Challenge.Example.COM TXT'],
      'allowed by allow 1',
    ],
    ['refuses another type of the name', [acme], ['_acme-challenge.example.com A'], 'no-rule'],
    ['refuses another name of the type', [acme], ['www.example.com TXT'], 'no-rule'],
    ['refuses what is below an exact name', [acme], ['x._acme-challenge.example.com TXT'], 'no-rule'],
    ['refuses the name itself by *.name', [hosts], ['dyn.example.com A'], 'no-rule'],
    [
      'allows what is below *.name, however deep',
      [hosts],
      ['a.b.dyn.example.com AAAA'],
      'allowed by allow 1',
    ],
    [
      'refuses all for one record',
      [hosts],
      ['a.dyn.example.com A', 'www.example.com A', 'b.dyn.example.com A'],
      'no-rule',
    ],
    [
      'allows records by several rules',
      [acme, hosts],
      ['a.dyn.example.com A', '_acme-challenge.example.com TXT'],
      'allowed by allow 2 and allow 1',
    ],
    ['takes the first rule that fits', [acme, whole, hosts], ['a.dyn.example.com A'], 'allowed by allow 2'],
    [
      'does not delete all records of a name by a rule for some types',
      [hosts],
      ['a.dyn.example.com ANY'],
      'no-rule',
    ],
    ['deletes them by a rule for every type', [anyOfHosts], ['a.dyn.example.com ANY'], 'allowed by allow 1'],
    [
      'does not add up the types of several rules to all',
      [addresses, acme],
      ['_acme-challenge.example.com ANY'],
      'no-rule',
    ],
    ['takes a condition by its name alone', [hosts], ['a.dyn.example.com'], 'allowed by allow 1'],
    [
      'refuses a condition about another name',
      [hosts],
      ['a.dyn.example.com A', 'www.example.com'],
      'no-rule',
    ],
    ['takes no rule of another action', [{ action: 'transfer', zones }], ['www.example.com A'], 'no-rule'],
    ['takes an update without records by any rule', [acme], [], 'allowed by allow 1'],
    ['refuses an update without records where there is no rule', [], [], 'no-rule'],
  ];
  for (const [title, allow, records, expected] of cases) {
    it(title, () => {
      expect(says({ allow }, records)).to.equal(expected);
    });
  }

  it('takes no rule of another zone', () => {
    expect(says({ allow: [whole] }, ['www.example.org A'], { zone: 'example.org' })).to.equal('no-rule');
  });

  it('names the record that it refuses', () => {
    const details = [
      'www.example.com TXT',
      'www.example.com ANY',
      'www.example.com',
      'www.example.com TYPE65280',
    ].map((record) => decide({ allow: [hosts] }, ['a.dyn.example.com A', record]).detail);
    expect(details).to.deep.equal([
      'www.example.com TXT',
      'www.example.com all records',
      'www.example.com a condition',
      'www.example.com TYPE65280',
    ]);
  });

  describe('with deny rules', () => {
    const apex = { action: 'update', zones, names: zones };
    const keys = { action: 'update', types: ['SOA', 'NS', 'DNSKEY'] };
    const denied: [title: string, deny: unknown, record: string, says: string][] = [
      ['forbids a name', apex, 'example.com A', 'denied by deny 1'],
      ['leaves other names', apex, 'www.example.com A', 'allowed by allow 1'],
      ['forbids a type', keys, 'example.com DNSKEY', 'denied by deny 1'],
      ['leaves other types', keys, 'example.com A', 'allowed by allow 1'],
      ['forbids to delete everything where a type is forbidden', keys, 'example.com ANY', 'denied by deny 1'],
      ['forbids a condition about a name', apex, 'example.com', 'denied by deny 1'],
      ['leaves a condition where types are forbidden', keys, 'example.com', 'allowed by allow 1'],
    ];
    for (const [title, deny, record, expected] of denied) {
      it(title, () => {
        expect(says({ allow: [whole], deny: [deny] }, ['www.example.com A', record])).to.equal(expected);
      });
    }

    it('goes by those of roles too', () => {
      const roles = { host: { allow: [whole], deny: [keys] } };
      expect(says({ roles: ['host'] }, ['www.example.com A'], { roles })).to.equal(
        'allowed by role host: allow 1',
      );
      expect(says({ roles: ['host'] }, ['x.example.com NS'], { roles })).to.equal(
        'denied by role host: deny 1',
      );
    });
  });

  it('goes by the times of rules', () => {
    const over = { ...acme, 'not-after': '2026-11-22' };
    expect(says({ allow: [over] }, ['_acme-challenge.example.com TXT'])).to.equal('not-now by allow 1');
    expect(says({ allow: [over] }, ['_acme-challenge.example.com A'])).to.equal('no-rule');
    expect(says({ allow: [over, whole] }, ['_acme-challenge.example.com TXT'])).to.equal(
      'allowed by allow 2',
    );
    expect(says({ allow: [whole], deny: [{ ...over }] }, ['_acme-challenge.example.com TXT'])).to.equal(
      'allowed by allow 1',
    );
  });

  it('without a word about records takes a rule for all of them', () => {
    expect(says({ allow: [acme, hosts] }, undefined)).to.equal('no-rule');
    expect(says({ allow: [acme, whole] }, undefined)).to.equal('allowed by allow 2');
    expect(says({ allow: [whole], deny: [acme] }, undefined)).to.equal('denied by deny 1');
  });

  it('about some record takes any rule', () => {
    expect(says({ allow: [acme] }, 'some')).to.equal('allowed by allow 1');
    expect(says({ allow: [whole], deny: [acme] }, 'some')).to.equal('allowed by allow 1');
    expect(says({ allow: [whole], deny: [{ action: 'update' }] }, 'some')).to.equal('denied by deny 1');
  });

  it('allows no more of many records than of each by itself', () => {
    const rule = fc.record(
      {
        names: fc.subarray(['example.com', '*.example.com', 'a.example.com'], { minLength: 1 }),
        types: fc.subarray(['A', 'TXT', 'SOA'], { minLength: 1 }),
      },
      { requiredKeys: [] },
    );
    const rules = fc.array(rule, { maxLength: 3 }).map((all) => all.map((one) => ({ ...whole, ...one })));
    const record = fc
      .tuple(
        fc.constantFrom('example.com', 'a.example.com', 'b.a.example.com'),
        fc.constantFrom('', ' A', ' SOA', ' ANY'),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(rules, rules, fc.array(record, { minLength: 1, maxLength: 5 }), (allow, deny, records) => {
        const each = records.every((one) => decide({ allow, deny }, [one]).allowed);
        expect(decide({ allow, deny }, records).allowed).to.equal(each);
      }),
    );
  });
});

describe('the limits of an update that several rules allow', () => {
  const list = accessFrom(`version: 1
clients: {}
anonymous:
  allow:
    - { action: update, zones: [example.com], names: [a.example.com], rate: 1/s }
    - { action: update, zones: [example.com], names: [b.example.com], rate: 1/s, requests-at-once: 1 }
    - { action: update, zones: [example.com], names: [c.example.com] }
`);
  const ask = (grants: Grants, ...names: string[]) =>
    grants.ask(list, undefined, {
      action: 'update',
      zone: Name.parse('example.com'),
      records: names.map((name) => ({ name: Name.parse(name), type: RrType.A })),
    });

  it('are charged to each of them', async () => {
    const taken: string[] = [];
    const grants = new Grants({ take: (key) => taken.push(key) > 0 });
    const grant = await ask(grants, 'c.example.com', 'a.example.com', 'b.example.com');
    expect(grant.decision.allowed).to.equal(true);
    expect(taken).to.deep.equal(['allow 1', 'allow 2']);
    const second = await ask(grants, 'a.example.com', 'b.example.com');
    expect(second.decision).to.include({ allowed: false, reason: 'too-many-at-once', rule: 'allow 2' });
    grant.release();
    expect((await ask(grants, 'a.example.com', 'b.example.com')).decision.allowed).to.equal(true);
  });

  it('cannot be gone round by a record of another rule', async () => {
    const grants = new Grants({ take: (key) => key !== 'allow 1' });
    for (const names of [
      ['a.example.com'],
      ['c.example.com', 'a.example.com'],
      ['b.example.com', 'a.example.com'],
    ]) {
      const { decision } = await ask(grants, ...names);
      expect(decision).to.include({ allowed: false, reason: 'too-fast', rule: 'allow 1' });
    }
    // What was held for it is free again.
    expect((await ask(grants, 'b.example.com')).decision.allowed).to.equal(true);
  });
});
