/**
 * `info.signal`: sockets, streams and long requests learn that their session is over, also when another process
 * ended it. Where the store pushes changes they are heard at once; elsewhere each watched session is read again every
 * second. Bounded by the responses that are open.
 */
import type { Clock } from './clock.js';
import type { SessionHandle } from './handle.js';
import type { SessionId } from './ids.js';
import { endedError } from './refusals.js';
import { isWatchable, type SessionStore, type Watch } from './store.js';

const checkEveryMs = 1_000;

export type Lives =
  | { readonly alive: true; readonly until: number }
  | { readonly alive: false; readonly reason: string };

interface Watched {
  readonly handles: Set<SessionHandle>;
  /** When the session may have expired, as far as is known: until then a store that pushes needs no asking. */
  until: number;
}

export class Signals {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #lives: (id: SessionId) => Promise<Lives>;
  readonly #watched = new Map<SessionId, Watched>();
  #watch: Promise<Watch | undefined> | undefined;
  #pushed = false;
  #cancelCheck: (() => void) | undefined;
  #closed = false;

  constructor(store: SessionStore, clock: Clock, lives: (id: SessionId) => Promise<Lives>) {
    this.#store = store;
    this.#clock = clock;
    this.#lives = lives;
  }

  /** The request's own signal; made when first asked for. */
  of(handle: SessionHandle): AbortSignal {
    if (handle.abort) return handle.abort.signal;
    handle.abort = new AbortController();
    if (handle.phase === 'ended' || handle.phase === 'superseded')
      handle.abort.abort(endedError(handle.endedReason ?? 'ended'));
    else if (handle.stored) this.#add(handle, handle.stored.id);
    return handle.abort.signal;
  }

  release(handle: SessionHandle): void {
    for (const [id, { handles }] of this.#watched) {
      if (handles.delete(handle) && handles.size === 0) this.#watched.delete(id);
    }
    if (this.#watched.size === 0) this.#stopChecking();
  }

  /** `handle` replaced the session: it goes on with the new one, everybody else on the old one is told. */
  moved(handle: SessionHandle, oldId: SessionId, id: SessionId): void {
    this.#watched.get(oldId)?.handles.delete(handle);
    this.ended(oldId, 'replaced');
    if (handle.abort) this.#add(handle, id);
  }

  ended(id: SessionId, reason: string): void {
    const watched = this.#watched.get(id);
    if (!watched) return;
    this.#watched.delete(id);
    if (this.#watched.size === 0) this.#stopChecking();
    for (const handle of watched.handles) {
      handle.endedReason = reason;
      handle.abort?.abort(endedError(reason));
    }
  }

  close(): void {
    this.#closed = true;
    this.#watched.clear();
    this.#stopChecking();
    void this.#watch?.then((watch) => watch?.close());
  }

  #add(handle: SessionHandle, id: SessionId): void {
    const watched = this.#watched.get(id);
    if (watched) watched.handles.add(handle);
    else this.#watched.set(id, { handles: new Set([handle]), until: 0 });
    this.#listen();
    this.#scheduleCheck();
  }

  #listen(): void {
    const store = this.#store;
    if (this.#watch || !isWatchable(store)) return;
    this.#watch = (async () => {
      try {
        const watch = await store.watch((id) => {
          if (id === 'all') for (const known of this.#watched.keys()) void this.#check(known);
          else if (this.#watched.has(id)) void this.#check(id);
        });
        this.#pushed = true;
        return watch;
      } catch {
        this.#watch = undefined;
        return undefined;
      }
    })();
  }

  #scheduleCheck(): void {
    if (this.#cancelCheck || this.#closed) return;
    this.#cancelCheck = this.#clock.after(checkEveryMs, () => {
      this.#cancelCheck = undefined;
      const now = this.#clock.now();
      for (const [id, { until }] of this.#watched) {
        if (!this.#pushed || now >= until) void this.#check(id);
      }
      if (this.#watched.size > 0) this.#scheduleCheck();
    });
  }

  #stopChecking(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  async #check(id: SessionId): Promise<void> {
    try {
      const lives = await this.#lives(id);
      if (!lives.alive) this.ended(id, lives.reason);
      else {
        const watched = this.#watched.get(id);
        if (watched) watched.until = lives.until;
      }
    } catch {
      // The store can't say; the next check asks again, and the guard has told of the fault.
    }
  }
}
