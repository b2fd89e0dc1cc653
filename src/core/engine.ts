/**
 * open -> use -> commit: a session's way through a request. No HTTP, and no I/O but through the repository. Reads that
 * a store answers at once, and commits with nothing to store, run without a promise.
 *
 * Length: the order of effects of a request is decided here and nowhere else.
 */
import { Admission } from './admission.js';
import type { Actor } from './audit.js';
import { SessionCache } from './cache.js';
import { Changes } from './changes.js';
import { EpochFace } from './epoch-face.js';
import { SessionError } from './errors.js';
import { Events } from './events.js';
import { idOf, type RequestFacts, type SessionHandle, type Stored } from './handle.js';
import type { SessionId, SessionToken } from './ids.js';
import { createKeyring, type Keyring } from './keyring.js';
import { Lookups } from './lookups.js';
import { isPromise } from './maybe-promise.js';
import { Notices } from './notices.js';
import type { EngineConfig } from './options.js';
import type { Parts } from './parts.js';
import { deadlinesOf, idleMsOf, lifeOf } from './policy.js';
import type { Predecessor } from './predecessor.js';
import { isTemporary, unreadable } from './refusals.js';
import { type Found, Repository } from './repository.js';
import { Sealer } from './seal.js';
import { fill, legacyOf, Session } from './session.js';
import { type Lives, Signals } from './signals.js';
import { isWatchable, type MaybePromise, type SessionStore } from './store.js';
import { StoreGuard } from './store-guard.js';
import { decodeStored } from './stored-data.js';
import { newVersion, TokenCodec } from './token.js';
import { Verbs } from './verbs.js';

/** What the response must do with the cookie. */
export type CookieChange = { readonly set: SessionToken; readonly maxAgeSeconds?: number } | 'clear' | undefined;

export class Engine implements Parts {
  readonly config: EngineConfig;
  readonly events: Events;
  readonly keyring: Keyring;
  readonly repository: Repository;
  readonly guard: StoreGuard;
  readonly cache: SessionCache<Found>;
  readonly lookups: Lookups;
  readonly notices: Notices;
  readonly signals: Signals;
  readonly epoch: EpochFace;
  readonly store: SessionStore;
  readonly changes: Changes;
  /** Set once, before the first request. */
  predecessor: (() => Promise<Predecessor>) | undefined;
  readonly #tokens: TokenCodec;
  readonly #admission: Admission;
  readonly #verbs: Verbs;

  /** `secrets` newest first, checked before (secrets.ts). */
  constructor(store: SessionStore, secrets: readonly string[], config: EngineConfig) {
    this.config = config;
    this.store = store;
    this.events = new Events(() => config.clock.now(), config.audit);
    if (config.onEvent) this.events.on(config.onEvent);
    this.keyring = createKeyring(secrets);
    this.guard = new StoreGuard(store.name, config.storeDeadlineMs, config.clock, this.events);
    this.notices = new Notices(store, config.clock);
    this.cache = new SessionCache(mayCache(store, config), this.notices, config);
    const sealer = new Sealer(this.keyring, config.audience);
    this.repository = new Repository(store, this.guard, sealer, config, this.cache);
    this.lookups = new Lookups(this.repository, this.cache, this.notices, config.clock, config.storeDeadlineMs);
    this.signals = new Signals(
      this.notices,
      config.clock,
      (id) => this.#lives(id),
      () => this.epoch.beat(),
    );
    this.epoch = new EpochFace(
      config.revokeEverything,
      ({ Epoch }) =>
        new Epoch(
          store,
          this,
          sealer,
          () => this.signals.heard('all'),
          () => this.signals.needsNotices(),
        ),
    );
    this.changes = new Changes(this);
    this.#tokens = new TokenCodec(this.keyring, config.audience);
    this.#admission = new Admission(this, this.#tokens, (id, reason) => this.endSession(id, reason));
    this.#verbs = new Verbs(this);
  }

  /** Finds the session that the cookie's values name. Never throws or rejects: a fault is kept for the first touch. */
  open(values: readonly string[], facts: RequestFacts): MaybePromise<SessionHandle> {
    return this.#admission.open(values, facts);
  }

  /** What the store says now of a session that came from memory, in a handle to be read only. Never throws or rejects. */
  confirm(handle: SessionHandle): SessionHandle | Promise<SessionHandle> {
    return this.#admission.confirm(handle);
  }

