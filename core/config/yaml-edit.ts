/**
 * Changes to YAML text that somebody wrote: its comments stay, and so does the order of what is not changed.
 *
 * Limitations: `editYaml` writes the whole text anew, so that spaces and line breaks inside of values become those of the
 * library; who wants every other octet to stay replaces the text of a part (map-entries.ts).
 */
import {
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  Lexer,
  Pair,
  parseDocument,
  Scalar,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml';
import { yamlScalar } from './yaml-text.ts';

/** `undefined` takes the key away. */
export interface YamlEdit {
  /** A key of the document, and one of the map there. */
  readonly path: readonly [string] | readonly [string, string];
  readonly value: unknown;
}

/**
 * The text with the edits made. A key that is new at the top comes before `last`, in a map at its end; a key that is there
 * must be given as it is written. The text must be right already; throws RangeError where it is no map of maps.
 */
export function editYaml(
  text: string,
  edits: readonly YamlEdit[],
  { last }: { readonly last: string },
): string {
  const document = parseDocument(text, { uniqueKeys: false, stringKeys: true });
  for (const { path, value } of edits) edit(document, path, value, last);
  const written = document.toString({ lineWidth: 0 });
  return text.includes('\r\n') ? written.replaceAll('\n', '\r\n') : written;
}

function edit(document: Document.Parsed, path: YamlEdit['path'], value: unknown, last: string): void {
  const { contents } = document;
  if (!isMap(contents)) throw new RangeError('the text is not a map');
  const [top, key] = path;
  const node = value === undefined ? undefined : document.createNode(value, { flow: true });
  if (key === undefined) {
    change(contents, top, node, last);
    return;
  }
  if (!isMap(contents.get(top, true))) {
    if (node === undefined) return;
    change(contents, top, document.createNode({}), last);
  }
  const map: unknown = contents.get(top, true);
  if (!isMap(map)) throw new RangeError(`${top} is not a map`);
  change(map, key, node, undefined);
  if (map.items.length === 0 && top !== last) change(contents, top, undefined, last);
}

/** Sets the value of a key, before `last` where the key is new; undefined takes it out. */
function change(map: YAMLMap, key: string, node: Node | undefined, last: string | undefined): void {
  const at = map.items.findIndex((pair) => keyOf(pair) === key);
  const old = map.items[at];
  if (old !== undefined) keepComments(map, at, node);
  if (old !== undefined && node !== undefined) old.value = node;
  else if (old !== undefined) map.items.splice(at, 1);
  else if (node !== undefined) {
    const end = map.items.findIndex((pair) => keyOf(pair) === last);
    map.items.splice(end < 0 ? map.items.length : end, 0, new Pair(quotedIfNeeded(key), node));
  }
}

/**
 * Puts the comments of a pair that goes where they still make sense: those that stand before it, or after it before the next,
 * stay there; those within it stand before what replaces it, and go with it if nothing does.
 */
function keepComments(map: YAMLMap, at: number, node: Node | undefined): void {
  const old = map.items[at];
  const value = isNode(old?.value) ? old.value : undefined;
  const key = isNode(old?.key) ? old.key : undefined;
  // Of a value in block form the last comment stands on lines of its own.
  const isBlock = isCollection(value) && value.flow !== true;
  const isEmpty = isBlock && value.items.length === 0;
  const after = isBlock ? joined(isEmpty ? value.commentBefore : undefined, value.comment) : undefined;
  if (isBlock) value.comment = null;
  const before = node === undefined ? key?.commentBefore : undefined;
  const next: unknown = map.items[at + 1]?.key;
  if (isNode(next)) {
    next.commentBefore = joined(before, after, next.commentBefore);
    if (node === undefined && isScalar(key) && isScalar(next) && key.spaceBefore) next.spaceBefore = true;
  } else map.comment = joined(before, after, map.comment);
  if (node === undefined || value === undefined) return;
  if (!isBlock) node.comment = value.comment ?? null;
  value.comment = null;
  if (key !== undefined) key.commentBefore = joined(key.commentBefore, ...commentsIn(value));
}

/** Every comment of a node, in order. */
function commentsIn(node: unknown): (string | null | undefined)[] {
  if (isPair(node)) return [...commentsIn(node.key), ...commentsIn(node.value)];
  if (!isNode(node)) return [];
  return [node.commentBefore, ...(isCollection(node) ? node.items.flatMap(commentsIn) : []), node.comment];
}

function joined(...comments: readonly (string | null | undefined)[]): string | null {
  const lines = comments.filter((comment) => comment !== null && comment !== undefined);
  return lines.length === 0 ? null : lines.join('\n');
}

/** The library quotes what it would read as something else itself; readers of YAML 1.1 take more words for that. */
function quotedIfNeeded(key: string): Scalar<string> {
  const scalar = new Scalar(key);
  if (yamlScalar(key) !== key) scalar.type = 'QUOTE_DOUBLE';
  return scalar;
}

function keyOf({ key }: Pair): unknown {
  return isScalar(key) ? key.value : key;
}

/** The comments of a part of a YAML text, and where what is not comment ends. */
export interface PartComments {
  /** Those in what is not only comment, each with its number sign. */
  readonly comments: readonly string[];
  /** Whether the only comment stands at the end of the last line that is not only comment. */
  readonly endsWithComment: boolean;
  /** Offset after the last line that is not only comment or empty. */
  readonly end: number;
}

/** Looks at the text of one entry of a map, as map-entries.ts gives it. */
export function commentsOfPart(text: string): PartComments {
  let at = 0;
  let lastContent = 0;
  const found: { readonly at: number; readonly text: string }[] = [];
  for (const token of new Lexer().lex(text)) {
    if (isMark(token)) continue;
    if (token.startsWith('#') && text.startsWith(token, at)) found.push({ at, text: token.trimEnd() });
    else if (/\S/.test(token)) lastContent = at + token.trimEnd().length;
    at += token.length;
  }
  const newline = text.indexOf('\n', Math.max(lastContent - 1, 0));
  const end = newline === -1 ? text.length : newline + 1;
  const within = found.filter((comment) => comment.at < end);
  return {
    comments: within.map((comment) => comment.text),
    endsWithComment: within.length === 1 && (within[0]?.at ?? 0) >= lastContent,
    end,
  };
}

/** Tokens that are no part of the text: where a document, a scalar, or a faulty bracket's end is. */
function isMark(token: string): boolean {
  return token === '\u0002' || token === '\u0018' || token === '\u001f';
}
