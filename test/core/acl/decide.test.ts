import { expect } from 'chai';
import fc from 'fast-check';
import { decideByRights } from '../../../core/acl/decide.ts';
import { actions, type Action, type Decision, type RuleSet } from '../../../core/acl/model.ts';
import { rightsSchema, roleSchema } from '../../../core/acl/schema.ts';
import { parseTime } from '../../../core/config/time.ts';
import { Name } from '../../../core/dns/name.ts';

const nowMs = Date.UTC(2026, 10, 23, 12);

interface Asked {
  readonly action?: Action;
  readonly zone?: string;
  readonly roles?: Readonly<Record<string, unknown>>;
  readonly atMs?: number;
}

/** What an entry, as it is written, says to a request. */
function decide(entry: unknown, asked: Asked = {}): Decision {
  const { action = 'transfer', zone = 'example.com', roles = {}, atMs = nowMs } = asked;
  const table = new Map<string, RuleSet>();
  for (const [word, rules] of Object.entries(roles)) table.set(word, roleSchema(word).parse(rules));
  const request = { action, zone: Name.parse(zone) };
  return decideByRights(rightsSchema.parse(entry), table, 'ns2.example', request, atMs);
}

/** Reason and rule of the decision. */
function says(entry: unknown, asked: Asked = {}): string {
  const { reason, rule } = decide(entry, asked);
  return rule === undefined ? reason : `${reason} by ${rule}`;
}

const transfer = { action: 'transfer', zones: ['example.com'] };
const every = { action: 'transfer', zones: ['*'] };
const other = { action: 'transfer', zones: ['other.example'] };

