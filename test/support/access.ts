/** Access lists in memory. */
import { decideAnonymousBy, decideBy, type AccessControl } from '../../core/acl/access-control.ts';
import { parseAccessList } from '../../core/acl/list-file.ts';

/** The access list that this text is. */
export function accessFrom(text: string): AccessControl {
  const list = parseAccessList(text, 'access.yaml');
  return {
    admits: (name) => Promise.resolve(list.entryFor(name) !== undefined),
    decide: (identity, request) => Promise.resolve().then(() => decideBy(list, identity, request)),
    decideAnonymous: (request) => Promise.resolve(decideAnonymousBy(list, request)),
  };
}

/** A list that knows these names and allows each every zone. */
export function accessTo(...names: readonly string[]): AccessControl {
  const entry = (name: string): string => `  ${name}: { allow: [ { action: transfer, zones: ['*'] } ] }`;
  return accessFrom(
    ['version: 1', 'clients:', ...(names.length === 0 ? ['  {}'] : names.map(entry))].join('\n'),
  );
}
