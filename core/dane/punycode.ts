/**
 * The decoder of Punycode (RFC 3492 section 6.2), for one question: is what follows `xn--` the encoding of anything?
 *
 * Bounded by its input, which is a label of at most 63 octets.
 *
 * Limitations: it decodes only, and does not judge whether the characters may be in a name (RFC 5892).
 */

// RFC 3492 section 5.
const base = 36;
const tMin = 1;
const tMax = 26;
const skew = 38;
const damp = 700;
const initialBias = 72;
const initialCodePoint = 0x80;

const highestCodePoint = 0x10ffff;
/** RFC 3492 section 6.4: what 32 bits without a sign cannot hold is refused. */
const largestInteger = 0xffffffff;

/** The code points that a label without its `xn--` stands for; undefined if it is no Punycode. */
export function decodePunycode(encoded: string): readonly number[] | undefined {
  const delimiter = encoded.lastIndexOf('-');
  const basic = Math.max(delimiter, 0);
  const points = Array.from({ length: basic }, (_, at) => encoded.charCodeAt(at));
  if (points.some((point) => point >= initialCodePoint)) return undefined;
  let codePoint = initialCodePoint;
  let index = 0;
  let bias = initialBias;
  // RFC 3492 section 6.2: a delimiter is consumed only if there is something before it.
  for (let at = delimiter > 0 ? delimiter + 1 : 0; at < encoded.length;) {
    const before = index;
    let weight = 1;
    for (let k = base; ; k += base) {
      const digit = digitAt(encoded, at);
      if (digit === undefined) return undefined;
      at += 1;
      index += digit * weight;
      if (index > largestInteger) return undefined;
      const threshold = Math.min(Math.max(k - bias, tMin), tMax);
      if (digit < threshold) break;
      weight *= base - threshold;
      if (weight > largestInteger) return undefined;
    }
    const count = points.length + 1;
    bias = adapt(index - before, count, before === 0);
    codePoint += Math.floor(index / count);
    if (codePoint > highestCodePoint || isSurrogate(codePoint)) return undefined;
    index %= count;
    points.splice(index, 0, codePoint);
    index += 1;
  }
  return points;
}

/** RFC 3492 section 5: a to z are 0 to 25, in either case; 0 to 9 are 26 to 35. */
function digitAt(text: string, at: number): number | undefined {
  const character = text.charAt(at).toLowerCase();
  if (character >= 'a' && character <= 'z') return character.charCodeAt(0) - 0x61;
  if (character >= '0' && character <= '9') return character.charCodeAt(0) - 0x30 + 26;
  return undefined;
}

/** RFC 3492 section 6.1. */
function adapt(delta: number, count: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? damp : 2));
  rest += Math.floor(rest / count);
  let k = 0;
  for (; rest > ((base - tMin) * tMax) >> 1; k += base) rest = Math.floor(rest / (base - tMin));
  return k + Math.floor(((base - tMin + 1) * rest) / (rest + skew));
}

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}
