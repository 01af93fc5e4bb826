/** Access lists in memory. */
import {
  admissionBy,
  decideAnonymousBy,
  decideBy,
  type AccessControl,
} from '../../core/acl/access-control.ts';
import { parseAccessList } from '../../core/acl/list-file.ts';
import type { Admission } from '../../core/acl/model.ts';

/** The access list that this text is. */
export function accessFrom(text: string, nowMs: () => number = Date.now): AccessControl {
  const list = parseAccessList(text, 'access.yaml');
  return {
    admit: (name) => Promise.resolve(admissionBy(list.entryFor(name))),
    decide: (identity, request) => Promise.resolve().then(() => decideBy(list, identity, request, nowMs())),
    decideAnonymous: (request) =>
      Promise.resolve(decideAnonymousBy(list.anonymous, list.roles, request, nowMs())),
  };
}

/** A list that knows these names and allows each every zone. */
export function accessTo(...names: readonly string[]): AccessControl {
  const entry = (name: string): string => `  ${name}: { allow: [ { action: transfer, zones: ['*'] } ] }`;
  return accessFrom(
    ['version: 1', 'clients:', ...(names.length === 0 ? ['  {}'] : names.map(entry))].join('\n'),
  );
}

/** An admission that does not ask who. */
export const everybodyAdmitted: Admission = { admitted: true, entry: '*.test' };
export const nobodyAdmitted: Admission = { admitted: false, reason: 'not-admitted', detail: '' };
