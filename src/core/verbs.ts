/** What the methods of `req.session` do. Each has happened when its promise resolves. */

import { adopt } from './admission.js';
import { atOnce } from './arguments.js';
import { decodeData } from './codec.js';
import type { Engine } from './engine.js';
import { wrongArgument } from './errors.js';
import type { SessionHandle } from './handle.js';
import type { SessionId } from './ids.js';
import { lazily } from './lazily.js';
import { isPromise } from './maybe-promise.js';
import { deadlinesOf, scopesAt } from './policy.js';
import { letGoAtEnd } from './predecessor.js';
import { busy, endedError, requireUsable, storedOf, unreadable } from './refusals.js';
import type { Asked, Rise } from './rise.js';
import {
  type Data,
  type ElevateOptions,
  fill,
  legacyOf,
  type ReauthenticateOptions,
  Session,
  type SessionInfo,
  type SessionVerbs,
  type SignInOptions,
} from './session.js';
import { SessionCookie } from './session-cookie.js';
import { SignIn } from './sign-in.js';
import { decodeStored, sameBytes } from './stored-data.js';
import { takeIn } from './take-in.js';
import { VerbPromise } from './verb-promise.js';

export class Verbs implements SessionVerbs {
  readonly #engine: Engine;
  readonly #signIn: SignIn;
  /** Loaded with the first of its verbs: most requests, and many apps, never need one. */
  readonly #risen: () => Promise<Rise>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#signIn = new SignIn(engine);
    this.#risen = lazily(async () => new (await import('./rise.js')).Rise(engine));
  }

  /** In turn from the call on, and not from when its room is loaded: a verb that is called later must not come first. */
  #rises(handle: SessionHandle, run: (rise: Rise, asked: Asked) => Promise<void>): Promise<void> {
    const asked = { owner: handle.stored?.header.owner };
    return during(handle, async () => {
      await this.#engine.changes.queued(handle, async () => run(await this.#risen(), asked));
    });
  }

  idOf(handle: SessionHandle): SessionId {
    return handle.stored?.id ?? this.#engine.changes.minted(handle).id;
  }

  infoOf(handle: SessionHandle): SessionInfo {
    const { stored } = handle;
    const engine = this.#engine;
    const deadlines = stored && deadlinesOf(stored.header, stored.idleDeadline, engine.config);
    const header = stored?.header;
    const scopes = header?.scopes ? scopesAt(header, engine.config.clock.now()) : noScopes;
    const info: Omit<SessionInfo, 'signal'> = {
      owner: header?.owner,
      aal: header?.aal ?? 0,
      amr: header ? [...header.amr] : [],
      pending: header?.pending && { owner: header.pending.owner, step: header.pending.step },
      scopes: Object.keys(scopes),
      elevatedUntil: dateOf(firstOf(Object.values(scopes))),
      isNew: handle.isNew,
      createdAt: dateOf(header?.createdAt),
      authenticatedAt: dateOf(header?.authenticatedAt),
      expiresAt: dateOf(deadlines?.expiresAt),
      endsAt: dateOf(deadlines?.endsAt),
      legacy: handle.session && legacyOf(handle.session),
      endedReason: handle.endedReason,
    };
    // Not enumerable: `res.json(req.session.info)` must not start watching.
    return Object.defineProperty(info, 'signal', { get: () => engine.signals.of(handle) }) as SessionInfo;
  }

  cookieOf(handle: SessionHandle): SessionCookie {
    return new SessionCookie(this.#engine.config, handle);
  }

  signIn(handle: SessionHandle, owner: string | number | bigint, options?: SignInOptions): Promise<void> {
    return during(handle, () => anew(handle, () => this.#signIn.signIn(handle, owner, options)));
  }

  reauthenticate(handle: SessionHandle, options?: ReauthenticateOptions): Promise<void> {
    return this.#rises(handle, (rise, asked) => rise.reauthenticate(handle, asked, options));
  }

  elevate(handle: SessionHandle, options: ElevateOptions): Promise<void> {
    return this.#rises(handle, (rise, asked) => rise.elevate(handle, asked, options));
  }

  credentialChanged(handle: SessionHandle): Promise<void> {
    return this.#rises(handle, (rise, asked) => rise.credentialChanged(handle, asked));
  }

  regenerate(handle: SessionHandle): Promise<void> {
    return during(handle, () => anew(handle, () => this.#regenerate(handle)));
  }

  end(handle: SessionHandle, reason: 'signed-out' | 'destroyed'): Promise<void> {
    return during(handle, () => this.#end(handle, reason));
  }

  update(handle: SessionHandle, change: (data: Data) => void): Promise<void> {
    return during(handle, () => this.#update(handle, change));
  }

  save(handle: SessionHandle): Promise<void> {
    return during(handle, () => this.#save(handle));
  }

  reload(handle: SessionHandle): Promise<void> {
    return during(handle, () => this.#reload(handle));
  }

  touch(handle: SessionHandle): void {
    if (handle.detached) void this.#engine.touchDetached(handle);
    else handle.touchWanted = true;
  }

  async #regenerate(handle: SessionHandle): Promise<void> {
    await this.#signIn.regenerate(handle, () => {
      // A new object, because code written for express-session still reads the old one; frozen, so that a write to it is loud.
      if (handle.session) Object.freeze(handle.session);
      handle.session = new Session(this, handle);
    });
  }

  async #end(handle: SessionHandle, reason: 'signed-out' | 'destroyed'): Promise<void> {
    const engine = this.#engine;
    if (handle.phase === 'ended') return;
    requireUsable(handle);
    if (handle.phase === 'superseded' && handle.endedReason === 'replaced') throw endedError('replaced');
    // In turn also where nothing is stored yet: what is just being stored, a sign-in above all, would outlive its end (G2).
    await engine.changes.queued(handle, async () => {
      if (handle.phase === 'ended') return;
      const late = await letGoAtEnd(engine, handle);
      const { stored, phase } = handle;
      if (stored && phase === 'alive') {
        // Ended before by a sign-in of another tab: its successor lives on, so saying "signed out" would be a lie.
        if ((await engine.endSession(stored.id, reason, handle)) === 'replaced')
          throw endedError(await engine.changes.whyGone(handle));
        handle.cookie = 'clear';
      }
      handle.phase = 'ended';
      // Whoever asks for the id afterwards means this session.
      if (stored && handle.secret) handle.minted = { id: stored.id, secret: handle.secret };
      handle.signedOut = reason === 'signed-out';
      handle.stored = undefined;
      handle.offer = undefined;
      const session = engine.sessionOf(handle);
      fill(session, {});
      Object.freeze(session);
      await late?.();
    });
  }

  async #update(handle: SessionHandle, change: (data: Data) => void): Promise<void> {
    const engine = this.#engine;
    if (typeof change !== 'function') {
      throw wrongArgument('update', 'a function that changes the data', change);
    }
    requireUsable(handle);
    // What can't be stored must be told before anything is.
    engine.changes.encode(engine.sessionOf(handle));
    await engine.changes.queued(handle, async () => {
      requireUsable(handle);
      const session = engine.sessionOf(handle);
      // In turn also where nothing is stored yet: a sign-in under way would leave what is changed meanwhile behind (G1).
      if (handle.phase !== 'alive') {
        const draft = decodeData(engine.changes.encode(session));
        applied(draft, change);
        fill(session, decodeData(engine.changes.encode(draft)));
        return engine.changes.inTurn(handle);
      }
      const deadline = engine.guard.deadline();
      for (;;) {
        const before = storedOf(handle);
        const draft = decodeStored(before, true);
        applied(draft, change);
        const data = engine.changes.encode(draft, legacyOf(session));
        if (sameBytes(data, before.data)) {
          // Nothing to write; but `change` may have decided so on data that another request has changed since.
          const found = await engine.repository.find(before.id, deadline);
          if (found.kind === 'found' && found.stored.version === before.version) return;
          if (found.kind === 'ended' || found.kind === 'missing')
            throw endedError(await engine.changes.whyGone(handle));
          engine.changes.follow(handle, before, found);
          if (engine.guard.isPast(deadline)) throw busy();
          continue;
        }
        const put = await engine.changes.put(handle, before, draft, data, deadline);
        // The handler's own changes that are not saved yet stay on top.
        if (put.result === 'stored') {
          return takeIn(engine, handle, before);
        }
        if (put.result !== 'conflict') throw endedError(await engine.changes.whyGone(handle));
        engine.changes.follow(handle, before, put.found);
        if (engine.guard.isPast(deadline)) throw busy();
      }
    });
  }

  async #save(handle: SessionHandle): Promise<void> {
    requireUsable(handle);
    await this.#engine.changes.commit(handle, true);
  }

  async #reload(handle: SessionHandle): Promise<void> {
    requireUsable(handle);
    // In turn, so that a commit of this request that is under way is not undone by an older state.
    await this.#engine.changes.queued(handle, () => this.#reloadNow(handle));
  }

  async #reloadNow(handle: SessionHandle): Promise<void> {
    const engine = this.#engine;
    requireUsable(handle);
    const session = engine.sessionOf(handle);
    const { stored } = handle;
    if (!stored) {
      if (handle.phase === 'superseded') throw endedError(handle.endedReason ?? 'ended');
      return fill(session, {});
    }
    const answer = engine.repository.find(stored.id);
    const found = isPromise(answer) ? await answer : answer;
    if (found.kind === 'refused') throw unreadable(found.fault);
    if (found.kind !== 'found' || engine.repository.isOver(found.stored))
      throw endedError(await engine.changes.whyGone(handle));
    const everything = engine.epoch.on ? await engine.epoch.now() : undefined;
    if (everything && found.stored.header.createdAt <= everything.at) throw endedError(everything.reason);
    // Decoded first: what can't be read is not to be written over by what this request has.
    const data = decodeStored(found.stored);
    adopt(engine.config, handle, found.stored);
    fill(session, data);
  }
}

