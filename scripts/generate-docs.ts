/**
 * Prints docs/configuration.md from the schemas that check a configuration, so that the two cannot differ:
 *
 *     node scripts/generate-docs.ts > docs/configuration.md
 *
 * A test compares the committed file with what this prints.
 */
import { format, resolveConfig } from 'prettier';
import { builtinPlugins } from '../cli/plugins.ts';
import { writtenRights, writtenRole } from '../core/acl/schema.ts';
import { configSchema } from '../core/config/config.ts';
import { presentDuration } from '../core/config/duration.ts';
import type { Limit } from '../core/config/limits-table.ts';
import { z } from '../core/config/schema.ts';

/** A complete configuration; the test loads it. */
export const exampleConfig = `version: 1
identity:
  name: _xfr.ns1.example.net # owner name of our TLSA record
  directory: identity # key.pem and certificate.pem, as danced keygen makes them
resolver:
  servers: [127.0.0.1, "[::1]"]
access:
  store: file
  file: access.yaml
observe:
  listen: 127.0.0.1:9153
plugins:
  - use: xot/gate
    listen: ["[::]:853"]
    primary: 127.0.0.1:53
    zones: [example.com, example.net]
    limits: { transfers: 50, idle-time: 1m }
`;

/** An access list in Redis; the test reads it. */
export const exampleRedisAccess = `access:
  store: redis
  redis:
    servers: [redis1.example.net, redis2.example.net, redis3.example.net]
    mode: sentinel
    master: danced
    username: gate
    password-file: /etc/danced/redis-password
    tls: { ca: /etc/danced/redis-ca.pem }
`;

/** The rights of a gate; the test gives them to one. */
export const exampleRedisUser =
  'ACL SETUSER gate on >PASSWORD %R~danced:v1:* ~danced:v1:budget:* &danced:v1:changes +client|setname +ping +select +subscribe +unsubscribe +get +mget +exists +strlen +hlen +hkeys +hstrlen +hgetall +evalsha_ro +eval_ro +set +del +time +evalsha +eval';

/** A complete access list; the test loads it. */
export const exampleAccessList = `version: 1
roles:
  secondary:
    allow: [{ action: transfer, zones: ["*"], rate: 10/s, transfers-at-once: 4 }]
    deny: [{ action: transfer, zones: [hr.example.com] }]
anonymous: { allow: [] }
clients:
  _xfr.ns2.partner.example:
    allow:
      - { action: transfer, zones: [example.com, "*.example.net"], not-after: 2027-12-31 }
    comment: contract until the end of 2027
  "*._xfr.corp.example": { roles: [secondary] }
  old._xfr.corp.example: { allow: [] }
`;

