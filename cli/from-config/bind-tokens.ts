/**
 * The words of BIND's configuration file: comments in the styles of C, C++ and the shell, strings in quotes, and the signs
 * `{ } ; !` that are words by themselves.
 *
 * Limitations: `/` is part of a word (BIND 9.18 lets it stand alone too).
 */
import { OldConfigError } from './old-config.ts';

export interface Token {
  readonly kind: 'word' | 'string' | 'sign';
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** All tokens of a file. Throws OldConfigError for a comment or string without end. */
export function* bindTokens(text: string, file: string): Generator<Token, undefined> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const first = text.charAt(at);
    const start = at;
    if (isSpace(first)) at += 1;
    else if (startsLineComment(text, at)) at = endOf(text, '\n', at);
    else if (text.startsWith('/*', at)) at = afterComment(text, at, { file, line });
    else if (first === '"') {
      at = afterString(text, at, { file, line });
      yield { kind: 'string', text: unescaped(text.slice(start + 1, at - 1)), line };
    } else if (signs.has(first)) {
      at += 1;
      yield { kind: 'sign', text: first, line };
    } else {
      at = afterWord(text, at);
      yield { kind: 'word', text: text.slice(start, at), line };
    }
    line += lineBreaks(text, start, at);
  }
  return undefined;
}

const signs: ReadonlySet<string> = new Set(['{', '}', ';', '!']);

function isSpace(character: string): boolean {
  return (
    character === ' ' || character === '\n' || character === '\t' || character === '\r' || character === '\f'
  );
}

function startsLineComment(text: string, at: number): boolean {
  return text[at] === '#' || text.startsWith('//', at);
}

/** Where `what` is, or the end of the text. */
function endOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found === -1 ? text.length : found;
}

function afterComment(text: string, at: number, place: { file: string; line: number }): number {
  const end = text.indexOf('*/', at + 2);
  if (end === -1) throw new OldConfigError(place, 'a comment begins here and has no end; write */');
  return end + 2;
}

function afterString(text: string, start: number, place: { file: string; line: number }): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  throw new OldConfigError(place, 'a string begins here and has no end; write the closing quote');
}

/** A comment ends a word too, as it does for BIND. */
function afterWord(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const next = text.charAt(at);
    if (isSpace(next) || signs.has(next) || next === '"') break;
    if (startsLineComment(text, at) || text.startsWith('/*', at)) break;
    at += next === '\\' ? 2 : 1;
  }
  return Math.min(at, text.length);
}

/** Only the quote loses its backslash: every other escape is the domain name's own (RFC 1035 section 5.1). */
function unescaped(text: string): string {
  return text.replaceAll('\\"', '"');
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1) if (text.charCodeAt(at) === 0x0a) count += 1;
  return count;
}
