/** What may stand after a client's name in the access list: roles, and rules of what is allowed. */
import { choice, textBlock, z, type ConfigSchema } from '../config/schema.ts';
import type { AccessRights, Action } from './model.ts';
import { readZonePattern } from './patterns.ts';
import { ZoneSet } from './zone-set.ts';

const role = textBlock({ what: 'a word', example: 'secondary' }, (text) => {
  if (!/^[a-z0-9_-]{1,64}$/.test(text)) throw new RangeError('is not a word of a-z, 0-9, - and _');
  // A copy: a slice would keep the text of the whole file in memory.
  return Buffer.from(text).toString('latin1');
});

const zonePattern = textBlock({ what: 'a zone', example: 'example.com' }, readZonePattern);

const rule = z
  .strictObject({
    action: choice(['transfer'], {
      resolve: 'resolving is not in this version',
      notify: 'NOTIFY is not in this version',
    }).meta({ description: 'What is allowed: `transfer` is SOA, AXFR and IXFR.' }),
    zones: z.array(zonePattern).min(1).max(100_000).meta({
      description: 'Zones: a name, `*.name` for every zone below it, `*` for every zone.',
      what: 'a list of zones',
      example: '[example.com, "*.example.net"]',
    }),
  })
  .meta({ what: 'a rule', example: '{ action: transfer, zones: [example.com] }' });
type Rule = z.infer<typeof rule>;

/** What stands after a client's name, as written; scripts/generate-docs.ts reads it. */
export const writtenRights = z
  .strictObject({
    roles: z
      .array(role)
      .max(32)
      .default([])
      .meta({ description: 'Words for plugins and logs.', what: 'a list of words', example: '[secondary]' }),
    allow: z.array(rule).max(64).meta({
      description: 'What the client may do; empty for nothing.',
      what: 'a list of rules',
      example: '[{ action: transfer, zones: [example.com] }]',
    }),
  })
  .meta({
    what: 'a map with roles and allow',
    example: '{ allow: [{ action: transfer, zones: [example.com] }] }',
  });

export const rightsSchema: ConfigSchema<AccessRights> = writtenRights.transform(({ roles, allow }) => ({
  roles,
  allow: zonesByAction(allow),
}));

function zonesByAction(rules: readonly Rule[]): ReadonlyMap<Action, ZoneSet> {
  const byAction = Map.groupBy(rules, ({ action }) => action);
  return new Map(
    [...byAction].map(([action, same]) => [action, new ZoneSet(same.flatMap(({ zones }) => zones))]),
  );
}
