/** Commits of one session queue within a process: side by side they would only meet each other's conflicts. */
import type { SessionHandle } from './handle.js';
import type { SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import { busy } from './refusals.js';
import type { StoreGuard } from './store-guard.js';

export class CommitQueue {
  readonly #guard: StoreGuard;
  /** The last commit under way of each stored session. Empty when nothing is under way. */
  readonly #queues = new Map<SessionId, Promise<void>>();

  constructor(guard: StoreGuard) {
    this.#guard = guard;
  }

  isEmptyFor(handle: SessionHandle): boolean {
    return this.#before(handle) === undefined;
  }

  /** Runs one commit of this session after the ones before it, or fails once it has waited for longer than a store may take. */
  queued<Done extends void | Promise<void>>(handle: SessionHandle, work: () => Done): Done | Promise<void> {
    const id = handle.stored?.id;
    const before = this.#before(handle);
    const mine = before ? this.#after(before, work) : work();
    if (!isPromise(mine)) return mine;
    handle.queue = mine;
    if (id !== undefined) this.#queues.set(id, mine);
    const forget = () => {
      if (handle.queue === mine) handle.queue = undefined;
      if (id !== undefined && this.#queues.get(id) === mine) this.#queues.delete(id);
    };
    mine.then(forget, forget);
    return mine;
  }

  /**
   * What was asked for on the same session, and in the same request. The one does not imply the other: a request may
   * store a session, or put it under a new id, between two of its verbs, and a sign-out must not overtake the sign-in
   * before it (G2).
   */
  #before({ stored, queue }: SessionHandle): Promise<unknown> | undefined {
    const ofSession = stored && this.#queues.get(stored.id);
    if (!queue || !ofSession || queue === ofSession) return queue ?? ofSession;
    return Promise.allSettled([queue, ofSession]);
  }

  #after(before: Promise<unknown>, work: () => void | Promise<void>): Promise<void> {
    const deadline = this.#guard.deadline();
    const inTurn = () => {
      if (this.#guard.isPast(deadline)) throw busy();
      return work();
    };
    return before.then(inTurn, inTurn);
  }
}
