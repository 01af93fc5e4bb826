/** What a command of `danced access` is about: a client's name, `*.name`, `role:WORD`, or `anonymous`. */
import { InvalidArgumentError } from 'commander';
import { patternKey } from '../../core/acl/list-store.ts';
import { presentClientPattern, readClientPattern, type ClientPattern } from '../../core/acl/patterns.ts';
import { readWord } from '../../core/acl/schema.ts';
import { quote } from '../../core/config/errors.ts';
import { parseNameArgument } from '../arguments.ts';

export type Target =
  | { readonly kind: 'client'; readonly pattern: ClientPattern }
  | { readonly kind: 'role'; readonly word: string }
  | { readonly kind: 'anonymous' };

/** Reads one. A client whose name is the word `anonymous` is written `anonymous.` */
export function parseTarget(text: string): Target {
  // Names do not depend on the case of their letters; nor do these, which would be taken for names.
  if (text.toLowerCase() === 'anonymous') return { kind: 'anonymous' };
  if (/^role:/i.test(text)) return { kind: 'role', word: parseRoleWord(text.slice('role:'.length)) };
  return { kind: 'client', pattern: parsePattern(text) };
}

/** One more of several. */
export function parseTargets(text: string, before: readonly Target[] = []): Target[] {
  return [...before, parseTarget(text)];
}

/** A word of a role. */
export function parseRoleWord(text: string): string {
  try {
    return readWord(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`${quote(text)} ${error.message}.`);
  }
}

/** One word more. */
export function parseRoleWords(text: string, before: readonly string[] = []): string[] {
  return [...before, parseRoleWord(text)];
}

/** As the list has it, in lower case. */
export function presentTarget(target: Target): string {
  if (target.kind === 'anonymous') return 'anonymous';
  if (target.kind === 'role') return `role:${target.word}`;
  return presentClientPattern(target.pattern).toLowerCase();
}

/** Equal for equal targets. */
export function targetKey(target: Target): string {
  return target.kind === 'client' ? patternKey(target.pattern) : presentTarget(target);
}

function parsePattern(text: string): ClientPattern {
  // For the words about a name that is none, or not in its ASCII form.
  if (text !== '*.') parseNameArgument(text.startsWith('*.') ? text.slice(2) : text);
  try {
    return readClientPattern(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`${quote(text)} ${error.message}.`);
  }
}
