/**
 * What may stand after a client's name, a role's word or `anonymous` in the access list, in a file (YAML) and in Redis
 * (JSON) alike.
 */
import { choice, pointInTime, textBlock, wholeNumber, z, type ConfigSchema } from '../config/schema.ts';
import { parseTime } from '../config/time.ts';
import { issueMessage } from '../config/words.ts';
import { RrType, rrTypeFromName } from '../dns/constants.ts';
import { actions, type AccessRights, type AllowRule, type RuleLimits, type RuleSet } from './model.ts';
import { readZonePattern } from './patterns.ts';
import { allowanceOf, parseRate } from './rate.ts';
import { ZoneSet } from './zone-set.ts';

/** Bounds against a wrong list, not against an enemy. */
const maxRules = 64;
const maxRoles = 32;
const maxZones = 100_000;
const maxNames = 10_000;
const maxTypes = 64;
const maxWordLength = 64;
const maxCommentLength = 256;
const maxPlaces = 1_000_000;

/** Reads the word that names a role or a view. Throws RangeError whose message follows the quoted text. */
export function readWord(text: string): string {
  if (!/^[a-z0-9_-]+$/.test(text)) throw new RangeError('is not a word of a-z, 0-9, - and _');
  if (text.length > maxWordLength) throw new RangeError(`has more than ${String(maxWordLength)} characters`);
  return detached(text);
}

/** A copy: a slice would keep the text of the whole file in memory. */
function detached(text: string): string {
  return Buffer.from(text).toString();
}

const word = (example: string): ConfigSchema<string> => textBlock({ what: 'a word', example }, readWord);

const comment = textBlock({ what: 'a text', example: 'ask noc@partner.example' }, (text) => {
  if (text.length > maxCommentLength)
    throw new RangeError(`has more than ${String(maxCommentLength)} characters`);
  // Lists and logs show it on one line.
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) throw new RangeError('has line breaks or control characters');
  return detached(text);
})
  .optional()
  .meta({ description: 'For people.' });

const action = choice(actions).meta({
  description:
    'What it is about: `transfer` is SOA, AXFR and IXFR; `notify` NOTIFY; `update` UPDATE; `resolve` recursion; `query` authoritative answers. `xot/gate` asks for `transfer`, `notify` and `update`, `dot-resolver/gate` for `resolve`; `query` is there for other plugins.',
});

const zones = z
  .array(textBlock({ what: 'a zone', example: 'example.com' }, readZonePattern))
  .min(1)
  .max(maxZones)
  .optional()
  .meta({
    description:
      'Zones: a name, `*.name` for every zone below it, `*` for every zone. An allow rule for `transfer`, `notify` or `update` must have them; elsewhere none means every zone.',
    what: 'a list of zones',
    example: '[example.com, "*.example.net"]',
  });

const names = z
  .array(textBlock({ what: 'a name', example: '_acme-challenge.example.com' }, readZonePattern))
  .min(1)
  .max(maxNames)
  .optional()
  .meta({
    description:
      'For `update`: the names whose records the rule is about, each whole: a name, `*.name` for every name below it. None means every name of the zones.',
    what: 'a list of names',
    example: '[_acme-challenge.example.com]',
  });

/** Reads a type that records have. Throws RangeError whose message follows the quoted text. */
function readType(text: string): number {
  const type = rrTypeFromName(text);
  if (type === undefined) throw new RangeError('is not a type of records');
  // RFC 6895 section 3.1: what questions are about, and what belongs to messages.
  const isMeta = (type >= 128 && type <= 255) || type === RrType.OPT || type === 0;
  if (isMeta) throw new RangeError('is not a type that records of a zone have');
  return type;
}

const types = z
  .array(textBlock({ what: 'a type', example: 'TXT' }, readType))
  .min(1)
  .max(maxTypes)
  .optional()
  .meta({
    description:
      'For `update`: the types of the records that the rule is about, as `TXT` or `TYPE65280`. None means every type, SOA, NS and DNSKEY among them. To delete all records of a name takes a rule without types.',
    what: 'a list of types',
    example: '[A, AAAA]',
  });

