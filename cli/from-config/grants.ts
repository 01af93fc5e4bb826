/**
 * Collects what a reader found: one peer for each rule and client, with all zones that the rule applies to, however many
 * zones share a pattern or template.
 */
import { isOwnAddress } from './bind-acl.ts';
import { plainPlace } from './included-files.ts';
import type {
  FoundPeer,
  NotifyTarget,
  OldAction,
  OpenZone,
  SourcePlace,
  Unknown,
  UpdateRecords,
} from './old-config.ts';
import { parsePrefix } from './prefix.ts';

/** Whom a rule lets do something: a client, or everybody when there is neither address nor key nor label. */
export interface Client {
  readonly address?: string | undefined;
  readonly keyName?: string | undefined;
  readonly label?: string | undefined;
}

export interface Found {
  readonly peers: readonly FoundPeer[];
  readonly open: readonly OpenZone[];
  readonly unknown: readonly Unknown[];
  readonly notified: readonly NotifyTarget[];
  readonly notes: readonly Unknown[];
}

export class Grants {
  readonly #peers = new Map<string, CollectedPeer>();
  readonly #latest = new WeakMap<Client, CollectedPeer>();
  readonly #notified = new Map<string, Collected>();
  readonly #open = new Map<string, OpenZone>();
  readonly #unknown = new Map<string, Unknown>();

  /** Lets the client do `actions` in the zones; `update` may be for some records only. */
  allow(
    client: Client,
    actions: readonly OldAction[],
    zones: readonly string[],
    at: SourcePlace,
    records?: UpdateRecords,
  ): void {
    let peer = this.#latest.get(client);
    // Many zones in a row have the same rule of a pattern: no key is made for each of them.
    if (peer?.at !== at || peer.actions !== actions || peer.records !== records) {
      const key = keyOf(client, at, actions.join() + (records === undefined ? '' : JSON.stringify(records)));
      peer = this.#peers.get(key) ?? { client, actions, records, zones: new Set(), at };
      this.#peers.set(key, peer);
      this.#latest.set(client, peer);
    }
    for (const zone of zones) peer.zones.add(zone);
  }

  /** Anybody may do what `what` says. */
  open(zones: readonly string[], what: string, at: SourcePlace): void {
    for (const zone of zones) {
      this.#open.set(JSON.stringify([zone, what, at.file, at.line]), { zone, at: plainPlace(at), what });
    }
  }

  notify(client: Client & { readonly address: string }, zones: readonly string[], at: SourcePlace): void {
    const key = keyOf(client, at, 'notify');
    const target = this.#notified.get(key) ?? { client, zones: new Set(), at };
    for (const zone of zones) target.zones.add(zone);
    this.#notified.set(key, target);
  }

  /** Reports what is not carried over; the same thing said twice counts once. */
  report(unknown: Unknown): void {
    const at = plainPlace(unknown.at);
    const key = JSON.stringify([at.file, at.line, unknown.statement, unknown.why]);
    if (!this.#unknown.has(key)) this.#unknown.set(key, { ...unknown, at });
  }

  /** Everything, each list in the order of the files. */
  found(): Found {
    const peers = [...this.#peers.values()].map((peer) => ({
      ...plain(peer),
      actions: peer.actions,
      ...(peer.records && { records: peer.records }),
    }));
    return {
      peers: inOrder(peers.filter((peer) => !isOwn(peer))),
      notes: inOrder(peers.filter(isOwn).map(ownNote)),
      open: inOrder([...this.#open.values()]),
      unknown: inOrder([...this.#unknown.values()]),
      notified: inOrder(
        [...this.#notified.values()].map((target) => ({
          ...plain(target),
          address: target.client.address ?? '',
        })),
      ),
    };
  }
}

/** Whether it is an address of the primary itself, without a key. */
function isOwn({ address = '', keyName }: FoundPeer): boolean {
  const prefix = keyName === undefined ? parsePrefix(address) : undefined;
  return prefix !== undefined && isOwnAddress(prefix);
}

function ownNote({ address = '', actions, at }: FoundPeer): Unknown {
  const why = actions.includes('transfer')
    ? 'this machine, where the gate asks from: it may transfer as before'
    : 'an address of this machine, which needs no gate';
  return { at, statement: address, why };
}

interface Collected {
  readonly client: Client;
  readonly zones: Set<string>;
  readonly at: SourcePlace;
}

interface CollectedPeer extends Collected {
  readonly actions: readonly OldAction[];
  readonly records: UpdateRecords | undefined;
}

function keyOf({ address, keyName, label }: Client, { file, line }: SourcePlace, rest: string): string {
  return JSON.stringify([address, keyName, label, file, line, rest]);
}

function plain({ client: { address, keyName, label }, zones, at }: Collected) {
  return {
    ...(address === undefined ? {} : { address }),
    ...(keyName === undefined ? {} : { keyName }),
    ...(label === undefined ? {} : { label }),
    zones: [...zones],
    at: plainPlace(at),
  };
}

/** Files in the order in which they first came, in each the lines from the top. */
function inOrder<T extends { readonly at: SourcePlace }>(items: readonly T[]): T[] {
  const files = new Map<string, number>();
  for (const { at } of items) if (!files.has(at.file)) files.set(at.file, files.size);
  const rank = (item: T): number => files.get(item.at.file) ?? 0;
  return [...items].sort((a, b) => rank(a) - rank(b) || a.at.line - b.at.line);
}
