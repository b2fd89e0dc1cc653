/**
 * The contract as a slow and plain program: what a store must answer, and what is stored then. Where more than one
 * refusal fits a call, the contract does not say which comes first, and any of them is right.
 */
import { isDeepStrictEqual } from 'node:util';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { Ended, Ending, Owning, StoredEntry, StoredRecord } from '../../core/store.js';
import { plain } from './law.js';
import { answerOf, type Call, perform } from './observe.js';

/** Several answers, each of which is right. */
class AnyOf {
  readonly answers: readonly unknown[];

  constructor(answers: readonly unknown[]) {
    this.answers = answers;
  }
}

export class Model {
  /** In order of creation. */
  #sessions = new Map<SessionId, StoredRecord>();
  #markers = new Map<SessionId, Ended>();
  #marks = new Map<OwnerHash, number>();

  copy(): Model {
    const copy = new Model();
    copy.#sessions = new Map(this.#sessions);
    copy.#markers = new Map(this.#markers);
    copy.#marks = new Map(this.#marks);
    return copy;
  }

  /** Makes a call. True if `answer` is one that the contract allows. */
  allows(call: Call, answer: unknown): boolean {
    const right = perform(this, call);
    const all = right instanceof AnyOf ? right.answers : [right];
    return all.some((one) => isDeepStrictEqual(answerOf(call, one), answerOf(call, answer)));
  }

  read(id: SessionId): StoredRecord | Ended | undefined {
    return this.#sessions.get(id) ?? this.#markers.get(id);
  }

  listByOwner(owner: OwnerHash): StoredEntry[] {
    return [...this.#sessions].filter(([, record]) => record.owner === owner).map(([id, record]) => ({ id, record }));
  }

  /** As `observe` of a store. */
  observe(ids: readonly SessionId[], owners: readonly OwnerHash[]): unknown {
    return plain({ records: ids.map((id) => this.read(id)), lists: owners.map((owner) => this.listByOwner(owner)) });
  }

  create(id: SessionId, record: StoredRecord, owning?: Owning): unknown {
    if (this.#sessions.get(id)?.version === record.version) return 'created';
    const refusals = [...(this.read(id) ? ['exists'] : []), ...this.#refusals(record, owning)];
    if (refusals.length > 0) return new AnyOf(refusals);
    this.#begin(id, record, owning);
    return 'created';
  }

  update(id: SessionId, record: StoredRecord, expected: Version): unknown {
    const stored = this.#sessions.get(id);
    if (!stored) return 'gone';
    if (stored.version === record.version) return 'updated';
    if (stored.version !== expected) return { conflict: stored };
    const idleDeadline = Math.max(stored.idleDeadline, record.idleDeadline);
    this.#sessions.set(id, { ...stored, bytes: record.bytes, version: record.version, idleDeadline });
    return 'updated';
  }

  touch(id: SessionId, idleDeadline: number): unknown {
    const stored = this.#sessions.get(id);
    if (!stored) return 'gone';
    this.#sessions.set(id, { ...stored, idleDeadline: Math.max(stored.idleDeadline, idleDeadline) });
    return 'touched';
  }

  end(id: SessionId, { reason, at }: Ending): unknown {
    if (this.#sessions.delete(id)) this.#markers.set(id, { ended: reason, at });
    return this.#markers.has(id);
  }

  replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): unknown {
    const old = this.#sessions.get(oldId);
    if (!old && this.#sessions.get(id)?.version === record.version) return 'replaced';
    const refusals: unknown[] = [];
    if (!old) refusals.push('gone');
    else if (old.version !== expected) refusals.push({ conflict: old });
    if (this.read(id)) refusals.push('exists');
    refusals.push(...this.#refusals(record, owning, oldId));
    if (refusals.length > 0) return new AnyOf(refusals);
    this.end(oldId, ending);
    this.#begin(id, record, owning);
    return 'replaced';
  }

  endByOwner(owner: OwnerHash, ending: Ending, options: { readonly except?: SessionId } = {}): unknown {
    this.#marks.set(owner, Math.max(ending.at, this.#marks.get(owner) ?? ending.at));
    const ids = this.listByOwner(owner).flatMap(({ id }) => (id === options.except ? [] : id));
    for (const id of ids) this.end(id, ending);
    return ids;
  }

  #live(owner: OwnerHash, now: number, leaving?: SessionId): SessionId[] {
    return this.listByOwner(owner).flatMap(({ id, record }) => (id !== leaving && record.idleDeadline > now ? id : []));
  }

  #refusals({ owner }: StoredRecord, owning: Owning | undefined, leaving?: SessionId): string[] {
    if (owner === undefined || !owning) return [];
    const { startedAt, limit, now, onExceed } = owning;
    const mark = this.#marks.get(owner);
    const barred = mark !== undefined && startedAt <= mark;
    const evicts = onExceed === 'evict-oldest' && limit !== 0;
    const full = limit !== undefined && this.#live(owner, now, leaving).length >= limit && !evicts;
    return [...(barred ? ['barred'] : []), ...(full ? ['limit'] : [])];
  }

  #begin(id: SessionId, record: StoredRecord, owning: Owning | undefined): void {
    const { owner } = record;
    if (owner !== undefined && owning?.limit !== undefined) {
      const { now, keepUntil = now, limit } = owning;
      const live = this.#live(owner, now);
      for (const oldest of live.slice(0, Math.max(0, live.length + 1 - limit))) {
        this.end(oldest, { reason: 'evicted', at: now, keepUntil });
      }
    }
    this.#sessions.set(id, record);
  }
}
