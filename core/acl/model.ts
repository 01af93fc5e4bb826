/**
 * The words of the access list: entries, rules, patterns, requests and decisions.
 *
 * The same model serves every store: a client's domain name (or every name below one) has roles and is allowed actions.
 * The most specific entry wins alone; entries do not add up.
 *
 * Limitations: the only action is `transfer`.
 */
import type { Name } from '../dns/name.ts';
import type { ZoneSet } from './zone-set.ts';

/** What clients can be allowed to do. */
export type Action = 'transfer';

/** What an entry gives its client; entries with the same text share one. */
export interface AccessRights {
  /** Words for plugins and logs; they allow nothing by themselves. */
  readonly roles: readonly string[];
  /** For each action its zones. Empty: the client is known and may do nothing, whatever a `*.name` above it allows. */
  readonly allow: ReadonlyMap<Action, ZoneSet>;
}

/** One line of the access list. */
export interface AccessEntry {
  /** As in the list, normalised: `ns2.example`, or `*.example` for every name below `example`. */
  readonly pattern: string;
  readonly rights: AccessRights;
  /** Line of the file. */
  readonly line: number;
}

/** What a client asks to do. */
export interface AccessRequest {
  readonly action: Action;
  readonly zone: Name;
}

/**
 * `no-entry`: the list does not know the client, or has nothing for anonymous ones. `no-rule`: it does, but does not allow
 * this.
 */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: 'allowed' | 'no-entry' | 'no-rule';
  /** Pattern of the entry that decided. */
  readonly entry?: string;
  readonly roles: readonly string[];
}
