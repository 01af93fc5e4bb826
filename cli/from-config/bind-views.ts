/**
 * Who gets which of BIND's views: the first whose match-clients fits (BIND 9 Administrator Reference Manual, view).
 *
 * Limitations: match-destinations is not calculated with.
 */
import { everybody, fitsBoth, loopback4 } from './bind-acl.ts';
import type { BindScopes, BindView, BindZone, SharedZone } from './bind-scopes.ts';
import { blockOf, wordOf } from './bind-tree.ts';
import { hasAddress, subtract, union, type MatchSet } from './match-set.ts';

export class BindViews {
  readonly #scopes: BindScopes;
  readonly #clients = new Map<BindView, MatchSet>();
  readonly #sharing: ReadonlyMap<string, SharedZone[]>;

  constructor(scopes: BindScopes) {
    this.#scopes = scopes;
    this.#sharing = Map.groupBy(scopes.shared, ({ from, name }) => `${from} ${name}`);
    let taken: MatchSet = [];
    for (const view of scopes.views) {
      const own = this.#matchClients(view);
      // Nobody can say whose questions go to which address, so what this view takes away is not known either.
      const isPartial = view.settings.has('match-destinations');
      this.#clients.set(view, subtract(own, taken) ?? own);
      if (!isPartial) taken = union([taken, own]);
    }
  }

  /** Whom a zone is shown to; undefined for everybody. */
  clientsOf({ name, view }: BindZone): MatchSet | undefined {
    if (view === undefined) return undefined;
    return union(this.#showing(name, view).map((each) => this.#clients.get(each) ?? []));
  }

  /** The same for two zones if the same clients are shown them. */
  keyOf({ name, view }: BindZone): string {
    if (view === undefined) return '';
    return JSON.stringify(this.#showing(name, view).map((each) => each.name));
  }

  /** The view of a zone and those that have it by `in-view`. */
  #showing(name: string, view: BindView): readonly BindView[] {
    return [view, ...(this.#sharing.get(`${view.name} ${name}`) ?? []).map((each) => each.view)];
  }

  /** Whether a gate on this machine gets this view, without a key. */
  letsGateIn(view: BindView): boolean {
    return !view.settings.has('match-destinations') && hasAddress(this.#clients.get(view) ?? [], loopback4);
  }

  #matchClients({ settings, at }: BindView): MatchSet {
    // A transfer asks for no recursion, so it never gets such a view.
    const recursiveOnly = wordOf(settings.get('match-recursive-only')?.parts[1])?.toLowerCase();
    if (recursiveOnly === 'yes' || recursiveOnly === 'true') return [];
    const statement = settings.get('match-clients');
    const block = statement && blockOf(statement);
    return block === undefined ? [everybody(at)] : this.#scopes.acls.setOf(block);
  }
}

/** Those of a list whom the view lets in. */
export function within(set: MatchSet, clients: MatchSet | undefined, zone: BindZone): MatchSet {
  return clients === undefined ? set : fitsBoth(set, clients, zone.at);
}
