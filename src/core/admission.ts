/** open: from the cookie's values to a handle. The one place that decides whether a request has a session. */

import type { Entry } from './cache.js';
import type { Moment } from './epoch.js';
import type { SessionError } from './errors.js';
import type { RefusalReason } from './events.js';
import { type RequestFacts, SessionHandle, type Stored } from './handle.js';
import { promotedHeader } from './headers.js';
import type { SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import type { EngineConfig } from './options.js';
import type { Parts } from './parts.js';
import { deadlinesOf, lifeOf, nextSecret, type SecretStanding, standingOf } from './policy.js';
import { isSuperseded, isTemporary, unavailable, unreadable } from './refusals.js';
import type { Found } from './repository.js';
import type { MaybePromise } from './store.js';
import type { ParsedToken, TokenCodec } from './token.js';

export class Admission {
  readonly #parts: Parts;
  readonly #tokens: TokenCodec;
  readonly #end: (id: SessionId, reason: string) => Promise<unknown>;

  constructor(parts: Parts, tokens: TokenCodec, end: (id: SessionId, reason: string) => Promise<unknown>) {
    this.#parts = parts;
    this.#tokens = tokens;
    this.#end = end;
  }

  /** Finds the session that the cookie's values name. Never throws or rejects: a fault is kept for the first touch. */
  open(values: readonly string[], facts: RequestFacts): MaybePromise<SessionHandle> {
    const opened = this.#open(values, facts);
    if (!this.#parts.epoch.on) return opened;
    return isPromise(opened) ? opened.then((handle) => this.#underEpoch(handle)) : this.#underEpoch(opened);
  }

  /** Whatever opened it, memory included: a session from before everything was revoked is over. */
  #underEpoch(handle: SessionHandle): MaybePromise<SessionHandle> {
    if (handle.phase !== 'alive') return handle;
    const judged = (everything: Moment | undefined): SessionHandle => {
      const { stored } = handle;
      if (!everything || !stored || stored.header.createdAt > everything.at) return handle;
      this.#refuse(handle, { reason: 'ended', id: stored.id, endedReason: everything.reason }, stored);
      shut(handle, 'none');
      handle.endedReason = everything.reason;
      return handle;
    };
    const failed = (error: unknown): SessionHandle => {
      shut(handle, 'unavailable');
      return unavailable(handle, error as SessionError);
    };
    try {
      const everything = this.#parts.epoch.now();
      return isPromise(everything) ? everything.then(judged, failed) : judged(everything);
    } catch (error) {
      return failed(error);
    }
  }

  #open(values: readonly string[], facts: RequestFacts): MaybePromise<SessionHandle> {
    const handle = new SessionHandle(facts, this.#parts.config.clock.now());
    const [only] = values;
    if (only === undefined) return handle;
    const { cache, lookups } = this.#parts;
    const { safe, tag } = facts;
    const known = values.length === 1 ? cache.ofToken(only) : undefined;
    if (known) handle.tokenText = only;
    const token = known?.token ?? this.#select(handle, values);
    if (!token) return handle;
    // Only here, and only for a yes, does memory answer instead of the store.
    if (safe && cache.vouches(known, tag, handle.openedAt)) return this.#fromCache(handle, token, known as Entry);
    try {
      const found = lookups.find(token.id, safe, tag);
      if (!isPromise(found)) return this.#admit(handle, token, found, known);
      return found.then(
        (answer) => this.#admit(handle, token, answer, known),
        (error: SessionError) => unavailable(handle, error),
      );
    } catch (error) {
      return unavailable(handle, error as SessionError);
    }
  }

  /**
   * What the store says now, for an answer in which the deadline itself counts: another process may have moved it. In a
   * handle of its own, to be read and dropped: what the request holds stays tied to the state that it was read from.
   * Were its data left in a handle that the store has just emptied, the commit would begin a new session with them (G2).
   */
  confirm(handle: SessionHandle): SessionHandle | Promise<SessionHandle> {
    const { stored, secret } = handle;
    if (!handle.fromCache || !stored || !secret) return handle;
    const token: ParsedToken = { id: stored.id, secret: Buffer.from(secret) };
    const fresh = new SessionHandle(handle.facts, this.#parts.config.clock.now());
    fresh.tokenText = handle.tokenText;
    const admit = async () => {
      try {
        await this.#admit(fresh, token, await this.#parts.lookups.now(token.id), undefined);
        if (this.#parts.epoch.on) await this.#underEpoch(fresh);
      } catch (error) {
        unavailable(fresh, error as SessionError);
      }
      return fresh;
    };
    return admit();
  }

  #fromCache(handle: SessionHandle, token: ParsedToken, { stored }: Entry): SessionHandle {
    handle.isNew = false;
    handle.fromCache = true;
    handle.secret = token.secret;
    handle.stored = stored;
    handle.phase = 'alive';
    this.#offerRenewal(handle, stored);
    return handle;
  }

  /** The one token among the values whose MAC holds. Two different ones can't be told apart by right: neither is taken. */
  #select(handle: SessionHandle, values: readonly string[]): ParsedToken | undefined {
    let chosen: ParsedToken | undefined;
    let chosenText: string | undefined;
    for (const value of values) {
      if (value === chosenText) continue;
      const token = this.#tokens.read(value);
      if (typeof token === 'string') {
        this.#refuse(handle, { reason: token });
      } else if (chosen) {
        this.#refuse(handle, { reason: 'ambiguous' });
        return undefined;
      } else {
        chosen = token;
        chosenText = value;
        handle.tokenText = value;
      }
    }
    return chosen;
  }

  #refuse(
    handle: SessionHandle,
    why: { reason: RefusalReason; id?: SessionId; endedReason?: string },
    stored?: Stored,
  ): void {
    handle.refusals.push(why.endedReason === undefined ? why.reason : `${why.reason}: ${why.endedReason}`);
    this.#parts.events.emit({ type: 'token-refused', ...why }, { facts: handle.facts, stored });
  }

  #admit(
    handle: SessionHandle,
    token: ParsedToken,
    found: Found,
    known: Entry | undefined,
  ): MaybePromise<SessionHandle> {
    const { id } = token;
    if (found.kind === 'missing') {
      this.#refuse(handle, { reason: 'unknown-session', id });
      // The token is ours, so there was a session. Stores forget those that have expired, some at that very moment.
      handle.endedReason = 'expired';
      return handle;
    }
    if (found.kind === 'ended') {
      const { ended, at } = found.ended;
      this.#refuse(handle, { reason: 'ended', id, endedReason: ended });
      handle.endedReason = ended;
      if (isSuperseded(ended, at, handle.openedAt)) handle.phase = 'superseded';
      return handle;
    }
    if (found.kind === 'refused') {
      handle.refusals.push(`record-${found.fault}`);
      this.#parts.events.emit({ type: 'record-refused', reason: found.fault, id }, handle);
      return isTemporary(found.fault) ? unavailable(handle, unreadable(found.fault)) : handle;
    }
    const { stored } = found;
    const life = lifeOf(deadlinesOf(stored.header, stored.idleDeadline, this.#parts.config), handle.openedAt);
    if (life !== 'alive') {
      this.#refuse(handle, { reason: life, id }, stored);
      handle.endedReason = 'expired';
      return handle;
    }
    // Still tied to the very state whose current token it was found to be.
    const remembered = known?.text === handle.tokenText && known?.stored.header === stored.header;
    const standing = remembered ? 'current' : standingOf(stored.header, token.secret, handle.openedAt);
    if (standing === 'unknown') {
      this.#refuse(handle, { reason: 'wrong-secret', id }, stored);
      return handle;
    }
    if (standing === 'reused') return this.#reused(handle, id, stored);
    handle.isNew = false;
    handle.secret = token.secret;
    adopt(this.#parts.config, handle, stored, standing);
    if (standing === 'current') {
      this.#parts.cache.verified(handle.tokenText as string, token, stored);
      this.#offerRenewal(handle, stored);
    }
    return handle;
  }

  /** A copy of the cookie is in use, by the thief or by the person: nobody can tell which, so both are signed out. */
  async #reused(handle: SessionHandle, id: SessionId, stored: Stored): Promise<SessionHandle> {
    this.#refuse(handle, { reason: 'token-reuse', id }, stored);
    try {
      await this.#end(id, 'token-reuse');
    } catch (error) {
      return unavailable(handle, error as SessionError);
    }
    handle.endedReason = 'token-reuse';
    return handle;
  }

  #offerRenewal(handle: SessionHandle, stored: Stored): void {
    const { renewEveryMs } = this.#parts.config;
    if (handle.background || renewEveryMs === 0 || handle.openedAt - stored.header.secretSince < renewEveryMs) return;
    handle.offer = nextSecret(stored.header);
  }
}

/** Takes back what opening found. */
function shut(handle: SessionHandle, phase: 'none' | 'unavailable'): void {
  handle.phase = phase;
  handle.stored = undefined;
  handle.secret = undefined;
  handle.tokenText = undefined;
  handle.offer = undefined;
  handle.headerChanged = false;
  handle.isNew = true;
}

/** Takes a stored state as this request's own; a successor secret that arrives for the first time becomes current. */
export function adopt(config: EngineConfig, handle: SessionHandle, stored: Stored, standing?: SecretStanding): void {
  const { secret } = handle;
  const promoted = secret && (standing ?? standingOf(stored.header, secret, handle.openedAt)) === 'next';
  handle.stored = promoted ? { ...stored, header: promotedHeader(config, stored.header, secret) } : stored;
  handle.headerChanged = promoted === true;
  handle.phase = 'alive';
}
