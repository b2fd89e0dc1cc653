/** The records of a memory store and the limits on them: how many, how heavy, and who goes first when it is full. */
import type { Clock } from '../../core/clock.js';
import { SessionError } from '../../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { StoredRecord } from '../../core/store.js';

/** What a session costs beside its payload: map entries, strings, the array's own head. */
const overheadBytes = 512;
/** While full, expired records are looked for at most this often: the walk takes milliseconds, and creations may flood. */
const walkEveryMs = 1_000;
/** Sessions are filed by the minute of their deadline, so that a sweep looks at those alone that may be due. */
const minuteMs = 60_000;

export interface Session {
  /** Grows with every creation, so that a scan can go on where it stopped. */
  readonly serial: number;
  readonly owner: OwnerHash | undefined;
  bytes: Uint8Array;
  version: Version;
  idleDeadline: number;
  /** The minute under which it is filed; a use leaves it there, and the sweep that meets it moves it on. */
  filed: number;
}

export interface Limits {
  readonly maxSessions: number;
  readonly maxBytes: number;
  readonly clock: Clock;
}

export class Shelf {
  /** In order of creation. */
  readonly sessions = new Map<SessionId, Session>();
  readonly #limits: Limits;
  readonly #onEvict: (id: SessionId) => void;
  /** Those without an owner, least recently written first: the order of eviction. */
  readonly #anonymous = new Set<SessionId>();
  readonly #owners = new Map<OwnerHash, Set<SessionId>>();
  #serial = 0;
  #bytes = 0;
  #anonymousBytes = 0;
  /** By minute. Prevents: a walk over a million sessions, a tenth of a second in which nobody is answered, every minute. */
  readonly #filed = new Map<number, Map<SessionId, Session>>();
  #walkedAt = Number.NEGATIVE_INFINITY;

  constructor(limits: Limits, onEvict: (id: SessionId) => void) {
    this.#limits = limits;
    this.#onEvict = onEvict;
  }

  /** The owner's sessions, oldest first. */
  ownedBy(owner: OwnerHash): SessionId[] {
    return [...(this.#owners.get(owner) ?? [])];
  }

  insert(id: SessionId, { bytes, version, idleDeadline, owner }: StoredRecord): void {
    const serial = ++this.#serial;
    // Under no minute yet.
    const session: Session = { serial, owner, bytes: new Uint8Array(bytes), version, idleDeadline, filed: Number.NaN };
    this.sessions.set(id, session);
    this.#count(session, cost(session));
    this.#file(id, session);
    if (owner === undefined) {
      this.#anonymous.add(id);
      return;
    }
    const owned = this.#owners.get(owner);
    if (owned) owned.add(id);
    else this.#owners.set(owner, new Set([id]));
  }

  /** New content for a session, in the room that `makeRoom` found. */
  write(id: SessionId, session: Session, record: StoredRecord): void {
    this.#count(session, record.bytes.length - session.bytes.length);
    session.bytes = new Uint8Array(record.bytes);
    session.version = record.version;
    this.use(id, session, record.idleDeadline);
  }

  /** Moves the deadline, never back, and makes the session the last to be evicted. */
  use(id: SessionId, session: Session, idleDeadline: number): void {
    if (idleDeadline > session.idleDeadline) session.idleDeadline = idleDeadline;
    if (this.#anonymous.delete(id)) this.#anonymous.add(id);
  }

  drop(id: SessionId, session: Session): void {
    this.sessions.delete(id);
    this.#count(session, -cost(session));
    this.#unfile(id, session);
    this.#anonymous.delete(id);
    if (session.owner === undefined) return;
    const owned = this.#owners.get(session.owner);
    owned?.delete(id);
    if (owned?.size === 0) this.#owners.delete(session.owner);
  }

  costOf(ids: readonly SessionId[]): number {
    return ids.reduce((sum, id) => sum + cost(this.sessions.get(id)), 0);
  }

  /** Frees room for so many sessions and bytes more, or throws and has evicted nobody. `keep` is not evicted. */
  makeRoom(sessions: number, bytes: number, keep?: SessionId): void {
    const { maxSessions, maxBytes } = this.#limits;
    const fits = (fewer = 0, lighter = 0) =>
      this.sessions.size - fewer + sessions <= maxSessions && this.#bytes - lighter + bytes <= maxBytes;
    if (fits()) return;
    this.#dropExpired(keep);
    const kept = keep !== undefined && this.#anonymous.has(keep) ? keep : undefined;
    const evictable = this.#anonymous.size - (kept ? 1 : 0);
    if (!fits(evictable, this.#anonymousBytes - cost(kept && this.sessions.get(kept)))) throw this.#full(bytes);
    for (const id of this.#anonymous) {
      if (fits()) return;
      const session = id === keep ? undefined : this.sessions.get(id);
      if (!session) continue;
      this.drop(id, session);
      this.#onEvict(id);
    }
  }

  /** Removes at most `limit` records that have expired by `now`, except `keep`, and says how many. */
  sweep(now: number, limit: number, keep?: SessionId): number {
    let removed = 0;
    for (const [minute, due] of this.#filed) {
      if (minute * minuteMs > now) continue;
      for (const [id, session] of due) {
        if (session.idleDeadline > now || id === keep) this.#file(id, session);
        else if (removed === limit) return limit;
        else {
          this.drop(id, session);
          removed++;
        }
      }
    }
    return removed;
  }

  /** What is no moment at all has expired, and is filed where every sweep looks. */
  #file(id: SessionId, session: Session): void {
    const minute = Math.floor(session.idleDeadline / minuteMs) || 0;
    // It must not come up again in the walk that met it.
    if (minute === session.filed) return;
    this.#unfile(id, session);
    session.filed = minute;
    this.#filed.set(minute, (this.#filed.get(minute) ?? new Map()).set(id, session));
  }

  #unfile(id: SessionId, { filed }: Session): void {
    const due = this.#filed.get(filed);
    if (due?.delete(id) && !due.size) this.#filed.delete(filed);
  }

  #dropExpired(keep: SessionId | undefined): void {
    const { clock } = this.#limits;
    const monotonic = clock.monotonic();
    if (monotonic - this.#walkedAt < walkEveryMs) return;
    this.#walkedAt = monotonic;
    this.sweep(clock.now(), Number.POSITIVE_INFINITY, keep);
  }

  #count(session: Session, bytes: number): void {
    this.#bytes += bytes;
    if (session.owner === undefined) this.#anonymousBytes += bytes;
  }

  #full(bytes: number): SessionError {
    const { maxSessions, maxBytes } = this.#limits;
    return new SessionError(
      'ERR_SESSION_STORE_FULL',
      `memoryStore is full, and evicts anonymous sessions only: ${this.sessions.size} sessions (maxSessions ` +
        `${maxSessions}), ${this.#bytes} bytes (maxBytes ${maxBytes}), ${Math.max(bytes, 0)} bytes to add. Raise ` +
        "the limit that is reached, shorten 'idle', or use lmdbStore().",
      { outcome: 'not-applied' },
    );
  }
}

/** Of a record or a session; nothing for none. */
export function cost(held: { readonly bytes: Uint8Array } | undefined): number {
  return held ? held.bytes.length + overheadBytes : 0;
}
