/**
 * Prints docs/configuration.md from the schemas that check a configuration, so that the two cannot differ:
 *
 *     node scripts/generate-docs.ts > docs/configuration.md
 *
 * A test compares the committed file with what this prints.
 */
import { format, resolveConfig } from 'prettier';
import { builtinPlugins } from '../cli/plugins.ts';
import { writtenRights } from '../core/acl/schema.ts';
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

/** A complete access list; the test loads it. */
export const exampleAccessList = `version: 1
anonymous: { allow: [] }
clients:
  _xfr.ns2.partner.example:
    roles: [secondary]
    allow:
      - { action: transfer, zones: [example.com, "*.example.net"] }
  "*._xfr.corp.example": { allow: [{ action: transfer, zones: ["*"] }] }
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
`;
  return format(text, { ...(await resolveConfig(import.meta.filename)), parser: 'markdown' });
}

/** A section for every map at the top level. */
function topLevel(): string {
  const sections = Object.entries(configSchema.shape).flatMap(([key, schema]) => {
    const { inner, about } = unwrap(schema);
    if (!(inner instanceof z.ZodObject)) return [];
    const parts = [keysTable(inner), ...innerTables(inner), limitsTables(inner, '###')];
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

function plugins(): string {
  const sections = [...builtinPlugins.values()].map(({ name, schema }) => {
    const { inner } = unwrap(schema);
    const limits = inner instanceof z.ZodObject ? limitsTables(inner, '####') : '';
    return `### \`${name}\`\n\n${keysTable(inner)}\n\n${limits}`;
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
      if (!(inner instanceof z.ZodObject)) return [];
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
