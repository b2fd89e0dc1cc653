/** Opened sessions over a guarded store: the engine sees headers and data here, never sealed bytes. */

import type { SessionCache } from './cache.js';
import { SessionError } from './errors.js';
import type { Stored } from './handle.js';
import type { SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import type { EngineConfig } from './options.js';
import { deadlinesOf, lifeOf, longestPendingMs, nextIdleDeadline } from './policy.js';
import { dataIn, type RecordHeader, readRecord, writeRecord } from './record.js';
import type { Sealer, SealFault } from './seal.js';
import type { Conflict, Ended, Ending, MaybePromise, Owning, SessionStore, StoredRecord } from './store.js';
import { isEnded, isOwnerIndexed } from './store.js';
import type { StoreGuard } from './store-guard.js';
import { sameBytes } from './stored-data.js';
import { newVersion } from './token.js';

export type Found =
  | { readonly kind: 'found'; readonly stored: Stored }
  | { readonly kind: 'ended'; readonly ended: Ended }
  | { readonly kind: 'refused'; readonly fault: SealFault }
  | { readonly kind: 'missing' };

export type PutResult =
  | { readonly result: 'stored'; readonly stored: Stored }
  | { readonly result: 'conflict'; readonly found: Found }
  | { readonly result: 'gone' | 'exists' | 'limit' | 'barred' };

/** The app's data as it is stored: bytes, or the text that they are in UTF-8. */
type Encoded = Uint8Array | string;

const missing: Found = { kind: 'missing' };
const newer: Found = { kind: 'refused', fault: 'newer-format' };
const malformed: Found = { kind: 'refused', fault: 'malformed' };

export class Repository {
  readonly #store: SessionStore;
  readonly #guard: StoreGuard;
  readonly #sealer: Sealer;
  readonly #config: EngineConfig;
  readonly #cache: SessionCache<Found> | undefined;

  constructor(
    store: SessionStore,
    guard: StoreGuard,
    sealer: Sealer,
    config: EngineConfig,
    cache?: SessionCache<Found>,
  ) {
    this.#store = store;
    this.#guard = guard;
    this.#sealer = sealer;
    this.#config = config;
    this.#cache = cache;
  }

  /** `known` is what the record opened to the last time: if the store still has the same bytes, it is not opened anew. */
  find(id: SessionId, deadline?: number, known?: Stored): MaybePromise<Found> {
    try {
      const answer = this.#guard.call('read', () => this.#store.read(id), deadline);
      if (!isPromise(answer)) return this.open(id, answer, known);
      return answer.then((found) => this.open(id, found, known), refusedOr);
    } catch (error) {
      return refusedOr(error);
    }
  }

  open(id: SessionId, found: StoredRecord | Ended | undefined, known?: Stored): Found {
    if (!found) return missing;
    if (typeof found !== 'object') return malformed;
    if (isEnded(found)) return typeof found.ended === 'string' ? { kind: 'ended', ended: found } : malformed;
    // A deadline that is no number would compare as never reached (G8).
    if (!Number.isFinite(found.idleDeadline) || typeof found.version !== 'string') return malformed;
    const { bytes, version, idleDeadline } = found;
    if (known && bytes instanceof Uint8Array && sameBytes(known.sealed, bytes)) {
      return { kind: 'found', stored: { ...known, version, idleDeadline } };
    }
    const plaintext = this.#sealer.open(id, bytes);
    if (typeof plaintext === 'string') return { kind: 'refused', fault: plaintext };
    const record = readRecord(plaintext);
    if (typeof record === 'string') return { kind: 'refused', fault: record };
    return { kind: 'found', stored: { id, version, idleDeadline, sealed: bytes, decoded: {}, ...record } };
  }

  async create(
    id: SessionId,
    header: RecordHeader,
    data: Encoded,
    owner: OwnerFields,
    deadline: number,
  ): Promise<PutResult> {
    const [stored, record] = this.#draft(id, header, data, owner);
    const owning = this.#owning(owner);
    const result = await this.#guard.call('create', () => this.#store.create(id, record, owning), deadline);
    if (result === 'created') return { result: 'stored', stored };
    if (isRefusal(result)) return { result };
    throw this.#guard.misanswered('create', result);
  }

  /** `extends: false` leaves the idle deadline where it is. */
  update(
    before: Stored,
    header: RecordHeader,
    data: Encoded,
    deadline: number,
    use: { readonly extends: boolean } = { extends: true },
  ): MaybePromise<PutResult> {
    if (this.isOver(before)) return this.#overtaken(before, deadline);
    const idleDeadline = use.extends ? this.#nextIdleDeadline(header) : before.idleDeadline;
    const [stored, record] = this.#draft(before.id, header, data, {}, idleDeadline);
    const run = () => this.#store.update(before.id, record, before.version);
    return this.#changing(before.id, 'update', deadline, run, (result) => {
      if (result === 'updated') {
        this.#cache?.wrote(stored);
        return { result: 'stored', stored };
      }
      if (result === 'gone') return { result };
      if (isConflict(result)) return { result: 'conflict', found: this.open(before.id, result.conflict) };
      throw this.#guard.misanswered('update', result);
    });
  }

  async replace(
    before: Stored,
    id: SessionId,
    header: RecordHeader,
    data: Uint8Array,
    owner: OwnerFields,
    deadline: number,
  ): Promise<PutResult> {
    if (this.isOver(before)) return this.#overtaken(before, deadline);
    const [stored, record] = this.#draft(id, header, data, owner);
    const ending = this.ending('replaced');
    const owning = this.#owning(owner);
    const run = () => this.#store.replace(before.id, before.version, id, record, ending, owning);
    const result = await this.#changing(before.id, 'replace', deadline, run, (answer) => answer);
    if (result === 'replaced') {
      this.#cache?.forget(before.id);
      return { result: 'stored', stored };
    }
    if (result === 'gone' || isRefusal(result)) return { result };
    if (isConflict(result)) return { result: 'conflict', found: this.open(before.id, result.conflict) };
    throw this.#guard.misanswered('replace', result);
  }

  /** Ends it and answers why it is over: an earlier ending keeps its reason. Undefined if the store knew nothing of it. */
  async end(id: SessionId, reason: string): Promise<string | undefined> {
    const run = () => this.#store.end(id, this.ending(reason));
    const ended = await this.#changing(id, 'end', undefined, run, (answer) => answer);
    this.#cache?.forget(id);
    if (!ended) return undefined;
    const found = await this.#guard.call('end', () => this.#store.read(id));
    return found && isEnded(found) ? found.ended : reason;
  }

  touch(stored: Stored): MaybePromise<'touched' | 'gone'> {
    if (this.isOver(stored)) return 'gone';
    const deadline = this.#nextIdleDeadline(stored.header);
    const done = (answer: 'touched' | 'gone') => {
      if (answer === 'touched') this.#cache?.touched(stored.id, deadline);
      else this.#cache?.forget(stored.id);
      return answer;
    };
    const answer = this.#guard.call('touch', () => this.#store.touch(stored.id, deadline));
    return isPromise(answer) ? answer.then(done) : done(answer);
  }

  /** The monotonic moment by which work that starts now must be done. */
  deadline(): number {
    return this.#guard.deadline();
  }

  /** From its answer on, or its failure, nothing that was read before stands for this session: the requests to come see the change. */
  #changing<Answer, Result>(
    id: SessionId,
    operation: string,
    deadline: number | undefined,
    run: () => MaybePromise<Answer>,
    take: (answer: Answer) => Result,
  ): MaybePromise<Result> {
    const answered = (answer: Answer) => {
      this.#cache?.changed(id);
      return take(answer);
    };
    const failed = (error: unknown): never => {
      this.#cache?.changed(id);
      throw error;
    };
    let answer: MaybePromise<Answer>;
    try {
      answer = this.#guard.call(operation, run, deadline);
    } catch (error) {
      return failed(error);
    }
    return isPromise(answer) ? answer.then(answered, failed) : answered(answer);
  }

  /** Whether it has expired, as far as this request knows: another may have moved the idle deadline since. */
  isOver({ header, idleDeadline }: Stored): boolean {
    const now = this.#config.clock.now();
    return lifeOf(deadlinesOf(header, idleDeadline, this.#config), now) !== 'alive';
  }

  /** A write for a session that expired while the request ran must not bring it back (G2), unless another kept it alive. */
  async #overtaken(before: Stored, deadline: number): Promise<PutResult> {
    const found = await this.find(before.id, deadline);
    return found.kind === 'found' && !this.isOver(found.stored) ? { result: 'conflict', found } : { result: 'gone' };
  }

  /** The marker outlives every request that could still be in flight, because `keepEnded` is at least the store deadline. */
  ending(reason: string): Ending {
    const at = this.#config.clock.now();
    return { reason, at, keepUntil: at + this.#config.keepEndedMs };
  }

  /** Where sessions are taken over from another middleware, nobody can find a person's among them: the mark keeps them out. */
  ownersBarredForMs = 0;

  /** As `ending`; the mark on the owner outlives every sign-in that may be pending, or its second step would pass it. */
  ownerEnding(reason: string): Ending {
    const ending = this.ending(reason);
    return {
      ...ending,
      keepUntil: Math.max(
        ending.keepUntil,
        ending.at + longestPendingMs + this.#config.storeDeadlineMs,
        ending.at + this.ownersBarredForMs,
      ),
    };
  }

  #nextIdleDeadline(header: RecordHeader): number {
    return nextIdleDeadline(header, this.#config, this.#config.clock.now());
  }

  #draft(
    id: SessionId,
    header: RecordHeader,
    data: Encoded,
    owner: OwnerFields,
    idleDeadline = this.#nextIdleDeadline(header),
  ): [Stored, StoredRecord] {
    const version = newVersion();
    const plain = writeRecord(header, data);
    const bytes = this.#sealer.seal(id, plain);
    const record = {
      bytes,
      version,
      idleDeadline,
      ...(owner.ownerHash === undefined ? {} : { owner: owner.ownerHash }),
    };
    return [{ id, version, idleDeadline, header, data: dataIn(plain), sealed: bytes, decoded: {} }, record];
  }

  #owning(owner: OwnerFields): Owning | undefined {
    if (owner.ownerHash === undefined || owner.startedAt === undefined || !isOwnerIndexed(this.#store))
      return undefined;
    const now = this.#config.clock.now();
    const { maxPerOwner, keepEndedMs } = this.#config;
    const owning = { now, startedAt: owner.startedAt };
    if (!maxPerOwner || owner.beside === undefined) return owning;
    const onExceed = owner.evicts ? maxPerOwner.onExceed : 'reject';
    return { ...owning, limit: maxPerOwner.limit - owner.beside, onExceed, keepUntil: now + keepEndedMs };
  }
}

/** A store that knows a record for one of a newer release says so of that record, and an event names it as any other. */
function refusedOr(error: unknown): Found {
  if (error instanceof SessionError && error.code === 'ERR_SESSION_RECORD_UNREADABLE') return newer;
  throw error;
}

const isRefusal = (answer: unknown): answer is 'exists' | 'limit' | 'barred' =>
  answer === 'exists' || answer === 'limit' || answer === 'barred';

const isConflict = (answer: unknown): answer is Conflict =>
  typeof answer === 'object' && answer !== null && 'conflict' in answer;

/** How a write names its owner to the store; nothing for an anonymous session. */
export interface OwnerFields {
  readonly ownerHash?: NonNullable<StoredRecord['owner']>;
  /** Absent where a mark on the owner does not bar the write. */
  readonly startedAt?: number;
  /**
   * One more session of the owner, so that their limit applies, beside so many that lie under older keys, where the store
   * does not count them. Absent for a new token for the same session.
   */
  readonly beside?: number;
  /** What is over was looked for, so that a live session may now be evicted for this one, if that is configured. */
  readonly evicts?: boolean;
}
