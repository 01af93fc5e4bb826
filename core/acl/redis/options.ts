/** What the connection to Redis is made of, as the configuration gives it. */

export type RedisServer = { readonly path: string } | { readonly host: string; readonly port: number };

export interface RedisOptions {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The server, which alone may be a socket's path; the sentinels; or some nodes of the cluster, which name the others. */
  readonly servers: readonly RedisServer[];
  /** The name under which the sentinels know the primary. */
  readonly master?: string | undefined;
  /** Without it Redis's user "default" is meant. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** For servers and sentinels alike. */
  readonly tls?: RedisTls | undefined;
  readonly database?: number | undefined;
  /** How long one command may take, redirections and all; milliseconds. */
  readonly timeoutMs: number;
}

export interface RedisTls {
  /** PEM; without it the CAs that Node trusts. */
  readonly ca?: string | undefined;
  /** PEM, ours, for a server that wants one. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the server's certificate must have; without it the host that is connected to. */
  readonly name?: string | undefined;
}

export type HostAndPort = Exclude<RedisServer, { readonly path: string }>;

/** Throws RangeError for what cannot be, in words that the configuration's own checks should have said before. */
export function checkOptions({ mode, servers, master, database = 0 }: RedisOptions): void {
  if (servers.length === 0) throw new RangeError('no Redis server is named');
  if (mode === 'single' && servers.length > 1) throw new RangeError('mode single has one server');
  if (mode !== 'single' && servers.some((server) => 'path' in server)) {
    throw new RangeError(`mode ${mode} needs host and port of each server, not a path`);
  }
  if (mode === 'sentinel' && master === undefined) throw new RangeError('mode sentinel needs master');
  if (mode === 'cluster' && database !== 0) throw new RangeError('a cluster has database 0 alone');
}

/** Of modes other than single, which have no other kind. */
export function hostsOf(servers: readonly RedisServer[]): HostAndPort[] {
  return servers.filter((server) => 'host' in server);
}

/** Where Redis is, as messages say it. */
export function describe({ mode, servers, master }: RedisOptions): string {
  const all = servers.map(describeServer).join(', ');
  if (mode === 'sentinel') return `redis "${master ?? ''}" of sentinels ${all}`;
  return mode === 'cluster' ? `redis cluster ${all}` : `redis at ${all}`;
}

/** One server, as messages say it. */
export function describeServer(server: RedisServer): string {
  if ('path' in server) return server.path;
  return `${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`;
}
