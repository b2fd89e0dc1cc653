/** Commits of one session queue within a process: side by side they would only meet each other's conflicts. */
import type { SessionHandle } from './handle.js';
import type { SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import { busy } from './refusals.js';
import type { StoreGuard } from './store-guard.js';

export class CommitQueue {
  readonly #guard: StoreGuard;
  /** The last commit under way of each session. Empty when nothing is under way. */
  readonly #queues = new Map<SessionId | SessionHandle, Promise<void>>();

  constructor(guard: StoreGuard) {
    this.#guard = guard;
  }

  isEmptyFor(handle: SessionHandle): boolean {
    return !this.#queues.has(keyOf(handle));
  }

  /** Runs one commit of this session after the ones before it, or fails once it has waited for longer than a store may take. */
  queued<Done extends void | Promise<void>>(handle: SessionHandle, work: () => Done): Done | Promise<void> {
    const key = keyOf(handle);
    const before = this.#queues.get(key);
    const mine = before ? this.#after(before, work) : work();
    if (!isPromise(mine)) return mine;
    this.#queues.set(key, mine);
    const forget = () => void (this.#queues.get(key) === mine && this.#queues.delete(key));
    mine.then(forget, forget);
    return mine;
  }

  #after(before: Promise<void>, work: () => void | Promise<void>): Promise<void> {
    const deadline = this.#guard.deadline();
    const inTurn = () => {
      if (this.#guard.isPast(deadline)) throw busy();
      return work();
    };
    return before.then(inTurn, inTurn);
  }
}

/** A session that is not stored yet is this request's own: its commits queue by the handle. */
const keyOf = (handle: SessionHandle): SessionId | SessionHandle => handle.stored?.id ?? handle;
