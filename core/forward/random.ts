/** Random 16-bit numbers of the system's generator, taken in bulk: one at a time costs as much as to send a query. */
import { randomFillSync } from 'node:crypto';

const pool = new Uint16Array(2048);
let next = pool.length;

export function random16(): number {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const value = pool[next] ?? 0;
  // What was used is not kept.
  pool[next] = 0;
  next += 1;
  return value;
}
