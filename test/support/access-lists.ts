/** Access lists for tests: generated ones with everything in them that a list may have, and what is compared of them. */
import fc from 'fast-check';
import { AccessList } from '../../core/acl/access-list.ts';
import { listText } from '../../core/acl/list-text.ts';
import { actions } from '../../core/acl/model.ts';
import { readClientPattern, presentClientPattern } from '../../core/acl/patterns.ts';
import { presentRights, presentRole } from '../../core/acl/present.ts';
import { rightsSchema, roleSchema } from '../../core/acl/schema.ts';
import { Name } from '../../core/dns/name.ts';

/** Words that YAML, or some reader of it, takes for something else than text. */
const specialWords = [
  'yes',
  'no',
  'null',
  'true',
  'on',
  'y',
  '1e3',
  '0x1f',
  '0',
  '-',
  '--',
  '1_000',
  '_',
  '1-2-3',
];
const specialTexts = [
  ...specialWords,
  '~',
  '',
  ' ',
  '# no',
  'a: b',
  '- a',
  '{',
  '[a]',
  '"',
  "'",
  '\\',
  '&a',
  '*a',
  '!t',
  '%',
  '@',
  '`',
  'Null',
  'NO',
  '.inf',
  '.nan',
  '1.5',
  '2026-01-01',
  '<<',
  '=',
  '?',
  'é',
  '😀',
  '\ufeff',
  '\u200f',
  '\ud800',
  'a\u00a0b',
  'it\'s "so" \\ here',
];

const labelOctets = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('a', 'NS2', '_xfr', 'null', 'yes', '1e3', '~', "it's", '-')
      .map((text) => Buffer.from(text)),
  },
  fc.uint8Array({ minLength: 1, maxLength: 63 }).map((octets) => Buffer.from(octets)),
);

const name = fc.array(labelOctets, { minLength: 1, maxLength: 3 }).map((labels) => Name.fromLabels(labels));

/** The text of a name without the star that a list would not take for one. */
const starless = name.filter(({ wire }) => !wire.includes(0x2a)).map(String);

const longest = fc.uint8Array({ minLength: 250, maxLength: 250 }).map((octets) => {
  const labels = [0, 63, 126, 189].map((at) => Buffer.from(octets.subarray(at, at + (at === 189 ? 61 : 63))));
  return Name.fromLabels(
    labels.map((label) => Buffer.from(label.map((octet) => (octet === 0x2a ? 0 : octet)))),
  ).toString();
});

const clientPattern = fc
  .tuple(fc.oneof({ weight: 9, arbitrary: starless }, longest), fc.boolean())
  .map(([text, below]) => (below ? `*.${text}` : text));
const zone = fc.oneof(
  starless,
  starless.map((text) => `*.${text}`),
  fc.constant('*'),
  fc.constant('.'),
  fc.constant('*.'),
);
const zones = fc.array(zone, { minLength: 1, maxLength: 12 });
const word = fc.oneof(fc.constantFrom(...specialWords), fc.stringMatching(/^[a-z0-9_-]{1,12}$/));
const comment = fc
  .oneof(
    fc.constantFrom(...specialTexts),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
  )
  .filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(text));
const time = fc.constantFrom(
  '2026-12-01',
  '2026-12-01T12:00:00Z',
  '2027-01-01T00:00:00.5+01:00',
  '20261201120000',
  '1800000000',
);

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const denyRule = fc
  .record({
    action: fc.constantFrom(...actions),
    zones: optional(zones),
    'not-before': optional(time),
    comment: optional(comment),
  })
  .map(stripped);

const allowRule = fc
  .record({
    action: fc.constantFrom(...actions),
    zones,
    view: optional(word),
    rate: optional(
      fc
        .tuple(fc.integer({ min: 1, max: 1_000_000_000 }), fc.constantFrom('s', 'm', 'h'))
        .map(([count, unit]) => `${String(count)}/${unit}`),
    ),
    burst: optional(fc.integer({ min: 1, max: 1_000_000_000 })),
    'requests-at-once': optional(fc.integer({ min: 0, max: 1_000_000 })),
    'transfers-at-once': optional(fc.integer({ min: 0, max: 1_000_000 })),
    'not-before': optional(time),
    comment: optional(comment),
  })
  .map((rule) =>
    stripped({
      ...rule,
      view: rule.action === 'resolve' || rule.action === 'query' ? rule.view : undefined,
      burst: rule.rate === undefined ? undefined : rule.burst,
      'transfers-at-once': rule.action === 'transfer' ? rule['transfers-at-once'] : undefined,
    }),
  );

const rules = { deny: optional(fc.array(denyRule, { maxLength: 3 })), comment: optional(comment) };
const writtenRights = fc
  .record({
    roles: optional(fc.array(word, { maxLength: 3 })),
    allow: fc.array(allowRule, { maxLength: 3 }),
    ...rules,
  })
  .map(stripped);
const writtenRole = fc
  .record({ allow: optional(fc.array(allowRule, { maxLength: 3 })), ...rules })
  .map(stripped);

/** Any list. */
export const anyAccessList: fc.Arbitrary<AccessList> = fc
  .record({
    roles: fc.array(fc.tuple(word, writtenRole), { maxLength: 4 }),
    anonymous: optional(writtenRights),
    clients: fc.array(fc.tuple(clientPattern, writtenRights), { maxLength: 8 }),
  })
  .map(({ roles, anonymous, clients }) => {
    const list = new AccessList();
    for (const [role, written] of roles) list.defineRole(role, roleSchema(role).parse(written));
    list.anonymous = anonymous && rightsSchema.parse(anonymous);
    for (const [text, written] of clients) {
      const pattern = readClientPattern(text);
      list.add(pattern, { pattern: presentClientPattern(pattern), rights: rightsSchema.parse(written) });
    }
    return list;
  });

function stripped(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

/** Everything that a list says, so that two can be compared; entries and roles sorted. */
export function modelOf(list: AccessList): unknown {
  return {
    roles: [...list.roles].map(([role, rules]) => [role, presentRole(rules)]).sort(byFirst),
    anonymous: list.anonymous && presentRights(list.anonymous),
    clients: [...list.entries()]
      .map(({ pattern, rights }) => [pattern.toLowerCase(), presentRights(rights)])
      .sort(byFirst),
  };
}

function byFirst([a]: unknown[], [b]: unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}

/** The text of a list in the order of its entries. */
export async function textOf(list: AccessList): Promise<string> {
  const { roles, anonymous } = list;
  let text = '';
  for await (const piece of listText({ roles, anonymous, entries: list.entries() })) text += piece;
  return text;
}
