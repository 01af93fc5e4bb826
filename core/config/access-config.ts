/**
 * The part `access` of the configuration: where the access list is, a file or Redis.
 *
 * Limitations: files are named here and read by whoever opens the store.
 */
import { dirname, resolve } from 'node:path';
import { prefixFault } from '../acl/redis/keys.ts';
import { redisLimits, type RedisLimits } from '../acl/redis/limits.ts';
import type { YamlDocument } from './document.ts';
import type { ConfigPath, ConfigProblem } from './errors.ts';
import { parseRedisServer, type RedisServerText } from './redis-server.ts';
import { choice, filePath, fromLimits, textBlock, wholeNumber, z } from './schema.ts';

export type AccessConfig = FileAccessConfig | RedisAccessConfig;

export interface FileAccessConfig {
  readonly store: 'file';
  /** Absolute. */
  readonly file: string;
}

export interface RedisAccessConfig {
  readonly store: 'redis';
  readonly redis: RedisConfig;
  readonly limits: RedisLimits;
}

/** How Redis is reached. Paths are absolute; secrets are in files. */
export interface RedisConfig {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  readonly servers: readonly ({ readonly path: string } | { readonly host: string; readonly port: number })[];
  readonly master?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly sentinelPasswordFile?: string;
  readonly tls?: {
    readonly ca?: string;
    readonly certificate?: string;
    readonly key?: string;
    readonly name?: string;
  };
  readonly database: number;
  readonly prefix: string;
}

const maxServers = 16;
const ports = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;

/** A word that Redis gets as it is; what is more than that is a mistake. */
const plainWord = (what: string, example: string) =>
  textBlock({ what, example }, (text) => {
    if (!/^[\x21-\x7e]{1,256}$/.test(text)) throw new RangeError('is not a word of printable ASCII');
    return text;
  });

const tlsSchema = z
  .preprocess(
    (value) => (value === true ? {} : value),
    z
      .strictObject({
        ca: filePath('/etc/danced/redis-ca.pem').optional().meta({
          description:
            'PEM file of the authorities that the servers’ certificates are checked by; else those that Node has.',
        }),
        certificate: filePath('/etc/danced/redis-client.pem')
          .optional()
          .meta({ description: 'PEM file of our certificate, for servers that want one; with `key`.' }),
        key: filePath('/etc/danced/redis-client.key')
          .optional()
          .meta({ description: 'PEM file of its private key, for its owner’s eyes only.' }),
        name: plainWord('a name', 'redis.example.net').optional().meta({
          description: 'Name that the servers’ certificates must have, if not the one in `servers`.',
        }),
      })
      .meta({ what: 'a map with ca, or true', example: '{ ca: /etc/danced/redis-ca.pem }' }),
  )
  .optional()
  .meta({
    what: 'a map, or true',
    description:
      'Redis over TLS, with servers and sentinels alike. Without it whoever is on the line reads the list, and can change what danced is told.',
  });

const redisSchema = z
  .strictObject({
    servers: z
      .array(
        textBlock({ what: 'the address of a Redis server', example: '127.0.0.1:6379' }, parseRedisServer),
      )
      .min(1)
      .max(maxServers)
      .meta({
        what: 'a list of servers',
        example: '["127.0.0.1:6379"]',
        description:
          'The server; the sentinels, with `mode: sentinel`; or some nodes of the cluster. Each is an address or host name with an optional port (6379, of sentinels 26379), or `unix:/path`.',
      }),
    mode: choice(['single', 'sentinel', 'cluster'])
      .default('single')
      .meta({ description: 'Whether there is one server, one whose place others may take, or a cluster.' }),
    master: plainWord('a name', 'danced')
      .optional()
      .meta({ description: 'Name by which the sentinels know the primary; with `mode: sentinel`.' }),
    username: plainWord('a name', 'danced')
      .optional()
      .meta({ description: 'User of Redis (ACL); else `default`.' }),
    'password-file': filePath('/etc/danced/redis-password').optional().meta({
      description: 'File whose first line is the password. Only its owner may be able to read it.',
    }),
    'sentinel-password-file': filePath('/etc/danced/sentinel-password')
      .optional()
      .meta({ description: 'The same for the sentinels themselves, if they want one.' }),
    tls: tlsSchema,
    database: wholeNumber({ min: 0, max: 1_000_000, example: 0 })
      .default(0)
      .meta({ description: 'Number of the database; a cluster has 0 alone.' }),
    prefix: textBlock({ what: 'a word', example: 'danced' }, (text) => {
      const fault = prefixFault(text);
      if (fault !== undefined) throw new RangeError(fault);
      return text;
    })
      .default('danced')
      .meta({ description: 'What all keys begin with. Gates with the same prefix have the same list.' }),
  })
  .meta({
    what: 'a map with servers',
    example: '{ servers: ["127.0.0.1:6379"] }',
    description: 'How Redis is reached; with `store: redis`.',
  });

