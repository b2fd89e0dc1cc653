/**
 * Between the engine and a store: every call gets a deadline, a fault becomes one clear error, and after a fault
 * calls fail at once until a probe succeeds, so that an outage costs a request milliseconds, not the deadline.
 */
import { isNativeError } from 'node:util/types';
import type { Clock } from './clock.js';
import { describe, SessionError } from './errors.js';
import type { Events } from './events.js';
import { isPromise } from './maybe-promise.js';
import type { MaybePromise } from './store.js';

/** After a fault, one call in this time is let through as a probe. */
const probeEveryMs = 250;

const answersOfAHealthyStore: ReadonlySet<string> = new Set([
  'ERR_SESSION_STORE_FULL',
  'ERR_SESSION_RECORD_UNREADABLE',
  'ERR_SESSION_STORE_UNREPLICATED',
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
    return this.#run(operation, run, deadline, true);
  }

  /**
   * For work that no request waits for, such as a sweep. It has the deadline, and its faults are told; but a batch that
   * takes long says nothing of a read, so it shuts nobody out, and it takes no request's turn as the probe.
   */
  background<T>(operation: string, run: () => MaybePromise<T>): MaybePromise<T> {
    return this.#run(operation, run, this.deadline(), false);
  }

  #run<T>(operation: string, run: () => MaybePromise<T>, deadline: number, opensBreaker: boolean): MaybePromise<T> {
    let answer: MaybePromise<T>;
    try {
      answer = run();
    } catch (error) {
      throw this.#fault(operation, error, opensBreaker);
    }
    if (isPromise(answer)) return this.#awaited(operation, answer, deadline, opensBreaker);
    if (this.#faulty) this.#recovered();
    return answer;
  }

  #awaited<T>(operation: string, answer: Promise<T>, deadline: number, opensBreaker: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const waitMs = Math.max(0, deadline - this.#clock.monotonic());
      // A call that starts near its request's deadline says nothing about the store: one contended session must not
      // shut everybody out.
      const fair = opensBreaker && waitMs >= this.#deadlineMs / 2;
      let givenUp = false;
      const cancel = this.#clock.after(waitMs, () => {
        givenUp = true;
        reject(this.#fault(operation, new Error(`no answer within ${Math.ceil(waitMs)} ms`), fair));
      });
      const failed = (error: unknown) => {
        // Told of at the deadline. It speaks of a link of back then, and must not shut a store that has come back since.
        if (givenUp) return;
        cancel();
        reject(this.#fault(operation, error, opensBreaker));
      };
      // An answer after the deadline finds the promise settled, and changes nothing but the health of the store.
      // `resolve`, because a thenable that is no promise may answer twice or throw.
      Promise.resolve(answer).then((value) => {
        cancel();
        if (this.#faulty) this.#recovered();
        resolve(value);
      }, failed);
    });
  }

  /** For an answer that the contract does not have: what the store did is not known. */
  misanswered(operation: string, answer: unknown): SessionError {
    return this.#fault(operation, new Error(`it answered with ${describe(answer)}`));
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

  #fault(operation: string, error: unknown, opensBreaker = true): SessionError {
    // A store that says it is full, or that one record is beyond it, is up: refusing everything else for a while would
    // turn a limit or one bad record into an outage.
    if (error instanceof SessionError && answersOfAHealthyStore.has(error.code)) return error;
    const cause = errorOf(error);
    if (opensBreaker) {
      this.#faulty = true;
      this.#probeAt = this.#clock.monotonic() + probeEveryMs;
    }
    this.#events.emit({ type: 'store-fault', store: this.#store, operation, error: cause });
    const reads = operation === 'read';
    return new SessionError(
      'ERR_SESSION_STORE_UNAVAILABLE',
      `The ${this.#store} store failed at '${operation}': ${reasonOf(cause)}.${reads ? '' : ' Whether the change was stored is not known.'}`,
      { cause, outcome: reads ? 'not-applied' : 'unknown' },
    );
  }

  #recovered(): void {
    this.#faulty = false;
    this.#events.emit({ type: 'store-recovered', store: this.#store });
  }
}

/** Clients reject with anything, and what throws again here would leave the request without an answer. */
function errorOf(thrown: unknown): Error {
  if ((isNativeError(thrown) || thrown instanceof Error) && typeof thrown.message === 'string') return thrown;
  return new Error(typeof thrown === 'string' ? thrown : describe(thrown));
}

/** Where a name has several addresses, Node's connection error has no message of its own, only a code. */
const reasonOf = (cause: Error): string => cause.message || String((cause as { code?: unknown }).code ?? cause.name);
