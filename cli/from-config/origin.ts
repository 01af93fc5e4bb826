/** Who a client was in the old configuration, and how that is said in one line. */
import { printableText } from '../../core/observe/printable.ts';
import type { SourcePlace } from './old-config.ts';

export interface Origin {
  readonly keyName?: string;
  readonly address?: string;
  readonly label?: string;
  readonly at: SourcePlace;
}

/** Longest comment of an access list, in characters (core/acl/schema.ts). */
const maxComment = 256;

/** 'key ns2.example.net at 192.0.2.2'. */
export function describeOld({ keyName, address, label }: Omit<Origin, 'at'>): string {
  if (keyName === undefined) return address ?? label ?? '';
  return address === undefined ? `key ${keyName}` : `key ${keyName} at ${address}`;
}

/** 'named.conf:12', fit to be shown. */
export function placeWords({ file, line }: SourcePlace): string {
  return `${printableText(file, 120)}:${String(line)}`;
}

/** As many of the origins as a comment has room for, and how many more there are. */
export function entryComment(from: readonly Origin[]): string {
  let comment = '';
  for (const [index, origin] of from.entries()) {
    const words = `${printableText(describeOld(origin), 200)} (${placeWords(origin.at)})`;
    const next = comment === '' ? `was ${words}` : `${comment}, ${words}`;
    const more = from.length - index;
    if (next.length + andMore(more).length > maxComment)
      return cut(comment === '' ? next : comment, comment === '' ? more - 1 : more);
    comment = next;
  }
  return comment;
}

function cut(comment: string, more: number): string {
  const rest = andMore(more);
  const room = maxComment - rest.length;
  return (comment.length > room ? `${comment.slice(0, room - 1)}…` : comment) + rest;
}

function andMore(count: number): string {
  return count > 0 ? `, and ${String(count)} more` : '';
}

/** The first few of a long list, and how many more. */
export function someOf(words: readonly string[], most = 5): string {
  const more = words.length - most;
  return more > 0 ? `${words.slice(0, most).join(', ')} and ${String(more)} more` : words.join(', ');
}
