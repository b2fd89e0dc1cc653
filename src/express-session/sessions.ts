/**
 * express-session's verbs over the store contract: load, save, touch, end.
 *
 * express-session hands back the very object that it made of what was loaded, so what a request began with is remembered
 * by that object (`Base`), and a save can tell what the request changed from what others have changed since. There is no
 * upsert in the contract: a session is created once, and a save of one that was loaded needs it to be there still.
 *
 * Length: the four verbs share what a session object was made of, and each needs all of it.
 */
import type { SessionData } from 'express-session';
import type { Managed } from '../core/admin.js';
import { argumentError, describe } from '../core/errors.js';
import { Events } from '../core/events.js';
import type { Stored } from '../core/handle.js';
import type { SessionId } from '../core/ids.js';
import { createKeyring, type Keyring } from '../core/keyring.js';
import { merge } from '../core/merge.js';
import type { EngineConfig } from '../core/options.js';
import { deadlinesOf, type Life, lifeOf } from '../core/policy.js';
import { busy, endedError, isTemporary, toldEndings, unreadable } from '../core/refusals.js';
import { type Found, Repository } from '../core/repository.js';
import { Sealer } from '../core/seal.js';
import type { MaybePromise, SessionStore } from '../core/store.js';
import { StoreGuard } from '../core/store-guard.js';
import { Beside } from './beside.js';
import { conflictRefused, ownerFixed, refusedCreation } from './errors.js';
import { headerAfter, headerOf } from './headers.js';
import { type Ids, idsOf } from './ids.js';
import type { Resolved } from './options.js';
import { ownerFields, ownerOf } from './owner.js';
import {
  type Draft,
  draftOf,
  type Expires,
  encodeTexts,
  type Payload,
  payloadOf,
  readPayload,
  sessionFrom,
  type Texts,
  useOf,
} from './payload.js';
import { Remembered } from './remembered.js';
import { isSafe, RequestStarts } from './requests.js';
import { type Turn, Turns } from './turns.js';

/** What a session object was when its request last saw it stored, and what of it the store has. */
interface Base {
  readonly sid: string;
  readonly ids: Ids;
  /** What the request's object said; others' changes that a save has merged in are not in it. */
  readonly seen: { readonly data: string; readonly cookie: string };
  readonly kept: Kept;
}

/** A stored session, and what it says. */
export interface Kept {
  readonly stored: Stored;
  readonly texts: Texts;
}

/** A browser clock's worth: a deadline this little later is not one that was shortened. */
const shortenedByMs = 1_000;

export class Sessions implements Managed {
  readonly store: SessionStore;
  readonly config: EngineConfig;
  readonly events: Events;
  readonly keyring: Keyring;
  readonly guard: StoreGuard;
  readonly repository: Repository;
  /** Nobody holds a signal of a session of express-session. */
  readonly signals = { ended() {} };
  readonly starts: RequestStarts;
  readonly #owner: Resolved['owner'];
  readonly #bases = new Beside<Base>();
  readonly #turns = new Turns();
  readonly #remembered: Remembered;

  constructor({ store, secrets, config, owner }: Resolved) {
    this.store = store;
    this.config = config;
    this.#owner = owner;
    this.events = new Events(() => config.clock.now());
    if (config.onEvent) this.events.on(config.onEvent);
    this.keyring = createKeyring(secrets);
    this.guard = new StoreGuard(store.name, config.storeDeadlineMs, config.clock, this.events);
    this.repository = new Repository(store, this.guard, new Sealer(this.keyring, config.audience), config);
    this.starts = new RequestStarts(config.clock, owner !== undefined);
    this.#remembered = new Remembered(config.cache);
  }

  ids(sid: string): Ids {
    if (typeof sid !== 'string') {
      throw argumentError(`expected an id of express-session, got ${describe(sid)}.`);
    }
    const known = this.#remembered.of(sid);
    if (known) return known.ids;
    return idsOf(this.keyring, this.config.audience, sid);
  }

  /** The public id under which the store keeps this session object, or would. */
  idOf(sid: string, session: object): SessionId {
    return this.#baseOf(sid, session)?.kept.stored.id ?? this.ids(sid)[0];
  }

