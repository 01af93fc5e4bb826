/**
 * What each octet means in a zone file (RFC 1035 section 5.1), as tables of 256: for code that looks at a hundred million of
 * them. All that is not in a table is left to the careful reader of core/dns.
 */
import { RrType } from '../dns/constants.ts';

/** Octets with a meaning of their own. */
export const Octet = {
  TAB: 0x09,
  NEWLINE: 0x0a,
  RETURN: 0x0d,
  SPACE: 0x20,
  QUOTE: 0x22,
  HASH: 0x23,
  DOLLAR: 0x24,
  OPEN: 0x28,
  CLOSE: 0x29,
  DASH: 0x2d,
  DOT: 0x2e,
  ZERO: 0x30,
  NINE: 0x39,
  COLON: 0x3a,
  SEMICOLON: 0x3b,
  EQUALS: 0x3d,
  AT: 0x40,
  BACKSLASH: 0x5c,
} as const;

/** No digit, or no letter. */
export const none = 0xff;

/** 1 for what stands between words, and does not end an entry by itself. */
export const blank = table(' \t\r', () => 1);
/** 1 for what ends a word. */
export const wordEnd = table(' \t\r\n;()', () => 1);
/** 1 for what stands for itself in a label; the same as in core/dns/name.ts. */
export const plain = table(printable('"().;@$\\'), () => 1);
/** 1 for what stands for itself between quotes; a space does. */
export const quotable = table(` ${printable('"\\')}`, () => 1);
/** 1 for what stands for itself in a character string without quotes. */
export const unquoted = table(printable('"\\;()'), () => 1);
/** Values of the digits of base 64 (RFC 4648 section 4). */
export const sextets = table(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  (index) => index,
  none,
);
/** Values of two digits of base 64, by their two octets; 2^12 or more for what are none. */
export const sextetPairs = pairs(sextets, 6);
/** Values of the digits of base 16. */
export const nibbles = caseless('0123456789abcdef', 0, none);
/** Values of the digits of base 32 with the extended hex alphabet (RFC 4648 section 7). */
export const quintets = caseless('0123456789abcdefghijklmnopqrstuv', 0, none);
/** From 1 on, for what mnemonics are written with; 0 for all else. */
const letters = caseless('abcdefghijklmnopqrstuvwxyz0123456789-', 1, 0);

/** Octets in which letters are small (RFC 4343 section 3.2). */
export const folded = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);

/** So many letters of a mnemonic fit into one number. */
const lettersPerKey = 5;
const longestMnemonic = 2 * lettersPerKey;
const bitsPerLetter = 6;

const slots = 512;
/** By slot: two keys and the type. Type 0 is nobody's. */
const firstKeys = new Int32Array(slots);
const secondKeys = new Int32Array(slots);
const slotTypes = new Uint16Array(slots);

for (const [mnemonic, type] of Object.entries(RrType)) {
  if (mnemonic.length > longestMnemonic) throw new RangeError(`${mnemonic} is too long for the table`);
  const octets = Buffer.from(mnemonic, 'latin1');
  const first = keyOf(octets, 0, Math.min(octets.length, lettersPerKey));
  const second = keyOf(octets, lettersPerKey, octets.length);
  let slot = slotOf(first, second);
  while (slotTypes[slot] !== 0) slot = (slot + 1) % slots;
  firstKeys[slot] = first;
  secondKeys[slot] = second;
  slotTypes[slot] = type;
}

/** The type whose mnemonic stands from `start` to `end`, in any case; -1 for none, also for TYPEn. */
export function typeOfMnemonic(octets: Buffer, start: number, end: number): number {
  if (end - start > longestMnemonic) return -1;
  const middle = start + lettersPerKey;
  const first = keyOf(octets, start, end < middle ? end : middle);
  const second = end > middle ? keyOf(octets, middle, end) : 0;
  if (first <= 0 || second < 0) return -1;
  let slot = slotOf(first, second);
  for (;;) {
    const type = slotTypes[slot] ?? 0;
    if (type === 0) return -1;
    if (firstKeys[slot] === first && secondKeys[slot] === second) return type;
    slot = (slot + 1) % slots;
  }
}

/** -1 for what is no mnemonic. */
function keyOf(octets: Buffer, start: number, end: number): number {
  let key = 0;
  for (let at = start; at < end; at += 1) {
    const letter = letters[octets[at] ?? 0] ?? 0;
    if (letter === 0) return -1;
    key = (key << bitsPerLetter) | letter;
  }
  return key;
}

function slotOf(first: number, second: number): number {
  return (Math.imul(first + Math.imul(second, 31), 0x9e37_79b1) >>> 16) % slots;
}

function table(octets: string, value: (index: number) => number, others = 0): Uint8Array {
  const values = new Uint8Array(256).fill(others);
  for (let index = 0; index < octets.length; index += 1) values[octets.charCodeAt(index)] = value(index);
  return values;
}

function pairs(digits: Uint8Array, bits: number): Uint16Array {
  return Uint16Array.from({ length: 0x1_0000 }, (_, two) => {
    const high = digits[two >> 8] ?? none;
    const low = digits[two & 0xff] ?? none;
    return high === none || low === none ? 0xffff : (high << bits) | low;
  });
}

function caseless(digits: string, first: number, others: number): Uint8Array {
  const values = table(digits, (index) => index + first, others);
  for (let octet = 0x41; octet <= 0x5a; octet += 1) values[octet] = values[octet + 0x20] ?? others;
  return values;
}

/** Every printable octet but the space and those. */
function printable(but: string): string {
  return Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index))
    .filter((char) => !but.includes(char))
    .join('');
}
