/**
 * Reads on the link that have no answer yet: requests that come together share one, and a notice that comes before the
 * answer says that the answer may be older than the change. Bounded by the requests that are open.
 */
import type { Clock } from './clock.js';
import type { SessionId } from './ids.js';
import { leaseMs } from './notices.js';

export interface ReadUnderWay<Answer> {
  readonly id: SessionId;
  /** The tag on whose account it was begun; see cache.ts. */
  readonly tag: string | undefined;
  readonly sentAt: number;
  readonly sentWallAt: number;
  /** A notice came since it was sent. */
  overtaken: boolean;
  /** For requests that come while it is under way. */
  answer: Promise<Answer> | undefined;
  /** An earlier one of the same session that is still under way. */
  before: ReadUnderWay<Answer> | undefined;
}

export class ReadsUnderWay<Answer> {
  readonly #clock: Clock;
  /** The latest of each session. */
  readonly #latest = new Map<SessionId, ReadUnderWay<Answer>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before a read is sent. */
  begin(id: SessionId, tag: string | undefined): ReadUnderWay<Answer> {
    const read: ReadUnderWay<Answer> = {
      id,
      tag,
      sentAt: this.#clock.monotonic(),
      sentWallAt: this.#clock.now(),
      overtaken: false,
      answer: undefined,
      before: this.#latest.get(id),
    };
    this.#latest.set(id, read);
    return read;
  }

  /** One that a request may share: not overtaken, not older than the lease allows, and not from before the request's tag. */
  joinable(id: SessionId, tag: string | undefined): Promise<Answer> | undefined {
    const read = this.#latest.get(id);
    if (!read || read.overtaken || (tag !== undefined && tag !== read.tag)) return undefined;
    const wallAge = this.#clock.now() - read.sentWallAt;
    if (this.#clock.monotonic() - read.sentAt > leaseMs || wallAge < 0 || wallAge > leaseMs) return undefined;
    return read.answer;
  }

  overtake(id: SessionId | 'all'): void {
    if (id === 'all') for (const latest of this.#latest.values()) markAll(latest);
    else markAll(this.#latest.get(id));
  }

  end(read: ReadUnderWay<Answer>): void {
    const latest = this.#latest.get(read.id);
    if (latest === read) {
      if (read.before) this.#latest.set(read.id, read.before);
      else this.#latest.delete(read.id);
      return;
    }
    for (let later = latest; later; later = later.before) {
      if (later.before === read) later.before = read.before;
    }
  }
}

function markAll(latest: ReadUnderWay<unknown> | undefined): void {
  for (let read = latest; read; read = read.before) read.overtaken = true;
}
