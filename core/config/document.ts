/**
 * A YAML file (YAML 1.2.2) with the position of everything in it, so that every mistake can be shown where it is.
 *
 * Limitations: one document a file; see yaml-tree.ts for what of YAML is refused.
 */
import { LineCounter, parseDocument } from 'yaml';
import {
  ConfigError,
  formatPath,
  quote,
  type ConfigPath,
  type ConfigProblem,
  type Position,
} from './errors.ts';
import { configBounds } from './limits-table.ts';
import type { ConfigSchema } from './schema.ts';
import { readTextFile } from './text-file.ts';
import { wordsOfIssue, explainIssue } from './words.ts';
import { YamlTree, type TreeProblem } from './yaml-tree.ts';

/** Result of a check that does not throw. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const maxSyntaxProblems = 5;

/** A text that is part of a longer file: the number of its first line there, and where its value belongs. */
interface PartOf {
  readonly firstLine: number;
  readonly within: ConfigPath;
}

export class YamlDocument {
  /** As given; relative paths stay relative, because the operator reads them. */
  readonly file: string;
  /** What is wrong with the YAML itself but leaves it readable: duplicate keys, aliases, tags. */
  readonly problems: readonly ConfigProblem[];
  readonly #tree: YamlTree;
  readonly #lines: LineCounter;
  readonly #part: PartOf;

