/**
 * Between the engine and a store: every call gets a deadline, a fault becomes one clear error, and after a fault
 * calls fail at once until a probe succeeds, so that an outage costs a request milliseconds, not the deadline.
 */
import type { Clock } from './clock.js';
import { SessionError } from './errors.js';
import type { Events } from './events.js';
import { isPromise } from './maybe-promise.js';
import type { MaybePromise } from './store.js';

/** After a fault, one call in this time is let through as a probe. */
const probeEveryMs = 250;

const answersOfAHealthyStore: ReadonlySet<string> = new Set([
  'ERR_SESSION_STORE_FULL',
  'ERR_SESSION_RECORD_UNREADABLE',
]);

export class StoreGuard {
  readonly #store: string;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  readonly #events: Events;
  #faulty = false;
  #probeAt = 0;

  constructor(store: string, deadlineMs: number, clock: Clock, events: Events) {
    this.#store = store;
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
    this.#events = events;
  }

  /** The monotonic moment by which work that starts now must be done. */
  deadline(): number {
    return this.#clock.monotonic() + this.#deadlineMs;
  }

  isPast(deadline: number): boolean {
    return this.#clock.monotonic() >= deadline;
  }

  /** Runs one store operation. Answers at once where the store does; throws or rejects with a SessionError only. */
  call<T>(operation: string, run: () => MaybePromise<T>, deadline = this.deadline()): MaybePromise<T> {
    if (this.#faulty) this.#admitProbe(operation);
    let answer: MaybePromise<T>;
    try {
      answer = run();
    } catch (error) {
      throw this.#fault(operation, error);
    }
    if (isPromise(answer)) return this.#awaited(operation, answer, deadline);
    if (this.#faulty) this.#recovered();
    return answer;
  }

  #awaited<T>(operation: string, answer: Promise<T>, deadline: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(Math.max(0, deadline - this.#clock.monotonic()), () => {
        reject(this.#fault(operation, new Error(`no answer within ${this.#deadlineMs} ms`)));
      });
      // An answer after the deadline finds the promise settled, and changes nothing but the health of the store.
      answer.then(
        (value) => {
          cancel();
          if (this.#faulty) this.#recovered();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(this.#fault(operation, error));
        },
      );
    });
  }

  #admitProbe(operation: string): void {
    const now = this.#clock.monotonic();
    if (now < this.#probeAt) {
      throw new SessionError(
        'ERR_SESSION_STORE_UNAVAILABLE',
        `The ${this.#store} store failed a moment ago, so '${operation}' was not tried. It is probed every ${probeEveryMs} ms.`,
        { outcome: 'not-applied' },
      );
    }
    this.#probeAt = now + probeEveryMs;
  }

  #fault(operation: string, error: unknown): SessionError {
    // A store that says it is full, or that one record is beyond it, is up: refusing everything else for a while would
    // turn a limit or one bad record into an outage.
    if (error instanceof SessionError && answersOfAHealthyStore.has(error.code)) return error;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#faulty = true;
    this.#probeAt = this.#clock.monotonic() + probeEveryMs;
    this.#events.emit({ type: 'store-fault', store: this.#store, operation, error: cause });
    const reads = operation === 'read';
    return new SessionError(
      'ERR_SESSION_STORE_UNAVAILABLE',
      `The ${this.#store} store failed at '${operation}': ${cause.message}.${reads ? '' : ' Whether the change was stored is not known.'}`,
      { cause, outcome: reads ? 'not-applied' : 'unknown' },
    );
  }

  #recovered(): void {
    this.#faulty = false;
    this.#events.emit({ type: 'store-recovered', store: this.#store });
  }
}
