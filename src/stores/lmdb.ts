/**
 * Sessions in a folder on a local disk, shared by all processes of a machine, by way of the `lmdb` package
 * (`npm install lmdb`). Needs no server; a network file system does not do, since its locks don't reach other machines.
 *
 * Tables of the one LMDB environment, each a B+ tree; all that a method changes is in one transaction:
 *
 *   sessions  id                       -> record or marker (bytes: lmdb/layout.ts)
 *   owners    [owner, serial]          -> id; in order of creation
 *   marks     owner                    -> ended at, keep until, indexed at
 *   expiry    [moment, 's'|'m', name]  -> nothing; one entry for each of `sessions` and `marks`. The moment may be too
 *                                         early, never too late: a touch leaves it, the sweep that meets it moves it on
 *   meta      format; counters (last serial, bytes stored); sweeper (who sweeps, until when)
 *
 * Reads are synchronous and see every change that was acknowledged to any process before they began. Changes answer by
 * promise; those asked for at the same time share a transaction, and one writes at a time on the machine.
 *
 * Acknowledged means committed *and* flushed to the disk: a process that is killed and a power cut lose nothing that was
 * acknowledged, as far as the disk keeps what it says it has written. What was not acknowledged is there wholly or not
 * at all. A change may be visible to other processes shortly before it is acknowledged.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { type Duration, durationMs } from '../core/duration.js';
import { describe, SessionError } from '../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../core/ids.js';
import { takeOptions, wholeNumber } from '../core/options.js';
import {
  type CreateResult,
  type Ended,
  type Ending,
  isEnded,
  type OwnerIndexed,
  type Owning,
  type ReplaceResult,
  type Scannable,
  type SessionStore,
  type StoredEntry,
  type StoredRecord,
  type Sweepable,
  type UpdateResult,
} from '../core/store.js';
import { Batches } from './lmdb/batches.js';
import { decode } from './lmdb/layout.js';
import { Ledger } from './lmdb/ledger.js';
import { openTables, type Tables } from './lmdb/open.js';

export interface LmdbStoreOptions {
  /** A folder on a local disk; made, readable by this user only, if it is not there. */
  readonly path: string;
  /**
   * The most bytes of sessions and markers, counting 256 for each beside its own; the file takes up to about twice that,
   * and does not shrink. When full, creating and growing fail with ERR_SESSION_STORE_FULL. Default 1073741824 (1 GiB).
   */
  readonly maxBytes?: number | undefined;
  /** Of the processes that share the folder, the one that sweeps goes on sweeping until it has not for so long. Default `'2m'`. */
  readonly sweepLease?: Duration | undefined;
}

export interface LmdbStore extends SessionStore, OwnerIndexed, Scannable, Sweepable {
  read(id: SessionId): StoredRecord | Ended | undefined;
  listByOwner(owner: OwnerHash): readonly StoredEntry[];
  scan(cursor?: string): { readonly entries: readonly StoredEntry[]; readonly cursor?: string };
  sweep(now: number, limit: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Opens the folder. Throws ERR_SESSION_OPTION for an option that it does not know or can't use, and
 * ERR_SESSION_STORE_UNAVAILABLE where the folder can't be written or holds something else.
 */
export function lmdbStore(options: LmdbStoreOptions): LmdbStore {
  const given = takeOptions<LmdbStoreOptions>(options, ['path', 'maxBytes', 'sweepLease'], 'lmdbStore');
  if (typeof given.path !== 'string' || given.path === '') {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `lmdbStore: path: expected the path of a folder, got ${describe(given.path)}.`,
    );
  }
  const maxBytes = wholeNumber(given.maxBytes ?? 2 ** 30, 'lmdbStore: maxBytes', 1024, Number.MAX_SAFE_INTEGER);
  const leaseMs = durationMs(given.sweepLease ?? '2m', 'lmdbStore: sweepLease', { maxMs: 86_400_000 });
  return new Lmdb(openTables(resolve(given.path)), maxBytes, leaseMs);
}

const pageSize = 250;
/** How many entries of the expiry table one transaction of a sweep looks at: others wait for the write lock meanwhile. */
const sweepBatch = 500;

class Lmdb implements LmdbStore {
  readonly name = 'lmdb';
  readonly networked = false;
  readonly #tables: Tables;
  readonly #ledger: Ledger;
  readonly #batches: Batches;
  readonly #leaseMs: number;
  readonly #sweeper = randomBytes(8).toString('latin1');
  #closing: Promise<void> | undefined;

