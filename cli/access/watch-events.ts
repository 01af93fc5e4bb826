/**
 * What a running daemon tells of its decisions (core/observe/feed.ts), read and put into words, a line each.
 *
 * Who answers at the port may be anybody: nothing is taken for granted, and nothing gets to the terminal as it came.
 */
import { decisionReasons } from '../../core/acl/model.ts';
import type { ClientPattern } from '../../core/acl/patterns.ts';
import { noIdentityReasons } from '../../core/dane/types.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { Name } from '../../core/dns/name.ts';
import { printableFields, printableText } from '../../core/observe/printable.ts';

/** One line of the feed. */
export type WatchedEvent = Readonly<Record<string, unknown>>;

/** Which events are shown. */
export interface WatchFilter {
  /** Of clients with such a name, or that claim one. */
  readonly name?: ClientPattern | undefined;
  readonly onlyNo: boolean;
}

/** Reads one line. Undefined for what is not an object of JSON. */
export function readEvent(line: string): WatchedEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as WatchedEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is to be shown. What was missed always is: it might have been. */
export function isShown(event: WatchedEvent, { name, onlyNo }: WatchFilter): boolean {
  if (event['missed'] !== undefined) return true;
  if (onlyNo && event['allowed'] !== false) return false;
  return name === undefined || namesOf(event).some((text) => fits(name, text));
}

/** The event as one line of JSON. What the daemon told has been made printable by it; JSON alone lets C1 controls through. */
export function eventInJson(event: WatchedEvent): string {
  return JSON.stringify(printableFields(event));
}

/** The event as one line of text. */
export function eventInWords(event: WatchedEvent): string {
  const missed = event['missed'];
  if (missed !== undefined) return `${textOf(missed)} more were decided than could be shown`;
  const mark = event['allowed'] === true ? 'yes' : 'no ';
  const isConnection = event['event'] === 'connection';
  const parts = [
    who(event),
    isConnection
      ? `connects${event['remote'] === undefined ? '' : ` from ${textOf(event['remote'])}`}`
      : what(event),
    ...(isConnection ? [] : [by(event)]),
    why(event),
  ];
  return `${textOf(event['time'])} ${mark} ${parts.filter((part) => part !== '').join('  ')}`;
}

function who({ client, claims, hidden, roles }: WatchedEvent): string {
  if (client !== undefined) return textOf(client);
  // A gate with `privacy: role` knows who it is, and does not say it.
  if (hidden === true) return roles === undefined ? '(not told)' : `(of role ${textOf(roles)})`;
  return claims === undefined ? '(anonymous)' : `(claims ${textOf(claims)})`;
}

function what({ action, zone, transfer }: WatchedEvent): string {
  // The one action that is two: a whole zone is more than its SOA record.
  const kind = action === 'transfer' && transfer !== true ? 'transfer (SOA)' : textOf(action);
  return `${kind} ${textOf(zone)}`;
}

function by({ entry, rule }: WatchedEvent): string {
  return [entry, rule].flatMap((part) => (part === undefined ? [] : [textOf(part)])).join(', ');
}

/** The reason of a no in words; of a yes there is none to be told. */
function why({ allowed, reason, detail }: WatchedEvent): string {
  const word = textOf(reason);
  const isTold = allowed !== true || Object.hasOwn(noIdentityReasons, word);
  const words = isTold ? (reasonWords.get(word) ?? word) : '';
  const more = detail === undefined ? '' : `(${textOf(detail)})`;
  return [words, more].filter((part) => part !== '').join(' ');
}

const reasonWords: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...noIdentityReasons, ...decisionReasons }),
);

function namesOf({ client, claims }: WatchedEvent): string[] {
  return [client, claims].flatMap((text) => (typeof text === 'string' ? text.split(/[\s,]+/) : []));
}

function fits({ name, below }: ClientPattern, text: string): boolean {
  try {
    const candidate = Name.parse(text);
    return below ? candidate.isBelow(name) : candidate.equals(name);
  } catch (error) {
    if (error instanceof DnsFormatError) return false;
    throw error;
  }
}

function textOf(value: unknown): string {
  if (value === undefined) return '';
  return printableText(typeof value === 'string' ? value : JSON.stringify(value));
}
