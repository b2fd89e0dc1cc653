/**
 * Taking over sessions of express-session, while instances of it may still run.
 *
 *   1. The old cookie verifies; nothing of ours is signed in.
 *   2. Our store, under the id that its marker names: alive, it is used; ended, it is over.
 *   3. The old store: what is there is claimed by a marker, created under the derived id, and looked at once more, since
 *      an old instance may have signed the person out meanwhile. The old record stays, for the old instances.
 *
 * The marker outlives the old record, so that a session which idled out or was ended here is not taken over again from a
 * record that old instances keep alive or have written back.
 */
import type { Engine } from '../../core/engine.js';
import { SessionError } from '../../core/errors.js';
import type { SessionHandle, Stored } from '../../core/handle.js';
import { newHeader } from '../../core/headers.js';
import { identityRaised } from '../../core/identity.js';
import type { OwnerHash, SessionId } from '../../core/ids.js';
import { deadlinesOf, lifeOf, nextSecret, standingOf } from '../../core/policy.js';
import type { Late, Predecessor } from '../../core/predecessor.js';
import { isSuperseded, isTemporary, unavailable, unreadable } from '../../core/refusals.js';
import type { Found, OwnerFields } from '../../core/repository.js';
import { Sealer } from '../../core/seal.js';
import { isOwnerIndexed } from '../../core/store.js';
import { decodeStored } from '../../core/stored-data.js';
import { ownerOf } from '../owner.js';
import { Bars } from './bars.js';
import { expiredCookie, sidsIn } from './cookie.js';
import type { MigrateFrom } from './face.js';
import { inTurn, orLate } from './late.js';
import { Markers } from './markers.js';
import { type Names, namesOf } from './names.js';
import { encoded, OldStore } from './old-store.js';

export type MoveRefusal = 'ambiguous' | 'ended' | 'expired' | 'adopted-before' | 'barred' | 'malformed';

const sentences: Record<MoveRefusal, string> = {
  ambiguous: 'Two different valid ids came in cookies of express-session, so neither was taken.',
  ended: 'The session that was taken over from the cookie of express-session has ended.',
  expired: 'The session that was taken over from the cookie of express-session was not used for too long.',
  'adopted-before': 'The session of the cookie of express-session was taken over before, and is over.',
  barred: 'The session of the cookie of express-session was not taken over, because its sessions were revoked.',
  malformed: 'What lies in the store of express-session under the id of its cookie is no session that can be kept.',
};

/** The requests of one page load came together; who comes later without our cookie has lost it, and gets it again. */
const onePageMs = 10_000;

export class Legacy implements Predecessor {
  readonly #from: MigrateFrom;
  readonly #engine: Engine;
  readonly #old: OldStore;
  readonly #markers: Markers;
  readonly #bars: Bars;

  constructor(from: MigrateFrom, engine: Engine) {
    this.#from = from;
    this.#engine = engine;
    this.#old = new OldStore(from.store, engine);
    const sealer = new Sealer(engine.keyring, engine.config.audience);
    this.#markers = new Markers(engine, sealer, from.keepForMs);
    this.#bars = new Bars(engine, sealer, from.keepForMs);
  }