const dayMs = 86_400_000;

/** The last moment: of a day alone, the end of the day. */
const lastMoment = textBlock(
  { what: 'a date, with or without a time', example: '2026-12-01T12:00:00Z' },
  (text) => {
    const ms = parseTime(text);
    if (ms === undefined) throw new RangeError('is not a date, with or without a time');
    return /^\d{4}-\d\d-\d\d$/.test(text) ? ms + dayMs - 1 : ms;
  },
);

const common = {
  'not-before': pointInTime().optional().meta({ description: 'From when the rule counts.' }),
  'not-after': lastMoment.optional().meta({
    description: 'Until when it does; of a day without a time, until it ends (UTC).',
  }),
  comment,
};

const places = wholeNumber({ min: 0, max: maxPlaces, example: 4 }).optional();

const allowRule = z
  .strictObject({
    action,
    zones,
    names,
    types,
    view: word('internal').optional().meta({
      description: 'Which view the client gets, for `resolve` and `query`; the plugin says what a view is.',
    }),
    rate: textBlock({ what: 'a rate', example: '50/s' }, parseRate).optional().meta({
      description:
        'Requests a second, minute or hour: `50/s`, `600/m`, `1000/h`. Gates that share a Redis store count together.',
    }),
    burst: wholeNumber({ min: 1, max: 1_000_000_000, example: 100 }).optional().meta({
      description: 'Requests at one go, before `rate` counts; what the rate gives in one second if not said.',
    }),
    'requests-at-once': places.meta({
      description: 'Requests under way, on all connections of the client to one gate.',
    }),
    'transfers-at-once': places.meta({ description: 'The same for AXFR and IXFR alone.' }),
    ...common,
  })
  .refine(({ action: about, zones: named }) => !needsZones.has(about) || named !== undefined, {
    error: issueMessage({ wrong: 'missing', right: 'write the zones, or ["*"] for every zone' }),
    path: ['zones'],
  })
  .refine((rule) => rule.names === undefined || rule.action === 'update', notOfUpdate('names'))
  .refine((rule) => rule.types === undefined || rule.action === 'update', notOfUpdate('types'))
  .refine(({ action: about, view }) => view === undefined || hasViews.has(about), {
    error: issueMessage({ wrong: 'means nothing for this action', right: 'views are for resolve and query' }),
    path: ['view'],
  })
  .refine((rule) => rule['transfers-at-once'] === undefined || rule.action === 'transfer', {
    error: issueMessage({ wrong: 'means nothing for this action', right: 'write requests-at-once' }),
    path: ['transfers-at-once'],
  })
  .refine(({ rate, burst }) => burst === undefined || rate !== undefined, {
    error: issueMessage({ wrong: 'means nothing without a rate', right: 'write both, or neither' }),
    path: ['burst'],
  })
  .refine(isInOrder, endsBeforeItBegins())
  .meta({ what: 'a rule', example: '{ action: transfer, zones: [example.com] }' });

const needsZones: ReadonlySet<string> = new Set(['transfer', 'notify', 'update']);
const hasViews: ReadonlySet<string> = new Set(['resolve', 'query']);

const denyRule = z
  .strictObject({ action, zones, names, types, ...common })
  .refine((rule) => rule.names === undefined || rule.action === 'update', notOfUpdate('names'))
  .refine((rule) => rule.types === undefined || rule.action === 'update', notOfUpdate('types'))
  .refine(isInOrder, endsBeforeItBegins())
  .meta({ what: 'a rule', example: '{ action: transfer, zones: [example.com] }' });

function notOfUpdate(key: string): { error: string; path: string[] } {
  const right = 'names and types of records are for update';
  return { error: issueMessage({ wrong: 'means nothing for this action', right }), path: [key] };
}

function isInOrder(rule: {
  readonly 'not-before'?: number | undefined;
  readonly 'not-after'?: number | undefined;
}): boolean {
  const { 'not-before': from = -Infinity, 'not-after': until = Infinity } = rule;
  return from <= until;
}

