/**
 * Lists of names, as files: one name a line, `#` begins a comment. The lines of hosts files (`0.0.0.0 name`) and the plain ones
 * of ad blockers (`||name^`) are taken too, since most lists that are published have one of these forms.
 *
 * Every name stands for itself and all names below it, whatever the form.
 *
 * Limitations: no patterns, no exceptions (`@@`), no internationalised names but in their ASCII form.
 */
import { isIP } from 'node:net';
import { DnsFormatError, Name } from '../../../core/index.ts';
import { fileProblem } from './file-problem.ts';
import type { NameSet } from './name-set.ts';

/** Adds the names of a file's text to a set. Throws ConfigError with file and line; also for more names than `maxNames`. */
export function addNameList(set: NameSet, text: string, file: string, maxNames: number): void {
  let line = 0;
  for (let start = 0; start < text.length;) {
    line += 1;
    const plainEnd = wireOfUsual(text, start);
    let end = plainEnd;
    if (plainEnd >= 0) {
      set.add(wire);
    } else {
      const newline = text.indexOf('\n', start);
      end = newline === -1 ? text.length : newline;
      addLine(set, text.slice(start, end), { file, line });
    }
    if (set.size > maxNames) {
      const right = 'shorten the list, or raise the limit list-names';
      throw fileProblem(file, line, `more than ${String(maxNames)} names`, right);
    }
    start = end + 1;
  }
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** Adds the names of a line that is more than a plain name. */
function addLine(set: NameSet, text: string, place: Place): void {
  const content = text.replace(/(?:^|\s)#[^]*$/, '').trim();
  // Ad blockers' comments begin with !, and their first line is in brackets.
  if (content === '' || content.startsWith('!') || /^\[.*\]$/.test(content)) return;
  const blocked = /^\|\|([^|^*/$]+)\^$/.exec(content)?.[1];
  const [first = '', ...others] = content.split(/\s+/);
  if (blocked !== undefined) {
    addName(set, blocked, place);
  } else if (others.length === 0) {
    addName(set, first, place);
  } else if (isIP(first) !== 0 && others.every((name) => ownNames.has(name.toLowerCase()))) {
    return;
  } else if (nowhere.has(first)) {
    for (const name of others)
      if (!ownNames.has(name.toLowerCase()) && isIP(name) === 0) addName(set, name, place);
  } else {
    const right = 'write one name a line, or as in a hosts file: 0.0.0.0 name';
    throw fileProblem(place.file, place.line, 'more than one word', right);
  }
}

/** The addresses that hosts files of blocked names have. */
const nowhere = new Set(['0.0.0.0', '127.0.0.1', '::', '::1']);

/** What stands in such a file because it is a hosts file, not because it is to be blocked. */
const ownNames = new Set([
  'localhost',
  'localhost.localdomain',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
]);

function addName(set: NameSet, text: string, { file, line }: Place): void {
  if (text.startsWith('@@')) {
    throw fileProblem(
      file,
      line,
      'an exception',
      'write its name into the file of "allowed", or take it out',
    );
  }
  if (text.startsWith('*.')) {
    const right = 'take the star away: a name stands for all names below it too';
    throw fileProblem(file, line, 'a pattern, not a name', right);
  }
  if (isIP(text) !== 0) throw fileProblem(file, line, 'an address, not a name', 'write a domain name');
  try {
    set.add(Name.parse(text).wire);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    const wrong = `not a domain name: ${error.message}`;
    throw fileProblem(file, line, wrong, 'write a name such as ads.example, or 0.0.0.0 ads.example', error);
  }
}

/** The name that `wireOfName` has read. */
const wire = Buffer.alloc(256);
const maxNameOctets = 255;
const maxLabelOctets = 63;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const DOT = 0x2e;
const CARET = 0x5e;

/** Which characters of a name need no thought: letters, digits, hyphen, underscore. */
const isUsual = Uint8Array.from({ length: 128 }, (_, code) =>
  /[\w-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/**
 * Reads a line that is a name of usual characters, in one of the usual forms, into `wire`: the place of the line's end; -1 for
 * any other line, which `addLine` reads. Without it, a million lines would be a million strings and more.
 */
function wireOfUsual(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === 0x30 && text.startsWith('0.0.0.0 ', start)) return wireOfHost(text, start + '0.0.0.0 '.length);
  if (code === 0x31 && text.startsWith('127.0.0.1 ', start))
    return wireOfHost(text, start + '127.0.0.1 '.length);
  if (code === 0x7c && text.startsWith('||', start)) return wireOfName(text, start + 2, CARET);
  return wireOfName(text, start);
}

/** `ownNames` all are one label, or begin with one of these. */
function wireOfHost(text: string, start: number): number {
  if (text.startsWith('localhost', start)) return -1;
  const end = wireOfName(text, start);
  const isOneLabel = wire[(wire[0] ?? 0) + 1] === 0;
  return isOneLabel ? -1 : end;
}

/** Reads a name up to the line's end, or up to `closing` before it. */
function wireOfName(text: string, start: number, closing?: number): number {
  let labelAt = 0;
  let length = 1;
  let at = start;
  for (; ; at += 1) {
    const code = text.charCodeAt(at);
    if (length > maxNameOctets - 1) return -1;
    if (isUsual[code] === 1) {
      wire[length] = code;
      length += 1;
      continue;
    }
    const labelLength = length - labelAt - 1;
    if (labelLength === 0 || labelLength > maxLabelOctets) return -1;
    wire[labelAt] = labelLength;
    if (code !== DOT) break;
    labelAt = length;
    length += 1;
  }
  wire[length] = 0;
  // No top-level domain ends with a digit, but every IPv4 address does.
  if (isDigit(text.charCodeAt(at - 1))) return -1;
  if (closing === undefined) return lineEnd(text, at);
  return text.charCodeAt(at) === closing ? lineEnd(text, at + 1) : -1;
}

/** Where the line feed is, or the end of the text, if the line ends at `at`; else -1. */
function lineEnd(text: string, at: number): number {
  if (at === text.length || text.charCodeAt(at) === LINE_FEED) return at;
  return text.charCodeAt(at) === CARRIAGE_RETURN && text.charCodeAt(at + 1) === LINE_FEED ? at + 1 : -1;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
