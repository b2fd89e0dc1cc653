/** The verbs that give the same person's session a new token: re-authentication, a rise in privilege, a changed credential (G3). */
import { revokeOwner } from './admin.js';
import { aalOf, names, scopeOf, startOf } from './arguments.js';
import { cookieCanFollow } from './cookie-can-follow.js';
import { durationMs } from './duration.js';
import type { Engine } from './engine.js';
import { argumentError, SessionError } from './errors.js';
import type { SessionHandle, Stored } from './handle.js';
import { newHeader, samePersonHeader, withLifetime } from './headers.js';
import { takeOptions } from './options.js';
import { scopesAt } from './policy.js';
import { letGo } from './predecessor.js';
import type { RecordHeader } from './record.js';
import { busy, endedError, requireUsable, signInRefused, storedOf } from './refusals.js';
import type { ElevateOptions, ReauthenticateOptions } from './session.js';
import { newId, newSecret } from './token.js';

/** A session with more is one whose scopes are data, and belong there. */
const mostScopes = 16;

/** Who was signed in when the app called the verb, which may have had to wait for others of its request. */
export interface Asked {
  readonly owner: string | undefined;
}

/** Each of its verbs runs in its turn, which whoever calls it sees to. */
export class Rise {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async reauthenticate(handle: SessionHandle, asked: Asked, options: ReauthenticateOptions = {}): Promise<void> {
    const { config } = this.#engine;
    const chosen = takeOptions<ReauthenticateOptions>(options, ['aal', 'amr', 'startedAt'], 'reauthenticate');
    const aal = chosen.aal === undefined ? undefined : aalOf(chosen.aal, 'reauthenticate aal');
    const amr = chosen.amr === undefined ? undefined : names(chosen.amr, 'reauthenticate amr');
    const startedAt = startOf(handle, chosen);
    this.#requireOwner(handle, asked, 'reauthenticate');
    await this.#replaceKeepingData(handle, startedAt, 'reauthentication', (before, secret) => {
      const { header } = before;
      const ownMs = header.absoluteDeadline - (header.authenticatedAt ?? header.createdAt);
      const now = config.clock.now();
      return {
        ...newHeader(config, handle.facts, secret, header, startedAt),
        aal: aal ?? header.aal,
        amr: amr ?? header.amr,
        authenticatedAt: now,
        absoluteDeadline: now + (header.ownAbsolute ? Math.min(ownMs, config.absoluteMs) : config.absoluteMs),
      };
    });
  }

  /** Unlocks a scope for a time. No deadline of the session moves, and none of another scope. */
  async elevate(handle: SessionHandle, asked: Asked, options: ElevateOptions): Promise<void> {
    const { config } = this.#engine;
    const chosen = takeOptions<ElevateOptions>(options, ['scope', 'for', 'startedAt'], 'elevate');
    const scope = scopeOf(chosen.scope, 'elevate scope');
    const forMs = durationMs(chosen.for ?? '5m', 'elevate for', { minMs: 1_000, maxMs: config.absoluteMs });
    const startedAt = startOf(handle, chosen);
    this.#requireOwner(handle, asked, 'elevate');
    await this.#replaceKeepingData(handle, startedAt, `elevation:${scope}`, (before, secret) => {
      const now = config.clock.now();
      const scopes = { ...scopesAt(before.header, now), [scope]: now + forMs };
      if (Object.keys(scopes).length > mostScopes) {
        throw argumentError(
          `elevate scope: expected at most ${mostScopes} scopes at once. Give them shorter times, or fewer names.`,
        );
      }
      return { ...samePersonHeader(config, handle.facts, secret, before.header), scopes };
    });
  }

  /**
   * Ends the owner's other sessions, then gives this one a new token. In this order, because a fault in between must
   * leave nobody in who came with the old credential; this session then has its old token, and the call can be repeated.
   */
  async credentialChanged(handle: SessionHandle, asked: Asked): Promise<void> {
    const { config } = this.#engine;
    this.#requireOwner(handle, asked, 'credentialChanged');
    const { id, header } = storedOf(handle);
    const owner = header.owner as string;
    await this.#endOthers(owner, id);
    handle.barredAt = config.clock.now();
    // No start is named: the mark just left bars whatever began before it, and this session is what it spares.
    const headerFrom = (before: Stored, secret: Uint8Array): RecordHeader => {
      const { scopes: _unlockedByTheOldOne, ...header } = before.header;
      return samePersonHeader(config, handle.facts, secret, header);
    };
    // Who has copied the cookie may have risen with it in between: what took this session's place was not there to be ended.
    const endWhatTookItsPlace = async () => void (await this.#endOthers(owner));
    await this.#replaceKeepingData(handle, undefined, 'credential-changed', headerFrom, endWhatTookItsPlace);
  }

  #endOthers(owner: string, exceptId?: string): Promise<number> {
    return revokeOwner(this.#engine, owner, 'credential-changed', exceptId, 'credentialChanged');
  }

  #requireOwner(handle: SessionHandle, asked: Asked, verb: string): void {
    requireUsable(handle);
    if (handle.phase === 'superseded') throw endedError(handle.endedReason ?? 'ended');
    if (!handle.stored?.header.owner) {
      throw new SessionError(
        'ERR_SESSION_SIGN_IN_REQUIRED',
        `${verb}: nobody is signed in on this session. Use signIn(owner).`,
      );
    }
    // Somebody else has signed in since: what was asked for one person is not done to another (G3).
    if (handle.stored.header.owner !== asked.owner) throw endedError('replaced');
    cookieCanFollow(this.#engine, handle, true);
  }

  /** Replaces the session by one with the same data, taking in what other requests stored meanwhile. */
  async #replaceKeepingData(
    handle: SessionHandle,
    startedAt: number | undefined,
    cause: string,
    headerFrom: (before: Stored, secret: Uint8Array) => RecordHeader,
    whenGone?: () => Promise<void>,
  ): Promise<void> {
    const { guard, repository, changes } = this.#engine;
    const deadline = guard.deadline();
    const session = this.#engine.sessionOf(handle);
    for (;;) {
      const everything = this.#engine.epoch.on ? await this.#engine.epoch.now() : undefined;
      const before = storedOf(handle);
      // A rise would give it a new beginning, and with that a life after the end of everything.
      if (everything && before.header.createdAt <= everything.at) throw endedError(everything.reason);
      const secret = newSecret();
      const header = withLifetime(handle, headerFrom(before, secret));
      await letGo(this.#engine, handle);
      const owner = changes.ownerFields(header.owner, startedAt);
      const put = await repository.replace(
        before,
        newId(owner.ownerHash),
        header,
        changes.encode(session),
        owner,
        deadline,
      );
      if (put.result === 'stored') return changes.replaced(handle, before, put.stored, secret, cause);
      if (put.result === 'gone') {
        await whenGone?.();
        throw endedError(await changes.whyGone(handle));
      }
      if (put.result !== 'conflict') throw signInRefused(this.#engine, handle, put.result);
      changes.rebase(handle, before, put.found);
      if (guard.isPast(deadline)) throw busy();
    }
  }
}
