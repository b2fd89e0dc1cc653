/**
 * The one link on which a store pushes changes, shared by all who must hear of them, and the lease that says how far
 * what was heard can be relied on.
 *
 * A heartbeat is answered when every notice sent before it has been heard. So at `now`, whoever has acted on all
 * notices knows of every change that was acknowledged before the send time of the last answered heartbeat; as long as
 * that is at most `leaseMs` ago, nothing known is staler than that. The lease is checked when it is used, never by a
 * timer: a process that was stopped, or a machine that slept, wakes with its timers late. It is checked by both clocks:
 * the monotonic one stands still while a machine sleeps, and the wall clock can be set.
 */
import type { Clock } from './clock.js';
import type { SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import { isWatchable, type SessionStore, type Watch, type Watchable } from './store.js';

/** The most by which anything known by notices may lag behind the store, in ms, also when the link is lost. */
export const leaseMs = 2_000;

/** Three beats in a row may be late or lost before the lease of a working link lapses. */
const beatEveryMs = 500;

/** So long after a failed attempt the store is asked for a link again. */
const retryEveryMs = 1_000;

/** A link on which no beat was answered for so long, although beats were sent, is given up for a new one. */
const silentForMs = 2 * leaseMs;

export interface NoticeUser {
  /** The session with this id changed or ended, or, with `all`, any may have: notices may have been lost. */
  heard(id: SessionId | 'all'): void;
  /** Whether it relies on the link now; while nobody does, no beats are sent. */
  needsNotices(): boolean;
}

export class Notices {
  readonly #store: (SessionStore & Watchable) | undefined;
  readonly #clock: Clock;
  readonly #users: NoticeUser[] = [];
  #link: Watch | undefined;
  #connecting: Promise<void> | undefined;
  #retryAt = Number.NEGATIVE_INFINITY;
  #cancelTick: (() => void) | undefined;
  /** When the last answered beat was sent, by both clocks. */
  #beatAt = Number.NEGATIVE_INFINITY;
  #beatWallAt = Number.NEGATIVE_INFINITY;
  /** When the first of the beats that nothing has answered yet was sent. */
  #waitingSince: number | undefined;
  #closed = false;

  constructor(store: SessionStore, clock: Clock) {
    this.#store = isWatchable(store) ? store : undefined;
    this.#clock = clock;
  }

  /** Whether the store pushes changes at all. */
  get pushed(): boolean {
    return this.#store !== undefined;
  }

  /** The link, once it is there. Reads on it can't be overtaken by a notice unheard. */
  get link(): Watch | undefined {
    return this.#link;
  }

  add(user: NoticeUser): void {
    this.#users.push(user);
  }

  /** Whether everything acknowledged up to `leaseMs` ago has been heard. Hot path. */
  isFresh(now = this.#clock.now(), monotonic = this.#clock.monotonic()): boolean {
    const wallAge = now - this.#beatWallAt;
    // A wall clock that is behind the beat was set back, and may hide a sleep.
    return monotonic - this.#beatAt <= leaseMs && wallAge >= 0 && wallAge <= leaseMs;
  }

  /** Somebody relies on the link from now on. Free while it is up. */
  wake(): void {
    if (this.#cancelTick || !this.#store || this.#closed) return;
    this.#tick();
  }

  /** Somebody does no longer rely on it. */
  rest(): void {
    if (this.#isNeeded()) return;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#beatAt = Number.NEGATIVE_INFINITY;
    await this.#connecting;
    const link = this.#link;
    this.#link = undefined;
    await link?.close();
  }

  #isNeeded(): boolean {
    return this.#users.some((user) => user.needsNotices());
  }

  #tick(): void {
    this.#cancelTick = undefined;
    if (this.#closed || !this.#isNeeded()) return;
    // Scheduled first: what follows may run listeners, and one of them may wake or rest.
    this.#cancelTick = this.#clock.after(beatEveryMs, () => this.#tick());
    if (this.#link) this.#beat(this.#link);
    else this.#connect();
  }

  #connect(): void {
    const store = this.#store;
    const monotonic = this.#clock.monotonic();
    if (!store || this.#connecting || monotonic < this.#retryAt) return;
    this.#retryAt = monotonic + retryEveryMs;
    try {
      const watch = store.watch((id) => this.#tell(id));
      if (!isPromise(watch)) return this.#connected(watch);
      this.#connecting = watch
        .then(
          (link) => this.#connected(link),
          () => undefined,
        )
        .finally(() => {
          this.#connecting = undefined;
        });
    } catch {
      // Without a link every request asks the store, which says itself what is wrong with it.
    }
  }

  #connected(link: Watch): void {
    this.#link = link;
    this.#waitingSince = undefined;
    // What was known from before was not under this link's eyes.
    this.#tell('all');
    if (!this.#closed) this.#beat(link);
  }

  #beat(link: Watch): void {
    const monotonic = this.#clock.monotonic();
    const now = this.#clock.now();
    if (this.#waitingSince !== undefined && monotonic - this.#waitingSince > silentForMs) return this.#giveUp(link);
    this.#waitingSince ??= monotonic;
    const answered = (): void => {
      if (link !== this.#link || monotonic < this.#beatAt) return;
      this.#beatAt = monotonic;
      this.#beatWallAt = now;
      this.#waitingSince = undefined;
    };
    try {
      const answer = link.heartbeat();
      if (isPromise(answer)) answer.then(answered, () => this.#lost(link));
      else answered();
    } catch {
      this.#lost(link);
    }
  }

  /** The store mends its link by itself; until a beat is answered again, nothing is relied on. */
  #lost(link: Watch): void {
    if (link !== this.#link) return;
    this.#beatAt = Number.NEGATIVE_INFINITY;
    this.#waitingSince = undefined;
    this.#tell('all');
  }

  /** Half-open: the other end is gone, and this end may not notice for minutes. */
  #giveUp(link: Watch): void {
    this.#lost(link);
    this.#link = undefined;
    const ignore = (): void => undefined;
    try {
      const closing = link.close();
      if (isPromise(closing)) closing.then(ignore, ignore);
    } catch {
      // It is not used any more.
    }
    this.#connect();
  }

  #tell(id: SessionId | 'all'): void {
    for (const user of this.#users) user.heard(id);
  }
}
