/**
 * Which addresses are those of our own proxies. What a connection from anywhere else says of its client counts for nothing:
 * anybody can write a header.
 *
 * Limitations: by address alone, so that the way from the proxy must be one on which nobody else can send: loopback, or a
 * network of its own. No UNIX sockets.
 */
import { BlockList, isIP } from 'node:net';
import { checkOptions, OptionsError } from './options.ts';
import { textBlock, z } from '../config/schema.ts';

interface Block {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefix: number;
}

const maxProxies = 256;
/** A shorter prefix is no list of machines of ours, but most of the Internet by a slip of the pen. */
const shortestPrefix = { ipv4: 8, ipv6: 16 } as const;

const proxiesSchema = z
  .array(textBlock({ what: 'an address or a block of addresses', example: '192.0.2.0/28' }, parseBlock))
  .min(1)
  .max(maxProxies)
  .meta({ what: 'a list of the addresses of your proxies', example: '["127.0.0.1", "192.0.2.0/28"]' });

function parseBlock(text: string): Block {
  const [, address = '', length] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0) throw new RangeError('is not an IP address, with or without the length of a prefix');
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const longest = version === 4 ? 32 : 128;
  const prefix = length === undefined ? longest : Number(length);
  if (prefix > longest) throw new RangeError(`has a prefix longer than ${String(longest)}`);
  if (prefix < shortestPrefix[family]) {
    throw new RangeError(`has a prefix shorter than ${String(shortestPrefix[family])}: too many are in it`);
  }
  if (family === 'ipv6' && holdsAllIpv4(address, prefix)) {
    throw new RangeError('has every IPv4 address in it, since these are written ::ffff:192.0.2.1 too');
  }
  return { address, family, prefix };
}

function holdsAllIpv4(address: string, prefix: number): boolean {
  const block = new BlockList();
  block.addSubnet(address, prefix, 'ipv6');
  return ['::ffff:0.0.0.0', '::ffff:255.255.255.255'].every((end) => block.check(end, 'ipv6'));
}

/** The addresses of proxies that are trusted. */
export class TrustedProxies {
  readonly #blocks = new BlockList();

  /** @throws OptionsError for what is no list of addresses, or an empty one */
  constructor(proxies: readonly string[]) {
    for (const { address, family, prefix } of checkOptions(proxiesSchema, proxies, ['proxies'])) {
      this.#blocks.addSubnet(address, prefix, family);
    }
  }

  /** Whether the address of a peer, as node:net gives it, is one of theirs; undefined, of a socket that is closed, never is. */
  has(remoteAddress: string | undefined): boolean {
    const address = remoteAddress ?? '';
    const version = address.includes('%') ? 0 : isIP(address);
    // A socket that listens on [::] gives IPv4 addresses as ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2); BlockList knows that.
    return version !== 0 && this.#blocks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/**
 * Whether a connection comes from one of your proxies.
 *
 * @param remoteAddress `remoteAddress` of the socket, never what a header says
 * @param proxies addresses and blocks, as `127.0.0.1` and `192.0.2.0/28`
 * @throws OptionsError for what is no list of addresses, or an empty one
 */
export function fromTrustedProxy(remoteAddress: string | undefined, proxies: readonly string[]): boolean {
  return new TrustedProxies(proxies).has(remoteAddress);
}

/** `proxies` of options; both forms, so that a list need not be read for each request. Throws OptionsError. */
export function trustedProxies(proxies: unknown): TrustedProxies {
  if (proxies instanceof TrustedProxies) return proxies;
  if (proxies === undefined) {
    throw new OptionsError([
      {
        path: ['proxies'],
        wrong: 'missing',
        right: 'name the addresses of your own proxies: proxies: ["127.0.0.1"]',
      },
    ]);
  }
  return new TrustedProxies(proxies as readonly string[]);
}
