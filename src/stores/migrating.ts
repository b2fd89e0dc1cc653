/**
 * Two stores as one, for a change of stores without downtime: sessions are read from both, begin in `to`, and go over
 * when they are next written. docs/stores/migrating.md says in which order to deploy.
 *
 * Phase `move`: `to` is asked first, and `from` only for what `to` does not know. A session that is written is moved
 * first (migrating/mover.ts) and then written in `to`; with it go all of its owner's, so that their order and their limit are
 * those of one store. Phase `prepare`, for the first of two deployments: everything stays in `from`, but what another
 * instance has moved is followed to `to`.
 *
 * Commands: of a session in `to`, those of `to` alone; `create` and `replace` also look whether the new id is free in
 * `from`, and list the owner's sessions in both. Of one in `from`, the move comes on top, once.
 *
 * Atomic: each method is any number of moves, which nobody can see, and then one call of one store. Not atomic over
 * both are `endByOwner` and `listByOwner`: first `from`, then `to`. Bars are set in both, `from` first.
 *
 * While instances of both phases run, a limit is approximate for sign-ins of one owner at the same moment on instances
 * of different phases, each of which counts its own store; a touch on an instance that still prepares may be lost to a
 * move at the same moment; and an endByOwner may end the session that it was to spare, if that is just being moved.
 */
import { describe, SessionError } from '../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../core/ids.js';
import { isPromise } from '../core/maybe-promise.js';
import { takeOptions } from '../core/options.js';
import {
  type CreateResult,
  type Ended,
  type Ending,
  isEnded,
  isOwnerIndexed,
  isScannable,
  isSweepable,
  type MaybePromise,
  missingFromStore,
  type OwnerIndexed,
  type Owning,
  type ReplaceResult,
  type Scannable,
  type SessionStore,
  type StoredRecord,
  type Sweepable,
  type UpdateResult,
} from '../core/store.js';
import { ownersOfBoth, scanBoth, sweepBoth } from './migrating/both.js';
import { moveOf, passenger } from './migrating/claim.js';
import { type DrainOptions, drain } from './migrating/drain.js';
import { Mover, refuseLeft } from './migrating/mover.js';

export type { DrainOptions, DrainProgress } from './migrating/drain.js';

export interface MigratingOptions {
  /** The store that the sessions leave. It stays the caller's to close. */
  readonly from: SessionStore;
  /** The store that they go to. It stays the caller's to close. */
  readonly to: SessionStore;
  /**
   * `prepare`: sessions stay in `from`, and moved ones are found; to be deployed everywhere before any instance moves.
   * `move`: sessions begin in `to` and go over when they are written. Default `'move'`.
   */
  readonly phase?: 'prepare' | 'move' | undefined;
}

/** With owners where both stores have them, `scan` where both can, `sweep` where the store can in which sessions begin. */
export interface MigratingStore extends SessionStore, Partial<OwnerIndexed & Scannable & Sweepable> {
  /**
   * Moves what nobody has used yet, and resolves when a walk through all of `from` has met no session more. Throws
   * ERR_SESSION_STORE_CAPABILITY if `from` can't be scanned, or in phase `prepare`.
   */
  drain(options?: DrainOptions): Promise<{ readonly moved: number }>;
}

