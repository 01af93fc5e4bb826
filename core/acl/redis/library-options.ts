/**
 * The options of ioredis that make its clients what core/acl/redis/connection.ts keeps: a client connects once and ends
 * with its connection; nothing waits in a queue for one that is not there, and nothing is sent again.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { HostAndPort, RedisOptions, RedisTls } from './options.ts';

/** TCP and TLS with one server, and what a node may take for its answer about the others. */
const connectTimeMs = 3000;
/** Redirections and waits of one command in a cluster; it ends with its time in any case. */
const maxRedirections = 20;
const redirectWaitMs = 50;

const noRetry = (): null => null;

function common({ username, password, tls, timeoutMs }: RedisOptions) {
  return {
    username,
    password,
    tls: tls && tlsOptions(tls),
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // It would ask for INFO, which a user with few rights may not.
    enableReadyCheck: false,
    connectTimeout: connectTimeMs,
    // A connection on which an answer is this late is taken for dead.
    socketTimeout: Math.max(1000, 2 * timeoutMs),
    connectionName: 'danced',
    disableClientInfo: true,
  };
}

export function singleOptions(options: RedisOptions) {
  const [server] = options.servers;
  return { ...common(options), ...server, db: options.database ?? 0, enableOfflineQueue: false };
}

/** For the primary of the sentinels. */
export function primaryOptions(options: RedisOptions, locate: () => Promise<HostAndPort>) {
  return { ...common(options), db: options.database ?? 0, enableOfflineQueue: false, locate };
}

/** For one sentinel by itself. */
export function sentinelOptions(options: RedisOptions, sentinel: HostAndPort) {
  const password = options.sentinelPassword;
  return { ...common(options), ...sentinel, username: undefined, password, enableOfflineQueue: false };
}

export function clusterOptions(options: RedisOptions, onSocketError: (error: Error) => void) {
  return {
    redisOptions: { ...common(options), onSocketError },
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: noRetry,
    maxRedirections,
    retryDelayOnFailover: redirectWaitMs,
    retryDelayOnClusterDown: redirectWaitMs,
    retryDelayOnTryAgain: redirectWaitMs,
    slotsRefreshTimeout: connectTimeMs,
    // Names stay names, so that TLS can check them.
    dnsLookup: (host: string, callback: (error: null, address: string) => void) => callback(null, host),
  };
}

/** For one node of a cluster by itself. */
export function nodeOptions(options: RedisOptions, node: HostAndPort) {
  return { ...common(options), ...node, enableOfflineQueue: false };
}

function tlsOptions({ ca, certificate, key, name }: RedisTls): ConnectionOptions {
  return {
    ca,
    cert: certificate,
    key,
    // Said here so that no variable of the environment can switch it off.
    rejectUnauthorized: true,
    ...(name !== undefined && {
      // An address is no name for SNI (RFC 6066 section 3).
      ...(isIP(name) === 0 && { servername: name }),
      checkServerIdentity: (_host, certificateShown) => checkServerIdentity(name, certificateShown),
    }),
  };
}
