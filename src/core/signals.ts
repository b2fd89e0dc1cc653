/**
 * `info.signal`: sockets, streams and long requests learn that their session is over, also when another process
 * ended it. Where the store pushes changes they are heard at once; elsewhere each watched session is read again every
 * second. Bounded by the responses that are open.
 */
import type { Clock } from './clock.js';
import type { SessionHandle } from './handle.js';
import type { SessionId } from './ids.js';
import type { Notices, NoticeUser } from './notices.js';
import { endedError } from './refusals.js';

const checkEveryMs = 1_000;

/** A response that is open for so long is worth a read, from which on a store that pushes tells of changes. */
const firstCheckMs = 100;

export type Lives =
  | { readonly alive: true; readonly until: number }
  | { readonly alive: false; readonly reason: string };

interface Watched {
  readonly handles: Set<SessionHandle>;
  /** When the session may have expired, as far as is known: until then a store that pushes needs no asking. */
  until: number;
}

export class Signals implements NoticeUser {
  readonly #notices: Notices;
  readonly #clock: Clock;
  readonly #lives: (id: SessionId) => Promise<Lives>;
  /** Runs when a session is followed. */
  readonly #followed: () => void;
  readonly #watched = new Map<SessionId, Watched>();
  /** Under which id each handle is watched, so that letting go of one costs the same however many there are. */
  readonly #ids = new Map<SessionHandle, SessionId>();
  #cancelCheck: (() => void) | undefined;
  #checkAt = Number.POSITIVE_INFINITY;
  #closed = false;

  /** `lives` reads on the link where there is one: some stores push changes only of what was read there. */
  constructor(notices: Notices, clock: Clock, lives: (id: SessionId) => Promise<Lives>, followed = () => {}) {
    this.#followed = followed;
    this.#notices = notices;
    this.#clock = clock;
    this.#lives = lives;
    notices.add(this);
  }

  /** The request's own signal; made when first asked for. */
  of(handle: SessionHandle): AbortSignal {
    if (handle.abort) return handle.abort.signal;
    handle.abort = new AbortController();
    if (handle.phase === 'ended' || handle.phase === 'superseded')
      handle.abort.abort(endedError(handle.endedReason ?? 'ended'));
    else if (handle.stored) this.follow(handle, handle.stored.id);
    return handle.abort.signal;
  }

  release(handle: SessionHandle): void {
    const id = this.#ids.get(handle);
    if (id === undefined) return;
    this.#ids.delete(handle);
    const handles = this.#watched.get(id)?.handles;
    handles?.delete(handle);
    if (handles?.size === 0) this.#watched.delete(id);
    if (this.#watched.size === 0) this.#stopChecking();
  }

  /** This request goes on with the session `id`: begun or replaced by it. Nothing to do where nobody holds the signal. */
  follow(handle: SessionHandle, id: SessionId): void {
    this.release(handle);
    // An aborted signal stays so; whoever asks again gets that of the new session.
    if (handle.abort?.signal.aborted) handle.abort = undefined;
    // After its response nobody would let go of the handle again.
    if (!handle.abort || handle.released || this.#closed) return;
    this.#ids.set(handle, id);
    this.#followed();
    const watched = this.#watched.get(id);
    if (watched) watched.handles.add(handle);
    else this.#watched.set(id, { handles: new Set([handle]), until: 0 });
    if (!this.#notices.pushed) return this.#scheduleCheck(checkEveryMs);
    this.#notices.wake();
    this.#scheduleCheck(firstCheckMs);
  }

  heard(id: SessionId | 'all'): void {
    if (id === 'all') for (const watched of this.#watched.keys()) void this.#check(watched);
    else if (this.#watched.has(id)) void this.#check(id);
  }

  needsNotices(): boolean {
    return this.#watched.size > 0;
  }

  ended(id: SessionId, reason: string): void {
    const watched = this.#watched.get(id);
    if (!watched) return;
    this.#watched.delete(id);
    if (this.#watched.size === 0) this.#stopChecking();
    for (const handle of watched.handles) {
      this.#ids.delete(handle);
      handle.endedReason = reason;
      handle.abort?.abort(endedError(reason));
    }
  }

  close(): void {
    this.#closed = true;
    this.#watched.clear();
    this.#ids.clear();
    this.#stopChecking();
  }

  #scheduleCheck(inMs: number): void {
    const at = this.#clock.monotonic() + inMs;
    if (at >= this.#checkAt || this.#closed) return;
    this.#cancelCheck?.();
    this.#checkAt = at;
    this.#cancelCheck = this.#clock.after(inMs, () => {
      this.#cancelCheck = undefined;
      this.#checkAt = Number.POSITIVE_INFINITY;
      // A link that is lost in silence brings no notices: until it answers again, all are read as if there were none.
      const told = this.#notices.isFresh();
      const now = this.#clock.now();
      for (const [id, { until }] of this.#watched) {
        if (!told || now >= until) void this.#check(id);
      }
      if (this.#watched.size > 0) this.#scheduleCheck(checkEveryMs);
    });
  }

  #stopChecking(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
    this.#checkAt = Number.POSITIVE_INFINITY;
    this.#notices.rest();
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
