/**
 * Access control: may this name be looked up at all, and may this proved identity do that.
 *
 * Authentication is elsewhere (core/dane). What gets here is a `ClientIdentity`, which only a proof can make. That limits are
 * kept is grants.ts's.
 */
import { ClientIdentity } from '../dane/identity.ts';
import type { Name } from '../dns/name.ts';
import type { AccessList } from './access-list.ts';
import { decideByRights } from './decide.ts';
import {
  anonymousEntry,
  type AccessEntry,
  type AccessRequest,
  type AccessRights,
  type Admission,
  type Decision,
  type RoleTable,
} from './model.ts';

/** What every list of access rules can do. Promises, because it may be elsewhere. */
export interface AccessControl {
  /**
   * Whether the list knows the name, by itself or by a `*.suffix`. Asked before any DNS query is sent, so that a
   * stranger cannot make us ask the DNS about names of its choice.
   */
  admit(name: Name): Promise<Admission>;
  /**
   * Whether the client may do what it asks; charges no limit. Rejects with TypeError for an identity that core/dane did not
   * make.
   */
  decide(identity: ClientIdentity, request: AccessRequest): Promise<Decision>;
  /** Whether a client without identity may do what it asks. */
  decideAnonymous(request: AccessRequest): Promise<Decision>;
  /** Calls the listener after each change of the list; gives what ends that. A list without it never changes. */
  onChange?(listener: AccessListener): () => void;
  /** The list as one listener sees it, for a list whose store may be away. */
  seenBy?(viewer: AccessViewer): AccessControl;
}

/** How old what is known may be that a listener goes by, when the store is away; milliseconds. */
export interface AccessViewer {
  readonly staleMaxMs: () => number;
}

/** What has changed: the names whose entry or rights may be others than before. */
export interface AccessChange {
  concerns(name: Name): boolean;
}
export type AccessListener = (change: AccessChange) => void;

/** A change of everything. */
export const everythingChanged: AccessChange = { concerns: () => true };

/** Throws TypeError for an identity that core/dane did not make. */
export function requireGenuine(identity: ClientIdentity): void {
  if (!ClientIdentity.isGenuine(identity)) throw new TypeError('access control takes proved identities only');
}

/**
 * The decision of one list; pure. Throws TypeError for an identity that core/dane did not make.
 *
 * @param nowMs milliseconds since the epoch
 */
export function decideBy(
  list: AccessList,
  identity: ClientIdentity,
  request: AccessRequest,
  nowMs: number,
): Decision {
  requireGenuine(identity);
  return decideByEntry(list.entryFor(identity.name), list.roles, request, nowMs);
}

/** The decision of one entry; pure. */
export function decideByEntry(
  entry: AccessEntry | undefined,
  roles: RoleTable,
  request: AccessRequest,
  nowMs: number,
): Decision {
  if (entry === undefined) return noEntry;
  return decideByRights(entry.rights, roles, entry.pattern, request, nowMs);
}

/** The decision about a client without identity, by what a list gives to those; pure. */
export function decideAnonymousBy(
  anonymous: AccessRights | undefined,
  roles: RoleTable,
  request: AccessRequest,
  nowMs: number,
): Decision {
  return anonymous === undefined ? noEntry : decideByRights(anonymous, roles, anonymousEntry, request, nowMs);
}

/** The admission by an entry. */
export function admissionBy(entry: AccessEntry | undefined): Admission {
  return entry === undefined ? notAdmitted : { admitted: true, entry: entry.pattern };
}

const notAdmitted: Admission = { admitted: false, reason: 'not-admitted', detail: '' };
const noEntry: Decision = { allowed: false, reason: 'no-entry', roles: [] };
