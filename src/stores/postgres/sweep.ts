/** Removes what has expired, a batch to a transaction, so that no lock is held for long and a fault loses one batch. */
import { performance } from 'node:perf_hooks';

interface Batch {
  readonly removed: number;
  /** Sessions that were used since they were filed, and are now filed anew. They don't count as removed. */
  readonly postponed: number;
}

/** Well below the time that a store call is given. What is left then waits for the next sweep. */
const patienceMs = 1_000;

export async function sweepInBatches(limit: number, sweep: (most: number) => Promise<Batch>): Promise<number> {
  const started = performance.now();
  let total = 0;
  while (total < limit && performance.now() - started < patienceMs) {
    const { removed, postponed } = await sweep(limit - total);
    total += removed;
    // A batch that was not full has seen all that is due.
    if (removed + postponed === 0) break;
  }
  return total;
}
