/**
 * Base 32 with the extended hex alphabet, without padding (RFC 4648 section 7): how hashed owner names are written
 * (RFC 5155 sections 1.3 and 3.3).
 */
const alphabet = '0123456789abcdefghijklmnopqrstuv';
const bitsPerDigit = 5;

/** Octets as lower-case digits. */
export function encodeBase32Hex(octets: Buffer): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const octet of octets) {
    held = ((held << 8) | octet) & 0xfff;
    for (bits += 8; bits >= bitsPerDigit; bits -= bitsPerDigit) {
      text += alphabet.charAt((held >> (bits - bitsPerDigit)) & 31);
    }
  }
  return bits === 0 ? text : text + alphabet.charAt((held << (bitsPerDigit - bits)) & 31);
}

/** The octets of digits in either case; undefined for what no octets are written as. */
export function decodeBase32Hex(text: string): Buffer | undefined {
  const octets = Buffer.alloc((text.length * bitsPerDigit) >> 3);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const digit of text.toLowerCase()) {
    const value = alphabet.indexOf(digit);
    if (value === -1) return undefined;
    held = ((held << bitsPerDigit) | value) & 0xfff;
    bits += bitsPerDigit;
    if (bits >= 8) {
      bits -= 8;
      octets[at] = held >> bits;
      at += 1;
    }
  }
  // Fewer than five bits are left over, and they are 0: every octet string has one text only.
  return bits < bitsPerDigit && (held & ((1 << bits) - 1)) === 0 ? octets : undefined;
}
