/**
 * The words of the access list: entries, roles, rules, requests and decisions.
 *
 * The same model serves every store: a client's domain name (or every name below one) has roles, and rules of what is
 * allowed and what is denied. The most specific entry alone decides; entries do not add up, an entry and its roles do.
 *
 * Limitations: limits are told here and kept by grants.ts.
 */
import type { Name } from '../dns/name.ts';
import type { ZoneSet } from './zone-set.ts';

/** What clients can be allowed to do: `transfer` is SOA, AXFR and IXFR. */
export const actions = ['transfer', 'notify', 'update', 'resolve', 'query'] as const;
export type Action = (typeof actions)[number];

/** How often: a bucket of `burst` requests that fills again by `perSecond`. */
export interface Allowance {
  readonly perSecond: number;
  readonly burst: number;
}

/** What a rule bounds, for each client by itself. */
export interface RuleLimits {
  readonly rate?: Allowance;
  /** Requests under way, on all connections of the client to this process. */
  readonly requestsAtOnce?: number;
  /** The same for AXFR and IXFR alone. */
  readonly transfersAtOnce?: number;
}

/** What allow and deny rules have in common. Times are milliseconds since the epoch. */
export interface Rule {
  /** As decisions name it: `allow 1`, `role secondary: deny 2`. */
  readonly label: string;
  readonly action: Action;
  /** Undefined: every zone. */
  readonly zones?: ZoneSet | undefined;
  /** Of `update`: owner names of the records that it is about; undefined: every name. */
  readonly names?: ZoneSet | undefined;
  /** Of `update`: types of the records that it is about; undefined: every type. */
  readonly types?: readonly number[] | undefined;
  readonly notBeforeMs?: number | undefined;
  readonly notAfterMs?: number | undefined;
  readonly comment?: string | undefined;
}

export interface AllowRule extends Rule {
  /** What the plugin shows the client; for `resolve` and `query`. */
  readonly view?: string | undefined;
  /** Undefined: none. */
  readonly limits?: RuleLimits | undefined;
}

/** Rules that stand together. */
export interface RuleSet {
  readonly allow: readonly AllowRule[];
  readonly deny: readonly Rule[];
  readonly comment?: string | undefined;
}

/** What an entry gives its client; entries with the same text share one. */
export interface AccessRights extends RuleSet {
  /** Those that the list defines bring their rules; any other is a word for plugins and logs. */
  readonly roles: readonly string[];
}

/** The roles that a list defines. */
export type RoleTable = ReadonlyMap<string, RuleSet>;

/** One line of the access list. */
export interface AccessEntry {
  /** As in the list, normalised: `ns2.example`, or `*.example` for every name below `example`. */
  readonly pattern: string;
  readonly rights: AccessRights;
  /** Line of the file, of a list that is one. */
  readonly line?: number;
}

/** What a client asks to do. */
export interface AccessRequest {
  readonly action: Action;
  readonly zone: Name;
  /** For `transfer`: AXFR or IXFR, and not SOA. */
  readonly startsTransfer?: boolean;
  /**
   * For `update`: every record that it is about. `some`: whether there may be any at all. Without them only a rule for every
   * name and type allows it.
   */
  readonly records?: readonly AccessRecord[] | 'some';
}

/** One record, or a group of records, of an update. */
export interface AccessRecord {
  readonly name: Name;
  /** ANY: records of every type. Undefined: a condition, for which the name alone counts. */
  readonly type: number | undefined;
}

/** Whether the list knows a name, and if not, whether that is known. */
export type Admission =
  | {
      readonly admitted: true;
      /** Pattern of the entry. */
      readonly entry: string;
    }
  | {
      readonly admitted: false;
      readonly reason: 'not-admitted' | 'access-unavailable';
      /** For the log; empty for nothing. */
      readonly detail: string;
    };

/** Every reason of a decision, in words. */
export const decisionReasons = {
  allowed: 'a rule allows it',
  'no-entry': 'the access list has no entry for this client, or says nothing of anonymous ones',
  'no-rule': 'the entry of the client has no rule that allows this',
  denied: 'a deny rule of the entry, or of one of its roles, forbids this',
  'not-now': 'the rule that would allow this counts at other times (not-before, not-after)',
  'too-fast': 'the client asks more often than the rule allows (rate, burst)',
  'too-many-at-once':
    'the client has as many under way as the rule allows (requests-at-once, transfers-at-once)',
  'access-unavailable':
    'the store of the access list cannot be asked, and of this name nothing is known, or what is older than `stale-max`',
} as const;
export type DecisionReason = keyof typeof decisionReasons;

/** What the access list says to a request. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: DecisionReason;
  /** Pattern of the entry that decided. */
  readonly entry?: string;
  /** Label of the rule that decided. */
  readonly rule?: string;
  readonly roles: readonly string[];
  /** Of the rule that allows. */
  readonly view?: string | undefined;
  readonly limits?: RuleLimits | undefined;
  /** Of `update`: the other rules, where more than one was needed for all records. */
  readonly also?: readonly { readonly rule: string; readonly limits?: RuleLimits | undefined }[];
  /** Of `resolve` and `query`: another name might be decided otherwise, so this decision is of one question only. */
  readonly dependsOnZone?: true;
  /** More, for the log. */
  readonly detail?: string;
}

/** What stands for a pattern where a client without identity is judged; a client's pattern has no brackets. */
export const anonymousEntry = '(anonymous)';
