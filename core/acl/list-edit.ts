/**
 * Changes to the text of an access list (list-file.ts) that keep what else stands in it: comments, order, and, in a file
 * whose clients stand one after the other as its last part, every other octet.
 *
 * A comment within an entry goes with it, or stands above it when it is replaced; one that stands before an entry stays.
 *
 * Limitations: in a file of another form spaces and line breaks may change, and it must be short enough to be read as one
 * document. The result is not checked here.
 */
import { YamlDocument } from '../config/document.ts';
import { configBounds } from '../config/limits-table.ts';
import { splitMapEntries, type SplitFile } from '../config/map-entries.ts';
import { commentsOfPart, editYaml, type YamlEdit } from '../config/yaml-edit.ts';
import { ListError, patternKey } from './list-store.ts';
import { entryText } from './list-text.ts';
import type { AccessEntry, AccessRights, RuleSet } from './model.ts';
import { readClientPattern } from './patterns.ts';
import { presentRights, presentRole } from './present.ts';

/** What is to be different in the end. */
export interface ListEdits {
  /** By `patternKey`; an entry of undefined is taken out. */
  readonly clients: ReadonlyMap<string, AccessEntry | undefined>;
  readonly roles: ReadonlyMap<string, RuleSet | undefined>;
  /** Missing: left as it is. */
  readonly anonymous?: { readonly rights: AccessRights | undefined };
}

/** The text after the edits; `file` is for messages. Throws ListError for a text that cannot be edited. */
export function editListText(text: string, edits: ListEdits, file: string): string {
  const opened = openEmptyMap(text, edits);
  const split = splitMapEntries(opened, 'clients');
  if (split === undefined) return editWhole(opened, edits, file);
  const clients = editEntries(opened, split, edits.clients);
  const head = editHead(split.head, edits);
  return clients.isEmpty ? closeMap(head) + clients.text : head + clients.text;
}

/** `clients: {}` as the first lines of a map, with the first of the new entries in it. */
function openEmptyMap(text: string, edits: ListEdits): string {
  const first = [...edits.clients.values()].find((entry) => entry !== undefined);
  const found = /^clients:[ ]*\{[ ]*\}[ ]*(#[^\r\n]*)?(\r?\n|$)/m.exec(text);
  if (first === undefined || found === null) return text;
  const [all, comment, lineBreak = ''] = found;
  const start = `clients:${comment === undefined ? '' : ` ${comment}`}${lineBreak === '' ? '\n' : lineBreak}`;
  const rest = text.slice(found.index + all.length);
  return text.slice(0, found.index) + start + withLineBreaks(entryText(first, usualIndent), text) + rest;
}

const usualIndent = 2;

/** A head whose `clients` has lost its last entry. */
function closeMap(head: string): string {
  return head.replace(/^clients:([ ]*)(?=(?:#[^\n]*)?\r?\n$)/m, (_, space: string) => `clients: {}${space}`);
}

function editHead(head: string, { roles, anonymous }: ListEdits): string {
  const edits: YamlEdit[] = [...roles].map(([word, rules]) => ({
    path: ['roles', word],
    value: rules && presentRole(rules),
  }));
  if (anonymous) edits.push(anonymousEdit(anonymous.rights));
  return edits.length === 0 ? head : editYaml(head, edits, { last: 'clients' });
}

function anonymousEdit(rights: AccessRights | undefined): YamlEdit {
  return { path: ['anonymous'], value: rights && presentRights(rights) };
}

/** All after the head. Parts that stay are copied in one piece, so that the text is there twice at most. */
function editEntries(
  text: string,
  split: SplitFile,
  edits: ListEdits['clients'],
): { readonly text: string; readonly isEmpty: boolean } {
  const pieces: string[] = [];
  const left = new Map(edits);
  let copied = split.head.length;
  let indent = usualIndent;
  let count = 0;
  for (const entry of split.entries) {
    count += 1;
    indent = entry.text.search(/\S/);
    const key = keyOfEntry(entry.text);
    if (key === undefined || !left.has(key)) continue;
    const edit = left.get(key);
    left.delete(key);
    const { end, ...within } = commentsOfPart(entry.text);
    pieces.push(text.slice(copied, entry.offset));
    if (edit === undefined) count -= 1;
    else pieces.push(withLineBreaks(withComments(entryText(edit, indent), within, indent), text));
    copied = entry.offset + end;
  }
  pieces.push(text.slice(copied));
  const added = [...left.values()].filter((entry) => entry !== undefined);
  if (added.length > 0 && !text.endsWith('\n')) pieces.push(text.includes('\r\n') ? '\r\n' : '\n');
  for (const entry of added) pieces.push(withLineBreaks(entryText(entry, indent), text));
  return { text: pieces.join(''), isEmpty: count + added.length === 0 };
}

/** The key of the pattern, as `patternKey` has it; undefined for an entry that the check of the result will explain. */
function keyOfEntry(text: string): string | undefined {
  const [, plain, quoted] = /^ *(?:(\w[\w.-]*)|"([^"\\\n]*)"):(?= |\r?\n)/.exec(text) ?? [];
  const key = plain ?? quoted ?? Object.keys(mapOf(YamlDocument.parse(text, 'the entry').value))[0];
  return key === undefined ? undefined : patternKey(readClientPattern(key));
}

/** The new text of an entry with the comments of the old one. */
function withComments(
  text: string,
  { comments, endsWithComment }: Omit<ReturnType<typeof commentsOfPart>, 'end'>,
  indent: number,
): string {
  const isOneLine = text.indexOf('\n') === text.length - 1;
  if (endsWithComment && isOneLine) return `${text.slice(0, -1)} ${comments.join(' ')}\n`;
  return comments.map((comment) => `${' '.repeat(indent)}${comment}\n`).join('') + text;
}

function withLineBreaks(lines: string, text: string): string {
  return text.includes('\r\n') ? lines.replaceAll('\n', '\r\n') : lines;
}

/** A file in another form, by way of a tree of all of it. */
function editWhole(text: string, edits: ListEdits, file: string): string {
  if (text.length > configBounds.documentOctets) {
    throw new ListError(
      `${file}: it is too long to be changed in this form; write "clients:" as the last key, and every client on lines of its own below it (danced access export makes such a file)`,
    );
  }
  const value = mapOf(YamlDocument.parse(text, file).value);
  const written = new Map<string, string>();
  for (const key of Object.keys(mapOf(value['clients'])))
    written.set(patternKey(readClientPattern(key)), key);
  const left = new Set(written.values());
  const clients: YamlEdit[] = [];
  for (const [key, entry] of edits.clients) {
    const known = written.get(key);
    const name = known ?? entry?.pattern;
    if (name === undefined) continue;
    if (entry === undefined) left.delete(name);
    else left.add(name);
    clients.push({ path: ['clients', name], value: entry && presentRights(entry.rights) });
  }
  return editYaml(editHead(text, edits), clients, { last: 'clients' });
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
