/**
 * A Redis server as one text: `127.0.0.1`, `[::1]:6380`, `redis.example.net:6379`, `unix:/run/redis/redis.sock`.
 *
 * Host names are taken here, unlike elsewhere: clusters and sentinels are often known by them. The resolver of the system is
 * asked, which is nobody's proof; TLS is what makes sure who answers.
 */
import { isIP } from 'node:net';

/** `port` is missing where the text has none. */
export type RedisServerText =
  { readonly path: string } | { readonly host: string; readonly port?: number | undefined };

const socketScheme = 'unix:';
const longestSocketPath = 107;

/** Reads one. Throws RangeError with words that follow the quoted text. */
export function parseRedisServer(text: string): RedisServerText {
  if (text.startsWith(socketScheme)) return { path: readSocketPath(text.slice(socketScheme.length)) };
  if (text.includes('/'))
    throw new RangeError('is not an address, a host name or unix:/path, each without more');
  const bracketed = /^\[(?<host>[^\]]*)\](?::(?<port>.*))?$/.exec(text)?.groups;
  if (bracketed !== undefined) {
    const { host = '', port } = bracketed;
    if (isIP(host) !== 6) throw new RangeError('has no IPv6 address in its brackets');
    return { host, port: readPort(port) };
  }
  if (isIP(text) === 6) return { host: text };
  const [host = '', port, ...more] = text.split(':');
  if (more.length > 0 || !isHost(host))
    throw new RangeError('is not an address or host name with an optional port');
  return { host, port: readPort(port) };
}

function readSocketPath(path: string): string {
  if (!path.startsWith('/')) throw new RangeError('has no path that begins with / after unix:');
  if (path.includes('\0')) throw new RangeError('is not a path');
  // What the kernel takes (unix(7)); a longer one would be cut off.
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw new RangeError(`has a path of more than ${String(longestSocketPath)} octets`);
  }
  return path;
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new RangeError('has a port that is not a number from 1 to 65535');
  return port;
}

/** An IPv4 address, or what RFC 1123 section 2.1 takes for the name of a host. */
function isHost(text: string): boolean {
  if (isIP(text) === 4) return true;
  const isName = text.length <= 253 && /^(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))*\.?$/.test(text);
  // 127.1 and 300.0.0.1 are mistakes, and no names.
  return isName && !/(^|\.)\d+\.?$/.test(text);
}
