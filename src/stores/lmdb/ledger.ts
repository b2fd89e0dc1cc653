/**
 * What happens to the tables inside one transaction. Nothing here waits, and nothing is written before every check has
 * passed, so that a refusal leaves no trace.
 *
 * Length: every change keeps the same five tables in step, and each has to be seen beside the others.
 */
import { SessionError } from '../../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type {
  CreateResult,
  Ending,
  Owning,
  ReplaceResult,
  StoredEntry,
  StoredRecord,
  UpdateResult,
} from '../../core/store.js';
import {
  checkForm,
  deadlineOf,
  decodeRecord,
  doubles,
  encodeMarker,
  encodeRecord,
  indexedOf,
  isDamaged,
  isMarker,
  isRecord,
  movedTo,
  ownerOf,
  serialOf,
  versionOf,
} from './layout.js';
import type { Tables } from './open.js';

/** What a session takes beside its value: keys, index entries, page heads. */
const overheadBytes = 256;
const noBytes = Buffer.alloc(1);
/** Sorts behind every string that follows the same beginning of a key. */
const last = '\uffff';

export class Ledger {
  readonly #tables: Tables;
  readonly #maxBytes: number;
  /** Read when a transaction first needs them, written at its end. */
  #counters: { serial: number; bytes: number } | undefined;

  constructor(tables: Tables, maxBytes: number) {
    this.#tables = tables;
    this.#maxBytes = maxBytes;
  }

  create(id: SessionId, record: StoredRecord, owning?: Owning): CreateResult {
    const found = this.#value(id);
    if (found) return isRecord(found) && versionOf(found) === record.version ? 'created' : 'exists';
    const evicted = this.#admit(record.owner, owning);
    if (typeof evicted === 'string') return evicted;
    this.#checkRoom(costOf(record.bytes.length));
    this.#evict(evicted, owning);
    this.#insert(id, record);
    return 'created';
  }

  update(id: SessionId, record: StoredRecord, expected: Version): UpdateResult {
    const found = this.#value(id);
    if (!found || !isRecord(found)) return 'gone';
    const version = versionOf(found);
    if (version === record.version) return 'updated';
    if (version !== expected) return { conflict: decodeRecord(found) };
    const owner = ownerOf(found);
    const { bytes } = record;
    const value = encodeRecord(
      owner === undefined ? { bytes, version: record.version } : { bytes, version: record.version, owner },
      {
        idleDeadline: Math.max(record.idleDeadline, deadlineOf(found)),
        indexed: indexedOf(found),
        serial: serialOf(found),
      },
    );
    const growth = value.length - found.length;
    if (growth > 0) this.#checkRoom(growth);
    this.#put(id, value, found.length);
    return 'updated';
  }

  touch(id: SessionId, idleDeadline: number): 'touched' | 'gone' {
    const found = this.#value(id);
    if (!found || !isRecord(found)) return 'gone';
    // The expiry table keeps its earlier moment; the sweep that meets it there moves it on.
    if (idleDeadline > deadlineOf(found)) {
      this.#put(id, movedTo(found, idleDeadline, indexedOf(found)), found.length);
    }
    return 'touched';
  }

  /** Also what can't be read, be it damaged or of a newer release: it must not outlive its own revocation. */
  end(id: SessionId, ending: Ending): boolean {
    const found = this.#tables.sessions.getBinary(id);
    if (!found) return false;
    if (isRecord(found)) this.#end(id, found, ending);
    else if (!isMarker(found)) this.#endUnread(id, found, ending);
    return true;
  }

  replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): ReplaceResult {
    const taken = this.#value(id);
    const isRepeat = taken && isRecord(taken) && versionOf(taken) === record.version;
    const isTaken = taken !== undefined;
    const old = this.#value(oldId);
    if (!old || !isRecord(old)) return isRepeat ? 'replaced' : 'gone';
    if (versionOf(old) !== expected) return { conflict: decodeRecord(old) };
    if (isTaken) return 'exists';
    const oldLength = old.length;
    const evicted = this.#admit(record.owner, owning, oldId);
    if (typeof evicted === 'string') return evicted;
    this.#checkRoom(costOf(record.bytes.length) - oldLength);
    this.#evict(evicted, owning);
    this.end(oldId, ending);
    this.#insert(id, record);
    return 'replaced';
  }

  endByOwner(owner: OwnerHash, ending: Ending, except?: SessionId): SessionId[] {
    const leaving = this.ownedBy(owner).flatMap((id) => {
      const found = id === except ? undefined : this.#tables.sessions.getBinary(id);
      return found && !isMarker(found) ? { id } : [];
    });
    this.#mark(owner, ending);
    for (const { id } of leaving) this.end(id, ending);
    return leaving.map(({ id }) => id);
  }

  /** In order of creation. */
  ownedBy(owner: OwnerHash): SessionId[] {
    return [...this.#tables.owners.getRange({ start: [owner, 0], end: [owner, Number.MAX_SAFE_INTEGER] })].map(
      ({ value }) => value.toString('latin1') as SessionId,
    );
  }

  /** What can't be read is passed over. */
  list(owner: OwnerHash): StoredEntry[] {
    return this.ownedBy(owner).flatMap((id) => {
      const value = this.#tables.sessions.getBinary(id);
      return value && isRecord(value) ? { id, record: decodeRecord(value) } : [];
    });
  }

  /** Looks at no more than `most` due entries of the expiry table; removes those that have expired, moves the others on. */
  sweep(now: number, most: number): { readonly seen: number; readonly removed: number } {
    const due = [...this.#due(now, most)];
    let removed = 0;
    for (const key of due) {
      const [, kind, name] = key;
      const table = kind === 's' ? this.#tables.sessions : this.#tables.marks;
      const value = table.get(name);
      this.#tables.expiry.remove(key);
      if (!value) continue;
      if (kind === 's' && isDamaged(value)) {
        // There is no deadline to ask: nobody can open it, and it would be in the way of every sweep.
        table.remove(name);
        this.#count(-value.length - overheadBytes);
        removed++;
        continue;
      }
      const deadline = kind === 's' ? deadlineOf(value) : value.readDoubleLE(8);
      if (moment(deadline) > now) {
        this.#tables.expiry.put([moment(deadline), kind, name], noBytes);
        if (kind === 's') this.#tables.sessions.put(name, movedTo(value, deadline, moment(deadline)));
        else table.put(name, doubles(value.readDoubleLE(0), deadline, moment(deadline)));
        continue;
      }
      removed++;
      table.remove(name);
      if (kind !== 's') continue;
      if (isRecord(value)) this.#disown(value);
      this.#count(-value.length - overheadBytes);
    }
    return { seen: due.length, removed };
  }

  anythingDue(now: number): boolean {
    for (const _ of this.#due(now, 1)) return true;
    return false;
  }

  /** A transaction begins: another process may have counted since, and the last one may have been undone. */
  begin(): void {
    this.#counters = undefined;
  }

  /** A transaction ends: the counters are stored with what they count. */
  settle(): void {
    if (this.#counters) this.#tables.meta.put('counters', doubles(this.#counters.serial, this.#counters.bytes));
  }

  #due(now: number, most: number): Iterable<[number, string, string]> {
    return this.#tables.expiry.getKeys({ end: [moment(now), last, last], limit: most });
  }

  #value(id: SessionId): Buffer | undefined {
    const value = this.#tables.sessions.getBinary(id);
    return value && (isDamaged(value) ? value : checkForm(value));
  }

  #admit(
    owner: OwnerHash | undefined,
    owning: Owning | undefined,
    leaving?: SessionId,
  ): SessionId[] | 'limit' | 'barred' {
    if (owner === undefined || owning === undefined) return [];
    const mark = this.#tables.marks.getBinary(owner);
    if (mark && owning.startedAt <= mark.readDoubleLE(0) && owning.now < mark.readDoubleLE(8)) return 'barred';
    const { limit, now, onExceed } = owning;
    if (limit === undefined) return [];
    const live = this.ownedBy(owner).filter((id) => {
      const value = id === leaving ? undefined : this.#tables.sessions.getBinary(id);
      return value !== undefined && isRecord(value) && deadlineOf(value) > now;
    });
    if (live.length < limit) return [];
    return onExceed === 'evict-oldest' && limit >= 1 ? live.slice(0, live.length + 1 - limit) : 'limit';
  }

  #evict(ids: readonly SessionId[], owning: Owning | undefined): void {
    if (!owning) return;
    const { now, keepUntil = now } = owning;
    for (const id of ids) this.end(id, { reason: 'evicted', at: now, keepUntil });
  }

  #insert(id: SessionId, record: StoredRecord): void {
    const counters = this.#load();
    counters.serial++;
    const indexed = moment(record.idleDeadline);
    this.#put(
      id,
      encodeRecord(record, { idleDeadline: record.idleDeadline, indexed, serial: counters.serial }),
      -overheadBytes,
    );
    this.#tables.expiry.put([indexed, 's', id], noBytes);
    if (record.owner !== undefined) {
      this.#tables.owners.put([record.owner, counters.serial], Buffer.from(id, 'latin1'));
    }
  }

  #end(id: SessionId, found: Buffer, ending: Ending): void {
    const before = indexedOf(found);
    const indexed = Math.min(before, moment(ending.keepUntil));
    this.#disown(found);
    this.#put(id, encodeMarker(ending, indexed), found.length);
    if (indexed === before) return;
    this.#tables.expiry.remove([before, 's', id]);
    this.#tables.expiry.put([indexed, 's', id], noBytes);
  }

  /** Where it stands in the other tables is not known; a sweep and a list pass over what leads to a marker. */
  #endUnread(id: SessionId, found: Buffer, ending: Ending): void {
    const indexed = moment(ending.keepUntil);
    this.#put(id, encodeMarker(ending, indexed), found.length);
    this.#tables.expiry.put([indexed, 's', id], noBytes);
  }

  #disown(record: Buffer): void {
    const owner = ownerOf(record);
    if (owner !== undefined) this.#tables.owners.remove([owner, serialOf(record)]);
  }

  #mark(owner: OwnerHash, { at, keepUntil }: Ending): void {
    const found = this.#tables.marks.getBinary(owner);
    const indexed = found ? found.readDoubleLE(16) : moment(keepUntil);
    if (!found) this.#tables.expiry.put([indexed, 'm', owner], noBytes);
    this.#tables.marks.put(
      owner,
      found
        ? doubles(Math.max(at, found.readDoubleLE(0)), Math.max(keepUntil, found.readDoubleLE(8)), indexed)
        : doubles(at, keepUntil, indexed),
    );
  }

  #put(id: SessionId, value: Buffer, lengthBefore: number): void {
    this.#tables.sessions.put(id, value);
    this.#count(value.length - lengthBefore);
  }

  #count(bytes: number): void {
    this.#load().bytes += bytes;
  }

  #load(): { serial: number; bytes: number } {
    if (this.#counters) return this.#counters;
    const found = this.#tables.meta.getBinary('counters');
    this.#counters = found ? { serial: found.readDoubleLE(0), bytes: found.readDoubleLE(8) } : { serial: 0, bytes: 0 };
    return this.#counters;
  }

  #checkRoom(bytes: number): void {
    const { bytes: used } = this.#load();
    if (bytes <= 0 || used + bytes <= this.#maxBytes) return;
    throw new SessionError(
      'ERR_SESSION_STORE_FULL',
      `lmdbStore is full: ${used} bytes are stored, ${bytes} were to be added, and maxBytes is ${this.#maxBytes}. ` +
        "Raise maxBytes, shorten 'idle', or see that sweeping runs. Reading, touching and ending sessions go on.",
      { outcome: 'not-applied' },
    );
  }
}

function costOf(payload: number): number {
  return payload + overheadBytes;
}

/** As a key: Infinity and NaN have no place in an order of moments. */
function moment(ms: number): number {
  return Number.isFinite(ms) ? ms : Number.MAX_SAFE_INTEGER;
}
