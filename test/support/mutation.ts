/** Octets with something changed, the same in every run. */

/** One to three changes: octets set, flipped, cut off, put in, taken out or moved. */
export function mutate(original: Buffer, random: (below: number) => number): Buffer {
  let octets = Buffer.from(original);
  for (let changes = 1 + random(3); changes > 0 && octets.length > 0; changes--) {
    const at = random(octets.length);
    switch (random(6)) {
      case 0:
        octets.writeUInt8(random(256), at);
        break;
      case 1:
        octets.writeUInt8(octets.readUInt8(at) ^ (1 << random(8)), at);
        break;
      case 2:
        octets = octets.subarray(0, at);
        break;
      case 3:
        octets = Buffer.concat([octets.subarray(0, at), Buffer.from([random(256)]), octets.subarray(at)]);
        break;
      case 4:
        octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + random(8))]);
        break;
      default:
        octets = Buffer.concat([octets.subarray(0, at), octets.subarray(random(octets.length))]);
    }
  }
  return octets;
}

/** The same numbers in every run (mulberry32), so that a failure can be repeated. */
export function randomNumbers(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
