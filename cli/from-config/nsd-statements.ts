/**
 * The statements of nsd.conf (nsd.conf(5), NSD 4.6): `attribute:` and the values after it, up to the next attribute.
 * Line breaks mean nothing, a comment begins where a word would, `include:` may stand anywhere.
 *
 * Limitations: whatever looks like an attribute is one, also those that NSD would take for a value because it does not
 * know them. The values of secrets are dropped here.
 */
import { dirname, isAbsolute, join } from 'node:path';
import type { SourcePlace, Unknown } from './old-config.ts';
import { brokenAt, plainPlace } from './included-files.ts';
import type { IncludedFiles, TextPlace } from './included-files.ts';
import { shownStatement } from './old-names.ts';

export interface NsdStatement {
  /** The attribute without its colon. */
  readonly name: string;
  readonly values: readonly string[];
  readonly place: TextPlace;
}

interface Token {
  readonly kind: 'attribute' | 'value';
  readonly text: string;
  readonly place: TextPlace;
}

/** All statements of a file and of what it includes, in order. Throws OldConfigError for broken syntax. */
export function* nsdStatements(
  file: string,
  files: IncludedFiles,
  report: (unknown: Unknown) => void,
): Generator<NsdStatement, undefined> {
  const reader = new TokenReader(files, dirname(file), report);
  let open: { name: string; values: string[]; place: TextPlace } | undefined;
  for (const { kind, text, place } of reader.tokens(file, files.first(file), 0)) {
    if (kind === 'attribute') {
      if (open !== undefined) yield open;
      open = { name: text, values: [], place };
    } else if (open === undefined) {
      throw brokenAt(
        place,
        'a value stands here without an attribute before it; begin with server:, zone: or another clause',
      );
    } else if (!secretAttributes.has(open.name)) open.values.push(text);
  }
  if (open !== undefined) yield open;
  return undefined;
}

const secretAttributes: ReadonlySet<string> = new Set([
  'secret',
  'client-key-pw',
  'cookie-secret',
  'cookie-staging-secret',
]);

/** Tokens of a file with those of the included files in their place. */
class TokenReader {
  readonly #files: IncludedFiles;
  readonly #folder: string;
  readonly #report: (unknown: Unknown) => void;

  constructor(files: IncludedFiles, folder: string, report: (unknown: Unknown) => void) {
    this.#files = files;
    this.#folder = folder;
    this.#report = report;
  }

  *tokens(file: string, text: string, depth: number): Generator<Token, undefined> {
    let includedFrom: TextPlace | undefined;
    for (const token of ownTokens(text, file)) {
      if (includedFrom !== undefined) {
        if (token.kind === 'attribute') throw brokenAt(includedFrom, emptyInclude);
        yield* this.#included(token.text, plainPlace(includedFrom), depth + 1);
        includedFrom = undefined;
      } else if (token.kind === 'attribute' && token.text === 'include') includedFrom = token.place;
      else yield token;
    }
    if (includedFrom !== undefined) throw brokenAt(includedFrom, emptyInclude);
    return undefined;
  }

  /**
   * NSD resolves a relative name against its working directory, whichever file it stands in (configlexer.lex: fopen); where
   * nsd-checkconf is run beside nsd.conf that is the folder of nsd.conf. Under chroot it wants absolute names.
   */
  *#included(name: string, at: SourcePlace, depth: number): Generator<Token, undefined> {
    const path = isAbsolute(name) ? name : join(this.#folder, name);
    const { files, missing } = this.#files.include({ path, isPattern: /[*?[{~]/.test(name), at, depth });
    for (const why of missing) this.#report({ at, statement: shownStatement('include', [name]), why });
    for (const { path: file, text } of files) yield* this.tokens(file, text, depth);
    return undefined;
  }
}

const emptyInclude = 'include: without the name of a file; write it after the colon';

/** configlexer.lex: a word ends at white space or a quotation mark, and a backslash takes the next character with it. */
const word = /(?:[^"\n\r \t\\]|\\[^\n])+/y;
const attribute = /^[A-Za-z][A-Za-z0-9-]*:$/;
/** An attribute may be followed by a string in quotes without a space. */
const longestWord = 65_536;

function* ownTokens(text: string, file: string): Generator<Token, undefined> {
  let line = 1;
  let lineStart = 0;
  let at = 0;
  while (at < text.length) {
    const first = text.charAt(at);
    const place = { file, line, column: at - lineStart + 1 };
    if (first === '\n') {
      line += 1;
      at += 1;
      lineStart = at;
    } else if (first === ' ' || first === '\t' || first === '\r') at += 1;
    else if (first === '#') at = lineEnd(text, at);
    else if (first === '"') {
      const end = closingQuote(text, at + 1, place);
      const value = text.slice(at + 1, end);
      yield { kind: 'value', text: value, place };
      line += value.split('\n').length - 1;
      if (value.includes('\n')) lineStart = at + 2 + value.lastIndexOf('\n');
      at = end + 1;
    } else {
      const found = wordAt(text, at, place);
      at += found.length;
      const isAttribute = attribute.test(found);
      yield {
        kind: isAttribute ? 'attribute' : 'value',
        text: isAttribute ? found.slice(0, -1) : found,
        place,
      };
    }
  }
  return undefined;
}

function wordAt(text: string, at: number, place: TextPlace): string {
  // Cut beforehand: the length of what a regular expression matches is what its stack must hold.
  word.lastIndex = 0;
  const found = word.exec(text.slice(at, at + longestWord + 1))?.[0];
  if (found === undefined)
    throw brokenAt(place, 'a backslash with nothing after it; put the value in quotes');
  if (found.length > longestWord) throw brokenAt(place, 'a value of more than 65,536 characters');
  return found;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

/** Where the string ends; a backslash takes the next character with it and stays in the value. */
function closingQuote(text: string, start: number, place: TextPlace): number {
  for (let at = start; at < text.length; at += 1) {
    const code = text[at];
    if (code === '\\') at += 1;
    else if (code === '"') return at;
  }
  throw brokenAt(place, 'the string that begins here has no end; write the second quotation mark');
}