/** Throws ERR_SESSION_OPTION for what are not two different stores, and for an option that it does not know. */
export function migrating(options: MigratingOptions): MigratingStore {
  const known = ['from', 'to', 'phase'];
  const { from, to, phase = 'move' } = takeOptions<MigratingOptions>(options, known, 'migrating');
  for (const [name, store] of Object.entries({ from, to })) {
    const isObject = typeof store === 'object' && store !== null;
    const missing = isObject ? missingFromStore(store) : [];
    if (isObject && missing.length === 0) continue;
    const got = isObject
      ? `one without ${missing.join(', ')}`
      : typeof store === 'string'
        ? 'a string'
        : describe(store);
    throw new SessionError('ERR_SESSION_OPTION', `migrating: ${name}: expected a session store, got ${got}.`);
  }
  if ((from as unknown) === to) {
    throw new SessionError('ERR_SESSION_OPTION', 'migrating: from and to are the same store. Pass two.');
  }
  if (phase !== 'prepare' && phase !== 'move') {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `migrating: phase: expected 'prepare' or 'move', got ${describe(phase)}.`,
    );
  }
  // Between the steps of such a replace an end meets the session in neither store, and it would come back. As `from`
  // it is safe: the write that ends the old session decides the move, and only nobody's stub comes after it. A redis
  // cluster is safe as either: claims and stubs have the tag of their session, and so one slot and one script.
  if (to.replacesAtOnce === false) {
    throw new SessionError(
      'ERR_SESSION_STORE_CAPABILITY',
      `migrating: to: expected a store that replaces at once, got ${to.name}, whose replace can be seen half done: an ended session could come back. Move to another store, or begin in this one without migrating.`,
    );
  }
  const mover = new Mover(from, to);
  const store = phase === 'move' ? new Moving(from, to, mover) : new Preparing(from, to, mover);
  return Object.assign(store, {
    ...(isOwnerIndexed(from) && isOwnerIndexed(to) ? ownersOfBoth(from, to, mover, phase) : {}),
    ...(isScannable(from) && isScannable(to) ? { scan: scanBoth(from, to, (id) => store.read(id)) } : {}),
    ...(isSweepable(phase === 'move' ? to : from) ? { sweep: sweepBoth(from, to) } : {}),
    drain: (how: DrainOptions = {}) => drain(from, phase, mover, how),
  });
}

type Replace = Parameters<SessionStore['replace']>;

/** What both phases have in common: how a session is looked for where it has gone. */
abstract class Both implements SessionStore {
  readonly name: string;
  readonly networked: boolean;
  protected readonly from: SessionStore;
  protected readonly to: SessionStore;
  protected readonly mover: Mover;

  constructor(from: SessionStore, to: SessionStore, mover: Mover) {
    this.name = `${from.name}-to-${to.name}`;
    this.networked = from.networked || to.networked;
    this.from = from;
    this.to = to;
    this.mover = mover;
  }

  create(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    return this.begin(id, copyOf(record), owning);
  }

  replace(...[oldId, expected, id, record, ending, owning]: Replace): Promise<ReplaceResult> {
    return this.supersede(oldId, expected, id, copyOf(record), ending, owning);
  }

  abstract read(id: SessionId): MaybePromise<StoredRecord | Ended | undefined>;
  abstract end(id: SessionId, ending: Ending): Promise<boolean>;
  protected abstract begin(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult>;
  protected abstract supersede(...call: Replace): Promise<ReplaceResult>;
  protected abstract change<T>(
    id: SessionId,
    call: (store: SessionStore) => MaybePromise<T | 'gone'>,
  ): Promise<T | 'gone'>;

  update(id: SessionId, record: StoredRecord, expected: Version): Promise<UpdateResult> {
    const kept = copyOf(record);
    return this.change<UpdateResult>(id, (store) => store.update(id, kept, expected));
  }

  touch(id: SessionId, idleDeadline: number): Promise<'touched' | 'gone'> {
    return this.change<'touched'>(id, (store) => store.touch(id, idleDeadline));
  }

  /** What `from` says, and where it says that the session has moved, what `to` says. */
  protected async readOld(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    const found = await this.from.read(id);
    if (!found || !isEnded(found) || !(await this.mover.follow(id, found))) return found;
    return (await this.to.read(id)) ?? (await this.mover.endedOnItsWay(id, found));
  }

  /** Ends it in `from`; if it has moved, in `to`. */
  protected async endOld(id: SessionId, ending: Ending): Promise<boolean> {
    if (!(await this.from.end(id, ending))) return false;
    const marker = await this.from.read(id);
    if (marker && isEnded(marker) && (await this.mover.follow(id, marker))) {
      return (await this.to.end(id, ending)) || (await this.mover.endedOnItsWay(id, marker)) !== undefined;
    }
    return true;
  }

  protected async createInTo(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    // The same call again, after others have moved what it created, answers as it did.
    if (await this.from.read(id)) return isSame(await this.readOld(id), record) ? 'created' : 'exists';
    if (record.owner !== undefined) await this.mover.bringAllOf(record.owner);
    return this.to.create(id, record, owning);
  }

  protected async replaceInTo(...call: Replace): Promise<ReplaceResult> {
    const [oldId, , id, record] = call;
    // The same call again, made by an instance that prepared, is in `from`.
    const old = await this.from.read(id);
    const made = old !== undefined && isSame(await this.readOld(id), record);
    if (old && !made) return 'exists';
    if (record.owner !== undefined) await this.mover.bringAllOf(record.owner);
    let answer = await this.to.replace(...call);
    if (answer === 'gone' && (await this.mover.bring(oldId)) === 'moved') answer = await this.to.replace(...call);
    return answer === 'gone' && made ? 'replaced' : answer;
  }
}

class Moving extends Both {
  protected begin(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    return this.createInTo(id, record, owning);
  }

