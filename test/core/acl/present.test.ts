import { expect } from 'chai';
import fc from 'fast-check';
import type { RuleSet } from '../../../core/acl/model.ts';
import { presentRights, presentRole } from '../../../core/acl/present.ts';
import { rightsSchema, roleSchema } from '../../../core/acl/schema.ts';
import { presentTime } from '../../../core/config/time.ts';
import { Name } from '../../../core/dns/name.ts';

/** What is written after a round through the model. */
function again(written: unknown): unknown {
  return presentRights(rightsSchema.parse(written));
}

describe('the written form of rights', () => {
  it('has everything that can be said, in the order in which it is documented', () => {
    const written = {
      roles: ['secondary', 'x'],
      allow: [
        {
          action: 'transfer',
          zones: ['example.com', '*.example.net', '*', '*.', '.'],
          rate: '10/s',
          burst: 50,
          'requests-at-once': 20,
          'transfers-at-once': 2,
          'not-before': '2026-11-23T00:00:00Z',
          'not-after': '2026-12-01T12:00:00.500Z',
          comment: 'ask noc@partner.example',
        },
        { action: 'resolve', view: 'internal' },
        {
          action: 'update',
          zones: ['example.com'],
          names: ['_acme-challenge.example.com', '*.dyn.example.com', '*'],
          types: ['TXT', 'TYPE65280'],
          rate: '10/s',
        },
      ],
      deny: [
        { action: 'transfer', zones: ['hr.example.com'], 'not-after': '2027-01-01T00:00:00Z', comment: 'no' },
        { action: 'update', names: ['example.com'], types: ['SOA', 'NS', 'DNSKEY'] },
      ],
      comment: 'ours',
    };
    expect(JSON.stringify(again(written))).to.equal(JSON.stringify(written));
  });

  const cases: [what: string, written: unknown, normal: unknown][] = [
    ['nothing but roles', { roles: ['a'] }, { roles: ['a'] }],
    ['empty lists', { roles: ['a'], allow: [], deny: [] }, { roles: ['a'] }],
    ['an entry without rights', { roles: [] }, { allow: [] }],
    ['an entry that allows nothing', { allow: [] }, { allow: [] }],
    [
      'a rate in another unit, with its usual burst',
      { allow: [{ action: 'query', rate: '60/m', burst: 1 }] },
      { allow: [{ action: 'query', rate: '1/s' }] },
    ],
    [
      'another form of a time',
      { allow: [{ action: 'query', 'not-before': '20261123120000', 'not-after': '2026-11-23T14:00+01:00' }] },
      {
        allow: [
          { action: 'query', 'not-before': '2026-11-23T12:00:00Z', 'not-after': '2026-11-23T13:00:00Z' },
        ],
      },
    ],
    [
      'types as people write them',
      { allow: [{ action: 'update', zones: ['*'], types: ['txt', 'TYPE1', 'A', 'type257'] }] },
      { allow: [{ action: 'update', zones: ['*'], types: ['TXT', 'A', 'CAA'] }] },
    ],
    [
      'a dot at the end of a zone',
      { allow: [{ action: 'query', zones: ['Example.COM.', '*.Net.'] }] },
      { allow: [{ action: 'query', zones: ['Example.COM', '*.Net'] }] },
    ],
  ];
  for (const [what, written, normal] of cases) {
    it(`puts ${what} into its normal form`, () => {
      expect(again(written)).to.deep.equal(normal);
    });
  }

  it('of a role needs no rules', () => {
    expect(presentRole(roleSchema('a').parse({}))).to.deep.equal({});
    const deny = [{ action: 'update' }];
    expect(presentRole(roleSchema('a').parse({ deny }))).to.deep.equal({ deny });
  });

  describe('is the same, read and written again', () => {
    const label = fc
      .uint8Array({ minLength: 1, maxLength: 50 })
      .map((octets) => Buffer.from(octets.map((octet) => (octet === 0x2a ? 0x2b : octet))));
    const name = fc.array(label, { maxLength: 3 }).map((labels) => Name.fromLabels(labels).toString());
    const zone = fc.oneof(
      name,
      name.map((text) => (text === '.' ? '*.' : `*.${text}`)),
      fc.constant('*'),
    );
    const zones = fc.array(zone, { minLength: 1, maxLength: 3 });
    const word = fc.stringMatching(/^[a-z0-9_-]{1,64}$/);
    const count = fc.integer({ min: 1, max: 1_000_000_000 });
    const places = fc.integer({ min: 0, max: 1_000_000 });
    const comment = fc
      .string({ unit: 'grapheme', maxLength: 80 })
      .filter((text) => text.length <= 256 && !/[\p{Cc}\u2028\u2029]/u.test(text));
    const times = fc
      .tuple(
        fc.date({ min: new Date(0), max: new Date(Date.UTC(9000, 0)), noInvalidDate: true }),
        fc.integer({ min: 0, max: 1e12 }),
        fc.subarray(['not-before', 'not-after']),
      )
      .map(([from, longMs, kept]) => {
        const all = {
          'not-before': presentTime(from.getTime()),
          'not-after': presentTime(from.getTime() + longMs),
        };
        return Object.fromEntries(Object.entries(all).filter(([key]) => kept.includes(key)));
      });
    const optional = <T>(key: string, value: fc.Arbitrary<T>) =>
      fc.option(value, { nil: undefined }).map((one) => (one === undefined ? {} : { [key]: one }));
    const rate = fc.tuple(count, fc.constantFrom('s', 'm', 'h')).map(([many, per]) => `${many}/${per}`);
    const limits = fc
      .tuple(optional('rate', rate), optional('burst', count), optional('requests-at-once', places))
      .map(([rated, burst, atOnce]) => ({ ...rated, ...('rate' in rated && burst), ...atOnce }));
    const types = fc.array(fc.constantFrom('A', 'TXT', 'CAA', 'TYPE65280'), { minLength: 1, maxLength: 3 });
    const allow = fc
      .tuple(
        fc.oneof(
          fc.record({ action: fc.constantFrom('transfer', 'notify', 'update'), zones }),
          fc
            .tuple(
              fc.record({ action: fc.constant('update'), zones }),
              optional('names', zones),
              optional('types', types),
            )
            .map((parts) => Object.assign({}, ...parts) as { action: string }),
          fc
            .tuple(fc.constantFrom('resolve', 'query'), optional('zones', zones), optional('view', word))
            .map(([action, ...more]) => Object.assign({ action }, ...more) as { action: string }),
        ),
        optional('transfers-at-once', places),
        limits,
        times,
        optional('comment', comment),
      )
      .map(
        ([about, transfers, ...more]) =>
          Object.assign({}, about, about.action === 'transfer' ? transfers : {}, ...more) as object,
      );
    const deny = fc
      .tuple(
        fc.constantFrom('transfer', 'notify', 'update', 'resolve', 'query'),
        optional('zones', zones),
        times,
        optional('comment', comment),
      )
      .map(([action, ...more]) => Object.assign({ action }, ...more) as object);
    const rules = {
      allow: fc.array(allow, { maxLength: 4 }),
      deny: fc.array(deny, { maxLength: 4 }),
    };
    const entry = fc
      .tuple(fc.record({ ...rules, roles: fc.array(word, { maxLength: 3 }) }), optional('comment', comment))
      .map(([one, more]) => ({ ...one, ...more }));

    /** Rights in a form that can be compared: a ZoneSet by its patterns. */
    const comparable = (rights: RuleSet): unknown =>
      JSON.parse(
        JSON.stringify(rights, (key, value: unknown) =>
          (key === 'zones' || key === 'names') && value !== undefined
            ? (value as { patterns: { kind: string; name?: Name }[] }).patterns.map(
                ({ kind, name: of }) => `${kind} ${of?.key ?? ''}`,
              )
            : value,
        ),
      );

    it('for any entry', () => {
      fc.assert(
        fc.property(entry, (written) => {
          const rights = rightsSchema.parse(written);
          const shown = presentRights(rights);
          // By way of JSON, as in Redis.
          const read = rightsSchema.parse(JSON.parse(JSON.stringify(shown)));
          expect(comparable(read)).to.deep.equal(comparable(rights));
          expect(JSON.stringify(presentRights(read))).to.equal(JSON.stringify(shown));
        }),
        { numRuns: 500 },
      );
    });

    it('for any role', () => {
      fc.assert(
        fc.property(fc.record(rules), (written) => {
          const schema = roleSchema('some');
          const role = schema.parse(written);
          const read = schema.parse(JSON.parse(JSON.stringify(presentRole(role))));
          expect(comparable(read)).to.deep.equal(comparable(role));
        }),
      );
    });
  });
});
