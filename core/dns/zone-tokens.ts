/**
 * Cuts the text of a zone file into entries and these into words (RFC 1035 section 5.1): comments, parentheses that
 * join lines, quotes, and escapes, which are kept for whoever knows what the word means.
 *
 * Limitations: ASCII; an octet beyond it is written as \DDD.
 */
import { DnsFormatError } from './errors.ts';

/** A word as it is written, escapes included; quotes are taken off. */
export interface ZoneToken {
  readonly text: string;
  readonly isQuoted: boolean;
  /** Where it begins, from 1. */
  readonly line: number;
  /** In octets, from 1. */
  readonly column: number;
}

/** One entry of a zone file: a line, or the lines that parentheses make one. */
export interface ZoneEntry {
  /** Where it begins, from 1. */
  readonly line: number;
  /** It begins with a space: its owner is that of the entry before. */
  readonly isIndented: boolean;
  readonly tokens: readonly ZoneToken[];
}

/** Entries that have words, as they are read; throws DnsFormatError whose message names the line. */
export function* zoneEntries(text: string): Generator<ZoneEntry> {
  let tokens: ZoneToken[] = [];
  let line = 1;
  let startLine = 1;
  let isIndented = false;
  let depth = 0;
  let lineStart = 0;
  let isLineStart = true;
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    if (char === '\n') {
      line += 1;
      at += 1;
      lineStart = at;
      if (depth > 0) continue;
      if (tokens.length > 0) yield { line: startLine, isIndented, tokens };
      tokens = [];
      startLine = line;
      isLineStart = true;
      continue;
    }
    if (isLineStart) isIndented = isBlank(char);
    isLineStart = false;
    if (isBlank(char)) {
      at += 1;
    } else if (char === ';') {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (char === '(' || char === ')') {
      depth += char === '(' ? 1 : -1;
      if (depth < 0 || depth > 1) {
        throw lineError(line, 'a parenthesis without its other half', undefined, at - lineStart + 1);
      }
      at += 1;
    } else {
      const column = at - lineStart + 1;
      const isQuoted = char === '"';
      const end = isQuoted ? endOfQuoted(text, at, line, column) : endOfWord(text, at);
      const word = isQuoted ? text.slice(at + 1, end - 1) : text.slice(at, end);
      tokens.push({ text: word, isQuoted, line, column });
      at = end;
    }
  }
  if (depth > 0) throw lineError(startLine, 'a parenthesis without its other half');
  if (tokens.length > 0) yield { line: startLine, isIndented, tokens };
}

/** A mistake in a text, whose message begins with the line. */
export class LineError extends DnsFormatError {
  readonly line: number;
  /** In octets, from 1. */
  readonly column: number;
  /** The message without the line. */
  readonly words: string;

  constructor(line: number, column: number, words: string, cause: unknown) {
    super(`line ${line}: ${words}`, cause === undefined ? {} : { cause });
    this.line = line;
    this.column = column;
    this.words = words;
  }
}

/** An error that says in which line. */
export function lineError(line: number, message: string, cause?: unknown, column = 1): LineError {
  return new LineError(line, column, message, cause);
}

/** The octets of a word, escapes resolved (RFC 1035 section 5.1). Throws DnsFormatError. */
export function unescapeOctets(text: string): Buffer {
  const octets: number[] = [];
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code !== BACKSLASH) {
      if (code < 0x20 || code > 0x7e) throw new DnsFormatError('a character that must be escaped');
      octets.push(code);
      at += 1;
      continue;
    }
    const digits = /^[0-9]{3}$/.exec(text.slice(at + 1, at + 4))?.[0];
    const octet = digits === undefined ? text.charCodeAt(at + 1) : Number(digits);
    const isEscape = digits === undefined ? octet > 0x1f && octet < 0x7f && !isDigit(octet) : octet <= 255;
    if (!isEscape) throw new DnsFormatError('a bad escape: it is \\DDD up to \\255 or \\ and a character');
    octets.push(octet);
    at += digits === undefined ? 2 : 4;
  }
  return Buffer.from(octets);
}

const BACKSLASH = 0x5c;

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\r';
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Where the word ends; an escaped character never ends it. */
function endOfWord(text: string, start: number): number {
  let at = start;
  while (at < text.length && !' \t\r\n;()"'.includes(text.charAt(at))) {
    at += text.charAt(at) === '\\' && text.charAt(at + 1) !== '\n' ? 2 : 1;
  }
  return Math.min(at, text.length);
}

/** After the closing quote. */
function endOfQuoted(text: string, start: number, line: number, column: number): number {
  for (let at = start + 1; at < text.length && text.charAt(at) !== '\n';) {
    if (text.charAt(at) === '"') return at + 1;
    at += text.charAt(at) === '\\' && text.charAt(at + 1) !== '\n' ? 2 : 1;
  }
  throw lineError(line, 'a quote without its other half', undefined, column);
}