function endsBeforeItBegins(): { error: string; path: string[] } {
  const right = 'write a time that is not before not-before';
  return { error: issueMessage({ wrong: 'is before not-before', right }), path: ['not-after'] };
}

const deny = z.array(denyRule).max(maxRules).default([]).meta({
  description: 'What is forbidden, whatever an allow rule says.',
  what: 'a list of rules',
  example: '[{ action: transfer, zones: [hr.example.com] }]',
});

const allow = z.array(allowRule).max(maxRules).meta({
  what: 'a list of rules',
  example: '[{ action: transfer, zones: [example.com] }]',
});

/** What stands after a client's name, as written; scripts/generate-docs.ts reads it. */
export const writtenRights = z
  .strictObject({
    roles: z.array(word('secondary')).max(maxRoles).optional().meta({
      description:
        'Roles of the client. What `roles` of the list defines brings its rules; any other word is for plugins and logs.',
      what: 'a list of words',
      example: '[secondary]',
    }),
    allow: allow.optional().meta({
      description:
        'What the client may do: the first rule that fits counts. May be left out where there are `roles`; `[]` for nothing.',
    }),
    deny,
    comment,
  })
  .refine(({ roles, allow: rules }) => roles !== undefined || rules !== undefined, {
    error: issueMessage({ wrong: 'missing', example: '[{ action: transfer, zones: [example.com] }]' }),
    path: ['allow'],
  })
  .meta({
    what: 'a map with roles and allow',
    example: '{ allow: [{ action: transfer, zones: [example.com] }] }',
  });

/** What stands after a role's word, as written; scripts/generate-docs.ts reads it. */
export const writtenRole = z
  .strictObject({
    allow: allow.default([]).meta({ description: 'What every client with this role may do.' }),
    deny,
    comment,
  })
  .meta({
    what: 'a map with allow or deny',
    example: '{ allow: [{ action: transfer, zones: ["*"] }] }',
  });

export const rightsSchema: ConfigSchema<AccessRights> = writtenRights.transform(
  ({ roles = [], allow: rules = [], ...rest }) => ({ roles, ...ruleSet({ allow: rules, ...rest }, '') }),
);

/** @param role its word, for the labels of its rules */
export function roleSchema(role: string): ConfigSchema<RuleSet> {
  return writtenRole.transform((written) => ruleSet(written, `role ${role}: `));
}

type WrittenAllow = z.infer<typeof allowRule>;
type WrittenDeny = z.infer<typeof denyRule>;

function ruleSet(
  written: { allow: WrittenAllow[]; deny: WrittenDeny[]; comment?: string | undefined },
  prefix: string,
): RuleSet {
  return {
    allow: written.allow.map((rule, index) => allowRuleOf(rule, `${prefix}allow ${String(index + 1)}`)),
    deny: written.deny.map((rule, index) => ruleOf(rule, `${prefix}deny ${String(index + 1)}`)),
    comment: written.comment,
  };
}

function allowRuleOf(rule: WrittenAllow, label: string): AllowRule {
  return { ...ruleOf(rule, label), view: rule.view, limits: limitsOf(rule) };
}

function ruleOf(written: WrittenDeny, label: string) {
  const {
    action: about,
    zones: patterns,
    comment: words,
    names: owners,
    types: ofRecords,
    ...times
  } = written;
  return {
    label,
    action: about,
    zones: patterns && new ZoneSet(patterns),
    ...(owners && { names: new ZoneSet(owners) }),
    ...(ofRecords && { types: [...new Set(ofRecords)] }),
    notBeforeMs: times['not-before'],
    notAfterMs: times['not-after'],
    comment: words,
  };
}

function limitsOf(rule: WrittenAllow): RuleLimits | undefined {
  const { rate, burst, 'requests-at-once': requestsAtOnce, 'transfers-at-once': transfersAtOnce } = rule;
  if (rate === undefined && requestsAtOnce === undefined && transfersAtOnce === undefined) return undefined;
  return {
    ...(rate && { rate: allowanceOf(rate, burst) }),
    ...(requestsAtOnce !== undefined && { requestsAtOnce }),
    ...(transfersAtOnce !== undefined && { transfersAtOnce }),
  };
}