  /** Never rejects: a fault is kept for the first touch. */
  async admit(handle: SessionHandle, cookie: string): Promise<SessionHandle> {
    const sids = sidsIn(cookie, this.#from.name, this.#from.secrets);
    const [sid, ...others] = sids;
    if (handle.error || sid === undefined) return handle;
    handle.oldSids = sids;
    handle.oldCookie = (secure) => expiredCookie(this.#from, handle, secure);
    // They can't be told apart by right: none is taken, and all are let go of.
    if (others.length > 0) this.#refuse(handle, 'ambiguous');
    else {
      try {
        if (this.#mayTake(handle, sid)) await this.#take(handle, sid);
      } catch (error) {
        unavailable(handle, asSessionError(error));
      }
    }
    return handle;
  }

  async release(current: SessionId | undefined, own: string | undefined, others: readonly string[]): Promise<Late> {
    const { repository, events, signals } = this.#engine;
    const late: Late[] = [];
    for (const sid of new Set([own, ...others])) {
      if (sid === undefined) continue;
      // Under another key too: instances in the middle of a rotation may each have taken it over.
      for (const names of await this.#close(sid, late)) {
        const id = (await this.#markers.find(names))?.id;
        if (id === undefined || id === current || (await repository.find(id)).kind !== 'found') continue;
        const ended = await repository.end(id, 'signed-out');
        if (ended === undefined) continue;
        if (ended === 'signed-out') events.emit({ type: 'ended', id, reason: ended });
        signals.ended(id, ended);
      }
    }
    return () => inTurn(late);
  }

  async #close(sid: string, late: Late[]): Promise<readonly Names[]> {
    const all = this.#namesOf(sid);
    await orLate(late, () => this.#markers.close(all));
    await this.#old.destroy(sid);
    return all;
  }

  async releaseId(id: SessionId): Promise<Late | undefined> {
    const found = await this.#engine.repository.find(id);
    return found.kind === 'found' ? this.release(id, found.stored.header.movedFrom, []) : undefined;
  }

  async releaseOwner(owner: OwnerHash, except: SessionId | undefined): Promise<Late | undefined> {
    const { guard, store, repository } = this.#engine;
    if (!isOwnerIndexed(store)) return undefined;
    const late: Late[] = [];
    await orLate(late, () => this.#bars.set(owner));
    for (const { id, record } of await guard.call('read', () => store.listByOwner(owner))) {
      const found = repository.open(id, record);
      const sid = found.kind === 'found' && id !== except ? found.stored.header.movedFrom : undefined;
      if (sid !== undefined) await this.#close(sid, late);
    }
    return () => inTurn(late);
  }

  /** Not beside a session of ours that somebody is signed in with, nor where it is this one already. */
  #mayTake({ stored, phase, endedReason }: SessionHandle, sid: string): boolean {
    // Its browser has a newer cookie of ours, which this response must not overwrite (G4).
    if (phase === 'superseded' && endedReason === 'replaced') return false;
    return !stored || !(stored.header.movedFrom === sid || this.#isSomebodys(stored));
  }

  #isSomebodys(stored: Stored): boolean {
    const { owner, pending } = stored.header;
    return owner !== undefined || pending !== undefined || this.#names(decodeStored(stored));
  }

  #names(data: Record<string, unknown>): boolean {
    return identityRaised({}, data, this.#engine.config.identityFields) !== undefined;
  }

  async #take(handle: SessionHandle, sid: string): Promise<void> {
    const all = this.#namesOf(sid);
    if (await this.#useOurs(handle, all)) return;
    const old = await this.#old.get(sid);
    if (!old) {
      handle.notes.push('The store of express-session has no session of its cookie.');
      return this.#letGoBefore(handle, all);
    }
    if (old === 'malformed') return this.#refuse(handle, old);
    const owner = this.#ownerOf(old.data);
    const somebodys = owner !== undefined || this.#names(old.data);
    // Nothing to take over; or a stranger's, beside one of ours with which they went on.
    if (Object.keys(old.data).length === 0 || (handle.stored && !somebodys)) return;
    const { epoch, config, repository } = this.#engine;
    // When it began nobody knows: what was revoked may have been this one.
    if ((epoch.on && (await epoch.now())) || (await this.#bars.has(owner))) return this.#refuse(handle, 'barred');
    const data = encoded(old.data, config.maxDataBytes);
    if (!data) return this.#refuse(handle, 'malformed');
    // Begun before any mark that may lie on the owner: their sessions were revoked, and this may be one of them.
    const ownerFields = (names: Names): OwnerFields =>
      owner === undefined ? {} : { ownerHash: names.ownerHash(owner), startedAt: 1 };
    const idOf = (names: Names) => names.id(ownerFields(names).ownerHash);
    const names = await this.#markers.claim(all, old.maxAgeMs, idOf);
    if (!names) {
      // Another request may have been through in between.
      if (await this.#useOurs(handle, all)) return;
      this.#refuse(handle, 'adopted-before');
      return this.#letGoBefore(handle, all);
    }
    const { secret } = names;
    const header = {
      // No `authenticatedAt`: a guard that asks how fresh the sign-in is must not take the move for one.
      ...newHeader(config, handle.facts, secret, owner === undefined ? {} : { owner, aal: 1 }, handle.openedAt),
      movedFrom: sid,
    };
    const put = await repository.create(idOf(names), header, data, ownerFields(names), this.#engine.guard.deadline());
    if (put.result === 'stored') return this.#taken(handle, secret, sid, put.stored);
    if (put.result !== 'exists') return this.#refuse(handle, 'barred');
    await this.#useOurs(handle, all);
  }

  /** A sign-out on an old instance that was done before ours began is final. */
  async #taken(handle: SessionHandle, secret: Uint8Array, sid: string, stored: Stored): Promise<void> {
    const { id } = stored;
    // Not 'signed-out': the old instance has left the browser its cookie.
    const end = () => this.#engine.repository.end(id, 'revoked');
    const again = await this.#old.get(sid).catch(async (error) => {
      // Whether they signed out nobody knows, and the next request would not ask again.
      await end();
      throw error;
    });
    if (!again) {
      await end();
      return this.#refuse(handle, 'ended');
    }
    this.#goOn(handle, stored, secret);
    handle.cookie = 'set';
    handle.wrote = true;
    handle.notes.push('The session was taken over from the cookie of express-session.');
    this.#engine.events.emit({ type: 'adopted', id }, handle);
  }

  /** It was let go of without having been taken over, just now: its browser has a newer cookie, or none (G4). */
  async #letGoBefore(handle: SessionHandle, all: readonly Names[]): Promise<void> {
    const at = handle.stored ? undefined : await this.#markers.closedAt(all);
    if (at !== undefined) this.#supersede(handle, 'replaced', at);
  }

  #supersede(handle: SessionHandle, reason: string, at: number): void {
    if (handle.stored) return;
    handle.endedReason ??= reason;
    if (isSuperseded(reason, at, handle.openedAt)) handle.phase = 'superseded';
  }

  /** Whether our store knows the session, under any key: over if one of them is, and used if it is alive. */
  async #useOurs(handle: SessionHandle, all: readonly Names[]): Promise<boolean> {
    const found: { readonly id: SessionId; readonly names: Names; readonly found: Found }[] = [];
    for (const names of all) {
      const id = (await this.#markers.find(names))?.id;
      if (id !== undefined) found.push({ id, names, found: await this.#engine.repository.find(id) });
    }
    const known = found.filter((it) => it.found.kind !== 'missing');
    const one = known.find((it) => it.found.kind === 'ended') ?? known[0];
    return one !== undefined && this.#use(handle, one.id, one.names.secret, one.found);
  }

  async #use(handle: SessionHandle, id: SessionId, secret: Uint8Array, found: Found): Promise<boolean> {
    const { config, epoch, events } = this.#engine;
    if (found.kind === 'missing') return false;
    if (found.kind === 'refused') {
      events.emit({ type: 'record-refused', reason: found.fault, id }, handle);
      if (isTemporary(found.fault)) throw unreadable(found.fault);
      return true;
    }
    if (found.kind === 'ended') {
      this.#supersede(handle, found.ended.ended, found.ended.at);
      this.#refuse(handle, 'ended');
      return true;
    }
    const { stored } = found;
    const everything = epoch.on ? await epoch.now() : undefined;
    const isOver = lifeOf(deadlinesOf(stored.header, stored.idleDeadline, config), handle.openedAt) !== 'alive';
    if (isOver || (everything && stored.header.createdAt <= everything.at)) {
      if (!handle.stored) handle.endedReason ??= 'expired';
      this.#refuse(handle, 'expired');
      return true;
    }
    if (handle.stored && !this.#isSomebodys(stored)) return true;
    this.#goOn(handle, stored, secret);
    handle.notes.push('The cookie of express-session opened the session that was taken over from it.');
    const isCurrent = standingOf(stored.header, secret, handle.openedAt) === 'current';
    // Offered once the session is found to be alive at the end of the response; not by those that came with the first one.
    if (handle.openedAt - stored.header.createdAt >= onePageMs)
      handle.offer = isCurrent ? secret : nextSecret(stored.header);
    return true;
  }

  #goOn(handle: SessionHandle, stored: Stored, secret: Uint8Array): void {
    handle.phase = 'alive';
    handle.isNew = false;
    handle.stored = stored;
    handle.secret = secret;
    handle.tokenText = undefined;
    handle.endedReason = undefined;
    handle.offer = undefined;
    handle.headerChanged = false;
    handle.fromCache = false;
  }

  #ownerOf(data: Record<string, unknown>): string | undefined {
    try {
      return ownerOf(this.#from.owner, data);
    } catch (cause) {
      const why = cause instanceof SessionError ? ` ${cause.message}` : '';
      const message = `migrateFrom.owner: it failed on the data of an old session.${why}`;
      throw new SessionError('ERR_SESSION_ARGUMENT', message, { cause });
    }
  }

  #namesOf(sid: string): readonly [Names, ...Names[]] {
    const { keyring, config } = this.#engine;
    return keyring.all.map((keys) => namesOf(keys, config.audience, sid)) as unknown as [Names, ...Names[]];
  }

  #refuse(handle: SessionHandle, reason: MoveRefusal): void {
    handle.notes.push(sentences[reason]);
    this.#engine.events.emit({ type: 'move-refused', reason }, handle);
  }
}

const asSessionError = (error: unknown): SessionError =>
  error instanceof SessionError
    ? error
    : new SessionError('ERR_SESSION_ARGUMENT', 'migrateFrom: an old session could not be taken over.', {
        cause: error,
      });
