/**
 * Values on their way into a log line: plain, bounded, and without a character that a terminal obeys.
 *
 * Names, addresses and error texts come from the network. Whoever writes them must not be able to start a new line,
 * move the cursor, turn the text direction or fill the disk (CWE-117, CWE-150).
 *
 * Limitations: characters that merely look alike are left as they are; domain names are ASCII when they get here.
 */

/** Bounds on one field of a log line; what is beyond is cut off and marked with an ellipsis. */
export const printableLimits = {
  /** Characters of a text. An escaped domain name has at most 1,004. */
  characters: 1024,
  /** Entries of a list or a record. */
  entries: 32,
  /** Records and lists inside one another; an error's causes count too. */
  depth: 4,
} as const;

/** A value that JSON can hold and that is fit to be shown. */
export type Printable = string | number | boolean | null | readonly Printable[] | PrintableRecord;
export interface PrintableRecord {
  readonly [key: string]: Printable;
}

// Control characters (Cc), formatting ones such as the bidirectional overrides (Cf), line and paragraph separators
// (Zl, Zp), halves of surrogate pairs (Cs), and unassigned or private characters (Cn, Co).
const unfit = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\p{Co}]/gu;

/** What most texts are, told at a fraction of the cost: ASCII that is shown. */
const plain = /^[ -~]*$/;

/** The text with every unfit character as `\xHH` or `\u{H…}`, cut to the bound. */
export function printableText(text: string, maxCharacters: number = printableLimits.characters): string {
  if (text.length <= maxCharacters && plain.test(text)) return text;
  const kept = text.length > maxCharacters ? text.slice(0, maxCharacters) : text;
  const escaped = kept.replace(unfit, escapeCharacter);
  return kept.length < text.length ? `${escaped}…` : escaped;
}

/** Any value as one that can be logged: errors by message and code, octets in hex, domain names in their text form. */
export function printable(value: unknown, depth = 0): Printable {
  switch (typeof value) {
    case 'string':
      return printableText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : printableObject(value, depth);
    case 'bigint':
    case 'undefined':
      return String(value);
    default:
      return `[${typeof value}]`;
  }
}

/** Every field that is not undefined, made printable. */
export function printableFields(fields: Readonly<Record<string, unknown>>, depth = 0): PrintableRecord {
  const result: Record<string, Printable> = {};
  let count = 0;
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    if (value === undefined) continue;
    if (count++ === printableLimits.entries) {
      result['…'] = 'more';
      break;
    }
    result[printableText(key, 64)] = printable(value, depth);
  }
  return result;
}

function printableObject(value: object, depth: number): Printable {
  if (value instanceof Error) return printableError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString();
  if (value instanceof Uint8Array) return printableOctets(value);
  if (depth === printableLimits.depth) return '…';
  if (Array.isArray(value)) return printableList(value, depth);
  // A toString that is not Object's own is the value's text form: Name, URL.
  const text = ownText(value);
  return text === undefined ? printableFields({ ...value }, depth + 1) : printableText(text);
}

function printableList(values: readonly unknown[], depth: number): Printable {
  const kept = values.slice(0, printableLimits.entries).map((entry) => printable(entry, depth + 1));
  return kept.length < values.length ? [...kept, '…'] : kept;
}

function printableOctets(octets: Uint8Array): string {
  const maxOctets = printableLimits.characters / 2;
  const hex = Buffer.from(octets.subarray(0, maxOctets)).toString('hex');
  return octets.length > maxOctets ? `${hex}…` : hex;
}

/** Message, code and causes; the stack is for developers, and paths in it for nobody. */
function printableError(error: Error, depth: number): PrintableRecord {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return {
    message: printableText(error.message === '' ? error.name : error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: printable(code) } : {}),
    ...(cause instanceof Error && depth < printableLimits.depth
      ? { cause: printableError(cause, depth + 1) }
      : {}),
  };
}

function ownText(value: object): string | undefined {
  const toText: unknown = (value as { toString?: unknown }).toString;
  if (typeof toText !== 'function' || toText === Object.prototype.toString) return undefined;
  const text: unknown = toText.call(value);
  return typeof text === 'string' ? text : undefined;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}