/** The text of docs/configuration.md. */
export async function configurationReference(): Promise<string> {
  const text = `# Configuration

<!-- Made by scripts/generate-docs.ts from the schemas. Do not edit. -->

\`danced run -c FILE\` reads one YAML file, and the access list that it names. \`danced check -c FILE\` says what is wrong
with both, and tries what they ask for.

\`\`\`yaml
${exampleConfig}\`\`\`

- \`version: 1\` is the first key.
- Unknown keys, keys that occur twice, aliases (\`*name\`) and tags (\`!name\`) are refused.
- Every mistake is reported at once, one a line: \`file:line:column: path: what is wrong; what would be right\`.
- A relative path starts at the folder of the configuration file.
- A time has its unit: \`500ms\`, \`30s\`, \`5m\`, \`2h\`.
- A date is \`2026-12-01\` or \`2026-12-01T12:00:00Z\`; UTC unless it has another zone.
- An address is an IP address with an optional port: \`127.0.0.1\`, \`127.0.0.1:53\`, \`::1\`, \`"[::1]:53"\`. Host names are
  refused: who is asked or listened to must not depend on a lookup.
- Domain names are in presentation format, the trailing dot is optional.

${topLevel()}

## Plugins

${plugins()}

## The access list

A YAML file of its own, keyed by the client's domain name: the owner name of its TLSA record.

\`\`\`yaml
${exampleAccessList}\`\`\`

- \`*.name\` (in quotes, since a bare \`*\` is YAML's) means every name below \`name\`, at any depth, and not \`name\` itself. Names of
  servers' TLSA records (\`_25._tcp.mail.example\`) are not meant: they need an entry of their own.
- The most specific entry wins alone: a name's own entry, else that of the longest \`*.name\`. Entries do not add up, so
  \`allow: []\` takes away what an entry above would give.
- Within an entry a deny rule that fits decides, its own or one of its roles'. Else the first allow rule that fits does: its own
  in their order, then those of its roles in theirs. A rule does not fit before its \`not-before\` or after its \`not-after\`.
- Limits are counted for each client and rule; all anonymous clients count as one. A change of them holds at once, also on
  connections that are open. Gates that share a Redis store settle a \`rate\` some 100 ms after the fact: each may give a \`burst\`
  before it hears of the others, and then all wait until that has been made good. What is under way at once is counted by
  each gate for itself.
- A name that no entry knows is not looked up in the DNS at all.
- \`anonymous\` has the form of a client, and is for all who have no identity where the listener has \`on-failure: anonymous\`.
  Without it they may do nothing.
- The same name twice, also in other letters or with other escapes, is refused.
- The file is read again on SIGHUP and when it changes. If the new one is broken, the old rules stay and the log says
  what is wrong and where.
- It may have a million clients, as long as \`clients:\` is its last key and each client stands on lines of its own;
  other forms are read up to 4 MiB.

${keysTable(writtenRights)}

Each rule of \`allow\`:

${keysTable(elementOf(writtenRights.shape.allow))}

Each rule of \`deny\` has \`action\`, \`zones\`, \`not-before\`, \`not-after\` and \`comment\` of these.

\`roles\` of the list defines roles, so that many clients share their rules. Each has:

${keysTable(writtenRole)}
`;
  return format(text, { ...(await resolveConfig(import.meta.filename)), parser: 'markdown' });
}

/** What the tables of `access` do not say. */
function accessInRedis(): string {
  return `### The access list in Redis

For any number of gates: Redis 7.0 or later, or Valkey. \`danced access import access.yaml\` puts a list there,
\`danced access\` changes it, with a user that may ([commands.md](commands.md#danced-access)), and \`danced check\` says whether
a gate can use it. Other tools may write it too.

\`\`\`yaml
${exampleRedisAccess}\`\`\`

| Key                              |                                                                     |
| -------------------------------- | ------------------------------------------------------------------- |
| \`danced:v1:client:NAME\`        | JSON of the entry of a name, as in the file                         |
| \`danced:v1:below:NAME\`         | JSON of the entry of \`*.NAME\`                                     |
| \`danced:v1:roles\`              | hash: the word of a role, JSON of the role                          |
| \`danced:v1:anonymous\`          | JSON of what anonymous clients may do                               |
| \`danced:v1:revision\`           | whole number, INCR with every change; without it there is no list   |
| \`danced:v1:changes\`            | channel of changes                                                  |
| \`danced:v1:budget:…\`           | what clients have spent of their limits; ends by itself             |

- \`danced\` is \`prefix\`; in a cluster it stands in braces, \`{danced}:v1:…\`, so that all keys are in one slot.
- NAME is in lower case, without the dot at its end; every octet of a label but a-z, 0-9, \`-\` and \`_\` is \`\\DDD\`.
- A change is one MULTI: the keys, \`INCR danced:v1:revision\`, and \`PUBLISH danced:v1:changes\` with the changed keys, one a
  line. Best is a script that writes the new revision into the first line of the message: then gates read the changed keys
  again and nothing else. Without it they read everything again, each client when it comes next.
- A change is in force at all gates at once, and within a second if its message is lost. Connections of clients that it
  concerns are looked at again.
- A value that cannot be read (no JSON, another kind of key, longer than \`value-octets\`) counts as nothing: the client is
  refused, and is not judged by the entry above. A role that cannot be read forbids everything to those who have it. The log
  and \`danced check\` name the key.
- While Redis is away, what a gate knows counts until \`stale-max\` of the listener, and a client that it does not know is
  refused. After that everybody is. The same if Redis comes back without the list: \`danced access import\` restores it. If it
  comes back with an older one, that counts, and the log says so: \`danced access diff\` tells what is missing.
- On SIGHUP passwords and certificates are read again.
- Set \`maxmemory-policy noeviction\` in redis.conf: of an entry that Redis threw away no gate hears, and where it is gone the next one
  above decides. And \`proto-max-bulk-len 2mb\`: one value of many megabytes would cost all others their answers.

What the user of a gate needs, and no right to change the list:

\`\`\`text
${exampleRedisUser}
\`\`\`

With \`mode: sentinel\` also \`+role\`; with \`mode: cluster\` also \`+cluster|slots +cluster|info +readonly +asking\`, and \`{danced}\`
for \`danced\` on each node.`;
}

