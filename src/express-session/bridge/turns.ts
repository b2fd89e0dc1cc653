import type { SessionId } from '../../core/ids.js';

/** Work on the same ids runs one after another. Bounded by what is under way, which calls.ts bounds in time. */
export class Turns {
  /** The last work of each id; empty when nothing is under way. */
  readonly #last = new Map<SessionId, Promise<unknown>>();

  get size(): number {
    return this.#last.size;
  }

  take<T>(ids: readonly SessionId[], work: () => Promise<T>): Promise<T> {
    const before = ids.map((id) => this.#last.get(id));
    // Queued under all ids in one go, so that two pieces of work never wait for each other.
    const mine = before.some(Boolean) ? Promise.allSettled(before).then(work) : work();
    for (const id of ids) this.#last.set(id, mine);
    const forget = () => {
      for (const id of ids) if (this.#last.get(id) === mine) this.#last.delete(id);
    };
    mine.then(forget, forget);
    return mine;
  }
}
