/**
 * Turns what the schema library finds into the words of an operator: what is there, what would be right, an example.
 *
 * The library passes one string per issue, so ours is JSON of `Words`; a message that is not (a schema with its own
 * words, in somebody's plugin) is taken as it is.
 */
import { z } from 'zod';
import { quote, type ConfigPath } from './errors.ts';
import { configBounds } from './limits-table.ts';
import { nearest } from './near.ts';

/** What `meta()` of a schema may say: used in messages and in the reference. */
export interface About {
  /** With its article: "a domain name". */
  readonly what?: string;
  /** The value as YAML: `["127.0.0.1:853"]`. */
  readonly example?: string;
  /** One sentence for the reference. */
  readonly description?: string;
}

/** An issue in words. Without `right` the example is the advice. */
interface Words {
  readonly wrong: string;
  readonly right?: string;
  readonly example?: string;
  /** The keys that a map may have, when the issue is an unknown key. */
  readonly known?: readonly string[];
}

/** One problem of an issue. */
export interface IssueWords {
  readonly about: 'key' | 'value';
  readonly path: ConfigPath;
  readonly wrong: string;
  readonly right: string;
}

/** A message for `addIssue` in our own blocks. */
export function issueMessage(words: Words): string {
  return JSON.stringify(words);
}

/** Error function for `safeParse`. */
export function explainIssue(issue: z.core.$ZodRawIssue): string {
  return issueMessage(explain(issue));
}

/** The problems of an issue with the value at `at`, whose message came from `explainIssue` or `issueMessage`. */
export function wordsOfIssue(issue: z.core.$ZodIssue, at: ConfigPath): IssueWords[] {
  const path = [...at, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const words = decode(issue.message);
  if (issue.code === 'unrecognized_keys') {
    const known = words.known ?? [];
    return issue.keys.slice(0, configBounds.problems).map((key) => ({
      about: 'key',
      path: [...path, key],
      wrong: 'unknown key',
      right: suggest(key, known, 'the keys here are'),
    }));
  }
  if (issue.code === 'invalid_key' && issue.issues[0] !== undefined) {
    // Of a map whose keys are the operator's own words: what is wrong with the word.
    const own = decode(issue.issues[0].message);
    return [{ about: 'key', path, wrong: own.wrong, right: own.right ?? byExample(path, own.example) }];
  }
  return [{ about: 'value', path, wrong: words.wrong, right: words.right ?? byExample(path, words.example) }];
}

/** "did you mean", or the whole list. */
export function suggest(word: string, known: readonly string[], listed: string): string {
  const near = nearest(word, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return `${listed}: ${known.join(', ')}`;
}

/** What a value is, for people: `is the number 53`. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'is empty';
  if (typeof value === 'string') return `is the text ${quote(value)}`;
  if (typeof value === 'number') return `is the number ${String(value)}`;
  if (typeof value === 'boolean') return `is ${String(value)}`;
  return Array.isArray(value) ? 'is a list' : 'is a map';
}

/** `describeValue`, and what was expected; "missing" and "is empty" say enough alone. */
export function mismatch(value: unknown, what: string): string {
  const there = describeValue(value);
  return value === undefined || value === null ? there : `${there}, not ${what}`;
}

function explain(issue: z.core.$ZodRawIssue): Words {
  const about = aboutOf(issue.inst);
  const example = about.example === undefined ? {} : { example: about.example };
  switch (issue.code) {
    case 'unrecognized_keys':
      return { wrong: 'unknown key', known: keysOf(issue.inst) };
    case 'invalid_type':
      return {
        wrong: mismatch(issue.input, about.what ?? articles[issue.expected] ?? 'what belongs here'),
        ...example,
      };
    case 'invalid_value': {
      const values = issue.values.map(String);
      const right =
        typeof issue.input === 'string' ? suggest(issue.input, values, 'write one of') : undefined;
      return {
        wrong: mismatch(issue.input, values.join(' or ')),
        right: right ?? `write one of: ${values.join(', ')}`,
      };
    }
    case 'too_small':
      return {
        wrong: sizeWords(issue.input, 'fewer'),
        right: `write at least ${String(issue.minimum)}${unitOf(issue.origin)}`,
      };
    case 'too_big':
      return {
        wrong: sizeWords(issue.input, 'more'),
        right: `write at most ${String(issue.maximum)}${unitOf(issue.origin)}`,
      };
    default:
      return { wrong: `${describeValue(issue.input)}, which does not fit here`, ...example };
  }
}

const articles: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys and values',
  record: 'a map of keys and values',
};

function sizeWords(input: unknown, direction: 'fewer' | 'more'): string {
  if (Array.isArray(input)) {
    return input.length === 0 ? 'is an empty list' : `is a list of ${String(input.length)} items`;
  }
  if (typeof input === 'string')
    return input === '' ? 'is an empty text' : `is a text of ${String(input.length)} characters`;
  return `${describeValue(input)}, ${direction === 'fewer' ? 'which is too small' : 'which is too large'}`;
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters' : '';
}

function byExample(path: ConfigPath, example: string | undefined): string {
  if (example === undefined) return 'see the configuration reference for this key';
  return `for example: ${beforeValue(path.at(-1))}${example}`;
}

/** What stands before a value in YAML: the key, or the dash of a list. */
function beforeValue(step: string | number | undefined): string {
  if (step === undefined) return '';
  if (typeof step === 'number') return '- ';
  return /^\w[\w.-]*$/.test(step) ? `${step}: ` : `${quote(step)}: `;
}

function decode(message: string): Words {
  try {
    const words: unknown = JSON.parse(message);
    if (typeof words === 'object' && words !== null && 'wrong' in words) return words as Words;
  } catch {
    // Not ours: somebody's own words.
  }
  return { wrong: message };
}

/** `meta()` of the schema that raised an issue. */
function aboutOf(inst: unknown): About {
  if (!(inst instanceof z.ZodType)) return {};
  const about = (inst.meta() ?? {}) as About;
  if (about.example !== undefined || !(inst instanceof z.ZodArray)) return about;
  const item = aboutOf(inst.element).example;
  return item === undefined ? about : { ...about, example: `[${item}]` };
}

function keysOf(inst: unknown): string[] {
  return inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
}
