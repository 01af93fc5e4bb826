/**
 * What is wrong in a file that an operator wrote: where, what, and what would be right.
 *
 * Every mistake in configuration ends as a `ConfigProblem`, and every problem of a file is reported at once, so that
 * mending a file takes one round and not ten.
 */

/** A place in a value: keys of maps and indexes of lists, from the top. */
export type ConfigPath = readonly (string | number)[];

/** One mistake. `wrong` and `right` are clauses without a full stop. */
export interface ConfigProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  readonly path: ConfigPath;
  readonly wrong: string;
  readonly right: string;
}

/** Where in a file something stands. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Problems that the message of an error prints; a broken access list of a million lines must not become a book. */
export const maxPrintedProblems = 100;

/**
 * A file that cannot be used. `code` is `CFG_UNREADABLE` when its text could not be had at all, else `CFG_INVALID`.
 * `problems` is never empty and is in the order of the file.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: 'CFG_INVALID' | 'CFG_UNREADABLE';
  readonly blame = 'config';
  readonly problems: readonly ConfigProblem[];

  constructor(
    problems: readonly ConfigProblem[],
    options: { readonly code?: 'CFG_INVALID' | 'CFG_UNREADABLE'; readonly cause?: unknown } = {},
  ) {
    const sorted = [...problems].sort(byPosition);
    super(printProblems(sorted), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? 'CFG_INVALID';
    this.problems = sorted;
  }
}

/** One line: `file:line:col: path: what is wrong; what would be right`, without the path when it is the whole file. */
export function formatProblem(problem: ConfigProblem): string {
  const where = `${problem.file}:${String(problem.line)}:${String(problem.column)}`;
  const path = problem.path.length > 0 ? `${formatPath(problem.path)}: ` : '';
  return `${where}: ${path}${problem.wrong}; ${problem.right}`;
}

/** A path as an operator reads it: `plugins[0].listen`, `clients["ns2.example"].roles`. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${quote(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/**
 * Text from a file, in quotes, safe to print: no control, format or line-breaking character reaches a terminal, and
 * no more than `longest` characters.
 */
export function quote(text: string, longest = 60): string {
  const short = text.length > longest ? `${text.slice(0, longest - 3)}...` : text;
  const safe = short.replace(/["\\\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return `"${safe}"`;
}

function byPosition(a: ConfigProblem, b: ConfigProblem): number {
  return a.line - b.line || a.column - b.column;
}

function printProblems(problems: readonly ConfigProblem[]): string {
  const lines = problems.slice(0, maxPrintedProblems).map(formatProblem);
  const more = problems.length - lines.length;
  if (more > 0) lines.push(`… and ${String(more)} more`);
  return lines.join('\n');
}
