/**
 * Sessions in the memory of one process: bytes, never live objects. Every method answers at once, so that a request
 * meets no promise on the way. All is lost when the process ends, and no other process sees it.
 *
 * Bounded: `maxSessions` records, as many markers and as many owner marks, `maxBytes` of payload. When full, records
 * past their deadline go first; then anonymous sessions, least recently written first, without a marker. A session
 * with an owner is never evicted: creating then fails with ERR_SESSION_STORE_FULL. Where markers overflow, the oldest
 * is forgotten, and with it why that session ended; the session stays gone. Where owner marks overflow, a sign-in that
 * began before the oldest `endByOwner` is no longer barred.
 *
 * Atomic: every method, since none waits. Bytes are copied on their way in and on their way out: an array can't be
 * frozen, and a caller that decrypts in place must not change what is stored.
 */
import { type Clock, systemClock } from '../core/clock.js';
import { SessionError } from '../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../core/ids.js';
import { callable, takeOptions, wholeNumber } from '../core/options.js';
import type {
  CreateResult,
  Ended,
  Ending,
  OwnerIndexed,
  Owning,
  ReplaceResult,
  Scannable,
  SessionStore,
  StoredEntry,
  StoredRecord,
  Sweepable,
  UpdateResult,
  Watch,
  Watchable,
} from '../core/store.js';
import { cost, type Limits, type Session, Shelf } from './memory/shelf.js';

export interface MemoryStoreOptions {
  /** The most sessions kept at once. Default 100000. */
  readonly maxSessions?: number | undefined;
  /** The most bytes of payload, counting 512 for each session beside its own. Default 268435456 (256 MiB). */
  readonly maxBytes?: number | undefined;
  /** Says which records have expired when the store is full. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

type Sync<Store> = {
  [Name in keyof Store]: Store[Name] extends (...args: infer Args) => infer Answer
    ? (...args: Args) => Awaited<Answer>
    : Store[Name];
};

/** A store whose every method answers at once. */
export type MemoryStore = Sync<SessionStore & OwnerIndexed & Scannable & Sweepable & Watchable>;

/**
 * Keeps sessions in this process. Throws ERR_SESSION_OPTION for an option that it does not know or can't use. Its
 * `create`, `update` and `replace` throw ERR_SESSION_STORE_FULL when only signed-in sessions are left to evict.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const given = takeOptions<MemoryStoreOptions>(options, ['maxSessions', 'maxBytes', 'clock'], 'memoryStore');
  const clock = given.clock ?? systemClock;
  callable(clock.now, 'memoryStore: clock.now');
  callable(clock.monotonic, 'memoryStore: clock.monotonic');
  return new Memory({
    maxSessions: wholeNumber(given.maxSessions ?? 100_000, 'memoryStore: maxSessions', 1, 2 ** 23),
    maxBytes: wholeNumber(given.maxBytes ?? 256 * 1024 * 1024, 'memoryStore: maxBytes', 1024, Number.MAX_SAFE_INTEGER),
    clock,
  });
}

const pageSize = 500;

interface Kept {
  readonly keepUntil: number;
}

class Memory implements MemoryStore {
  readonly name = 'memory';
  readonly networked = false;
  readonly #maxSessions: number;
  readonly #shelf: Shelf;
  readonly #markers = new Map<SessionId, Kept & { readonly ended: Ended }>();
  readonly #marks = new Map<OwnerHash, Kept & { readonly at: number }>();
  readonly #listeners = new Set<(id: SessionId | 'all') => void>();

  constructor(limits: Limits) {
    this.#maxSessions = limits.maxSessions;
    this.#shelf = new Shelf(limits, (id) => this.#notify(id));
  }

  create(id: SessionId, record: StoredRecord, owning?: Owning): CreateResult {
    const session = this.#shelf.sessions.get(id);
    if (session) return session.version === record.version ? 'created' : 'exists';
    if (this.#markers.has(id)) return 'exists';
    const evicted = this.#admit(record.owner, owning);
    if (typeof evicted === 'string') return evicted;
    this.#shelf.makeRoom(1 - evicted.length, cost(record) - this.#shelf.costOf(evicted));
    this.#evict(evicted, owning);
    this.#shelf.insert(id, record);
    return 'created';
  }

  read(id: SessionId): StoredRecord | Ended | undefined {
    const session = this.#shelf.sessions.get(id);
    return session ? toRecord(session) : this.#markers.get(id)?.ended;
  }

  update(id: SessionId, record: StoredRecord, expected: Version): UpdateResult {
    const session = this.#shelf.sessions.get(id);
    if (!session) return 'gone';
    if (session.version === record.version) return 'updated';
    if (session.version !== expected) return { conflict: toRecord(session) };
    const growth = record.bytes.length - session.bytes.length;
    if (growth > 0) this.#shelf.makeRoom(0, growth, id);
    this.#shelf.write(id, session, record);
    this.#notify(id);
    return 'updated';
  }

  touch(id: SessionId, idleDeadline: number): 'touched' | 'gone' {
    const session = this.#shelf.sessions.get(id);
    if (!session) return 'gone';
    this.#shelf.use(id, session, idleDeadline);
    return 'touched';
  }

  end(id: SessionId, ending: Ending): boolean {
    this.#end(id, ending);
    return this.#markers.has(id);
  }

  replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): ReplaceResult {
    const old = this.#shelf.sessions.get(oldId);
    const taken = this.#shelf.sessions.get(id);
    if (!old) return taken?.version === record.version ? 'replaced' : 'gone';
    if (old.version !== expected) return { conflict: toRecord(old) };
    if (taken || this.#markers.has(id)) return 'exists';
    const evicted = this.#admit(record.owner, owning, oldId);
    if (typeof evicted === 'string') return evicted;
    const leaving = [oldId, ...evicted];
    this.#shelf.makeRoom(1 - leaving.length, cost(record) - this.#shelf.costOf(leaving), oldId);
    this.#evict(evicted, owning);
    this.#end(oldId, ending);
    this.#shelf.insert(id, record);
    return 'replaced';
  }

  listByOwner(owner: OwnerHash): readonly StoredEntry[] {
    return this.#shelf.ownedBy(owner).flatMap((id) => {
      const session = this.#shelf.sessions.get(id);
      return session ? { id, record: toRecord(session) } : [];
    });
  }

  endByOwner(owner: OwnerHash, ending: Ending, options?: { readonly except?: SessionId }): readonly SessionId[] {
    const before = this.#marks.get(owner) ?? ending;
    keepLast(this.#marks, this.#maxSessions, owner, {
      at: Math.max(ending.at, before.at),
      keepUntil: Math.max(ending.keepUntil, before.keepUntil),
    });
    const ids = this.#shelf.ownedBy(owner).filter((id) => id !== options?.except);
    for (const id of ids) this.#end(id, ending);
    return ids;
  }

  /** A page costs a walk from the start, which is cheap, and nothing is kept between pages. */
  scan(cursor?: string): { readonly entries: readonly StoredEntry[]; readonly cursor?: string } {
    const after = cursor === undefined ? 0 : Number(cursor);
    if (!Number.isSafeInteger(after)) {
      throw new SessionError(
        'ERR_SESSION_ARGUMENT',
        'scan: expected a cursor that scan() answered. Start without one.',
      );
    }
    const entries: StoredEntry[] = [];
    for (const [id, session] of this.#shelf.sessions) {
      if (session.serial <= after) continue;
      entries.push({ id, record: toRecord(session) });
      if (entries.length === pageSize) return { entries, cursor: String(session.serial) };
    }
    return { entries };
  }