/** A section for every map at the top level, and for every single value but those that the rest of the page explains. */
function topLevel(): string {
  const sections = Object.entries(configSchema.shape).flatMap(([key, schema]) => {
    const { inner, about } = unwrap(schema);
    if (key === 'version' || key === 'plugins') return [];
    if (!(inner instanceof z.ZodObject))
      return [`## \`${key}\`\n\n${keysTable(z.object({ [key]: schema }))}`];
    const parts = [
      keysTable(inner),
      ...innerTables(inner),
      ...mapTables(inner, '###'),
      limitsTables(inner, '###'),
      ...(key === 'access' ? [accessInRedis()] : []),
    ];
    return [`## \`${key}\`\n\n${about.description ?? ''}\n\n${parts.join('\n\n')}`];
  });
  return sections.join('\n\n');
}

/** A table for every key that is a list of maps. */
function innerTables(schema: z.ZodObject): string[] {
  return Object.entries(schema.shape).flatMap(([key, value]) => {
    const element = elementOf(value);
    return element instanceof z.ZodObject ? [`Each entry of \`${key}\`:\n\n${keysTable(element)}`] : [];
  });
}

/** A table for every key that is a map of words and what stands for each. */
function namedTables(schema: z.ZodObject): string[] {
  return Object.entries(schema.shape).flatMap(([key, value]) => {
    const { inner } = unwrap(value);
    const element = inner instanceof z.ZodRecord ? unwrap(inner.valueType).inner : undefined;
    return element instanceof z.ZodObject ? [`Each of \`${key}\`:\n\n${keysTable(element)}`] : [];
  });
}

/** A table for every key that is a map of keys, and for those within. */
function mapTables(schema: z.ZodObject, heading: string): string[] {
  return Object.entries(schema.shape).flatMap(([key, value]) => {
    const { inner, about } = unwrap(value);
    if (!(inner instanceof z.ZodObject) || isOfLimits(inner)) return [];
    const title = `${heading} \`${key}\``;
    return [
      [title, about.description ?? '', keysTable(inner)].join('\n\n'),
      ...mapTables(inner, `${heading}#`),
    ];
  });
}

function isOfLimits({ shape }: z.ZodObject): boolean {
  return Object.values(shape).every((value) => unwrap(value).about.limit !== undefined);
}

function plugins(): string {
  const sections = [...builtinPlugins.values()].map(({ name, schema }) => {
    const { inner } = unwrap(schema);
    const limits = inner instanceof z.ZodObject ? limitsTables(inner, '####') : '';
    const maps =
      inner instanceof z.ZodObject
        ? [...innerTables(inner), ...namedTables(inner), ...mapTables(inner, '####')]
        : [];
    return [`### \`${name}\``, keysTable(inner), ...maps, limits].join('\n\n');
  });
  return [
    '`plugins` is a list; each entry names its plugin with `use`, and has the keys of that plugin beside it.',
    ...sections,
  ].join('\n\n');
}

