/** A mistake in a zone file: where, what is wrong and what would be right. */
import { DnsFormatError } from '../dns/errors.ts';

/** A place in a file, as an editor counts. */
export interface TextPlace {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** In octets, from 1. */
  readonly column: number;
}

/** A mistake whose place is not known where it is seen, with what would be right. */
export class TextMistake extends DnsFormatError {
  readonly right: string;

  constructor(wrong: string, right: string) {
    super(wrong);
    this.right = right;
  }
}

/** Its message is `file:line:column: what is wrong; what would be right`. */
export class ZoneTextError extends DnsFormatError {
  readonly place: TextPlace;
  readonly wrong: string;
  readonly right: string;

  constructor(place: TextPlace, wrong: string, right: string, cause?: unknown) {
    super(
      `${place.file}:${place.line}:${place.column}: ${wrong}; ${right}`,
      cause === undefined ? {} : { cause },
    );
    this.place = place;
    this.wrong = wrong;
    this.right = right;
  }
}

/** What would be right, for mistakes that core/dns finds. */
export function rightFor(wrong: string): string {
  return hints.find(([pattern]) => pattern.test(wrong))?.[1] ?? 'correct this entry';
}

const hints: readonly (readonly [RegExp, string])[] = [
  [
    /^a parenthesis/,
    'each ( needs its ) before the next record; write one that is meant as text as \\( or in quotes',
  ],
  [/^a quote/, 'end the text with " in the same line; write one that is meant as text as \\"'],
  [/^class /, 'leave the class out, or write IN'],
  [/^type .* is not known$/, 'write a type such as A or TYPE65280'],
  [/are read as \\# length hex only$/, 'write the data as \\# 4 c0000201'],
  [/must be escaped/, 'write it as \\ and its three decimal digits, as \\195'],
  [/ is missing$/, 'complete the record'],
  [/^words after the end/, 'leave them out, or begin a comment with ;'],
  [/^a record without an owner$/, 'begin the line with a name'],
];