/**
 * Runs a verb so that the response waits for it. A failure of which nobody hears fails the response; after the response
 * it is a warning of the process.
 */
export function during<Result>(handle: SessionHandle, run: () => Promise<Result>): Promise<Result> {
  handle.underWay ??= new Set();
  const { underWay } = handle;
  const work = run();
  underWay.add(work);
  const promise = new VerbPromise<Result>((resolve, reject) => {
    work.then(
      (result) => {
        underWay.delete(work);
        resolve(result);
      },
      (error: unknown) => {
        underWay.delete(work);
        reject(error);
      },
    );
  });
  promise.ifUnheard((error) => {
    if (handle.released || handle.detached)
      process.emitWarning(`holdfast: a session verb failed, and nobody awaited it: ${String(error)}`);
    else handle.unheard ??= error;
  });
  return promise;
}

/** Another session begins: that the one before was to end with the response is not said of it. */
async function anew(handle: SessionHandle, begin: () => Promise<void>): Promise<void> {
  const { endsByCookie, endsByUnset } = handle;
  handle.endsByCookie = false;
  handle.endsByUnset = false;
  try {
    await begin();
  } catch (error) {
    handle.endsByCookie ||= endsByCookie;
    handle.endsByUnset ||= endsByUnset;
    throw error;
  }
}

const noScopes = {};

const firstOf = (moments: readonly number[]): number | undefined =>
  moments.length === 0 ? undefined : Math.min(...moments);

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));

function applied(data: Data, change: (data: Data) => void): void {
  atOnce(change(data), 'update()', 'Do the waiting before update().');
}
