/**
 * From the text of a value in Redis to rights. What is wrong with a value is a fault, in words, and never an exception: it
 * costs the client its rights and nobody else.
 *
 * Equal texts give the same object: most clients of a long list have one of a few values.
 *
 * Limitations: of a key that stands twice in one JSON map the last counts, as JSON.parse has it.
 */
import { hash } from 'node:crypto';
import { formatPath } from '../../config/errors.ts';
import type { ConfigSchema } from '../../config/schema.ts';
import { explainIssue, wordsOfIssue } from '../../config/words.ts';
import { actions, type AccessRights, type RoleTable, type Rule, type RuleSet } from '../model.ts';
import { readWord, rightsSchema, roleSchema } from '../schema.ts';
import { redisBounds } from './limits.ts';
import type { HeadReply, Value } from './lookup-script.ts';
import { RecentMap } from './recent-map.ts';

export type Read<T> = { readonly value: T } | { readonly value?: undefined; readonly fault: string };

/** Problems of one value that are told. */
const toldProblems = 3;

/** Reads a value of JSON by a schema. */
export function readJson<T>(schema: ConfigSchema<T>, text: string): Read<T> {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    return { fault: text === '' ? 'is empty' : 'is not JSON' };
  }
  const result = schema.safeParse(written, { error: explainIssue });
  if (result.success) return { value: result.data };
  const problems = result.error.issues.slice(0, toldProblems).flatMap((issue) => wordsOfIssue(issue, []));
  const told = problems.map(({ path, wrong, right }) => {
    const where = path.length === 0 ? '' : `${formatPath(path)}: `;
    return `${where}${wrong}; ${right}`;
  });
  return { fault: told.slice(0, toldProblems).join(', and ') };
}

/** Reads the rights of entries and of `anonymous`. */
export class RightsReader {
  readonly #byText = new RecentMap<AccessRights>(redisBounds.sharedValues);
  /** Long ones, by digest, as long as some name has them: any number of names below a `*.name` share its entry. */
  readonly #long = new RecentMap<WeakRef<AccessRights>>(redisBounds.sharedLongValues);

  read(value: Value): Read<AccessRights> {
    if (value.text === undefined) return value;
    return value.text.length <= redisBounds.sharedValueOctets
      ? this.#readShort(value.text)
      : this.#readLong(value.text);
  }

  #readShort(text: string): Read<AccessRights> {
    const known = this.#byText.get(text);
    if (known !== undefined) return { value: known };
    const read = readJson(rightsSchema, text);
    if (read.value !== undefined) this.#byText.set(text, read.value);
    return read;
  }

  #readLong(text: string): Read<AccessRights> {
    const digest = hash('sha256', text, 'base64');
    const known = this.#long.get(digest)?.deref();
    if (known !== undefined) return { value: known };
    const read = readJson(rightsSchema, text);
    if (read.value !== undefined) this.#long.set(digest, new WeakRef(read.value));
    return read;
  }
}

/** Roles, and what is wrong with those that cannot be read. */
export interface ReadRoles {
  readonly roles: RoleTable;
  readonly faults: readonly { readonly role: string | undefined; readonly fault: string }[];
}

/**
 * Reads the roles. One that cannot be read forbids everything to those who have it, since what it was to forbid is not
 * known; if none can, every role does.
 */
export function readRoles(written: HeadReply['roles']): ReadRoles {
  if (!(written instanceof Map)) {
    const { fault } = written as { readonly fault: string };
    return { roles: new EveryRoleForbids(), faults: [{ role: undefined, fault }] };
  }
  const roles = new Map<string, RuleSet>();
  const faults: { role: string; fault: string }[] = [];
  for (const [role, value] of written as ReadonlyMap<string, Value>) {
    const read = readRole(role, value);
    roles.set(role, read.value ?? forbidding(role));
    if (read.value === undefined) faults.push({ role, fault: read.fault });
  }
  return { roles, faults };
}

function readRole(role: string, value: Value): Read<RuleSet> {
  try {
    readWord(role);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { fault: `its name ${error.message}` };
  }
  return value.text === undefined ? value : readJson(roleSchema(role), value.text);
}

/** What a role is whose value is broken. */
function forbidding(role: string): RuleSet {
  const deny = actions.map((action): Rule => ({ action, label: `role ${role}: its value is broken` }));
  return { allow: [], deny };
}

class EveryRoleForbids extends Map<string, RuleSet> {
  override get(role: string): RuleSet {
    return forbidding(role);
  }

  override has(): boolean {
    return true;
  }
}
