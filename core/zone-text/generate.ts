/**
 * `$GENERATE range owner [TTL] [class] type data`: many records out of one line, as BIND has it (BIND 9 reference manual,
 * "BIND Primary File Extension: the $GENERATE Directive").
 *
 * In owner and data `$` is the number; `${offset,width,base}` the number with something added, filled up with zeros, written in
 * base d, o, x or X, or as hexadecimal digits with dots between, the last one first (n, N), for reverse zones. `\$` and `$$` are
 * a dollar sign.
 *
 * Limitations: no number may become less than 0. Data of several words may be one word in quotes, as BIND wants, or stand as
 * they are, as PowerDNS has it.
 */
import { DnsFormatError } from '../dns/errors.ts';
import type { ZoneToken } from '../dns/zone-tokens.ts';

/** Records of one directive; the IPv4 addresses of a /12. */
export const maxGenerated = 1 << 20;
/** Octets of text that are made at a time. */
const pieceOctets = 16_384;
const maxNumber = 0x7fff_ffff;
/** More digits than any name or address has. */
const maxWidth = 255;

/** The lines that the words after `$GENERATE` stand for, in pieces. Throws DnsFormatError, some of them in the course. */
export function generateLines(words: readonly ZoneToken[]): Generator<string> {
  const [range, owner, ...rest] = words;
  if (range === undefined || owner === undefined) {
    throw new DnsFormatError('$GENERATE needs a range, an owner, a type and data');
  }
  const { start, stop, step } = parseRange(range.text);
  const data = takeData(rest);
  const prefix = rest.slice(0, rest.length - data.count).map(({ text }) => text);
  if (prefix.length === 0) throw new DnsFormatError('$GENERATE needs a type and data after the owner');
  const makeOwner = parseTemplate(owner.text);
  const makeData = parseTemplate(data.text);
  const middle = ` ${prefix.join(' ')} `;
  return linesOf(start, stop, step, (number) => `${makeOwner(number)}${middle}${makeData(number)}\n`);
}

function* linesOf(
  start: number,
  stop: number,
  step: number,
  make: (number: number) => string,
): Generator<string> {
  let piece = '';
  for (let number = start; number <= stop; number += step) {
    piece += make(number);
    if (piece.length < pieceOctets) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function parseRange(text: string): { start: number; stop: number; step: number } {
  const [, start, stop, step = '1'] = /^([0-9]{1,10})-([0-9]{1,10})(?:\/([0-9]{1,10}))?$/.exec(text) ?? [];
  const range = { start: Number(start), stop: Number(stop), step: Number(step) };
  const isRange = range.start <= range.stop && range.stop <= maxNumber && range.step > 0;
  if (!isRange) throw new DnsFormatError(`${JSON.stringify(text)} is no range as 1-254 or 0-100/2`);
  if (Math.trunc((range.stop - range.start) / range.step) + 1 > maxGenerated) {
    throw new DnsFormatError(`a range of more than ${maxGenerated} records`);
  }
  return range;
}

/** The data: the words after the type. */
function takeData(words: readonly ZoneToken[]): { count: number; text: string } {
  // TTL and class are two words at most, and data has none before a type.
  const typeAt = words.findIndex(({ text }) => !/^(?:[0-9]\w*|IN|CH|HS|CLASS[0-9]+)$/i.test(text));
  const data = typeAt === -1 ? [] : words.slice(typeAt + 1);
  const [only] = data;
  if (only === undefined) throw new DnsFormatError('$GENERATE needs a type and data after the owner');
  const text =
    data.length === 1
      ? only.text
      : data.map((word) => (word.isQuoted ? `"${word.text}"` : word.text)).join(' ');
  return { count: data.length, text };
}

type Part = (number: number) => string;

/** What to write for a number, out of text with `$` in it. */
function parseTemplate(text: string): Part {
  const parts: (string | Part)[] = [];
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    if (rest.startsWith('$$')) {
      parts.push('\\$');
      at += 2;
    } else if (rest.startsWith('$')) {
      const brace = rest.startsWith('${') ? rest.slice(0, rest.indexOf('}') + 1 || undefined) : '$';
      parts.push(brace === '$' ? String : parseModifier(brace));
      at += brace.length;
    } else {
      // An escape stays one, for whoever reads the record.
      const length = rest.startsWith('\\') ? 2 : 1;
      parts.push(rest.slice(0, length));
      at += length;
    }
  }
  return (number) => parts.map((part) => (typeof part === 'string' ? part : part(number))).join('');
}

function parseModifier(text: string): Part {
  const [, offset, width = '0', base = 'd'] =
    /^\$\{(-?[0-9]{1,10})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?\}$/.exec(text) ?? [];
  if (offset === undefined || Number(width) > maxWidth) {
    throw new DnsFormatError(
      `${JSON.stringify(text)} is not \${offset,width,base} with a base of d, o, x, X, n or N`,
    );
  }
  return (number) => {
    const value = number + Number(offset);
    if (value < 0 || value > maxNumber) throw new DnsFormatError(`${text} makes ${value} of ${number}`);
    return format(value, Number(width), base);
  };
}

function format(value: number, width: number, base: string): string {
  switch (base) {
    case 'o':
      return value.toString(8).padStart(width, '0');
    case 'x':
      return value.toString(16).padStart(width, '0');
    case 'X':
      return value.toString(16).toUpperCase().padStart(width, '0');
    case 'n':
      return reversedDigits(value, width);
    case 'N':
      return reversedDigits(value, width).toUpperCase();
    default:
      return String(value).padStart(width, '0');
  }
}

/** Hexadecimal digits, the last first, with dots between. The width counts the dots, and an even one ends with a dot, as in BIND. */
function reversedDigits(value: number, width: number): string {
  let text = '';
  for (let rest = value; rest > 0 || text.length < width || text === ''; rest = Math.trunc(rest / 16)) {
    text += (rest % 16).toString(16);
    if (rest >= 16 || text.length < width) text += '.';
  }
  return text;
}
