import type { Clock } from '../../src/core/clock.js';

export interface Due {
  at: number;
  readonly run: () => void;
}

/** A machine: its clocks, and whether it runs. While it does not, neither timers nor messages are heard. */
export class Machine implements Clock {
  readonly world: { readonly time: number };
  awake = true;
  /** How long it slept with its monotonic clock standing still. */
  slept = 0;
  /** While it sleeps its monotonic clock stands still; else it was only stopped. */
  stands = false;
  wallOffset = 0;
  wallSetAt = Number.NEGATIVE_INFINITY;
  /** When it last woke (true time). */
  wokeAt = Number.NEGATIVE_INFINITY;
  #timers = new Set<Due>();

  constructor(world: { readonly time: number }) {
    this.world = world;
  }

  now(): number {
    return this.world.time + this.wallOffset;
  }

  monotonic(): number {
    return this.world.time - this.slept;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.monotonic() + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  runTimers(): void {
    const due = [...this.#timers].filter(({ at }) => at <= this.monotonic()).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#timers.delete(timer)) timer.run();
  }
}
