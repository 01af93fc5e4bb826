/**
 * Splits a long file of the form
 *
 *     version: 1
 *     clients:
 *       one: …
 *       two: …
 *
 * into its head and the text of each entry, so that a million entries are parsed one by one (and equal ones once)
 * instead of as one tree, which takes a hundred times the memory of the text.
 *
 * An entry begins where a line is indented exactly like the first entry; deeper lines belong to it (YAML 1.2.2 section
 * 8.2.2). That is right for every entry that is whole by itself, which parsing it alone shows: an unclosed quote or
 * bracket is an error there. A file of any other form is not split.
 */

/** The text of one entry, its indentation included. */
export interface EntryText {
  readonly text: string;
  /** Number of its first line in the file. */
  readonly firstLine: number;
  /** Where in the file it begins, in characters. */
  readonly offset: number;
}

export interface SplitFile {
  /** All before the first entry: valid YAML in which the map is empty. */
  readonly head: string;
  /** Can be run through once. */
  readonly entries: Iterable<EntryText>;
}

/** Splits the map at the top-level key `key`, the last of the file; undefined for a file of another form. */
export function splitMapEntries(text: string, key: string): SplitFile | undefined {
  const heading = new RegExp(`^${key}:[ ]*(?:#[^\\n]*)?\\r?\\n`, 'm').exec(text);
  if (heading === null) return undefined;
  const start = heading.index + heading[0].length;
  const indent = /^(?:[ ]*(?:#[^\n]*)?\r?\n)*([ ]+)[^\s#-]/.exec(text.slice(start, start + maxPreamble))?.[1]
    ?.length;
  // After the entries comes the end of the file: no other key, no second document.
  if (indent === undefined || hasShallowLine(text, start, indent)) return undefined;
  return { head: text.slice(0, start), entries: entriesOf(text, start, indent) };
}

/** Characters of comment that may stand before the first entry. */
const maxPreamble = 65_536;

function* entriesOf(text: string, start: number, indent: number): Generator<EntryText> {
  let line = countLines(text, start);
  let entry = { start, firstLine: line + 1 };
  let seen = false;
  for (let at = start; at < text.length;) {
    line += 1;
    if (beginsEntry(text, at, indent)) {
      if (seen) yield entryAt(text, entry, at);
      entry = { start: at, firstLine: line };
      seen = true;
    }
    at = nextLine(text, at);
  }
  if (seen) yield entryAt(text, entry, text.length);
}

function entryAt(
  text: string,
  { start, firstLine }: { start: number; firstLine: number },
  end: number,
): EntryText {
  return { text: text.slice(start, end), firstLine, offset: start };
}

/** Whether a line is indented by exactly `indent` and is not empty, nor a comment, nor the end of a bracket. */
function beginsEntry(text: string, at: number, indent: number): boolean {
  return indentOf(text, at) === indent && !'#]}\r\n'.includes(text.charAt(at + indent));
}

/** Whether a line with content is indented less than the entries, or by a tab. */
function hasShallowLine(text: string, start: number, indent: number): boolean {
  for (let at = start; at < text.length; at = nextLine(text, at)) {
    const own = indentOf(text, at);
    const first = text.charAt(at + own);
    if (first === '\t' || (own < indent && !'#\r\n'.includes(first))) return true;
  }
  return false;
}

function indentOf(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) === 0x20) end += 1;
  return end - at;
}

function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline + 1;
}

function countLines(text: string, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
