/**
 * One of the files that are being read, in pieces: what has come and was not read yet. Files that others include are read in the
 * middle of them, so each keeps its own.
 */
import type { Name } from '../dns/name.ts';
import { Octet } from './octet-tables.ts';
import { slackOctets } from './word-cursor.ts';

/** What an including file has again when the included one is read. */
export interface Includer {
  readonly origin: Name;
  readonly owner: Name | undefined;
}

export class TextSource {
  readonly file: string;
  readonly includer: Includer | undefined;
  /** Pieces that take the place of a directive (`$GENERATE`), whose line they all are in. */
  readonly pieces: Iterator<string> | undefined;
  /** From `at` to `end` is to be read; then comes a 0 and `slackOctets` of anything. */
  octets = Buffer.alloc(slackOctets);
  at = 0;
  end = 0;
  /** Of what is at `at`, from 1. */
  line: number;
  /** Nothing more will come. */
  isEnded = false;

  constructor(file: string, line: number, includer?: Includer, pieces?: Iterator<string>) {
    this.file = file;
    this.line = line;
    this.includer = includer;
    this.pieces = pieces;
  }

  /** Takes a copy. */
  add(more: Buffer): void {
    const left = this.end - this.at;
    const needed = left + more.length + slackOctets;
    const { octets } = this;
    if (needed > octets.length) {
      // Twice what is needed, so that many small pieces do not each move what is there.
      this.octets = Buffer.alloc(left + 2 * more.length + slackOctets + left);
    }
    octets.copy(this.octets, 0, this.at, this.end);
    more.copy(this.octets, left);
    this.at = 0;
    this.end = left + more.length;
    this.octets[this.end] = 0;
  }

  /** Nothing more will come; a last line without its end gets one. */
  close(): void {
    this.isEnded = true;
    if (this.end > this.at && this.octets[this.end - 1] !== Octet.NEWLINE) this.add(newline);
  }
}

const newline = Buffer.from('\n');

/**
 * Where the entry at `at` ends: after its newline. -1 if that is not there yet. As core/dns/zone-tokens.ts cuts: a newline ends
 * a comment and a quote, and an entry unless a parenthesis is open.
 */
export function entryEnd(octets: Buffer, start: number, end: number): number {
  let depth = 0;
  let isQuoted = false;
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet === Octet.NEWLINE) {
      if (depth <= 0 || isQuoted) return at + 1;
    } else if (octet === Octet.BACKSLASH) {
      if (octets[at + 1] !== Octet.NEWLINE) at += 1;
    } else if (octet === Octet.QUOTE) {
      isQuoted = !isQuoted;
    } else if (!isQuoted) {
      if (octet === Octet.OPEN) depth += 1;
      if (octet === Octet.CLOSE) depth -= 1;
      if (octet === Octet.SEMICOLON) {
        const newlineAt = octets.indexOf(Octet.NEWLINE, at);
        if (newlineAt === -1 || newlineAt >= end) return -1;
        at = newlineAt - 1;
      }
    }
  }
  return -1;
}