describe('a decision by rules', () => {
  it('names the entry, the rule, the roles and the view', () => {
    const entry = { roles: ['device'], allow: [{ action: 'resolve', view: 'internal', rate: '5/s' }] };
    expect(decide(entry, { action: 'resolve' })).to.deep.equal({
      allowed: true,
      reason: 'allowed',
      entry: 'ns2.example',
      rule: 'allow 1',
      roles: ['device'],
      view: 'internal',
      limits: { rate: { perSecond: 5, burst: 5 } },
    });
  });

  it('names entry and roles when it is no', () => {
    const entry = { roles: ['device'], allow: [], deny: [transfer] };
    const expected = { allowed: false, entry: 'ns2.example', roles: ['device'] };
    expect(decide(entry)).to.deep.equal({ ...expected, reason: 'denied', rule: 'deny 1' });
    expect(decide(entry, { zone: 'other.example' })).to.deep.equal({ ...expected, reason: 'no-rule' });
  });

  describe('of several that fit is', () => {
    const roles = {
      first: { allow: [{ ...every, comment: 'first' }] },
      second: { allow: [{ ...every, comment: 'second' }] },
      strict: { allow: [every], deny: [other, transfer] },
    };
    const cases: [what: string, entry: unknown, expected: string][] = [
      ['the first of the entry', { allow: [other, every, transfer] }, 'allowed by allow 2'],
      [
        'the entry’s own before those of its roles',
        { roles: ['first'], allow: [every] },
        'allowed by allow 1',
      ],
      [
        'that of a role where the entry’s own do not fit',
        { roles: ['first'], allow: [other] },
        'allowed by role first: allow 1',
      ],
      [
        'that of the role that the entry names first',
        { roles: ['second', 'first'] },
        'allowed by role second: allow 1',
      ],
      ['a deny rule of the entry', { allow: [every], deny: [other, every] }, 'denied by deny 2'],
      [
        'a deny rule of a role, whatever the entry itself allows',
        { roles: ['first', 'strict'], allow: [every] },
        'denied by role strict: deny 2',
      ],
      [
        'a deny rule of the entry before that of a role',
        { roles: ['strict'], deny: [transfer] },
        'denied by deny 1',
      ],
      [
        'none of a role that the list does not define',
        { roles: ['unknown', 'first'] },
        'allowed by role first: allow 1',
      ],
      ['none at all where only such a role is', { roles: ['unknown'] }, 'no-rule'],
      ['none of a role that the entry does not have', { allow: [] }, 'no-rule'],
      ['none of a word that objects have by birth', { roles: ['constructor', '__proto__'] }, 'no-rule'],
    ];
    for (const [what, entry, expected] of cases) {
      it(what, () => {
        expect(says(entry, { roles })).to.equal(expected);
      });
    }
  });

  it('of one action says nothing of another', () => {
    for (const [mine, others] of actions.map((one) => [one, actions.filter((two) => two !== one)] as const)) {
      const rule = { action: mine, zones: ['*'] };
      expect(says({ allow: [rule] }, { action: mine })).to.equal('allowed by allow 1');
      for (const action of others) {
        expect(says({ allow: [rule] }, { action })).to.equal('no-rule');
        const allowed = { action, zones: ['*'] };
        expect(says({ allow: [allowed], deny: [rule] }, { action })).to.equal('allowed by allow 1');
      }
    }
  });

  describe('is about zones', () => {
    const cases: [pattern: string, zone: string, fits: boolean][] = [
      ['example.com', 'EXAMPLE.Com', true],
      ['example.com', 'www.example.com', false],
      ['example.com', 'com', false],
      ['*.example.com', 'example.com', false],
      ['*.example.com', 'www.example.com', true],
      ['*.example.com', 'a.b.c.example.com', true],
      ['*.example.com', 'wwwexample.com', false],
      ['*', '.', true],
      ['*', 'example.com', true],
      ['*.', '.', false],
      ['*.', 'com', true],
      ['.', '.', true],
      ['.', 'com', false],
    ];
    for (const [pattern, zone, fits] of cases) {
      it(`${fits ? 'and' : 'and not'} "${zone}" for "${pattern}"${zone === 'EXAMPLE.Com' ? ' [RFC4343-3]' : ''}`, () => {
        const rule = { action: 'transfer', zones: ['unrelated.example', pattern] };
        expect(says({ allow: [rule] }, { zone })).to.equal(fits ? 'allowed by allow 1' : 'no-rule');
        expect(says({ allow: [every], deny: [rule] }, { zone })).to.equal(
          fits ? 'denied by deny 1' : 'allowed by allow 1',
        );
      });
    }

    it('and every zone where the rule names none', () => {
      expect(says({ allow: [{ action: 'query' }] }, { action: 'query' })).to.equal('allowed by allow 1');
      expect(says({ allow: [every], deny: [{ action: 'transfer' }] })).to.equal('denied by deny 1');
    });
  });

  describe('counts in its time, to the millisecond:', () => {
    const from = '2026-11-23T10:00:00.001Z';
    const until = '2026-11-23T14:00:00.999Z';
    const fromMs = parseTime(from)!;
    const untilMs = parseTime(until)!;
    const rule = { ...transfer, 'not-before': from, 'not-after': until };
    const cases: [what: string, atMs: number, isNow: boolean][] = [
      ['not just before not-before', fromMs - 1, false],
      ['at not-before', fromMs, true],
      ['at not-after', untilMs, true],
      ['not just after not-after', untilMs + 1, false],
    ];
    for (const [what, atMs, isNow] of cases) {
      it(what, () => {
        expect(says({ allow: [rule] }, { atMs })).to.equal(`${isNow ? 'allowed' : 'not-now'} by allow 1`);
        expect(says({ allow: [every], deny: [rule] }, { atMs })).to.equal(
          isNow ? 'denied by deny 1' : 'allowed by allow 1',
        );
      });
    }

    it('with one end open', () => {
      expect(says({ allow: [{ ...transfer, 'not-before': from }] }, { atMs: Infinity })).to.equal(
        'allowed by allow 1',
      );
      expect(says({ allow: [{ ...transfer, 'not-after': until }] }, { atMs: 0 })).to.equal(
        'allowed by allow 1',
      );
    });

    it('and leaves the place to the next rule outside of it', () => {
      const atMs = untilMs + 1;
      const roles = { late: { allow: [every] } };
      expect(says({ allow: [rule, every] }, { atMs })).to.equal('allowed by allow 2');
      expect(says({ roles: ['late'], allow: [rule] }, { atMs, roles })).to.equal(
        'allowed by role late: allow 1',
      );
    });

    it('and is named as the one that would allow it, of several the first', () => {
      const roles = { timed: { allow: [rule] } };
      expect(says({ roles: ['timed'], allow: [other] }, { atMs: 0, roles })).to.equal(
        'not-now by role timed: allow 1',
      );
      expect(says({ allow: [other, rule, rule] }, { atMs: 0 })).to.equal('not-now by allow 2');
    });
  });

  it('is what the written order says, for any rules', () => {
    const zones = fc.constantFrom<string[]>(['example.com'], ['*'], ['other.example'], ['*.com']);
    const time = fc.constantFrom({}, { 'not-after': '2026-11-01' }, { 'not-before': '2026-11-01' });
    const rule = fc
      .tuple(zones, time)
      .map(([named, times]) => ({ action: 'transfer', zones: named, ...times }));
    const rules = fc.array(rule, { maxLength: 3 });
    const set = fc.record({ allow: rules, deny: rules });
    const fits = ({ zones: [zone] }: { readonly zones: readonly string[] }): boolean =>
      zone !== 'other.example';
    const isNow = (one: object): boolean => !('not-after' in one);
    fc.assert(
      fc.property(set, set, set, (own, a, b) => {
        const sets = [
          ['', own],
          ['role b: ', b],
          ['role a: ', a],
        ] as const;
        const first = (
          kind: 'allow' | 'deny',
          test: (one: { readonly zones: readonly string[] }) => boolean,
        ) =>
          sets
            .flatMap(([prefix, { [kind]: list }]) =>
              list.map((one, at) => ({ one, label: `${prefix}${kind} ${at + 1}` })),
            )
            .find(({ one }) => test(one))?.label;
        const denied = first('deny', (one) => fits(one) && isNow(one));
        const allowed = first('allow', (one) => fits(one) && isNow(one));
        const later = first('allow', fits);
        const expected =
          (denied && `denied by ${denied}`) ??
          (allowed && `allowed by ${allowed}`) ??
          (later && `not-now by ${later}`) ??
          'no-rule';
        expect(says({ roles: ['b', 'nobody', 'a'], ...own }, { roles: { a, b } })).to.equal(expected);
      }),
    );
  });
});
