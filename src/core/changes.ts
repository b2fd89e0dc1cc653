/** commit: what a request changed, into the store. The one place that decides whether to create, update, replace or drop. */
import { adopt } from './admission.js';
import { decodeData } from './codec.js';
import { CommitQueue } from './commit-queue.js';
import { cookieCanFollow } from './cookie-can-follow.js';
import { SessionError } from './errors.js';
import { idOf, type SessionHandle, type Stored } from './handle.js';
import { headerAfterRise, newHeader, withLifetime } from './headers.js';
import { identityRaised } from './identity.js';
import type { SessionId } from './ids.js';
import { andThen } from './maybe-promise.js';
import { merge } from './merge.js';
import type { Parts } from './parts.js';
import { standingOf } from './policy.js';
import { letGo } from './predecessor.js';
import type { RecordHeader } from './record.js';
import { busy, changedMeanwhile, endedError, readable, toldEndings } from './refusals.js';
import type { Found, OwnerFields, PutResult } from './repository.js';
import { type Data, dataOf, fill, type Session } from './session.js';
import type { MaybePromise } from './store.js';
import { decodeStored, encodeSession, isUntouched, sameBytes } from './stored-data.js';
import { hashOwner, newId, newSecret } from './token.js';

export class Changes {
  readonly #parts: Parts;
  readonly #queue: CommitQueue;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#queue = new CommitQueue(parts.guard);
  }

  /**
   * Stores what the request changed. Nothing is returned where there is nothing to wait for, which is also where the
   * store answers at once; then it throws in place of rejecting. `insist` is set by verbs that the app called itself:
   * they throw where a response would go out with its change dropped.
   */
  commit(handle: SessionHandle, insist = false): void | Promise<void> {
    // What the app asks for by name is not dropped because the client has gone.
    if (insist) handle.dropped = false;
    const data = this.changed(handle);
    if (data === undefined) return;
    // In turn at once, what was just encoded is what is to be stored.
    const first = this.#queue.isEmptyFor(handle) ? data : undefined;
    return this.queued(handle, () => this.#storeChanges(handle, insist, first));
  }

  /** As `commit` that insists, for a verb whose turn it is. */
  inTurn(handle: SessionHandle): void | Promise<void> {
    handle.dropped = false;
    return this.#storeChanges(handle, true, undefined);
  }

  /** As `CommitQueue.queued`. */
  queued<Done extends void | Promise<void>>(handle: SessionHandle, work: () => Done): Done | Promise<void> {
    return this.#queue.queued(handle, work);
  }

  /** The encoded data if it has to be stored. */
  changed(handle: SessionHandle): Uint8Array | undefined {
    const { session, stored, phase } = handle;
    if (!session || handle.dropped || phase === 'ended' || phase === 'unavailable') return undefined;
    if (!stored) return Object.keys(session).length === 0 ? undefined : this.encode(session);
    if (isUntouched(session, stored) && withLifetime(handle, stored.header) === stored.header) return undefined;
    const data = this.encode(session);
    return sameBytes(data, stored.data) && withLifetime(handle, stored.header) === stored.header ? undefined : data;
  }

  /** Again after each conflict, until the deadline. Not an async function: a store that answers at once needs no promise. */
  #storeChanges(
    handle: SessionHandle,
    insist: boolean,
    encoded: Uint8Array | undefined,
    deadline = this.#parts.guard.deadline(),
  ): void | Promise<void> {
    const data = encoded ?? this.changed(handle);
    if (!data) return;
    if (handle.phase === 'superseded') return this.#endedMeanwhile(handle, insist);
    if (!handle.stored) return this.begin(handle, data, deadline, insist);
    const before = handle.stored;
    return andThen(this.put(handle, before, handle.session as unknown as Data, data, deadline), (put) => {
      if (put.result === 'stored') return;
      if (put.result !== 'conflict') return this.#endedMeanwhile(handle, insist);
      this.rebase(handle, before, put.found);
      if (this.#parts.guard.isPast(deadline)) throw busy();
      return this.#storeChanges(handle, insist, undefined, deadline);
    });
  }

  /** First storing of a new session: the only way in which an anonymous one comes to be. */
  async begin(
    handle: SessionHandle,
    data: Uint8Array,
    deadline: number,
    insist: boolean,
    triesLeft = 2,
  ): Promise<void> {
    if (!cookieCanFollow(this.#parts, handle, insist)) return;
    const { config, repository } = this.#parts;
    const raised = identityRaised({}, { ...handle.session }, config.identityFields);
    // What an old cookie names may be another's, and would come back when this one is over (G3).
    if (raised !== undefined && handle.oldSids.length > 0) await letGo(this.#parts, handle);
    const { id, secret } = this.minted(handle);
    const { lifetime } = handle;
    const header = newHeader(config, handle.facts, secret, lifetime ?? {}, handle.openedAt);
    const put = await repository.create(id, header, data, {}, deadline);
    if (put.result === 'exists' && triesLeft > 0) {
      // An earlier try of this request whose reply was lost, most likely: nobody has its token, and another id is free.
      handle.minted = undefined;
      return this.begin(handle, data, deadline, insist, triesLeft - 1);
    }
    if (put.result !== 'stored') {
      throw new SessionError('ERR_SESSION_CONFLICT', `A new session could not be created (${put.result}).`);
    }
    const setMeanwhile = handle.lifetime === lifetime ? undefined : handle.lifetime;
    this.settled(handle, put.stored, secret);
    handle.lifetime = setMeanwhile;
    this.#parts.events.emit({ type: 'created', id }, handle);
    this.#identified(handle, raised);
  }

  /** Somebody was signed in by hand, under a token that was new anyway. */
  #identified(handle: SessionHandle, raised: string | undefined): void {
    const { id, header } = handle.stored as Stored;
    if (raised !== undefined && header.owner === undefined)
      this.#parts.events.emit({ type: 'identified', id, cause: `identity:${raised}` }, handle);
  }

  /** Updates the stored session, or replaces it if the data now says that somebody else is at the keyboard (G3). */
  put(handle: SessionHandle, before: Stored, after: Data, data: Uint8Array, deadline: number): MaybePromise<PutResult> {
    const raised = this.#raised(before, after);
    const { lifetime } = handle;
    const now = withLifetime(handle, before.header);
    if (raised !== undefined && !handle.replacedHere)
      return this.#replaceRaised(handle, before, now, data, raised, deadline);
    const anotherMaxAge = now.persistent !== before.header.persistent && this.#mayRepeatToken(handle, before);
    const use = { extends: !handle.background };
    return andThen(this.#parts.repository.update(before, now, data, deadline, use), (put) => {
      if (put.result === 'stored') {
        // What the handler has set meanwhile is stored with its next commit.
        if (handle.lifetime === lifetime) handle.lifetime = undefined;
        if (anotherMaxAge) handle.cookie = 'set';
        handle.stored = put.stored;
        handle.headerChanged = false;
        handle.changed = true;
        handle.wrote = true;
        this.#identified(handle, raised);
      }
      return put;
    });
  }

  async #replaceRaised(
    handle: SessionHandle,
    before: Stored,
    now: RecordHeader,
    data: Uint8Array,
    raised: string,
    deadline: number,
  ): Promise<PutResult> {
    cookieCanFollow(this.#parts, handle, true);
    await letGo(this.#parts, handle);
    const secret = newSecret();
    const header = headerAfterRise(
      this.#parts.config,
      handle.facts,
      secret,
      { ...before, header: now },
      handle.openedAt,
    );
    const owner = this.ownerFields(header.owner);
    const put = await this.#parts.repository.replace(before, newId(owner.ownerHash), header, data, owner, deadline);
    if (put.result === 'stored') this.replaced(handle, before, put.stored, secret, `identity:${raised}`);
    return put;
  }

  /** A token that has a successor must not be given out again: it would take the successor's place in the browser (G4). */
  #mayRepeatToken(handle: SessionHandle, before: Stored): boolean {
    cookieCanFollow(this.#parts, handle, true);
    return standingOf(before.header, handle.secret as Uint8Array, this.#parts.config.clock.now()) === 'current';
  }

  #raised(before: Stored, after: Data): string | undefined {
    const { identityFields } = this.#parts.config;
    // Without a truthy identity field afterwards nothing can have risen, and the old data need not be decoded.
    if (identityRaised({}, after, identityFields) === undefined) return undefined;
    return identityRaised(decodeStored(before), after, identityFields);
  }

  ownerFields(owner: string | undefined, startedAt?: number): OwnerFields {
    if (owner === undefined) return {};
    const ownerHash = hashOwner(this.#parts.keyring.newest, this.#parts.config.audience, owner);
    return startedAt === undefined ? { ownerHash } : { ownerHash, startedAt };
  }

  /** After a session was replaced in the store: this request goes on with the new one. */
  replaced(handle: SessionHandle, before: Stored, stored: Stored, secret: Uint8Array, cause: string): void {
    this.settled(handle, stored, secret);
    this.#parts.events.emit({ type: 'replaced', id: stored.id, replacedId: before.id, cause }, handle);
    this.#parts.signals.ended(before.id, 'replaced');
  }

  /** After a new session was stored. */
  settled(handle: SessionHandle, stored: Stored, secret: Uint8Array): void {
    handle.phase = 'alive';
    handle.stored = stored;
    handle.secret = secret;
    handle.tokenText = undefined;
    handle.minted = undefined;
    handle.offer = undefined;
    handle.headerChanged = false;
    handle.cookie = 'set';
    handle.lifetime = undefined;
    handle.wrote = true;
    handle.replacedHere = true;
    handle.dropped = false;
    this.#parts.signals.follow(handle, stored.id);
  }

  minted(handle: SessionHandle): { readonly id: SessionId; readonly secret: Uint8Array } {
    handle.minted ??= { id: newId(), secret: newSecret() };
    return handle.minted;
  }

  /** As `follow`, unless the app would rather have a 409 than a merge. */
  rebase(handle: SessionHandle, before: Stored, found: Found): void {
    const changed = found.kind === 'found' && !sameBytes(found.stored.data, before.data);
    if (changed && this.#parts.config.onConflict === 'error') {
      throw changedMeanwhile();
    }
    this.follow(handle, before, found);
  }

  /**
   * Takes over what another request stored meanwhile, and puts this request's own changes on top. All or nothing: were
   * the newer state taken over without the merge, the next commit would write older data over it.
   */
  follow(handle: SessionHandle, before: Stored, found: Found): void {
    const theirs = readable(found);
    const { session } = handle;
    const merged =
      session && !sameBytes(theirs.data, before.data)
        ? this.mergeOver(before, { ...dataOf(session) }, theirs)
        : undefined;
    adopt(this.#parts.config, handle, theirs);
    if (session && merged) fill(session, merged);
  }

  /**
   * Three-way merge: what `mine` changed against `before`, applied to `theirs`. Shares nothing with `mine`. Undefined where
   * both sides have come to the same data: that is what `mine` holds, and what is stored.
   */
  mergeOver(before: Stored, mine: Data, theirs: Stored): Data | undefined {
    // Encoded, because that refuses what could not be stored, cycles above all: the merge walks the data. And decoded,
    // because the session's own objects change as the result is filled in: one that has two names must be two by then.
    const encoded = this.encode(mine, mine);
    if (sameBytes(encoded, theirs.data)) return undefined;
    const { atomic } = this.#parts.config;
    const { data, conflicts } = merge(decodeStored(before), decodeData(encoded), decodeStored(theirs), { atomic });
    if (conflicts.length > 0)
      this.#parts.events.emit({ type: 'conflict', id: before.id, paths: conflicts.map(({ path }) => path) });
    return data;
  }

  /** Another request or process ended the session while this one was using it. */
  async #endedMeanwhile(handle: SessionHandle, insist: boolean): Promise<void> {
    const reason = await this.whyGone(handle);
    if (!insist && handle.facts.safe && toldEndings.has(reason)) {
      handle.dropped = true;
      this.#parts.events.emit({
        type: 'change-dropped',
        reason: 'ended-meanwhile',
        endedReason: reason,
        ...idOf(handle),
      });
      return;
    }
    throw endedError(reason);
  }

  async whyGone(handle: SessionHandle): Promise<string> {
    if (handle.stored) {
      const found = await this.#parts.repository.find(handle.stored.id);
      handle.endedReason = found.kind === 'ended' ? found.ended.ended : 'expired';
    }
    handle.phase = 'superseded';
    return handle.endedReason ?? 'expired';
  }

  encode(session: Session | Data, legacy?: Data): Uint8Array {
    return encodeSession(session, this.#parts.config.maxDataBytes, legacy);
  }
}
