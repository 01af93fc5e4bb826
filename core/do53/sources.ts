/** Addresses from which something is taken in clear: `192.0.2.1`, `192.0.2.0/28`. */
import { BlockList, isIP } from 'node:net';

/** An address, or a block of them. */
export interface SourceBlock {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefix: number;
}

/** Reads one. Throws RangeError whose message follows the quoted text. */
export function parseSource(text: string): SourceBlock {
  const [, address = '', length] = /^([^/%]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) throw new RangeError('is not an IP address, with or without the length of a prefix');
  const longest = version === 4 ? 32 : 128;
  const prefix = length === undefined ? longest : Number(length);
  if (prefix > longest) throw new RangeError(`has a prefix longer than ${String(longest)}`);
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix };
}

export class Sources {
  readonly #blocks = new BlockList();

  constructor(sources: readonly SourceBlock[]) {
    for (const { address, family, prefix } of sources) this.#blocks.addSubnet(address, prefix, family);
  }

  has(address: string): boolean {
    const version = address.includes('%') ? 0 : isIP(address);
    // A socket that listens on [::] gives IPv4 addresses as ::ffff:192.0.2.1; BlockList knows that.
    return version !== 0 && this.#blocks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}
