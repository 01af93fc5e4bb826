/** Which server a configuration is for, by what stands in it, else by the name of its file. */
import { basename } from 'node:path';
import type { OldKind } from './old-config.ts';

/** Undefined if neither says it. */
export function kindOf(file: string, text: string): OldKind | undefined {
  return kindByText(text) ?? kindByName(basename(file).toLowerCase());
}

/** Only what no other of the three can have counts. */
function kindByText(text: string): OldKind | undefined {
  const head = text.slice(0, 1024 * 1024);
  if (
    /^[ \t]*(?:options|zone|view|acl|key|logging|include|primaries|masters|controls)\b[^:;{}\n]*[{;]/m.test(
      head,
    )
  )
    return 'bind';
  if (/^[ \t]*-[ \t]+(?:id|domain|target|listen)[ \t]*:/m.test(head)) return 'knot';
  if (/^(?:acl|remote|template|policy|submission|log|control|database|xdp|mod-[a-z]+)[ \t]*:/m.test(head))
    return 'knot';
  return /^[ \t]*(?:provide-xfr|request-xfr|zonefile|allow-notify|include-pattern|remote-control)[ \t]*:/m.test(
    head,
  )
    ? 'nsd'
    : undefined;
}

function kindByName(name: string): OldKind | undefined {
  if (/named|bind/.test(name)) return 'bind';
  if (name.includes('nsd')) return 'nsd';
  return name.includes('knot') ? 'knot' : undefined;
}
