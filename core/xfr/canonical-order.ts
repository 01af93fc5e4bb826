/**
 * The canonical order of names (RFC 4034 section 6.1) by keys that compare octet by octet, and a merge sort in slices that takes
 * next to no time for what is in order already.
 */
import type { Pause } from './zone-version.ts';

/** Octets of a key: each octet of a name may become two. */
export const maximumKeyOctets = 512;
/** Comparisons between two pauses: 1 to 2 ms. */
const slice = 16_384;

const labelStarts = new Uint8Array(128);

/**
 * Writes the key of a name (in canonical form, without compression) below a zone whose name has so many octets. Labels come from
 * the right, each closed by 0, and the octets 0 and 1 in a label are written as two, so that the order of keys is that of names:
 * a name comes before all names below it, and those before its next sibling. Gives where the octets after the key begin.
 */
export function writeOrderKey(
  name: Buffer,
  octets: number,
  zoneOctets: number,
  target: Buffer,
  at: number,
): number {
  let labels = 0;
  for (let start = 0; octets - start > zoneOctets; start += name.readUInt8(start) + 1) {
    labelStarts[labels] = start;
    labels += 1;
  }
  let to = at;
  for (let label = labels - 1; label >= 0; label -= 1) {
    const start = labelStarts[label] ?? 0;
    const end = start + 1 + name.readUInt8(start);
    for (let from = start + 1; from < end; from += 1) {
      const octet = name[from] ?? 0;
      if (octet <= 1) {
        target[to] = 1;
        to += 1;
        target[to] = octet + 1;
      } else {
        target[to] = octet;
      }
      to += 1;
    }
    target[to] = 0;
    to += 1;
  }
  return to;
}

/** Whether the name of a key is below that of another: its labels begin with all of the other's. */
export function isKeyBelow(key: Buffer, ancestor: Buffer): boolean {
  return key.length > ancestor.length && key.compare(ancestor, 0, ancestor.length, 0, ancestor.length) === 0;
}

/** Sorts numbers, keeping the order of equal ones; the array may be used up. `compare` must be total. */
export async function sortInSlices(
  values: Uint32Array,
  compare: (a: number, b: number) => number,
  pause: Pause,
): Promise<Uint32Array> {
  let from = values;
  let starts = await findRuns(from, compare, pause);
  if (starts.length === 1) return from;
  let to: Uint32Array = new Uint32Array(values.length);
  let budget = slice;
  while (starts.length > 1) {
    const merged: number[] = [];
    for (let run = 0; run < starts.length; run += 2) {
      const start = starts[run] ?? 0;
      const middle = starts[run + 1] ?? from.length;
      const end = starts[run + 2] ?? from.length;
      merged.push(start);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at += 1) {
        const takesLeft = right >= end || (left < middle && compare(from[left] ?? 0, from[right] ?? 0) <= 0);
        to[at] = from[takesLeft ? left++ : right++] ?? 0;
        budget -= 1;
        if (budget === 0) {
          await pause();
          budget = slice;
        }
      }
    }
    [from, to] = [to, from];
    starts = merged;
  }
  return from;
}

/** Where runs begin that are in order already. */
async function findRuns(
  values: Uint32Array,
  compare: (a: number, b: number) => number,
  pause: Pause,
): Promise<number[]> {
  const starts = [0];
  for (let at = 1; at < values.length; at += 1) {
    if (compare(values[at - 1] ?? 0, values[at] ?? 0) > 0) starts.push(at);
    if (at % slice === 0) await pause();
  }
  return starts;
}
