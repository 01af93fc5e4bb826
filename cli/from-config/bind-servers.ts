/**
 * BIND's lists of servers: `primaries` (`masters`, `remote-servers`), also-notify, and the keys of `server`.
 *
 * Limitations: of a list the addresses and keys are read; ports, sources and TLS are not about who may do what.
 */
import { wordOf, type Block, type Statement } from './bind-tree.ts';
import { oldConfigLimits, type SourcePlace, type Unknown } from './old-config.ts';
import { includesPrefix, parsePrefix, presentPrefix, type Prefix } from './prefix.ts';
import { normalName } from './zone-names.ts';

export interface ListedServer {
  readonly address: string;
  readonly keyName?: string;
  readonly label?: string;
  readonly at: SourcePlace;
}

/** The named lists of a configuration, and the keys that it uses towards others. */
export class BindServers {
  readonly unknown: Unknown[] = [];
  readonly #blocks = new Map<string, Block>();
  readonly #keys: { readonly of: Prefix; readonly keyName: string }[] = [];

  define(name: string, block: Block): void {
    this.#blocks.set(name.toLowerCase(), block);
  }

  /** Takes note of `server ADDRESS { keys KEY; }`: the two belong to one server. */
  addKeys(address: string, keys: Statement): void {
    const of = parsePrefix(address);
    const first = keys.parts[1];
    const inner = first !== undefined && 'statements' in first ? first.statements[0]?.parts[0] : first;
    const keyName = wordOf(inner);
    if (of !== undefined && keyName !== undefined) this.#keys.push({ of, keyName: normalName(keyName) });
  }

  /** Every server of a list, those of the lists in it too. */
  serversOf(block: Block, label?: string, depth = 0): ListedServer[] {
    const servers: ListedServer[] = [];
    for (const { parts, at } of block.statements) {
      if (servers.length > oldConfigLimits.peersOfZone) break;
      const words = parts.map((part) => wordOf(part) ?? '');
      const [first = ''] = words;
      const keyAt = words.findIndex((word, index) => index > 0 && word.toLowerCase() === 'key');
      const own = keyAt === -1 ? undefined : words[keyAt + 1];
      const address = parsePrefix(first);
      if (address === undefined) {
        servers.push(...this.#listed(first, at, depth).map((server) => withKey(server, own)));
        continue;
      }
      const keyName = own === undefined ? this.#keyFor(address) : normalName(own);
      servers.push({
        address: presentPrefix(address),
        at,
        ...(keyName === undefined ? {} : { keyName }),
        ...(label === undefined ? {} : { label }),
      });
    }
    return servers;
  }

  #listed(name: string, at: SourcePlace, depth: number): ListedServer[] {
    const block = this.#blocks.get(name.toLowerCase());
    if (block !== undefined && depth < oldConfigLimits.nesting) return this.serversOf(block, name, depth + 1);
    const why =
      block === undefined ? 'there is no list of this name in the files' : 'the list stands in itself';
    this.unknown.push({ at, statement: `${name};`, why });
    return [];
  }

  #keyFor(address: Prefix): string | undefined {
    return this.#keys.find(({ of }) => includesPrefix(of, address))?.keyName;
  }
}

function withKey(server: ListedServer, key: string | undefined): ListedServer {
  return key === undefined ? server : { ...server, keyName: normalName(key) };
}
