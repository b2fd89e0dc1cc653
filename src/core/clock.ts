/** Time as a port, so that no test sleeps. */
export interface Clock {
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** Never goes back, ms from any start. */
  monotonic(): number;
  /** Runs `run` once after `delayMs`, without keeping the process alive; the answer cancels it. */
  after(delayMs: number, run: () => void): () => void;
}

/** setTimeout's largest delay; a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    let turn: NodeJS.Immediate | undefined;
    const timer = setTimeout(
      () => {
        // A process that stood still runs its timers before it reads what has arrived meanwhile. A turn later, a
        // deadline is not held against an answer that was there in time.
        turn = setImmediate(run);
      },
      Math.min(delayMs, longestDelayMs),
    );
    timer.unref?.();
    return () => {
      clearTimeout(timer);
      clearImmediate(turn);
    };
  },
};