  /** `made` is what express-session made of the object `from` that `load` gave it. */
  carry(from: object, made: object): void {
    const base = this.#bases.of(from);
    if (base) this.#bases.set(made, base);
  }

  async load(sid: string): Promise<object | undefined> {
    if (typeof sid !== 'string') return undefined;
    const known = this.#remembered.of(sid);
    const ids = known?.ids ?? this.ids(sid);
    const found = await this.#find(ids, this.guard.deadline(), known?.kept.stored);
    const id = found.kind === 'found' ? found.stored.id : ids[0];
    if (found.kind !== 'found') this.#remembered.forget(sid);
    if (found.kind === 'ended') {
      this.events.emit({ type: 'token-refused', reason: 'ended', id, endedReason: found.ended.ended });
      return undefined;
    }
    if (found.kind === 'missing') {
      this.events.emit({ type: 'token-refused', reason: 'unknown-session', id });
      return undefined;
    }
    if (found.kind === 'refused') {
      this.events.emit({ type: 'record-refused', reason: found.fault, id });
      if (isTemporary(found.fault)) throw unreadable(found.fault);
      return undefined;
    }
    const { stored } = found;
    const same = known?.kept.stored.sealed === stored.sealed ? known.kept.texts : undefined;
    const payload = this.#open(stored, same);
    if (!payload) return undefined;
    const kept = { stored, texts: payload.texts };
    const session = sessionFrom(payload, payload.until);
    this.#bases.set(session, { sid, ids, seen: payload.texts, kept });
    this.#remembered.keep(sid, { ids, kept });
    return session;
  }