  sweep(now: number, limit: number): number {
    let removed = this.#shelf.sweep(now, limit);
    removed += forgetExpired(this.#markers, now, limit - removed);
    return removed + forgetExpired(this.#marks, now, limit - removed);
  }

  /** Notices arrive before the call that caused them returns. */
  watch(onChange: (id: SessionId | 'all') => void): Watch {
    const listener = (id: SessionId | 'all') => onChange(id);
    this.#listeners.add(listener);
    return {
      read: (id) => this.read(id),
      heartbeat: () => undefined,
      close: () => void this.#listeners.delete(listener),
    };
  }

  /** Whose sessions must end so that one more fits, or why there can't be one more. */
  #admit(
    owner: OwnerHash | undefined,
    owning: Owning | undefined,
    leaving?: SessionId,
  ): SessionId[] | 'limit' | 'barred' {
    if (owner === undefined || owning === undefined) return [];
    const mark = this.#marks.get(owner);
    if (mark && owning.startedAt <= mark.at && owning.now < mark.keepUntil) return 'barred';
    const { limit, now, onExceed } = owning;
    if (limit === undefined) return [];
    const live = this.#shelf
      .ownedBy(owner)
      .filter((id) => id !== leaving && (this.#shelf.sessions.get(id)?.idleDeadline ?? 0) > now);
    if (live.length < limit) return [];
    return onExceed === 'evict-oldest' && limit >= 1 ? live.slice(0, live.length + 1 - limit) : 'limit';
  }

  #evict(ids: readonly SessionId[], owning: Owning | undefined): void {
    if (!owning) return;
    const { now, keepUntil = now } = owning;
    for (const id of ids) this.#end(id, { reason: 'evicted', at: now, keepUntil });
  }

  #end(id: SessionId, { reason, at, keepUntil }: Ending): void {
    const session = this.#shelf.sessions.get(id);
    if (!session) return;
    this.#shelf.drop(id, session);
    keepLast(this.#markers, this.#maxSessions, id, { ended: Object.freeze({ ended: reason, at }), keepUntil });
    this.#notify(id);
  }

  /** A listener that throws is reported as a process warning: the write that it was told of has happened. */
  #notify(id: SessionId): void {
    for (const listener of this.#listeners) {
      try {
        listener(id);
      } catch (error) {
        process.emitWarning(`holdfast: a listener of memoryStore threw: ${String(error)}`);
      }
    }
  }
}

/** Hot path: two literals, so that each shape is made in one step. */
function toRecord({ bytes, version, idleDeadline, owner }: Session): StoredRecord {
  const copy = new Uint8Array(bytes);
  return owner === undefined ? { bytes: copy, version, idleDeadline } : { bytes: copy, version, idleDeadline, owner };
}

/** Sets a key as the newest one, and forgets the oldest beyond `most`. */
function keepLast<Key, Value>(kept: Map<Key, Value>, most: number, key: Key, value: Value): void {
  kept.delete(key);
  for (const oldest of kept.keys()) {
    if (kept.size < most) break;
    kept.delete(oldest);
  }
  kept.set(key, value);
}

function forgetExpired<Key>(kept: Map<Key, Kept>, now: number, limit: number): number {
  let removed = 0;
  for (const [key, { keepUntil }] of kept) {
    if (removed >= limit) break;
    if (keepUntil > now) continue;
    kept.delete(key);
    removed++;
  }
  return removed;
}
