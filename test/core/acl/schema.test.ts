import { expect } from 'chai';
import { parseAccessList } from '../../../core/acl/list-file.ts';
import { rightsSchema, roleSchema } from '../../../core/acl/schema.ts';
import { ConfigError } from '../../../core/config/errors.ts';
import { Name } from '../../../core/dns/name.ts';

/** What is wrong with an entry of the list, from its path on. */
function wrongWithEntry(entry: string): string {
  return wrongWith(
    `version: 1\nclients:\n  a.example: ${entry}\n`,
    /^access\.yaml:3:\d+: clients\["a\.example"\]\.?/,
  );
}

function wrongWithRole(role: string): string {
  return wrongWith(
    `version: 1\nroles:\n  some: ${role}\nclients: {}\n`,
    /^access\.yaml:3:\d+: roles\.some\.?/,
  );
}

function wrongWith(text: string, prefix: RegExp): string {
  try {
    parseAccessList(text, 'access.yaml');
    return 'nothing';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).to.match(prefix);
    return error.message.replace(prefix, '');
  }
}

const zonesMissing = 'zones: missing; write the zones, or ["*"] for every zone';
const actionWords = 'write one of: transfer, notify, update, resolve, query';
const notOfUpdate = 'means nothing for this action; names and types of records are for update';
const notBefore = 'not-after: is before not-before; write a time that is not before not-before';
const allowExample = 'for example: allow: [{ action: transfer, zones: [example.com] }]';
const timeExample = 'for example: not-after: 2026-12-01T12:00:00Z';
const commentExample = 'for example: comment: ask noc@partner.example';

