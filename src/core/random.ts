/**
 * Random bytes for what is not secret: nonces and versions. One call of the system's generator fills some hundred of
 * them, since a call costs microseconds however few bytes it is for. Secrets do not come from here: what is drawn
 * stays in memory until the pool is filled anew.
 */
import { randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafeSlow(4_096);
let used = pool.length;

/** The next bytes, valid until the next call. `count` is small against the pool. */
export function nextRandom(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