function keysTable(schema: unknown): string {
  if (!(schema instanceof z.ZodObject)) return '';
  const rows = Object.entries(schema.shape as Record<string, unknown>).map(([key, value]) => {
    const { about, fallback, isOptional } = unwrap(value);
    const otherwise =
      fallback === undefined ? (isOptional ? 'none' : 'required') : `\`${presentDefault(fallback, about)}\``;
    return [`\`${key}\``, presentWhat(about.what ?? ''), otherwise, about.description ?? ''];
  });
  return table(['Key', 'Value', 'Default', 'Meaning'], rows);
}

/** A table for every key that is a map of limits. */
function limitsTables(schema: z.ZodObject, heading: string): string {
  return Object.entries(schema.shape)
    .flatMap(([key, value]) => {
      const { inner } = unwrap(value);
      if (!(inner instanceof z.ZodObject) || !isOfLimits(inner)) return [];
      const rows = Object.entries(inner.shape as Record<string, unknown>).map(([name, limit]) => {
        const { about } = unwrap(limit);
        const row = about.limit;
        const show = (amount: number): string =>
          row?.unit === 'ms' ? presentDuration(amount) : String(amount);
        const numbers = row === undefined ? [] : [row.default, row.min, row.max].map(show);
        return [`\`${name}\``, ...numbers, row?.reason ?? ''];
      });
      return [
        `${heading} \`${key}\`\n\n${table(['Limit', 'Default', 'From', 'To', 'What it bounds, and why'], rows)}`,
      ];
    })
    .join('\n\n');
}

interface About {
  readonly what?: string;
  readonly description?: string;
  readonly limit?: Limit;
}

interface Unwrapped {
  readonly inner: unknown;
  readonly about: About;
  /** The default, if it is a scalar or a list. */
  readonly fallback?: unknown;
  readonly isOptional: boolean;
}

/** What is inside of defaults and options, with the descriptions of all of them; the outermost counts. */
function unwrap(schema: unknown): Unwrapped {
  if (!(schema instanceof z.ZodType)) return { inner: schema, about: {}, isOptional: false };
  const own = (schema.meta() ?? {}) as About;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    const { inner, about } = unwrap(schema.unwrap());
    const fallback = { ...schema.def }.defaultValue;
    return { inner, about: { ...about, ...own }, fallback, isOptional: true };
  }
  if (schema instanceof z.ZodOptional) {
    const { inner, about } = unwrap(schema.unwrap());
    return { inner, about: { ...about, ...own }, isOptional: true };
  }
  // What is written before its check is of no interest.
  if (schema instanceof z.ZodPipe && schema.out instanceof z.ZodObject) {
    const { inner, about } = unwrap(schema.out);
    return { inner, about: { ...about, ...own }, isOptional: false };
  }
  // And what a check makes of it neither.
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodObject) {
    const { inner, about } = unwrap(schema.in);
    return { inner, about: { ...about, ...own }, isOptional: false };
  }
  return { inner: schema, about: own, isOptional: false };
}

/** Words to be written as they are become code: `json` or `text`. */
function presentWhat(what: string): string {
  if (/^an? /.test(what)) return what;
  return what
    .split(' or ')
    .map((word) => `\`${word}\``)
    .join(', ');
}

function presentDefault(value: unknown, about: About): string {
  if (typeof value === 'number' && about.what?.startsWith('a time') === true) return presentDuration(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function elementOf(schema: unknown): unknown {
  const { inner } = unwrap(schema);
  return inner instanceof z.ZodArray ? unwrap(inner.element).inner : undefined;
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, heading.map(() => '---'), ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

if (import.meta.main) process.stdout.write(await configurationReference());
