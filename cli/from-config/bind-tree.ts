/**
 * The statements of BIND's configuration files as a tree, with `include` done: words and blocks up to a semicolon.
 *
 * A statement that is not known here has the same form, so nothing has to be understood to get to the end of it.
 *
 * Limitations: what a statement may hold is not checked; `named-checkconf` does that.
 */
import { dirname, isAbsolute, join } from 'node:path';
import { bindTokens, type Token } from './bind-tokens.ts';
import {
  OldConfigError,
  oldConfigLimits,
  type ListFiles,
  type ReadFile,
  type SourcePlace,
  type Unknown,
} from './old-config.ts';

export interface Word {
  readonly text: string;
  /** Whether it stood in quotes. */
  readonly isQuoted: boolean;
}

export type Part = Word | Block;

/** What stands between braces. */
export interface Block {
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly at: SourcePlace;
  /** At least one. */
  readonly parts: readonly Part[];
}

/** The tree, and the files that could not be put into it. */
export interface BindTree {
  readonly statements: readonly Statement[];
  readonly missing: readonly Unknown[];
}

export function isBlock(part: Part | undefined): part is Block {
  return part !== undefined && 'statements' in part;
}

/** The text of a part that is a word; undefined for a block or none. */
export function wordOf(part: Part | undefined): string | undefined {
  return part === undefined || isBlock(part) ? undefined : part.text;
}

/** What a statement is about: its first word in lower case, as BIND takes it; empty if it begins with a block. */
export function keywordOf({ parts }: Statement): string {
  return wordOf(parts[0])?.toLowerCase() ?? '';
}

/** The first block of a statement. */
export function blockOf({ parts }: Statement): Block | undefined {
  return parts.find(isBlock);
}

/** The statement for people: its words with `{ … }` for blocks, cut. */
export function statementWords({ parts }: Statement): string {
  const text = parts.map((part) => (isBlock(part) ? '{ … }' : part.text)).join(' ');
  return text.length > 80 ? `${text.slice(0, 79)}…` : `${text};`;
}

/** Reads a file and what it includes. Throws OldConfigError. */
export function readBindTree(file: string, readFile: ReadFile, listFiles: ListFiles): BindTree {
  const reader = new TreeReader(readFile, listFiles);
  const statements = reader.read(file);
  if (statements === undefined) throw new OldConfigError({ file, line: 1 }, 'the file cannot be read');
  return { statements, missing: reader.missing };
}

/** A block that is not closed yet. */
interface OpenBlock {
  readonly line: number;
  readonly statements: Statement[];
  /** Of the statement that is not ended yet. */
  parts: Part[];
  partsLine: number;
}

class TreeReader {
  readonly missing: Unknown[] = [];
  readonly #readFile: ReadFile;
  readonly #listFiles: ListFiles;
  #directory: string | undefined;
  #files = 0;
  #octets = 0;
  #depth = 0;
  /** Blocks around the place that is read, those of including files as well. */
  #nesting = 0;

  constructor(readFile: ReadFile, listFiles: ListFiles) {
    this.#readFile = readFile;
    this.#listFiles = listFiles;
  }

