/**
 * Access control: may this name be looked up at all, and may this proved identity do that.
 *
 * Authentication is elsewhere (core/dane). What gets here is a `ClientIdentity`, which only a proof can make.
 */
import { ClientIdentity } from '../dane/identity.ts';
import type { Name } from '../dns/name.ts';
import type { AccessList } from './access-list.ts';
import type { AccessRequest, AccessRights, Decision } from './model.ts';

export type { AccessRequest, Decision };

/** What every store of access rules can do. Promises, because a store may be elsewhere. */
export interface AccessControl {
  /**
   * Whether the list knows the name, by itself or by a `*.suffix`. Asked before any DNS query is sent, so that a
   * stranger cannot make us ask the DNS about names of its choice.
   */
  admits(name: Name): Promise<boolean>;
  /** Whether the client may do what it asks. Throws TypeError for an identity that core/dane did not make. */
  decide(identity: ClientIdentity, request: AccessRequest): Promise<Decision>;
  /** Whether a client without identity may do what it asks. */
  decideAnonymous(request: AccessRequest): Promise<Decision>;
}

/** The decision of one list; pure. Throws TypeError for an identity that core/dane did not make. */
export function decideBy(list: AccessList, identity: ClientIdentity, request: AccessRequest): Decision {
  if (!ClientIdentity.isGenuine(identity)) throw new TypeError('access control takes proved identities only');
  const entry = list.entryFor(identity.name);
  if (entry === undefined) return noEntry;
  return decideByRights(entry.rights, entry.pattern, request);
}

/** The decision of one list about a client without identity; pure. */
export function decideAnonymousBy(list: AccessList, request: AccessRequest): Decision {
  return list.anonymous === undefined ? noEntry : decideByRights(list.anonymous, anonymousEntry, request);
}

/** What stands for a pattern in the log; a client's pattern has no brackets. */
const anonymousEntry = '(anonymous)';

function decideByRights({ roles, allow }: AccessRights, entry: string, request: AccessRequest): Decision {
  const allowed = allow.get(request.action)?.has(request.zone) === true;
  return { allowed, reason: allowed ? 'allowed' : 'no-rule', entry, roles };
}

const noEntry: Decision = { allowed: false, reason: 'no-entry', roles: [] };
