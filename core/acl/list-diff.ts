/** What is different between two access lists: entry by entry, whatever keeps them and in whatever order. */
import { foundInOrder, sortedKeys } from './list-order.ts';
import { unreadable, type FoundEntry, type ListStore } from './list-store.ts';
import { presentClientPattern } from './patterns.ts';
import { presentRights, presentRole, type Written } from './present.ts';

export interface Difference {
  readonly what: 'role' | 'anonymous' | 'client';
  /** The word of the role, or the pattern of the client. */
  readonly name: string;
  readonly before: Written | typeof unreadable | undefined;
  readonly after: Written | typeof unreadable | undefined;
}

/** All differences: roles, anonymous, then clients in the order of list-order.ts. Rejects with ListError. */
export async function* differences(before: ListStore, after: ListStore): AsyncGenerator<Difference, void> {
  yield* rolesAndAnonymous(before, after);
  const keys = union(await sortedKeys(before), await sortedKeys(after));
  for await (const { pattern, found } of foundInOrder([before, after], keys)) {
    const [old, now] = found.map(writtenEntry);
    const difference: Difference = {
      what: 'client',
      name: presentClientPattern(pattern).toLowerCase(),
      before: old,
      after: now,
    };
    if (!isSame(difference)) yield difference;
  }
}

/** The same of roles and anonymous alone. */
export async function* rolesAndAnonymous(
  before: ListStore,
  after: ListStore,
): AsyncGenerator<Difference, void> {
  const [old, now] = await Promise.all([before.roles(), after.roles()]);
  for (const name of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const [was, is] = [old.get(name), now.get(name)].map((rules) => rules && presentRole(rules));
    const difference: Difference = { what: 'role', name, before: was, after: is };
    if (!isSame(difference)) yield difference;
  }
  const [was, is] = (await Promise.all([before.anonymous(), after.anonymous()])).map(
    (rights) => rights && presentRights(rights),
  );
  const difference: Difference = { what: 'anonymous', name: 'anonymous', before: was, after: is };
  if (!isSame(difference)) yield difference;
}

/** Whether two entries give the same; one that cannot be read is like no other. */
export function isSameEntry(one: FoundEntry, other: FoundEntry): boolean {
  return isSame({ before: writtenEntry(one), after: writtenEntry(other) });
}

function isSame({ before, after }: Pick<Difference, 'before' | 'after'>): boolean {
  if (before === unreadable || after === unreadable) return false;
  return JSON.stringify(before) === JSON.stringify(after);
}

function writtenEntry(found: FoundEntry): Difference['before'] {
  return found === undefined || found === unreadable ? found : presentRights(found.rights);
}

/** Both sorted lists as one, each text once. */
function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort();
}
