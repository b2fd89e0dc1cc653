/** What a socket was opened for can run out while it is open: a proof gets old, what was unlocked closes. */
import type { Clock } from '../core/clock.js';
import type { SessionError } from '../core/errors.js';
import type { RecordHeader } from '../core/record.js';
import type { Demands } from './demands.js';

/** The last moment at which this session still meets what is asked; `Infinity` where time takes nothing away. */
export function lapseAt(header: RecordHeader | undefined, { freshWithinMs, scope }: Demands): number {
  const stale =
    freshWithinMs === undefined ? Number.POSITIVE_INFINITY : Number(header?.authenticatedAt) + freshWithinMs;
  // Fresh is up to and with that moment, unlocked is up to it.
  const closed = scope === undefined ? Number.POSITIVE_INFINITY : (header?.scopes?.[scope] ?? 0) - 1;
  return Math.min(stale, closed);
}

/** Aborts when the moment has passed; holds one timer until then, and only while somebody watches. */
export class Lapse {
  readonly #clock: Clock;
  readonly #lastAt: number;
  readonly #why: () => SessionError;
  readonly #abort: AbortController | undefined;
  #cancel: (() => void) | undefined;
  #joined: { readonly from: AbortSignal; readonly signal: AbortSignal } | undefined;

  /** `why`: what the abort says, asked for once it happens. */
  constructor(clock: Clock, lastAt: number, why: () => SessionError) {
    this.#clock = clock;
    this.#lastAt = lastAt;
    this.#why = why;
    if (lastAt !== Number.POSITIVE_INFINITY) this.#abort = new AbortController();
  }

  watch(): void {
    if (!this.#abort || this.#cancel || this.#abort.signal.aborted) return;
    const leftMs = this.#lastAt + 1 - this.#clock.now();
    if (leftMs <= 0) return this.#abort.abort(this.#why());
    // Looks again: a timer can be early, and can't be longer than 24 days.
    this.#cancel = this.#clock.after(leftMs, () => {
      this.#cancel = undefined;
      this.watch();
    });
  }

  rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Aborts with the session or with this, whichever is first. */
  joined(session: AbortSignal): AbortSignal {
    if (!this.#abort) return session;
    if (this.#joined?.from !== session)
      this.#joined = { from: session, signal: AbortSignal.any([session, this.#abort.signal]) };
    return this.#joined.signal;
  }
}
