/**
 * The lines of knot.conf (knot.conf(5), Knot DNS 3.2): the part of YAML that Knot DNS takes (libknot/yparser/ypbody.rl). A line
 * is a section `name:`, the beginning of a block `- id: value`, or an item `name: value`, `name: [value, value]`.
 *
 * Limitations: values are text; what they must be is for others to check. The values of secrets are dropped here.
 */
import { brokenAt } from './included-files.ts';
import type { TextPlace } from './included-files.ts';

export interface KnotItem {
  /** In the first column, or the first of a block, or one of a section or block. */
  readonly kind: 'section' | 'block' | 'item';
  readonly name: string;
  readonly values: readonly string[];
  readonly place: TextPlace;
}

/** All lines of a file that say something. Throws OldConfigError for broken syntax. */
export function* knotItems(text: string, file: string): Generator<KnotItem, undefined> {
  const indents = { item: 0, dash: 0, inSection: false };
  let number = 0;
  for (const ended of text.split('\n')) {
    number += 1;
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
    if (/^ *(?:#|$)/.test(line)) continue;
    if (line.length > longestLine) {
      throw brokenAt({ file, line: number, column: 1 }, 'a line of more than 65,536 characters');
    }
    const item = readLine(line, { file, line: number, column: 1 });
    checkIndent(line, item, indents);
    yield item;
  }
  return undefined;
}

/** In characters. Knot DNS takes values of half as many. */
const longestLine = 65_536;

const secretItems: ReadonlySet<string> = new Set(['secret', 'badcookie']);

function readLine(line: string, start: TextPlace): KnotItem {
  const [before = '', indent = '', dash = '', name = ''] = head.exec(line) ?? [];
  const first = { ...start, column: indent.length + 1 };
  if (before === '') {
    if (line.includes('\t')) {
      throw brokenAt(
        { ...start, column: line.indexOf('\t') + 1 },
        'Knot DNS takes no tabs; indent with spaces',
      );
    }
    throw brokenAt(
      { ...start, column: line.search(/[^ ]/) + 1 },
      'this is neither `name: value` nor `- name: value`',
    );
  }
  const values = readValues(line, before.length, start);
  const kind = dash !== '' ? 'block' : indent === '' ? 'section' : 'item';
  if (kind === 'block' && values.length !== 1) {
    throw brokenAt(first, `a block begins with one value; write it after ${name}:`);
  }
  return { kind, name, values: secretItems.has(name) ? [] : values, place: first };
}

const head = /^( *)((?:- +)?)([A-Za-z0-9\\/._*][A-Za-z0-9\\/._*-]*) *:/;

/** The values from `at`, behind the colon, to the end of the line or the comment. */
function readValues(line: string, at: number, start: TextPlace): string[] {
  const scanner = new ValueScanner(line, at, start);
  if (scanner.isAtEnd()) return [];
  scanner.needSpace('a space must follow the colon');
  if (!scanner.takeSign('[')) {
    const value = scanner.value();
    scanner.needEnd();
    return [value];
  }
  const values: string[] = [];
  do {
    values.push(scanner.value());
  } while (scanner.takeSign(','));
  if (!scanner.takeSign(']'))
    throw scanner.broken('a list ends with ] on the same line; between its values stand commas');
  scanner.needEnd();
  return values;
}

class ValueScanner {
  readonly #line: string;
  readonly #start: TextPlace;
  #at: number;

  constructor(line: string, at: number, start: TextPlace) {
    this.#line = line;
    this.#at = at;
    this.#start = start;
  }

  /** Nothing but spaces and a comment; a comment needs a space before it. */
  isAtEnd(): boolean {
    return /^(?: +#.*| *)$/.test(this.#line.slice(this.#at));
  }

  needEnd(): void {
    if (!this.isAtEnd())
      throw this.broken('the value should end here; text with spaces or other signs stands in quotes');
  }

  needSpace(wrong: string): void {
    if (this.#line[this.#at] !== ' ') throw this.broken(wrong);
  }

  takeSign(sign: string): boolean {
    this.#skipSpaces();
    if (this.#line[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  value(): string {
    this.#skipSpaces();
    const form = this.#line[this.#at] === '"' ? quoted : plain;
    form.lastIndex = this.#at;
    const [text, content = text] = form.exec(this.#line) ?? [];
    if (text === undefined || content === undefined) {
      throw this.broken(
        'a value should stand here: a word, or text in quotes on one line; lists stand in [ ]',
      );
    }
    this.#at += text.length;
    return content.replaceAll('\\"', '"');
  }

  /** Never shows the line: there may be a secret in it. */
  broken(message: string) {
    return brokenAt({ ...this.#start, column: this.#at + 1 }, message);
  }

  #skipSpaces(): void {
    while (this.#line[this.#at] === ' ') this.#at += 1;
  }
}

// Only a quotation mark loses the backslash before it.
const plain = /(?:[^\p{Cc} "#[\],\\]|\\[ -~])+/uy;
const quoted = /"((?:[^\p{Cc}"\\]|\\[ -~])*)"/uy;

/** All blocks of a section begin in the same column, and so do all items of a block. */
function checkIndent(
  line: string,
  { kind, name, place }: KnotItem,
  indents: { item: number; dash: number; inSection: boolean },
): void {
  const spaces = line.search(/[^ ]/);
  if (kind === 'section') {
    Object.assign(indents, { item: 0, dash: 0, inSection: true });
    return;
  }
  if (!indents.inSection) throw brokenAt(place, 'this stands in no section; begin with one, as zone:');
  const block = kind === 'block';
  const column = block ? line.indexOf(name, spaces + 1) : spaces;
  const [before, now] = block ? [indents.dash, spaces] : [indents.item, column];
  if (before > 0 && now > 0 && before !== now) {
    throw brokenAt(place, `indented by ${String(now)} and not by ${String(before)} as what stands before it`);
  }
  indents.item = column;
  if (block) indents.dash = spaces;
}