  /** At once where `to` answers at once and knows the session. */
  read(id: SessionId): MaybePromise<StoredRecord | Ended | undefined> {
    const found = this.to.read(id);
    const known = (there: StoredRecord | Ended | undefined) => {
      refuseLeft(there);
      return there ?? this.readOld(id);
    };
    return isPromise(found) ? found.then(known) : known(found);
  }

  async end(id: SessionId, ending: Ending): Promise<boolean> {
    if (!(await this.to.end(id, ending))) return this.endOld(id, ending);
    const marker = await this.to.read(id);
    // Left `to` in an earlier move: what is to end is in `from`.
    return marker && isEnded(marker) && moveOf(marker) !== undefined ? this.endOld(id, ending) : true;
  }

  protected supersede(...call: Replace): Promise<ReplaceResult> {
    return this.replaceInTo(...call);
  }

  protected async change<T>(
    id: SessionId,
    call: (store: SessionStore) => MaybePromise<T | 'gone'>,
  ): Promise<T | 'gone'> {
    const answer = await call(this.to);
    if (answer !== 'gone' || (await this.mover.bring(id)) !== 'moved') return answer;
    return call(this.to);
  }
}

class Preparing extends Both {
  protected async begin(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    const known = await this.to.read(id);
    if (known || (await this.hasGone(record.owner))) return this.createInTo(id, record, owning);
    const answer = await this.from.create(id, record, owning);
    if (answer !== 'exists') return answer;
    return isSame(await this.readOld(id), record) ? 'created' : 'exists';
  }

  async read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    return (await this.readOld(id)) ?? this.to.read(id);
  }

  async end(id: SessionId, ending: Ending): Promise<boolean> {
    return (await this.endOld(id, ending)) || this.to.end(id, ending);
  }

  protected async supersede(...call: Replace): Promise<ReplaceResult> {
    const [oldId, , id, { owner }] = call;
    if ((await this.to.read(id)) || (await this.hasGone(owner))) return this.replaceInTo(...call);
    const answer = await this.from.replace(...call);
    return answer === 'gone' && (await this.isElsewhere(oldId)) ? this.replaceInTo(...call) : answer;
  }

  protected async change<T>(
    id: SessionId,
    call: (store: SessionStore) => MaybePromise<T | 'gone'>,
  ): Promise<T | 'gone'> {
    const answer = await call(this.from);
    return answer === 'gone' && (await this.isElsewhere(id)) ? call(this.to) : answer;
  }

  /** Whether an owner's sessions are in `to`: then a new one belongs there, too. */
  private async hasGone(owner: OwnerHash | undefined): Promise<boolean> {
    if (owner === undefined || !isOwnerIndexed(this.to)) return false;
    return (await this.to.listByOwner(owner)).some(({ record }) => !passenger(record));
  }

  private async isElsewhere(id: SessionId): Promise<boolean> {
    const found = await this.from.read(id);
    if (!found) return (await this.to.read(id)) !== undefined;
    return isEnded(found) && this.mover.follow(id, found);
  }
}

const isSame = (found: StoredRecord | Ended | undefined, { version }: StoredRecord): boolean =>
  found !== undefined && !isEnded(found) && found.version === version;

/** The bytes stay the caller's from the moment a method has returned its promise, and a move takes a while. */
const copyOf = (record: StoredRecord): StoredRecord => ({ ...record, bytes: Uint8Array.from(record.bytes) });