  /** The session as a handler holds it; decoded when first asked for. Throws where the store could not say. */
  sessionOf(handle: SessionHandle): Session {
    if (handle.session) return handle.session;
    if (handle.error) throw handle.error;
    const session = new Session(this.#verbs, handle);
    if (handle.stored) fill(session, decodeStored(handle.stored, !handle.facts.safe));
    // Asks the app's own function: what it throws must reach the handler, before there is anything to store.
    else void handle.facts.lifetime;
    handle.session = session;
    const legacy = legacyOf(session);
    if (legacy) this.events.emit({ type: 'names-taken', names: Object.keys(legacy), ...idOf(handle) });
    return session;
  }

  /**
   * For the response: stores what the request changed; nothing is returned where there is nothing to wait for. Waits
   * for verbs that the handler called and did not await, so that the answer does not overtake what it claims (G5).
   */
  commit(handle: SessionHandle): void | Promise<void> {
    const { underWay } = handle;
    if (underWay && underWay.size > 0) {
      // All of them, also after a failure: an error answered now could be overtaken by a sign-in that still succeeds.
      return Promise.allSettled(underWay).then((verbs) => {
        const failed = verbs.find((verb) => verb.status === 'rejected');
        if (failed) throw failed.reason;
        return this.commit(handle);
      });
    }
    if (handle.unheard !== undefined) throw handle.unheard;
    if ((handle.endsByCookie || handle.endsByUnset) && handle.phase !== 'ended') {
      return this.#verbs.end(handle, 'destroyed').then(() => this.commit(handle));
    }
    const stored = this.changes.commit(handle);
    if (!handle.offer || handle.headOut) return stored;
    return stored ? stored.then(() => this.#confirmOffer(handle)) : this.#confirmOffer(handle);
  }

  /** The next token of a session that was ended or replaced meanwhile must not overwrite the cookie that came after (G4). */
  #confirmOffer(handle: SessionHandle): void | Promise<void> {
    const { stored } = handle;
    // By now the successor may have been succeeded: handed out so late, it would pass for a copied cookie.
    const { renewEveryMs, clock } = this.config;
    if (renewEveryMs > 0 && clock.now() - handle.openedAt >= renewEveryMs) handle.offer = undefined;
    if (!handle.offer || !stored || handle.wrote || handle.phase !== 'alive') return;
    const settle = (answer: 'touched' | 'gone') => {
      if (answer === 'gone') handle.offer = undefined;
      else handle.wrote = true;
    };
    const give = () => {
      // Not worth an error: this response changes nothing, and the next one offers again.
      handle.offer = undefined;
    };
    try {
      const answer = this.repository.touch(stored);
      if (isPromise(answer)) return answer.then(settle, give);
      settle(answer);
    } catch {
      give();
    }
  }

  cookieOf(handle: SessionHandle): CookieChange {
    if (handle.cookie === 'clear') return 'clear';
    const { stored, offer } = handle;
    const secret = handle.cookie === 'set' ? handle.secret : offer;
    if (!secret || !stored || handle.phase !== 'alive') return undefined;
    if (secret === offer && offer !== handle.secret) this.events.emit({ type: 'renewed', id: stored.id });
    const set = this.#tokens.write(stored.id, secret);
    if (!stored.header.persistent) return { set };
    const { endsAt } = deadlinesOf(stored.header, stored.idleDeadline, this.config);
    return { set, maxAgeSeconds: Math.max(1, Math.ceil((endsAt - this.config.clock.now()) / 1_000)) };
  }

  /**
   * What the browser is to send with its next requests, in a cookie of a few seconds, so that whichever instance they
   * reach shows them this change: see cache.ts. Random, so that it says nothing. Undefined where nothing was changed.
   */
  tagOf(handle: SessionHandle): string | undefined {
    return this.cache.on && handle.changed && handle.phase === 'alive' ? newVersion() : undefined;
  }

  /** After the response: moves the idle deadline if it is time, and lets go of the signal. Its faults are events only. */
  release(handle: SessionHandle): void {
    handle.released = true;
    if (handle.abort) this.signals.release(handle);
    const { stored } = handle;
    if (!stored || handle.phase !== 'alive' || handle.wrote) return;
    try {
      if (handle.headerChanged) {
        this.#putHeader(stored, !handle.background);
      } else if (handle.touchWanted || this.#touchIsDue(handle, stored)) {
        const touched = this.repository.touch(stored);
        if (isPromise(touched)) touched.catch(() => {});
      }
    } catch {
      // The guard has emitted the fault. The session just expires a little earlier than it could.
    }
  }

  /** Whether the response must be seen to although no handler may look at the session. */
  isDue(handle: SessionHandle): boolean {
    const { stored } = handle;
    if (!stored || handle.phase !== 'alive') return false;
    return (
      handle.cookie === 'set' || handle.offer !== undefined || handle.headerChanged || this.#touchIsDue(handle, stored)
    );
  }

  #touchIsDue(handle: SessionHandle, stored: Stored): boolean {
    if (handle.background) return false;
    const { lastSeenAt } = deadlinesOf(stored.header, stored.idleDeadline, this.config);
    const everyMs = Math.min(this.config.touchEveryMs, idleMsOf(stored.header, this.config) / 10);
    return handle.openedAt - lastSeenAt >= everyMs;
  }

