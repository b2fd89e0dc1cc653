/** Removes what has expired, for stores that do not do so themselves. Never keeps the process alive. */
import type { Clock } from './clock.js';
import type { Sweepable } from './store.js';
import type { StoreGuard } from './store-guard.js';

const everyMs = 60_000;
/** A batch is short enough not to be felt by the requests between two of them. */
const batch = 500;

/** Starts sweeping; the answer stops it. */
export function startSweeping(store: Sweepable, guard: StoreGuard, clock: Clock): () => void {
  let cancel: () => void;
  let stopped = false;
  const again = (delayMs: number) => {
    if (!stopped) cancel = clock.after(delayMs, sweep);
  };
  const sweep = async () => {
    let removed = 0;
    try {
      removed = await guard.background('sweep', () => store.sweep(clock.now(), batch));
    } catch {
      // The guard has told of the fault; expired sessions are refused all the same.
    }
    again(removed >= batch ? 10 : everyMs);
  };
  again(everyMs);
  return () => {
    stopped = true;
    cancel();
  };
}