export const accessSchema = z
  .strictObject({
    store: choice(['file', 'redis']).meta({
      description:
        'Where the access list is kept: in a file, or in Redis or Valkey, for any number of gates.',
    }),
    file: filePath('access.yaml').optional().meta({
      description: 'The access list; read again on SIGHUP and when it changes. With `store: file`.',
    }),
    redis: redisSchema.optional(),
    limits: fromLimits(redisLimits).meta({ description: 'Bounds of what is kept of a list in Redis.' }),
  })
  .meta({
    description: 'Who may do what. It may be missing where every plugin is an agent.',
    example: '{ store: file, file: access.yaml }',
  });

type Written = z.infer<typeof accessSchema>;
type WrittenRedis = NonNullable<Written['redis']>;

/** The typed form, or what is wrong with the whole of a part whose every key is right. */
export function finishAccess(
  document: YamlDocument,
  written: Written,
): { readonly config: AccessConfig | undefined; readonly problems: readonly ConfigProblem[] } {
  const folder = dirname(resolve(document.file));
  const { store, file, redis, limits } = written;
  if (store === 'file') {
    const problems = writtenKeys(document, ['access'])
      .filter((key) => key === 'redis' || key === 'limits')
      .map((key) => document.keyProblem(['access', key], 'has no effect with store: file', orRedis));
    if (file === undefined)
      problems.push(document.problem(['access', 'file'], 'missing', 'for example: file: access.yaml'));
    else if (problems.length === 0) return { config: { store, file: resolve(folder, file) }, problems };
    return { config: undefined, problems };
  }
  const problems: ConfigProblem[] = [];
  if (file !== undefined)
    problems.push(document.keyProblem(['access', 'file'], 'has no effect with store: redis', orFile));
  if (redis === undefined) {
    const right = 'for example: redis: { servers: ["127.0.0.1:6379"] }';
    problems.push(document.problem(['access', 'redis'], 'missing', right));
    return { config: undefined, problems };
  }
  problems.push(...redisProblems(document, redis));
  if (problems.length > 0) return { config: undefined, problems };
  return { config: { store, redis: toRedis(redis, folder), limits }, problems };
}

const orRedis = 'take it out, or write store: redis';
const orFile = 'take it out, or write store: file';

function redisProblems(document: YamlDocument, written: WrittenRedis): ConfigProblem[] {
  const { mode, servers, master, tls, database } = written;
  const at = (...steps: ConfigPath): ConfigPath => ['access', 'redis', ...steps];
  const problems: ConfigProblem[] = [];
  if (mode === 'single' && servers.length > 1) {
    const right = 'leave one, or write mode: cluster, or mode: sentinel with the sentinels';
    problems.push(
      document.problem(at('servers'), 'names more than one server, which mode: single does not know', right),
    );
  }
  for (const [index, server] of servers.entries()) {
    if (!('path' in server)) continue;
    if (mode !== 'single') {
      const wrong = `is a socket, and with mode: ${mode} servers are found by their addresses`;
      problems.push(document.problem(at('servers', index), wrong, 'for example: - 127.0.0.1:6379'));
    } else if (tls !== undefined) {
      problems.push(
        document.keyProblem(at('tls'), 'has no effect on a socket of this machine', 'take it out'),
      );
    }
  }
  if (mode === 'sentinel' && master === undefined) {
    const right = 'write the name of the primary, as in "sentinel monitor NAME …"';
    problems.push(document.problem(at('master'), 'missing, and mode: sentinel needs it', right));
  }
  for (const key of ['master', 'sentinel-password-file'] as const) {
    if (mode === 'sentinel' || written[key] === undefined) continue;
    const right = 'take it out, or write mode: sentinel';
    problems.push(document.keyProblem(at(key), `has no effect with mode: ${mode}`, right));
  }
  if (mode === 'cluster' && database !== 0) {
    problems.push(
      document.problem(at('database'), 'is not 0, the only one that a cluster has', 'take it out'),
    );
  }
  for (const [key, other] of [
    ['certificate', 'key'],
    ['key', 'certificate'],
  ] as const) {
    if (tls?.[key] === undefined || tls[other] !== undefined) continue;
    problems.push(
      document.keyProblem(at('tls', key), `is of no use without ${other}`, 'write both, or neither'),
    );
  }
  return problems;
}

function toRedis(written: WrittenRedis, folder: string): RedisConfig {
  const { mode, master, username, tls, database, prefix } = written;
  const file = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path);
  return withoutNothing({
    mode,
    servers: written.servers.map((server) => withPort(server, ports[mode])),
    master,
    username,
    passwordFile: file(written['password-file']),
    sentinelPasswordFile: file(written['sentinel-password-file']),
    tls:
      tls &&
      withoutNothing({
        ca: file(tls.ca),
        certificate: file(tls.certificate),
        key: file(tls.key),
        name: tls.name,
      }),
    database,
    prefix,
  }) as RedisConfig;
}

function withPort(server: RedisServerText, port: number): RedisConfig['servers'][number] {
  return 'path' in server ? server : { host: server.host, port: server.port ?? port };
}

function withoutNothing<T extends object>(map: T): Partial<T> {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function writtenKeys(document: YamlDocument, path: readonly string[]): string[] {
  let part: unknown = document.value;
  for (const step of path) part = (part as Record<string, unknown> | null | undefined)?.[step];
  return typeof part === 'object' && part !== null ? Object.keys(part) : [];
}