describe('the schema of rules', () => {
  const allowRules: [rule: string, says: string][] = [
    ['{ zones: ["*"] }', `action: missing; ${actionWords}`],
    ['{ action: axfr, zones: ["*"] }', `action: is the text "axfr"; ${actionWords}`],
    ['{ action: transfer }', zonesMissing],
    ['{ action: notify }', zonesMissing],
    ['{ action: update }', zonesMissing],
    ['{ action: transfer, zones: [] }', 'zones: is an empty list; write at least 1'],
    [
      '{ action: transfer, zones: "*" }',
      'zones: is the text "*", not a list; for example: zones: [example.com]',
    ],
    ...['transfer', 'notify', 'update'].map((action): [string, string] => [
      `{ action: ${action}, zones: ["*"], view: a }`,
      'view: means nothing for this action; views are for resolve and query',
    ]),
    [
      '{ action: resolve, view: A B }',
      'view: "A B" is not a word of a-z, 0-9, - and _; for example: view: internal',
    ],
    [
      '{ action: resolve, view: "" }',
      'view: "" is not a word of a-z, 0-9, - and _; for example: view: internal',
    ],
    ['{ action: resolve, rate: 5 }', 'rate: is the number 5, not a rate; for example: rate: 50/s'],
    [
      '{ action: resolve, rate: 5/d }',
      'rate: "5/d" is not a rate, a number for each s, m or h; for example: rate: 50/s',
    ],
    ['{ action: resolve, rate: 0/s }', 'rate: "0/s" is not from 1 to 1000000000; for example: rate: 50/s'],
    ['{ action: resolve, burst: 5 }', 'burst: means nothing without a rate; write both, or neither'],
    [
      '{ action: resolve, rate: 5/s, burst: 0 }',
      'burst: is the number 0, which is too small; write a number from 1 to 1000000000',
    ],
    [
      '{ action: resolve, rate: 5/s, burst: 1.5 }',
      'burst: is the number 1.5, not a whole number; for example: burst: 100',
    ],
    ...['notify', 'update', 'resolve', 'query'].map((action): [string, string] => [
      `{ action: ${action}, zones: ["*"], transfers-at-once: 1 }`,
      'transfers-at-once: means nothing for this action; write requests-at-once',
    ]),
    [
      '{ action: resolve, requests-at-once: -1 }',
      'requests-at-once: is the number -1, which is too small; write a number from 0 to 1000000',
    ],
    [
      '{ action: resolve, requests-at-once: 1000001 }',
      'requests-at-once: is the number 1000001, which is too large; write a number from 0 to 1000000',
    ],
    [
      '{ action: resolve, requests-at-once: "2" }',
      'requests-at-once: is the text "2", not a whole number; for example: requests-at-once: 4',
    ],
    ['{ action: resolve, not-before: 2026-12-01, not-after: 2026-11-01 }', notBefore],
    [
      '{ action: resolve, not-after: soon }',
      `not-after: "soon" is not a date, with or without a time; ${timeExample}`,
    ],
    [
      '{ action: resolve, not-after: 2026-02-30 }',
      `not-after: "2026-02-30" is not a date, with or without a time; ${timeExample}`,
    ],
    [
      '{ action: resolve, comment: "a\\nb" }',
      `comment: "a\\u{a}b" has line breaks or control characters; ${commentExample}`,
    ],
    [
      '{ action: resolve, comment: "a\u2028b" }',
      `comment: "a\\u{2028}b" has line breaks or control characters; ${commentExample}`,
    ],
    ['{ action: resolve, comment: 3 }', `comment: is the number 3, not a text; ${commentExample}`],
    [
      `{ action: resolve, comment: ${'x'.repeat(257)} }`,
      `comment: "${'x'.repeat(57)}..." has more than 256 characters; ${commentExample}`,
    ],
    ...['transfer', 'notify', 'resolve', 'query'].flatMap((action): [string, string][] => [
      [`{ action: ${action}, zones: ["*"], names: [a.example] }`, `names: ${notOfUpdate}`],
      [`{ action: ${action}, zones: ["*"], types: [A] }`, `types: ${notOfUpdate}`],
    ]),
    ['{ action: update, zones: ["*"], names: [] }', 'names: is an empty list; write at least 1'],
    ['{ action: update, zones: ["*"], types: [] }', 'types: is an empty list; write at least 1'],
    [
      '{ action: update, zones: ["*"], names: [a.*.example] }',
      'names[0]: "a.*.example" has a * that is not the whole first label; for example: - _acme-challenge.example.com',
    ],
    [
      '{ action: update, zones: ["*"], types: [ADDRESS] }',
      'types[0]: "ADDRESS" is not a type of records; for example: - TXT',
    ],
    ...['ANY', 'AXFR', 'OPT', 'TSIG', 'TYPE0'].map((type): [string, string] => [
      `{ action: update, zones: ["*"], types: [${type}] }`,
      `types[0]: "${type}" is not a type that records of a zone have; for example: - TXT`,
    ]),
    ['{ action: resolve, zone: [a] }', 'zone: unknown key; did you mean zones?'],
    [
      '{ action: resolve, max: 3 }',
      'max: unknown key; the keys here are: action, zones, names, types, view, rate, burst, requests-at-once, transfers-at-once, not-before, not-after, comment',
    ],
  ];
  for (const [rule, says] of allowRules) {
    it(`does not allow ${rule.slice(0, 80)}`, () => {
      expect(wrongWithEntry(`{ allow: [${rule}] }`)).to.equal(`allow[0].${says}`);
      expect(wrongWithRole(`{ allow: [${rule}] }`)).to.equal(`allow[0].${says}`);
    });
  }

  const noSuchKey =
    'unknown key; the keys here are: action, zones, names, types, not-before, not-after, comment';
  const denyRules: [rule: string, says: string][] = [
    ['{ zones: ["*"] }', `action: missing; ${actionWords}`],
    ['{ action: resolve, rate: 5/s }', `rate: ${noSuchKey}`],
    ['{ action: resolve, burst: 5 }', `burst: ${noSuchKey}`],
    ['{ action: resolve, view: a }', `view: ${noSuchKey}`],
    ['{ action: resolve, requests-at-once: 1 }', `requests-at-once: ${noSuchKey}`],
    ['{ action: transfer, transfers-at-once: 1 }', `transfers-at-once: ${noSuchKey}`],
    ['{ action: resolve, zones: [] }', 'zones: is an empty list; write at least 1'],
    ['{ action: transfer, names: [a.example] }', `names: ${notOfUpdate}`],
    ['{ action: query, types: [A] }', `types: ${notOfUpdate}`],
    ['{ action: resolve, not-before: 2026-12-01, not-after: 2026-11-01 }', notBefore],
  ];
  for (const [rule, says] of denyRules) {
    it(`does not deny ${rule}`, () => {
      expect(wrongWithEntry(`{ allow: [], deny: [${rule}] }`)).to.equal(`deny[0].${says}`);
      expect(wrongWithRole(`{ deny: [${rule}] }`)).to.equal(`deny[0].${says}`);
    });
  }

  const many = (count: number): string => Array(count).fill('{ action: query }').join(', ');
  const entries: [what: string, entry: string, says: string][] = [
    ['nothing in it', '{}', `allow: missing; ${allowExample}`],
    ['a deny rule alone', '{ deny: [{ action: update }] }', `allow: missing; ${allowExample}`],
    ['a comment alone', '{ comment: a }', `allow: missing; ${allowExample}`],
    ['a map of rules', '{ allow: {} }', `allow: is a map, not a list of rules; ${allowExample}`],
    ['an empty allow', '{ allow: null }', `allow: is empty; ${allowExample}`],
    [
      'a role that is no list',
      '{ roles: a }',
      'roles: is the text "a", not a list; for example: roles: [secondary]',
    ],
    [
      'a role in capitals',
      '{ roles: [Secondary] }',
      'roles[0]: "Secondary" is not a word of a-z, 0-9, - and _; for example: - secondary',
    ],
    [
      'a role of 65 letters',
      `{ roles: [${'x'.repeat(65)}] }`,
      `roles[0]: "${'x'.repeat(57)}..." has more than 64 characters; for example: - secondary`,
    ],
    [
      'more than 32 roles',
      `{ roles: [${Array.from({ length: 33 }, (_, at) => `r${at}`).join(', ')}] }`,
      'roles: is a list of 33 items; write at most 32',
    ],
    ['more than 64 rules', `{ allow: [${many(65)}] }`, 'allow: is a list of 65 items; write at most 64'],
    [
      'more than 64 deny rules',
      `{ allow: [], deny: [${many(65)}] }`,
      'deny: is a list of 65 items; write at most 64',
    ],
    [
      'a rate outside of a rule',
      '{ allow: [], rate: 3/s }',
      'rate: unknown key; the keys here are: roles, allow, deny, comment',
    ],
    [
      'a rule that is a word',
      '{ allow: [transfer] }',
      'allow[0]: is the text "transfer", not a rule; for example: - { action: transfer, zones: [example.com] }',
    ],
  ];
  for (const [what, entry, says] of entries) {
    it(`refuses an entry with ${what}`, () => {
      expect(wrongWithEntry(entry)).to.equal(says);
    });
  }

  it('refuses roles in a role, which could go round in circles', () => {
    expect(wrongWithRole('{ roles: [a] }')).to.equal(
      'roles: unknown key; the keys here are: allow, deny, comment',
    );
  });

  it('takes the most that there may be', () => {
    const comment = 'x'.repeat(256);
    const roles = Array.from({ length: 32 }, (_, at) => `${'r'.repeat(62)}${at + 10}`);
    const allow = Array.from({ length: 64 }, () => ({
      action: 'query',
      view: 'v'.repeat(64),
      rate: '1000000000/s',
      burst: 1_000_000_000,
      'requests-at-once': 1_000_000,
      comment,
    }));
    const rights = rightsSchema.parse({ roles, allow, comment });
    expect(rights.allow.at(-1)).to.include({ label: 'allow 64', comment });
    expect(rights.roles).to.deep.equal(roles);
  });

  it('takes a label of 42 octets for one, and not for a star [RFC1035-2.3.4]', () => {
    const label = 'a'.repeat(42);
    for (const zone of [`${label}.example`, `*.${label}.example`]) {
      const { allow } = rightsSchema.parse({ allow: [{ action: 'query', zones: [zone] }] });
      expect(allow[0]?.zones?.has(Name.parse(`${label}.example`))).to.equal(!zone.startsWith('*'));
    }
    const list = parseAccessList(`version: 1\nclients:\n  ${label}.example: { allow: [] }\n`, 'a');
    expect(list.entryFor(Name.parse(`${label}.example`))?.pattern).to.equal(`${label}.example`);
  });

  it('takes a day from its beginning to its end', () => {
    const day = { action: 'resolve', 'not-before': '2026-12-01', 'not-after': '2026-12-01' };
    const moment = { action: 'resolve', 'not-after': '2026-12-01T00:00:00Z' };
    const { allow } = rightsSchema.parse({ allow: [day, moment] });
    expect(allow[0]).to.include({
      notBeforeMs: Date.UTC(2026, 11, 1),
      notAfterMs: Date.UTC(2026, 11, 2) - 1,
    });
    expect(allow[1]?.notAfterMs).to.equal(Date.UTC(2026, 11, 1));
  });

  it('names the rules of a role by it', () => {
    const { allow, deny } = roleSchema('secondary').parse({
      allow: [{ action: 'query' }, { action: 'resolve' }],
      deny: [{ action: 'query' }],
    });
    expect([...allow, ...deny].map(({ label }) => label)).to.deep.equal([
      'role secondary: allow 1',
      'role secondary: allow 2',
      'role secondary: deny 1',
    ]);
  });

  it('gives limits only where some are written, and a burst to each rate', () => {
    const limitsOf = (rule: object) =>
      rightsSchema.parse({ allow: [{ action: 'transfer', zones: ['*'], ...rule }] }).allow[0]?.limits;
    expect(limitsOf({})).to.equal(undefined);
    expect(limitsOf({ rate: '90/m' })).to.deep.equal({ rate: { perSecond: 1.5, burst: 2 } });
    expect(limitsOf({ rate: '1/h', burst: 7 })).to.deep.equal({ rate: { perSecond: 1 / 3600, burst: 7 } });
    expect(limitsOf({ 'transfers-at-once': 0 })).to.deep.equal({ transfersAtOnce: 0 });
    expect(limitsOf({ 'requests-at-once': 3 })).to.deep.equal({ requestsAtOnce: 3 });
  });
});