  /** What a live record holds; `texts` are those that were read from the same bytes before. An event says why not. */
  #open(stored: Stored, texts: Texts | undefined): (Payload & { readonly until: number }) | undefined {
    const { id } = stored;
    const payload = texts ? payloadOf(texts) : readPayload(stored.data);
    if (!payload) {
      this.events.emit({ type: 'record-refused', reason: 'malformed', id });
      return undefined;
    }
    const { life, until } = this.lifeOf(stored, payload.texts.expires);
    if (life === 'alive') return { ...payload, until };
    this.events.emit({ type: 'token-refused', reason: life, id });
    return undefined;
  }

  /** Whether it is alive, and until when without a use. */
  lifeOf({ header, idleDeadline }: Stored, expires: Expires): { readonly life: Life; readonly until: number } {
    const now = this.config.clock.now();
    const deadlines = deadlinesOf(header, idleDeadline, this.config);
    const until = typeof expires === 'number' ? Math.min(expires, deadlines.expiresAt) : deadlines.expiresAt;
    const life = lifeOf(deadlines, now);
    return { life: life === 'alive' && now >= until ? 'idle-expired' : life, until };
  }

  /**
   * Stores what this session object says now. A session that another request has ended is not stored: for a safe request
   * (GET, HEAD, OPTIONS) whose browser knows, that is an event; for any other, ERR_SESSION_ENDED.
   */
  async save(sid: string, session: object): Promise<void> {
    // At once: what the handler changes after this call is not part of it.
    const draft = this.#draft(session);
    const owner = ownerOf(this.#owner, session as SessionData);
    const deadline = this.guard.deadline();
    const ids = this.#baseOf(sid, session)?.ids ?? this.ids(sid);
    await this.#turns.take(ids[0], async (turn) => {
      if (this.guard.isPast(deadline)) throw busy();
      if (draft.expiresAt <= this.config.clock.now()) return void (await this.#end(ids, 'expired'));
      const base = this.#baseOf(sid, session) ?? (await this.#create(sid, ids, session, draft, owner, deadline));
      if (!base) return this.#endedMeanwhile(ids, session, deadline);
      const had = base.kept.stored.header.owner;
      if (owner !== undefined && owner !== had) throw ownerFixed(had !== undefined);
      const kept = await this.#write(base, draft, deadline, turn);
      if (!kept) return this.#endedMeanwhile(ids, session, deadline);
      turn.latest = kept;
      this.#bases.set(session, { ...base, seen: draft, kept });
      this.#remembered.keep(sid, { ids: base.ids, kept });
    });
  }

  #draft(session: object): Draft {
    const { clock, idleMs, maxDataBytes } = this.config;
    return draftOf(session, clock.now(), idleMs, maxDataBytes);
  }

  #baseOf(sid: string, session: object): Base | undefined {
    const base = this.#bases.of(session);
    // An app may store a session under another id than it loaded it from: that is a new session.
    return base?.sid === sid ? base : undefined;
  }

  /** The base of a session that was not loaded: created now, or overwritten as `set` says. Undefined: it has ended. */
  async #create(
    sid: string,
    ids: Ids,
    session: object,
    draft: Draft,
    owner: string | undefined,
    deadline: number,
  ): Promise<Base | undefined> {
    // Under an older key the id may be taken without the newest one knowing.
    const known = ids.length > 1 ? await this.#find(ids, deadline) : undefined;
    if (!known || known.kind === 'missing') {
      const texts = { data: draft.data, cookie: draft.cookie, expires: draft.hasExpires ? true : null } as const;
      const header = headerOf(this.config, draft, session, owner);
      const fields = ownerFields(this.keyring, this.config.audience, owner, this.starts.of(session));
      const put = await this.repository.create(ids[0], header, encodeTexts(texts), fields, deadline);
      if (put.result === 'stored') {
        this.events.emit({ type: 'created', id: ids[0] });
        return { sid, ids, seen: texts, kept: { stored: put.stored, texts } };
      }
      if (put.result !== 'exists') throw refusedCreation(put.result);
    }
    const found = known && known.kind !== 'missing' ? known : await this.#find(ids, deadline);
    if (found.kind === 'refused') throw unreadable(found.fault);
    if (found.kind !== 'found') return undefined;
    const kept = keptOf(found.stored);
    return { sid, ids, seen: kept.texts, kept };
  }

  /** Brings the store to what `draft` says, over whatever others have stored since. Undefined: the session is gone. */
  async #write(base: Base, draft: Draft, deadline: number, turn: Turn): Promise<Kept | undefined> {
    for (let before = turn.latest ?? base.kept; ; ) {
      // Its cookie was shortened, and the store's own deadline is later: nothing but this ends it.
      if (isCapped(before) && this.lifeOf(before.stored, before.texts.expires).life === 'idle-expired')
        return undefined;
      const texts = this.#next(base, draft, before);
      if (sameTexts(texts, before.texts)) {
        const stored = await this.#touched(before.stored, draft);
        return stored && { stored, texts };
      }
      const header = headerAfter(before.stored.header, draft);
      const put = await this.repository.update(before.stored, header, encodeTexts(texts), deadline);
      if (put.result === 'stored') return { stored: put.stored, texts };
      if (put.result !== 'conflict') return undefined;
      const { found } = put;
      if (found.kind !== 'found') throw unreadable(found.kind === 'refused' ? found.fault : 'malformed');
      before = keptOf(found.stored);
      if (this.guard.isPast(deadline)) throw busy();
    }
  }

  /** What is to be stored over what is stored now. */
  #next(base: Base, draft: Draft, { stored, texts: now }: Kept): Texts {
    const cookie = draft.cookie === base.seen.cookie ? now.cookie : draft.cookie;
    const expires = this.#expires(draft, stored);
    // What I left as it was, or what nobody else has changed, needs no merge.
    if (draft.data === base.seen.data || draft.data === now.data) return { data: now.data, cookie, expires };
    if (now.data === base.seen.data) return { data: draft.data, cookie, expires };
    if (this.config.onConflict === 'error') throw conflictRefused();
    const parse = (text: string): Record<string, unknown> => JSON.parse(text);
    const { atomic } = this.config;
    const merged = merge(parse(base.seen.data), parse(draft.data), parse(now.data), { atomic });
    if (merged.conflicts.length > 0) {
      this.events.emit({ type: 'conflict', id: stored.id, paths: merged.conflicts.map(({ path }) => path) });
    }
    return { data: JSON.stringify(merged.data), cookie, expires };
  }

  /** The store's deadline only moves forward, so one that a shorter cookie ends earlier is sealed. */
  #expires(draft: Draft, before: Stored): Expires {
    if (!draft.hasExpires) return null;
    return before.idleDeadline > draft.expiresAt + shortenedByMs ? draft.expiresAt : true;
  }

  /** A use that changed nothing: the deadline moves if that is worth a call. */
  async #touched(stored: Stored, draft: Draft): Promise<Stored | undefined> {
    const gain = draft.expiresAt - stored.idleDeadline;
    if (gain < Math.min(this.config.touchEveryMs, draft.lifetimeMs / 10)) return stored;
    if ((await this.repository.touch(stored)) === 'gone') return undefined;
    return { ...stored, idleDeadline: Math.max(stored.idleDeadline, draft.expiresAt) };
  }

  /** A session that was used and not changed. One that is over stays over, without a word. */
  async touch(sid: string, session: object): Promise<void> {
    const base = this.#baseOf(sid, session) ?? (await this.#loadedFor(sid, session));
    if (!base) return;
    const draft = { data: base.seen.data, ...useOf(session, this.config.clock.now(), this.config.idleMs) };
    const deadline = this.guard.deadline();
    const { stored, texts } = base.kept;
    const unchanged = draft.cookie === base.seen.cookie && texts.expires === this.#expires(draft, stored);
    if (unchanged) return void (await this.#touched(stored, draft));
    await this.#turns.take(base.ids[0], async (turn) => {
      if (this.guard.isPast(deadline)) throw busy();
      if (draft.expiresAt <= this.config.clock.now()) return void (await this.#end(base.ids, 'expired'));
      turn.latest = (await this.#write(base, draft, deadline, turn)) ?? turn.latest;
    });
  }

  async #loadedFor(sid: string, session: object): Promise<Base | undefined> {
    const loaded = await this.load(sid);
    if (loaded) this.carry(loaded, session);
    return this.#bases.of(session);
  }

  /** Ends it for good, under whichever key it was stored. */
  end(sid: string, reason: string): Promise<boolean> {
    const ids = this.ids(sid);
    this.#remembered.forget(sid);
    return this.#turns.take(ids[0], () => this.#end(ids, reason));
  }

  async #end(ids: Ids, reason: string): Promise<boolean> {
    let any = false;
    for (const id of ids) any = (await this.endSession(id, reason)) !== undefined || any;
    return any;
  }

  /** Ends a session by its public id and answers why it is over: an earlier ending keeps its reason. */
  async endSession(id: SessionId, reason: string): Promise<string | undefined> {
    const ended = await this.repository.end(id, reason);
    if (ended === reason) this.events.emit({ type: 'ended', id, reason });
    return ended;
  }

  /** The first of the ids that the store knows anything of. */
  #find(ids: Ids, deadline: number, known?: Stored): MaybePromise<Found> {
    if (ids.length === 1) return this.repository.find(ids[0], deadline, known);
    return this.#findAmong(ids, deadline, known);
  }

  async #findAmong(ids: Ids, deadline: number, known?: Stored): Promise<Found> {
    let found: Found = { kind: 'missing' };
    for (const id of ids) {
      found = await this.repository.find(id, deadline, known?.id === id ? known : undefined);
      if (found.kind !== 'missing') return found;
    }
    return found;
  }

  async #endedMeanwhile(ids: Ids, session: object, deadline: number): Promise<void> {
    const found = await this.#find(ids, deadline);
    const reason = found.kind === 'ended' ? found.ended.ended : 'expired';
    if (!isSafe(session) || !toldEndings.has(reason)) throw endedError(reason);
    this.events.emit({ type: 'change-dropped', reason: 'ended-meanwhile', endedReason: reason, id: ids[0] });
  }
}

function keptOf(stored: Stored): Kept {
  const texts = readPayload(stored.data)?.texts;
  if (!texts) throw unreadable('malformed');
  return { stored, texts };
}

const isCapped = ({ texts }: Kept): boolean => typeof texts.expires === 'number';

const sameTexts = (a: Texts, b: Texts): boolean =>
  a.data === b.data && a.cookie === b.cookie && a.expires === b.expires;
