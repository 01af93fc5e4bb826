/** What is wrong in one of a view's files, as `file:line:1: what is wrong; what would be right`. */
import { ConfigError, DnsFormatError } from '../../../core/index.ts';

export function fileProblem(
  file: string,
  line: number,
  wrong: string,
  right: string,
  cause?: unknown,
): ConfigError {
  return new ConfigError([{ file, line, column: 1, path: [], wrong, right }], { cause });
}

/** A DnsFormatError of a text as a problem of its file; anything else as it is. The message names the line. */
export function problemOfText(file: string, error: unknown): unknown {
  if (!(error instanceof DnsFormatError)) return error;
  const [, line = '1', words = error.message] = /^line (\d+): (.*)$/s.exec(error.message) ?? [];
  return fileProblem(file, Number(line), words, 'correct this line', error);
}