  /** This request is no use of the session: a page polls by itself, say. A new token is offered with the next one that is. */
  inBackground(handle: SessionHandle): void {
    handle.background = true;
    handle.offer = undefined;
  }

  /**
   * For a connection that goes on without a response, such as a WebSocket. That it is open is no use of the session: a
   * page that reconnects by itself would never let it expire.
   */
  detach(handle: SessionHandle): void {
    handle.detached = true;
    this.inBackground(handle);
    const { stored } = handle;
    if (!handle.headerChanged || !stored) return;
    // The token that came is a successor. It becomes current now and not when the connection ends, which may be hours away.
    handle.headerChanged = false;
    this.#putHeader(stored, false);
  }

  /** Nobody waits for it, and its faults are events only. */
  #putHeader(stored: Stored, extend: boolean): void {
    try {
      const put = this.repository.update(stored, stored.header, stored.data, this.guard.deadline(), {
        extends: extend,
      });
      if (isPromise(put)) put.catch(() => {});
    } catch {
      // The guard has emitted the fault.
    }
  }

  /** Moves a detached connection's idle deadline, at most every `touchEvery`. Faults are events only. */
  async touchDetached(handle: SessionHandle): Promise<void> {
    const { clock, touchEveryMs } = this.config;
    const now = clock.now();
    const { stored } = handle;
    if (!stored || handle.phase !== 'alive' || now - handle.touchedAt < touchEveryMs) return;
    handle.touchedAt = now;
    try {
      // What was loaded at the handshake may be hours old, and requests have used the session since.
      const found = await this.repository.find(stored.id, undefined, stored);
      if (found.kind !== 'found') return;
      const { lastSeenAt } = deadlinesOf(found.stored.header, found.stored.idleDeadline, this.config);
      if (now - lastSeenAt >= touchEveryMs) await this.repository.touch(found.stored);
    } catch {
      // The guard has emitted the fault.
    }
  }

  /** The connection closed before the response was complete: changes are not stored, and an event says so. */
  abandon(handle: SessionHandle): void {
    try {
      if (this.changes.changed(handle) === undefined) return;
    } catch {
      // Not even storable; dropped all the same.
    }
    handle.dropped = true;
    this.events.emit({ type: 'change-dropped', reason: 'aborted', ...idOf(handle) });
  }

  /** Ends a session and answers why it is over: an earlier ending keeps its reason. Undefined if there was none. */
  async endSession(id: SessionId, reason: string, actor?: Actor): Promise<string | undefined> {
    const late = await (await this.predecessor?.())?.releaseId(id);
    const ended = await this.repository.end(id, reason);
    if (ended === reason) this.events.emit({ type: 'ended', id, reason }, actor);
    this.signals.ended(id, ended ?? reason);
    await late?.();
    return ended;
  }

  /** Whether a session is alive now, or why not; the answer of the store, not of any memory. */
  async #lives(id: SessionId): Promise<Lives> {
    const found = await this.lookups.now(id);
    if (found.kind === 'ended') return { alive: false, reason: found.ended.ended };
    if (found.kind === 'refused' && isTemporary(found.fault)) throw unreadable(found.fault);
    if (found.kind !== 'found') return { alive: false, reason: 'expired' };
    const deadlines = deadlinesOf(found.stored.header, found.stored.idleDeadline, this.config);
    const alive = lifeOf(deadlines, this.config.clock.now()) === 'alive';
    const everything = this.epoch.on ? await this.epoch.now() : undefined;
    if (everything && found.stored.header.createdAt <= everything.at)
      return { alive: false, reason: everything.reason };
    return alive ? { alive, until: deadlines.expiresAt } : { alive, reason: 'expired' };
  }

  async close(): Promise<void> {
    try {
      this.signals.close();
      this.epoch.close();
      await this.notices.close();
    } finally {
      await this.store.close?.();
    }
  }
}

/** Where a read answers at once or stays in the machine there is little to save; across a network there is. */
function mayCache(store: SessionStore, { cache }: EngineConfig): boolean {
  if (cache.on === undefined) return store.networked && isWatchable(store);
  if (cache.on && !isWatchable(store)) {
    throw new SessionError(
      'ERR_SESSION_STORE_CAPABILITY',
      `cache: the ${store.name} store does not push its changes (it lacks watch), so what is kept in memory could be stale. Leave the option out.`,
    );
  }
  return cache.on;
}
