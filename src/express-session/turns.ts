/** Calls for one session queue within a process: overlapping requests then build on each other instead of colliding in the store. */
import type { SessionId } from '../core/ids.js';
import type { Kept } from './sessions.js';

export interface Turn {
  /** What the calls before, still under way a moment ago, have left in the store. */
  latest: Kept | undefined;
}

interface Queue extends Turn {
  last: Promise<unknown>;
}

export class Turns {
  /** Empty when nothing is under way. */
  readonly #queues = new Map<SessionId, Queue>();

  get size(): number {
    return this.#queues.size;
  }

  take<T>(id: SessionId, work: (turn: Turn) => Promise<T>): Promise<T> {
    const known = this.#queues.get(id);
    const queue: Queue = known ?? { latest: undefined, last: Promise.resolve() };
    const inTurn = () => work(queue);
    const mine = known ? known.last.then(inTurn, inTurn) : inTurn();
    queue.last = mine;
    this.#queues.set(id, queue);
    const forget = () => void (queue.last === mine && this.#queues.delete(id));
    mine.then(forget, forget);
    return mine;
  }
}