  /** The statements of one file; undefined if it cannot be read. */
  read(file: string, from: SourcePlace = { file, line: 1 }): Statement[] | undefined {
    const text = this.#readFile(file);
    if (text === undefined) return undefined;
    const { fileOctets, totalOctets, includes, includeDepth } = oldConfigLimits;
    this.#octets += text.length;
    if (text.length > fileOctets)
      throw new OldConfigError(from, `${file} has more than ${String(fileOctets)} octets`);
    if (this.#octets > totalOctets)
      throw new OldConfigError(from, `more than ${String(totalOctets)} octets altogether`);
    if (++this.#files > includes) throw new OldConfigError(from, `more than ${String(includes)} files`);
    if (this.#depth === includeDepth) {
      throw new OldConfigError(from, `files include one another more than ${String(includeDepth)} deep`);
    }
    this.#depth += 1;
    const statements = this.#statements(text, file);
    this.#depth -= 1;
    return statements;
  }

  #statements(text: string, file: string): Statement[] {
    const top: OpenBlock = { line: 1, statements: [], parts: [], partsLine: 1 };
    const open: OpenBlock[] = [top];
    let line = 1;
    for (const token of bindTokens(text, file)) {
      line = token.line;
      const inner = open.at(-1) ?? top;
      if (token.kind !== 'sign' || token.text === '!') addWord(inner, token);
      else if (token.text === '{') this.#open(open, inner, { file, line });
      else if (token.text === '}') this.#close(open, inner, { file, line });
      else this.#end(inner, { file, line });
    }
    const inner = open.at(-1) ?? top;
    if (inner !== top) {
      throw new OldConfigError({ file, line: inner.line }, 'a { has no } before the file ends');
    }
    if (top.parts.length > 0) {
      throw new OldConfigError({ file, line: top.partsLine }, 'the last statement has no ; at its end');
    }
    return top.statements;
  }

  #open(open: OpenBlock[], inner: OpenBlock, at: SourcePlace): void {
    if (++this.#nesting > oldConfigLimits.nesting) {
      throw new OldConfigError(at, `braces are more than ${String(oldConfigLimits.nesting)} deep`);
    }
    if (inner.parts.length === 0) inner.partsLine = at.line;
    open.push({ line: at.line, statements: [], parts: [], partsLine: at.line });
  }

  #close(open: OpenBlock[], inner: OpenBlock, at: SourcePlace): void {
    const outer = open.at(-2);
    if (outer === undefined) throw new OldConfigError(at, 'there is no { for this }');
    if (inner.parts.length > 0) throw new OldConfigError(at, 'a ; is missing before this }');
    open.pop();
    this.#nesting -= 1;
    outer.parts.push({ statements: inner.statements });
  }

  #end(inner: OpenBlock, { file, line }: SourcePlace): void {
    if (inner.parts.length === 0)
      throw new OldConfigError({ file, line }, 'a ; with nothing before it; take it out');
    const statement: Statement = { at: { file, line: inner.partsLine }, parts: inner.parts };
    inner.parts = [];
    const argument = wordOf(statement.parts[1]);
    if (keywordOf(statement) === 'include' && argument !== undefined && statement.parts.length === 2) {
      for (const included of this.#include(statement, argument)) inner.statements.push(included);
      return;
    }
    // named goes to this directory at once, so the files that it includes from here on are found from there.
    if (keywordOf(statement) === 'directory') this.#directory = argument;
    inner.statements.push(statement);
  }

  #include(statement: Statement, argument: string): Statement[] {
    const { at } = statement;
    const found: Statement[] = [];
    // BIND 9.18: a pattern of the shell stands for every file that fits; one that fits nothing is a missing file.
    const isPattern = /[*?[]/.test(argument);
    for (const base of this.#bases(argument, at.file)) {
      const paths = isPattern ? this.#listFiles(base) : [base];
      if (paths.length > oldConfigLimits.includes) {
        throw new OldConfigError(at, `more than ${String(oldConfigLimits.includes)} files fit ${argument}`);
      }
      let isFound = false;
      for (const path of paths) {
        const statements = this.read(path, at);
        isFound ||= statements !== undefined;
        if (statements === undefined && isPattern) this.#miss(statement, path);
        for (const each of statements ?? []) found.push(each);
      }
      if (isFound) return found;
    }
    this.#miss(statement, argument);
    return found;
  }

  #miss(statement: Statement, path: string): void {
    const why = `${path} cannot be read: what is in it is not part of this`;
    this.missing.push({ at: statement.at, statement: statementWords(statement), why });
  }

  /** Where a path may lead: named starts it from `directory`; a copy of its files has them beside one another. */
  #bases(path: string, from: string): string[] {
    if (isAbsolute(path)) return [path];
    const beside = join(dirname(from), path);
    return this.#directory === undefined ? [beside] : [...new Set([join(this.#directory, path), beside])];
  }
}

/** A secret is dropped here, before anything can show or keep it. */
function addWord(inner: OpenBlock, { kind, text, line }: Token): void {
  if (inner.parts.length === 0) inner.partsLine = line;
  const isSecret = secretWords.has(wordOf(inner.parts[0])?.toLowerCase() ?? '');
  inner.parts.push({ text: isSecret ? '…' : text, isQuoted: kind === 'string' });
}

const secretWords: ReadonlySet<string> = new Set(['secret', 'cookie-secret', 'sit-secret']);