  constructor(tables: Tables, maxBytes: number, leaseMs: number) {
    this.#tables = tables;
    this.#leaseMs = leaseMs;
    this.#ledger = new Ledger(tables, maxBytes);
    this.#batches = new Batches(tables.root, (jobs) => {
      this.#ledger.begin();
      jobs();
      this.#ledger.settle();
    });
  }

  create(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    const copy = copyOf(record);
    return this.#change(() => this.#ledger.create(id, copy, owning));
  }

  read(id: SessionId): StoredRecord | Ended | undefined {
    this.#refresh();
    const value = this.#tables.sessions.getBinaryFast(id);
    return value && decode(value);
  }

  update(id: SessionId, record: StoredRecord, expected: Version): Promise<UpdateResult> {
    const copy = copyOf(record);
    return this.#change(() => this.#ledger.update(id, copy, expected));
  }

  touch(id: SessionId, idleDeadline: number): Promise<'touched' | 'gone'> {
    return this.#change(() => this.#ledger.touch(id, idleDeadline));
  }

  end(id: SessionId, ending: Ending): Promise<boolean> {
    return this.#change(() => this.#ledger.end(id, ending));
  }

  replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): Promise<ReplaceResult> {
    const copy = copyOf(record);
    return this.#change(() => this.#ledger.replace(oldId, expected, id, copy, ending, owning));
  }

  listByOwner(owner: OwnerHash): readonly StoredEntry[] {
    this.#refresh();
    return this.#ledger.list(owner);
  }

  endByOwner(
    owner: OwnerHash,
    ending: Ending,
    options?: { readonly except?: SessionId },
  ): Promise<readonly SessionId[]> {
    return this.#change(() => this.#ledger.endByOwner(owner, ending, options?.except));
  }

  /** In order of ids. A page may be short, since markers are passed over. */
  scan(cursor?: string): { readonly entries: readonly StoredEntry[]; readonly cursor?: string } {
    this.#refresh();
    const start = cursor === undefined ? {} : { start: cursor, exclusiveStart: true };
    const entries: StoredEntry[] = [];
    let seen = 0;
    let lastKey: string | undefined;
    for (const { key, value } of this.#tables.sessions.getRange({ ...start, limit: pageSize })) {
      seen++;
      lastKey = key;
      const found = decode(value);
      if (!isEnded(found)) entries.push({ id: key as SessionId, record: found });
    }
    return seen < pageSize || lastKey === undefined ? { entries } : { entries, cursor: lastKey };
  }

  /** Answers 0 while another process holds the sweeper's lease. */
  async sweep(now: number, limit: number): Promise<number> {
    let removed = 0;
    while (removed < limit && this.#maySweep(now)) {
      const most = Math.min(limit - removed, sweepBatch);
      const batch = await this.#change(() => {
        if (!this.#holdsLease(now)) return { seen: 0, removed: 0 };
        this.#renewLease(now);
        return this.#ledger.sweep(now, most);
      });
      removed += batch.removed;
      if (batch.seen === 0) break;
    }
    // A killed process leaves its reader slot behind, and with it every page that it could still have read.
    if (removed > 0) this.#tables.root.readerCheck();
    return removed;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const clean = await this.#batches.settled();
    const closed = this.#tables.root.close();
    if (clean) await closed;
  }

  #change<Answer>(job: () => Answer): Promise<Answer> {
    if (this.#closing) return Promise.reject(closedError());
    return this.#batches.run(job);
  }

  /** lmdb keeps one snapshot for a turn of the event loop; another process may have ended the session since. */
  #refresh(): void {
    if (this.#closing) throw closedError();
    this.#tables.root.resetReadTxn();
  }

  /** Looks before it asks for the write lock: most sweeps have nothing to do. */
  #maySweep(now: number): boolean {
    this.#refresh();
    return this.#holdsLease(now) && this.#ledger.anythingDue(now);
  }

  /** True unless another holds the lease. One that ends later than a lease can is from a clock that was ahead. */
  #holdsLease(now: number): boolean {
    const lease = this.#tables.meta.getBinary('sweeper');
    if (!lease || lease.toString('latin1', 8) === this.#sweeper) return true;
    const until = lease.readDoubleLE(0);
    return until <= now || until > now + 86_400_000;
  }

  #renewLease(now: number): void {
    const lease = Buffer.alloc(16);
    lease.writeDoubleLE(now + this.#leaseMs, 0);
    lease.write(this.#sweeper, 8, 'latin1');
    this.#tables.meta.put('sweeper', lease);
  }
}

/** The write happens later, when the lock is had; until then the caller's array is the caller's. */
function copyOf(record: StoredRecord): StoredRecord {
  return { ...record, bytes: new Uint8Array(record.bytes) };
}

function closedError(): SessionError {
  return new SessionError(
    'ERR_SESSION_STORE_UNAVAILABLE',
    'lmdbStore: the store is closed. Close it after the last request.',
    { outcome: 'not-applied' },
  );
}