  private constructor(file: string, tree: YamlTree, lines: LineCounter, part: PartOf) {
    this.file = file;
    this.#tree = tree;
    this.#lines = lines;
    this.#part = part;
    this.problems = tree.problems.map((problem) => this.#toProblem(problem));
  }

  /** Reads and parses a file. Throws ConfigError. */
  static read(file: string): YamlDocument {
    return YamlDocument.parse(readTextFile(file, configBounds.documentOctets), file);
  }

  /** Parses text. Throws ConfigError for broken YAML. */
  static parse(text: string, file: string, part: PartOf = { firstLine: 1, within: [] }): YamlDocument {
    const { firstLine } = part;
    const lines = new LineCounter();
    // uniqueKeys compares every key with every other: quadratic. YamlTree finds duplicates with a Map.
    const options = { lineCounter: lines, uniqueKeys: false, stringKeys: true, prettyErrors: false } as const;
    const parsed = inBounds(() => parseDocument(text, { ...options, logLevel: 'error' }));
    if (parsed === undefined || parsed.errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION')) {
      throw new ConfigError([{ file, line: firstLine, column: 1, path: [], ...tooDeep }]);
    }
    if (parsed.errors.length > 0) {
      throw new ConfigError(syntaxProblems(parsed.errors, { text, file, lines, firstLine }));
    }
    return new YamlDocument(file, new YamlTree(parsed.contents), lines, part);
  }

  /** The whole document as plain values; unchecked. */
  get value(): unknown {
    return this.#tree.value;
  }

  /** Where the value at `path` stands; where the map stands in which it is missing. */
  positionOf(path: ConfigPath): Position {
    return this.#position(this.#tree.offsetOfValue(path));
  }

  /** Where the key at the end of `path` stands. */
  positionOfKey(path: ConfigPath): Position {
    return this.#position(this.#tree.offsetOfKey(path));
  }

  /** A problem with the value at `path`. */
  problem(path: ConfigPath, wrong: string, right: string): ConfigProblem {
    return { file: this.file, ...this.positionOf(path), path: [...this.#part.within, ...path], wrong, right };
  }

  /** A problem with the key at the end of `path`. */
  keyProblem(path: ConfigPath, wrong: string, right: string): ConfigProblem {
    return {
      file: this.file,
      ...this.positionOfKey(path),
      path: [...this.#part.within, ...path],
      wrong,
      right,
    };
  }

  /** The error for everything that is wrong: the document's own problems and those that a check found. */
  error(problems: readonly ConfigProblem[]): ConfigError {
    return new ConfigError([...this.problems, ...this.withoutKnown(problems)]);
  }

  /** Those at places that are not in `this.problems`: a refused alias or tag leaves nothing, and a check misses it. */
  withoutKnown(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
    if (this.problems.length === 0) return problems;
    const known = new Set(this.problems.map((problem) => formatPath(problem.path)));
    return problems.filter(({ path }) => !known.has(formatPath(path)));
  }

  /** Checks a value of the document that stands at `path`; `value` may lack keys that the caller has taken out. */
  checkPart<T>(schema: ConfigSchema<T>, value: unknown, path: ConfigPath): Checked<T> {
    const result = schema.safeParse(value, { error: explainIssue });
    if (result.success) return { ok: true, value: result.data };
    const problems: ConfigProblem[] = [];
    for (const issue of result.error.issues.slice(0, configBounds.problems)) {
      for (const words of wordsOfIssue(issue, path)) {
        const { about, path: at, wrong, right } = words;
        problems.push(about === 'key' ? this.keyProblem(at, wrong, right) : this.problem(at, wrong, right));
      }
    }
    return { ok: false, problems };
  }

  #toProblem({ offset, path, wrong, right }: TreeProblem): ConfigProblem {
    return {
      file: this.file,
      ...this.#position(offset),
      path: [...this.#part.within, ...path],
      wrong,
      right,
    };
  }

  #position(offset: number): Position {
    return positionAt(this.#lines, offset, this.#part.firstLine);
  }
}

const tooDeep = {
  wrong: 'maps or lists are nested too deep to be read',
  right: `at most ${String(configBounds.depth)} are allowed inside each other`,
};

/** undefined when the parser, which is recursive, ran out of stack. */
function inBounds<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function positionAt(lines: LineCounter, offset: number, firstLine: number): Position {
  const { line, col } = lines.linePos(offset);
  // The counter knows no line in an empty text.
  return { line: Math.max(line, 1) + firstLine - 1, column: line === 0 ? 1 : col };
}

/** What is used of the parser's errors. */
interface SyntaxFault {
  readonly code: string;
  readonly message: string;
  /** From and to, as offsets. */
  readonly pos: readonly [number, number];
}

/** The first mistake of a line, of the first few lines: the rest follow from it. */
function syntaxProblems(
  errors: readonly SyntaxFault[],
  source: {
    readonly text: string;
    readonly file: string;
    readonly lines: LineCounter;
    readonly firstLine: number;
  },
): ConfigProblem[] {
  const problems = new Map<number, ConfigProblem>();
  for (const error of errors) {
    const [offset] = error.pos;
    const position = positionAt(source.lines, offset, source.firstLine);
    if (problems.has(position.line)) continue;
    const [wrong, right] = followsStar(source.text, offset) ? bareStar : syntaxWords(error);
    problems.set(position.line, { file: source.file, ...position, path: [], wrong, right });
    if (problems.size === maxSyntaxProblems) break;
  }
  return [...problems.values()];
}

/** Whether the text goes on, at or just before `offset`, with a word that starts with a star. */
function followsStar(text: string, offset: number): boolean {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return text.startsWith('*', offset) || /(?:^|[\s[{,])\*\S*\s*$/.test(line.slice(-300));
}

/** The likeliest slip in an access list. */
const bareStar = [
  'not YAML: a word that starts with * is an alias',
  'put names like "*.example" in quotes',
] as const;

/** The parser's words are kept where they are plain; what to do is ours. */
function syntaxWords(error: SyntaxFault): [wrong: string, right: string] {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return ['a tab is used to indent', 'use spaces'];
    case 'BAD_INDENT':
      if (error.message.startsWith('Flow')) {
        return [
          'not YAML: a [ or { above is not closed',
          'close it, and indent its lines deeper than its key',
        ];
      }
      return [
        `not YAML: ${plain(error.message)}`,
        'indent with the same number of spaces as the lines beside it',
      ];
    case 'BLOCK_AS_IMPLICIT_KEY':
      return [
        'not YAML: a second "key:" on the same line',
        'put it on its own line, or quote text that has ": " in it',
      ];
    case 'BAD_SCALAR_START':
      return [`not YAML: ${plain(error.message)}`, 'put the value in quotes'];
    case 'UNEXPECTED_TOKEN':
      return [
        'not YAML: what stands here does not belong here',
        'look before it for a missing colon, comma, quote or bracket',
      ];
    case 'MISSING_CHAR':
      return [`not YAML: ${plain(error.message)}`, 'add the missing character'];
    case 'MULTIPLE_DOCS':
      return ['a second document (---) in the file', 'keep one document a file'];
    case 'NON_STRING_KEY':
      return ['a key that is not plain text', 'write a word before the colon'];
    default:
      return [`not YAML: ${plain(error.message)}`, 'correct the YAML here'];
  }
}

/** First line of the parser's message, which may quote the file, made safe to print. */
function plain(message: string): string {
  return quote(message.split('\n', 1)[0] ?? '', 100)
    .slice(1, -1)
    .replaceAll('\\"', '"');
}
