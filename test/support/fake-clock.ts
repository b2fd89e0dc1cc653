import type { Clock } from '../../src/core/clock.js';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Time that moves only when a test says so. Wall clock and monotonic clock move together, but for `stepWall`. */
export class FakeClock implements Clock {
  #now: number;
  #wallAhead = 0;
  readonly #start: number;
  readonly #timers = new Set<Timer>();

  constructor(start = Date.UTC(2030, 0, 1)) {
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    return this.#now + this.#wallAhead;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves on by `ms`, running what falls due on the way, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = until;
  }

  /** Somebody sets the wall clock; the monotonic one and timers do not notice. */
  stepWall(ms: number): void {
    this.#wallAhead += ms;
  }

  get pending(): number {
    return this.#timers.size;
  }
}
